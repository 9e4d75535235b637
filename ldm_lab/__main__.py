"""`python -m ldm_lab` is the same as the command `ldm-lab`."""

import sys

from ldm_lab.cli import main

sys.exit(main())
