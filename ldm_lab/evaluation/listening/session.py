"""One listener's way through a playlist, and the file of answers that comes out of it.

Nothing about a person is stored: a listener is a random number such as L3f09a1c2, and the file has no times.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from ldm_lab.errors import ListeningError, unknown
from ldm_lab.evaluation.listening.playlist import KINDS, Playlist, Trial, check_fields
from ldm_lab.files import read_json, write_json
from ldm_lab.rng import Rng

RESULTS = "ldm-lab listening results 1"
_LISTENER = re.compile(r"L[0-9a-f]{8}")


@dataclass(frozen=True)
class Results:
    """What one listener answered: trial -> {"value": ..., "x": the sound that was X (ABX) or ""}."""

    playlist: str
    listener: str
    answers: dict[str, dict] = field(default_factory=dict)
    path: Path | None = None

    def as_dict(self) -> dict:
        return {"format": RESULTS, "playlist": self.playlist, "listener": self.listener, "consent": True,
                "answers": self.answers}


def new_listener() -> str:
    """A random listener id; it names nobody, and only who keeps it can go on with a test."""
    return f"L{secrets.token_hex(4)}"


def check_listener(listener: object) -> str:
    if not isinstance(listener, str) or not _LISTENER.fullmatch(listener):
        raise ListeningError(f"listener: got {listener!r}, expected L and 8 digits 0-9, a-f, as from new_listener(); "
                             "names are not stored")
    return listener


def read_results(path: str | os.PathLike) -> Results:
    """A listener's file, its form checked. What it says about a playlist is checked by `merge`."""
    fields = {"format": str, "playlist": str, "listener": str, "consent": bool, "answers": dict}
    values = check_fields(read_json(path, error=ListeningError), fields, str(path))
    if values["format"] != RESULTS:
        raise ListeningError(f"{path}: format {values['format']!r}, expected {RESULTS!r}")
    if not values["consent"]:
        raise ListeningError(f"{path}: this listener did not consent; delete the file")
    for trial, answer in values["answers"].items():
        if not isinstance(answer, dict) or set(answer) != {"value", "x"} or not isinstance(answer["x"], str):
            raise ListeningError(f"{path}, trial {trial}: got {answer!r}, expected an object with value and x")
    return Results(values["playlist"], check_listener(values["listener"]), values["answers"], Path(path))


def check_results(results: Results, playlist: Playlist) -> None:
    """Raises ListeningError unless the answers belong to this very playlist and each fits its trial."""
    where = results.path or results.listener
    if results.playlist != playlist.hash:
        raise ListeningError(f"{where}: answers to another playlist ({results.playlist[:12]}..., not "
                             f"{playlist.hash[:12]}...); give the key of that one, or leave the file out")
    for name, answer in results.answers.items():
        if name not in playlist.trials:
            raise ListeningError(f"{where}: {unknown('trial', name, playlist.trials)}")
        trial = playlist.trials[name]
        if answer["x"] not in (trial.hidden or ("",)):
            raise ListeningError(f"{where}: trial {name}: X was {answer['x']!r}, expected one of {trial.hidden}")
        try:
            trial.check(answer["value"])
        except ListeningError as error:
            raise ListeningError(f"{where}: {error}") from error


def merge(paths: Iterable[str | os.PathLike], playlist: Playlist | None = None) -> list[Results]:
    """The results in files and folders of files, one for each listener, sorted by listener.

    Several files of one listener (copies, an early save and a late one) become one if they do not contradict each
    other; otherwise two people share an id, which is an error. All must belong to one playlist: `playlist` if given.
    """
    files = [file for path in map(Path, paths) for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise ListeningError("got no results; give the listeners' JSON files or folders of them")
    listeners: dict[str, Results] = {}
    for results in map(read_results, files):
        if playlist is not None:
            check_results(results, playlist)
        before = listeners.setdefault(results.listener, results)
        first = next(iter(listeners.values()))
        if results.playlist != first.playlist:
            raise ListeningError(f"{results.path} and {first.path}: answers to different playlists; "
                                 "report them one by one")
        clash = [t for t in results.answers if before.answers.get(t, results.answers[t]) != results.answers[t]]
        if clash:
            raise ListeningError(f"{before.path} and {results.path}: listener {results.listener} answered {len(clash)} "
                                 "trials in two ways; keep the right file, or give one of two people a new id")
        listeners[results.listener] = replace(before, answers=before.answers | results.answers)
    return [listeners[name] for name in sorted(listeners)]


class Session:
    """A listener before a playlist: what to show next, and what was answered, saved after every answer.

    `folder`: where the file LISTENER.json is kept; an existing one is resumed. Kinds come in the playlist's order;
    within a kind, trials come in an order of the listener's own, and so do the sounds of a trial. Both depend on
    nothing but the playlist's hash and the listener, so that a resumed session looks the same.
    """

    def __init__(self, playlist: Playlist, *, consent: bool, listener: str | None = None,
                 folder: str | os.PathLike | None = None):
        if consent is not True:
            raise ListeningError("show playlist.values['consent'] to the listener; consent=True if they agree")
        listener = new_listener() if listener is None else check_listener(listener)
        path = None if folder is None else Path(folder) / f"{listener}.json"
        self.playlist = playlist
        self.results = Results(playlist.hash, listener, {}, path)
        if path is not None and path.exists():
            self.results = read_results(path)
            check_results(self.results, playlist)
        self._rng = Rng(int(playlist.hash[:15], 16))
        shuffled = self._shuffle(sorted(playlist.trials), "order")
        self.order = [name for kind in playlist.kinds for name in shuffled if playlist.trials[name].kind == kind]

    def _shuffle(self, names: Iterable[str], what: str) -> list[str]:
        names = list(names)
        return [names[i] for i in self._rng.numpy(f"{what} {self.results.listener}").permutation(len(names))]

    def _x(self, trial: Trial) -> str:
        return self._shuffle(trial.hidden, f"x {trial.id}")[0] if trial.hidden else ""

    def next(self) -> dict | None:
        """The first trial that has no answer yet, as `trial` gives it; None when all have one."""
        return next((self.trial(name) for name in self.order if name not in self.results.answers), None)

    def trial(self, name: str) -> dict:
        """All that a panel shows, as JSON values: id, kind, question, scale ([low, high] or None), prompt, number, of,
        sounds ([{label, sound}], in this listener's order), x and reference (a sound or ""), answer (or None)."""
        if name not in self.playlist.trials:
            raise ListeningError(unknown("trial", name, self.playlist.trials))
        trial = self.playlist.trials[name]
        kind = KINDS[trial.kind]
        shown = self._shuffle(trial.sounds, name)
        return {"id": name, "kind": trial.kind, "question": kind.question, "prompt": trial.prompt,
                "scale": list(kind.scale) if kind.scale else None,
                "number": self.order.index(name) + 1, "of": len(self.order),
                "sounds": [{"label": chr(ord("A") + i), "sound": sound} for i, sound in enumerate(shown)],
                "x": self._x(trial), "reference": trial.reference,
                "answer": self.results.answers.get(name, {}).get("value")}

    def answer(self, name: str, value: object) -> None:
        """Note (or change) the answer of a trial and save; see `Trial.check` for the values."""
        trial = self.playlist.trials.get(name)
        if trial is None:
            raise ListeningError(unknown("trial", name, self.playlist.trials))
        trial.check(value)
        self.results.answers[name] = {"value": value, "x": self._x(trial)}
        if self.results.path is not None:
            write_json(self.results.path, self.results.as_dict())

    def state(self) -> dict:
        """The file of results as JSON values, and how far it is: answered, of, complete."""
        answered = len(self.results.answers)
        of = len(self.order)
        return self.results.as_dict() | {"answered": answered, "of": of, "complete": answered == of}
