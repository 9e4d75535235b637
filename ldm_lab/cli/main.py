"""The parser, and the one place where an error becomes a message and an exit code.

Exit codes: 0 done · 1 a check found something wrong (doctor, corpus verify) · 2 wrong input or a full disk · 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence

from ldm_lab.cli import corpus, desk, edit, evaluate, experiment, generate, jobs, listening, measure
from ldm_lab.errors import LabError, nearest

DESCRIPTION = "Text to sound with latent diffusion: hear it, take it apart, train it."
EPILOG = 'First steps:  ldm-lab doctor · ldm-lab generate "a dog barking" -o dog.wav · ldm-lab lab'


class Parser(argparse.ArgumentParser):
    """argparse with a hint for a mistyped command; exit code 2 as for every other wrong input."""

    def error(self, message: str) -> None:
        mark = "invalid choice: '"
        if mark in message and self._subparsers is not None:
            word = message.split(mark, 1)[1].split("'", 1)[0]
            commands = [name for action in self._subparsers._group_actions for name in action.choices]
            message = f"unknown command {word!r}{nearest(word, commands)}"
        super().error(message)


def build_parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    common.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
    parser = Parser(prog="ldm-lab", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="store_true", help="say which version this is")
    parser.set_defaults(debug=False, quiet=False, run=None)
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")
    for part in (generate, edit, desk, corpus, jobs, measure, evaluate, experiment, listening):
        part.add_commands(commands, common)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. A LabError becomes one line on stderr."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.version:
        from ldm_lab import __version__

        print(f"ldm-lab {__version__}")
        return 0
    if args.run is None:
        parser.print_help()
        return 2
    logging.basicConfig(level=logging.WARNING if args.quiet else logging.INFO, format="%(message)s", stream=sys.stderr)
    return _guarded(args)


def _guarded(args: argparse.Namespace) -> int:
    try:
        return args.run(args) or 0
    except KeyboardInterrupt:
        again = "; the same command with --resume goes on from the last save" if hasattr(args, "resume") else ""
        print(f"\nstopped{again}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        if args.debug:
            traceback.print_exc()
        print(f"ldm-lab: {message}", file=sys.stderr)
        return 2


def explain(error: Exception) -> str | None:
    """One line for an error that a user can do something about; None for a bug, whose traceback should be seen."""
    if isinstance(error, LabError):
        return str(error)
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return f"the disk is full{where}; nothing was left half-written. Free some space or write elsewhere"
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return f"no permission to write or read{where}; choose another folder"
        return f"{error}"
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or "can't allocate memory" in str(error):
        return "not enough memory; ask for fewer --seconds, --candidates or prompts at a time (--batch 1)"
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("ldm_lab"):
        return f"this command needs the package {error.name!r}; install it (see the extras in pyproject.toml)"
    return None
