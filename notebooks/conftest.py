"""`pytest --nbmake notebooks`: every kernel starts with the network closed, and with one thread a worker."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

GUARD = Path(__file__).resolve().parent.parent / "tests" / "notebooks" / "no_network.py"


def pytest_configure(config) -> None:
    home = tempfile.mkdtemp(prefix="ldm-lab-ipython-")
    startup = Path(home) / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(GUARD, startup / "00_no_network.py")
    os.environ["IPYTHONDIR"] = home
    os.environ.setdefault("MPLBACKEND", "agg")
    os.environ.setdefault("LDM_LAB_PASSPORT", str(Path(home) / "passport.json"))  # not that of whoever runs the tests
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
