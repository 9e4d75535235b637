"""The command `ldm-lab`: words to calls. No maths lives here, and nothing heavy is imported until a command runs."""

from ldm_lab.cli.main import main

__all__ = ["main"]
