"""`ldm-lab train`, `corpus` and `metrics`: the long jobs. Each is one call into the library."""

from __future__ import annotations

import argparse


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    pass
