"""Every error a user can cause, so that callers (the CLI, a notebook) can tell mistakes from bugs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LabError(Exception):
    """Base of all errors that say what was got, what was expected and what to do."""


class ConfigError(LabError):
    """A configuration or recipe has an unknown key, or a value of the wrong kind."""


class AudioInputError(LabError):
    """A sound file or waveform cannot be used."""


class PromptError(LabError):
    """A prompt is not text."""


class OptionError(LabError):
    """A number or a name given as an option is out of its range."""


class CheckpointError(LabError):
    """A folder of weights is missing, damaged or does not fit the model."""


class TrainingError(LabError):
    """Training cannot start or go on (no data, a loss that is not finite)."""


class CorpusError(LabError):
    """The corpus is missing or damaged."""


class ListeningError(LabError):
    """A listening test cannot be made, or its playlist, key or answers do not belong together."""


def nearest(name: str, options: Iterable[str]) -> str:
    """A clause naming the closest of `options`: ``"; did you mean 'ddim'?"``, or all of them if none is close."""
    options = [str(option) for option in options]
    close = difflib.get_close_matches(str(name), options, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; choose one of: {', '.join(options)}"


def unknown(kind: str, name: object, options: Iterable[str]) -> str:
    """The one wording for a name that does not exist."""
    return f"unknown {kind} {name!r}{nearest(str(name), options)}"
