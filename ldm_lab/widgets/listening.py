"""ListeningTest: a blind test in a notebook, one listener before one playlist of `ldm_lab.evaluation.listening`.

The page gets sounds under the letters A, B, C ... and nothing else: no names of systems or files, no spectrograms. What
the letters stand for stays in Python, and what the sounds are stays in the key.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import traitlets

from ldm_lab.errors import ListeningError, OptionError
from ldm_lab.evaluation import listening as library
from ldm_lab.evaluation.listening.playlist import Playlist
from ldm_lab.evaluation.listening.stimuli import TARGET
from ldm_lab.files import write_bytes
from ldm_lab.rng import Rng
from ldm_lab.widgets import listening_words as words
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.esm import css, esm

PAGES = ("consent", "level", "trial", "end")
NO_PREFERENCE = "none"  # the page's word for the value None
LEVEL_SECONDS = 4.0


class ListeningTest(LabWidget):
    """A listener before a playlist: consent, level check, trials, thanks. Use the page, or the same steps from Python.

    playlist: a `Playlist` or its folder. folder: where LISTENER.json is saved after every answer; without one the page
    offers the file at the end, and so does `save`. listener: the number of an interrupted session in `folder`, which
    goes on where it stopped. reveal: the end page may tell what was what (for a test of one's own sounds); it takes the key
    from `key`, or from beside the playlist.

    Traits: `page` (consent, level, trial, end), `trial` (its number, from 1), `state` (answered, of, complete, listener,
    revealed, next: the first trial without an answer, or 0). `session` and `results` are the library's. Raises
    ListeningError for playlists, keys and listeners that do not fit.
    """

    _esm = esm("listening")
    _css = css("lab", "listening")

    page = traitlets.Unicode("consent").tag(sync=True)
    trial = traitlets.Int(0).tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    about = traitlets.Dict().tag(sync=True)  # what the page says before the first trial

    def __init__(self, playlist: Playlist | str | os.PathLike, *, folder: str | os.PathLike | None = None,
                 listener: str | None = None, reveal: bool = False, key: library.Key | str | os.PathLike | None = None,
                 **traits) -> None:
        self.playlist = playlist if isinstance(playlist, Playlist) else library.read_playlist(playlist)
        self.folder = None if folder is None else Path(folder)
        self.key = _find_key(self.playlist, key) if reveal else None
        self.session: library.Session | None = None
        self._level: bytes | None = None
        values = self.playlist.values
        counts = Counter(trial.kind for trial in self.playlist.trials.values())
        about = {"consent": values["consent"], "listener": listener or "", "saves": folder is not None,
                 "reveals": reveal, "kinds": words.kinds({kind: counts[kind] for kind in self.playlist.kinds})}
        blank = {"answered": 0, "of": len(self.playlist.trials), "complete": False, "listener": "", "next": 0,
                 "revealed": False}
        about["length"] = words.length(self.playlist.minutes, blank["of"])
        super().__init__(about=about, state=blank, **{"title": values["title"], **traits})

    # --- from Python -------------------------------------------------------------------------------------------------

    def agree(self, listener: str | None = None) -> None:
        """The listener consents to `playlist.values["consent"]`; an interrupted session of theirs goes on."""
        if self.session is not None:
            return
        listener = listener or self.about["listener"] or None
        self.session = library.Session(self.playlist, consent=True, listener=listener, folder=self.folder)
        with self.hold_sync():
            self._count()
            self.trial = self.state["next"] or len(self.session.order)
            self.page = "level" if self.state["next"] else "end"

    def answer(self, value: object, *, number: int | None = None) -> None:
        """Answer trial `number` (None: the one on the page) and save: a number of the scale (OVL, REL), {label: number}
        (MUSHRA), a label (ABX, preference), None for no preference. Raises ListeningError for anything else."""
        session = self._agreed()
        if self.state["revealed"]:
            raise ListeningError("what was what has been told; answers given now would not be blind")
        shown = self._shown(self.trial if number is None else number)
        session.answer(shown["id"], _in_names(shown, value))
        self._count()

    @property
    def results(self) -> library.Results | None:
        """The answers so far, as the library's `analyse` takes them; None before consent."""
        return self.session and self.session.results

    def save(self, path: str | os.PathLike) -> Path:
        """Write the answers to a JSON file, or into a folder under the listener's number; returns the path."""
        results = self._agreed().results
        path = Path(path)
        path = path if path.suffix == ".json" else path / f"{results.listener}.json"
        write_bytes(path, self.ask_file()["text"].encode())
        return path

    def report(self) -> dict:
        """What the answers say about the systems (`listening.analyse`); needs the key (reveal=True). Ends the test."""
        if self.key is None:
            raise ListeningError("this test was made without its key; ListeningTest(..., reveal=True) takes it")
        if not self._agreed().results.answers:
            raise ListeningError("nothing has been answered yet; the report needs at least one answer")
        self.state = self.state | {"revealed": True}
        return library.analyse([self.session.results], self.key)

    def _agreed(self) -> library.Session:
        if self.session is None:
            raise ListeningError("the listener has not agreed yet; press the button, or agree()")
        return self.session

    def _shown(self, number: int) -> dict:
        order = self._agreed().order
        if not isinstance(number, int) or not 1 <= number <= len(order):
            raise ListeningError(f"trial: got {number!r}, expected a number from 1 to {len(order)}")
        return self.session.trial(order[number - 1])

    def _count(self) -> None:
        found, waiting = self.session.state(), self.session.next()
        self.state = {name: found[name] for name in ("answered", "of", "complete", "listener")} | {
            "next": waiting["number"] if waiting else 0, "revealed": self.state["revealed"]}

    @traitlets.validate("page")
    def _known_page(self, proposal) -> str:
        if proposal["value"] not in PAGES:
            raise OptionError(f"page: got {proposal['value']!r}, expected one of {', '.join(PAGES)}")
        return proposal["value"] if self.session is not None else "consent"

    @traitlets.validate("trial")
    def _known_trial(self, proposal) -> int:
        return min(max(1, proposal["value"]), len(self.session.order)) if self.session is not None else 0

    # --- requests of the page ----------------------------------------------------------------------------------------

    def ask_start(self, listener: str = "") -> dict:
        """Consent was given."""
        self.agree(listener.strip() or None)
        return self.state

    def ask_level(self) -> dict:
        """The sound of the level check."""
        rate = self.playlist.values["sample_rate"]
        if self._level is None:
            self._level = np.round(level_noise(rate) * 32767).astype("<i2").tobytes()
        return {"pcm": self._level, "sample_rate": rate}

    def ask_trial(self, number: int) -> dict:
        """Everything that may be known about a trial, sounds by their letters."""
        shown = self._shown(number)
        labels = {entry["sound"]: entry["label"] for entry in shown["sounds"]}
        names = {**({shown["reference"]: "Reference"} if shown["reference"] else {}), **labels,
                 **({shown["x"]: "X"} if shown["x"] else {})}
        sounds = [{"label": label, "pcm": self.playlist.pcm(name).tobytes()} for name, label in names.items()]
        low, high = shown["scale"] or (0, 0)
        return {**{name: shown[name] for name in ("kind", "question", "prompt", "number", "of")},
                "low": low, "high": high, "anchors": words.ANCHORS.get(shown["kind"], []), "sounds": sounds,
                "rated": list(labels.values()),
                "answer": _in_letters(shown, labels) if shown["id"] in self.session.results.answers else None,
                "sample_rate": self.playlist.values["sample_rate"]}

    def ask_answer(self, number: int, value: object) -> dict:
        """Save an answer."""
        self.answer(value, number=number)
        return self.state

    def ask_file(self) -> dict:
        """The file of results, for a page that hands it to its reader."""
        results = self._agreed().results
        text = json.dumps(results.as_dict(), indent=1, sort_keys=True) + "\n"
        return {"name": f"{results.listener}.json", "text": text}

    def ask_reveal(self) -> list[dict]:
        """What was what: tables of the report."""
        return words.tables(self.report())

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        return words.text(self.title, self.about, self.state)

    def still(self) -> bytes:
        return words.still(self.title, self.about, self.state)

    def alt(self) -> str:
        return self.text()


def _in_names(shown: dict, value: object) -> object:
    """An answer in letters -> the library's value, in names of sounds."""
    names = {entry["label"]: entry["sound"] for entry in shown["sounds"]}
    if shown["kind"] == "mushra":
        if not isinstance(value, Mapping) or set(value) != set(names):
            raise ListeningError(f"MUSHRA: got {value!r}, expected a rating for each of {', '.join(names)}")
        return {names[label]: number for label, number in value.items()}
    if shown["scale"] is not None:
        return value
    if shown["kind"] == "preference" and (value is None or value == NO_PREFERENCE):
        return None
    if not isinstance(value, str) or value not in names:
        raise ListeningError(f"{shown['kind']}: got {value!r}, expected one of {', '.join(names)}")
    return names[value]


def _in_letters(shown: dict, labels: Mapping[str, str]) -> dict:
    """{"value": answer in letters} of a trial that has one."""
    value = shown["answer"]
    if isinstance(value, dict):
        return {"value": {labels[name]: number for name, number in value.items()}}
    return {"value": value if shown["scale"] else labels.get(value, NO_PREFERENCE)}


def _find_key(playlist: Playlist, key: library.Key | str | os.PathLike | None) -> library.Key:
    if key is None and playlist.folder is None:
        raise ListeningError("reveal=True needs the key of the test; give key=")
    path = playlist.folder.with_name(f"{playlist.folder.name}-key.json") if key is None else key
    found = path if isinstance(path, library.Key) else library.read_key(path)
    if found.playlist.hash != playlist.hash:
        raise ListeningError("the key belongs to another playlist; give the one that was written beside this playlist")
    return found


def level_noise(sample_rate: int) -> np.ndarray:
    """(N,) pink noise of 4 s, as loud as the sounds of a test (-23 LUFS), whose end joins its beginning."""
    count = round(LEVEL_SECONDS * sample_rate)
    hz = np.fft.rfftfreq(count, 1.0 / sample_rate)
    spectrum = np.fft.rfft(Rng(0).numpy("level").standard_normal(count)) * (hz >= 50) / np.sqrt(np.maximum(hz, 50))
    noise = np.fft.irfft(spectrum, count)
    return np.clip(noise * 10.0 ** ((TARGET - library.loudness(noise, sample_rate)) / 20.0), -1.0, 1.0)


def listening_test(systems: Mapping[str, Sequence], prompts: Sequence[str] | None = None, *,
                   kinds: Sequence[str] | None = None, folder: str | os.PathLike | None = None,
                   sample_rate: int = 16000, listener: str | None = None, reveal: bool = True,
                   **options) -> ListeningTest:
    """A blind test of sounds at hand: {system: [wav, ...]}, row i of every system for prompts[i].

    kinds: "ovl", "rel", "mushra", "abx", "preference"; None = OVL, and REL if there are prompts. The system called
    "reference" is the original. options: those of `make_playlist` (repeats=, pairs=, title=, anchors=, seconds=, ...).
    folder: a new one for the test, its key and `results`; without it, the test lasts as long as the widget.
    """
    counts = {name: len(wavs) for name, wavs in systems.items()}
    count = max(counts.values(), default=0)
    if len(set(counts.values())) != 1 or not count or (prompts is not None and len(prompts) != count):
        texts = "no" if prompts is None else len(prompts)
        raise ListeningError(f"got {counts or 'no systems'} sounds and {texts} prompts, expected equally many of each "
                             "system, and a prompt for each or none")
    stimuli = [library.Stimulus(f"item-{i + 1:03d}", name, wav, prompts[i] if prompts else "", sample_rate)
               for name, wavs in systems.items() for i, wav in enumerate(wavs)]
    kinds = kinds or (("ovl", "rel") if prompts else ("ovl",))
    lent = tempfile.TemporaryDirectory(prefix="ldm-listening-") if folder is None else None
    top = Path(lent.name if lent else folder)
    playlist = library.make_playlist(stimuli, top / "test", kinds=kinds, sample_rate=sample_rate, **options)
    test = ListeningTest(playlist, folder=None if lent else top / "results", listener=listener, reveal=reveal,
                         key=top / "test-key.json")
    test._lent = lent  # the folder goes when the widget goes
    return test
