"""The playlist: trials and sounds under names that reveal nothing; what they really are stands in the key, elsewhere.

A playlist is a folder that can be handed to listeners: `playlist.json` and `sounds/`. Names of sounds and trials are
hashes keyed by a secret seed, so neither the names nor their order say which system made a sound. The key file holds
the secret and belongs to whoever evaluates the test. The playlist's SHA-256 covers every sound and stands in each
listener's results, which therefore fit no other test.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import secrets
import tempfile
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ldm_lab.errors import ListeningError, unknown
from ldm_lab.evaluation.listening.stimuli import ANCHOR_LOW, ANCHOR_MID, PROCESSING, REFERENCE, Stimulus, equalise
from ldm_lab.files import read_json, sha256, write_bytes, write_json
from ldm_lab.result import wav_bytes
from ldm_lab.rng import Rng

PLAYLIST, KEY = "ldm-lab listening playlist 1", "ldm-lab listening key 1"

CONSENT = (
    "Taking part is voluntary; you can stop at any time, and what you answered until then counts unless you delete "
    "your file. Stored are your answers under a random number and nothing else: no name, no address, no time. They are "
    "used to compare ways of making sound, and may be published in this form. Set a comfortable volume before the "
    "first sound and do not change it afterwards."
)


@dataclass(frozen=True)
class Kind:
    """A kind of trial: its question, its scale (None where one of two sounds is chosen), whether the text is shown."""

    question: str
    scale: tuple[int, int] | None = None
    shows_prompt: bool = False


KINDS = {
    "ovl": Kind("How good is this sound, all in all? (1 = bad, 100 = excellent)", (1, 100)),
    "rel": Kind("How well does this sound fit the text? (1 = not at all, 100 = perfectly)", (1, 100), True),
    "mushra": Kind("How good is each sound beside the reference? (0 = bad, 100 = excellent; one equals it)", (0, 100)),
    "abx": Kind("X is either A or B. Which?"),
    "preference": Kind("Which sound do you prefer?", None, True),
}
"""OVL and REL: overall quality and relevance to the text, 1-100 (AudioLDM, section 5.1). MUSHRA: ITU-R BS.1534-3."""


@dataclass(frozen=True)
class Trial:
    """One question. `sounds`: what is rated or chosen from; `hidden`: the two copies of which X is one (ABX);
    `reference`: the open reference (MUSHRA)."""

    id: str
    kind: str
    sounds: tuple[str, ...]
    prompt: str = ""
    hidden: tuple[str, ...] = ()
    reference: str = ""

    def check(self, value: object) -> None:
        """Raises ListeningError unless `value` answers this trial: a number of the scale; {sound: number} (MUSHRA); the
        name of a sound (ABX, preference); None for "no preference"."""
        scale, where = KINDS[self.kind].scale, f"trial {self.id} ({self.kind})"
        if scale is None:
            if value not in self.sounds and not (value is None and self.kind == "preference"):
                raise ListeningError(f"{where}: got {value!r}, expected one of the sounds {', '.join(self.sounds)}")
            return
        if self.kind == "mushra" and (not isinstance(value, dict) or set(value) != set(self.sounds)):
            raise ListeningError(f"{where}: got {value!r}, expected a rating for each of {', '.join(self.sounds)}")
        for number in value.values() if self.kind == "mushra" else [value]:
            fits = isinstance(number, (int, float)) and not isinstance(number, bool) and scale[0] <= number <= scale[1]
            if not fits:
                raise ListeningError(f"{where}: got {number!r}, expected a number from {scale[0]} to {scale[1]}")


@dataclass(frozen=True)
class Playlist:
    """A test as listeners get it. `values` is playlist.json; `folder` is None where only the questions are needed."""

    values: dict
    trials: dict[str, Trial]
    folder: Path | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of the whole test: questions, order of kinds, consent, and every sound by its own SHA-256."""
        return sha256(json.dumps(self.values, sort_keys=True).encode())

    @property
    def kinds(self) -> list[str]:
        return self.values["kinds"]

    @property
    def minutes(self) -> float:
        """Time to hear every sound of every trial once."""
        heard = (name for trial in self.trials.values() for name in (*trial.sounds, *trial.hidden[:1]))
        return sum(self.values["sounds"][name]["seconds"] for name in heard) / 60

    def wav_file(self, sound: str) -> bytes:
        """A 16-bit WAV file; ListeningError if it is missing or has changed."""
        if sound not in self.values["sounds"]:
            raise ListeningError(unknown("sound", sound, self.values["sounds"]))
        if self.folder is None:
            raise ListeningError("this playlist came with a key, without sounds; read the playlist's folder")
        path = self.folder / "sounds" / f"{sound}.wav"
        data = path.read_bytes() if path.is_file() else b""
        if sha256(data) != self.values["sounds"][sound]["sha256"]:
            raise ListeningError(f"{path}: missing or changed since the test was made; copy the folder again")
        return data

    def pcm(self, sound: str) -> np.ndarray:
        """(N,) int16 samples, as a player wants them, at `values["sample_rate"]`."""
        with wave.open(io.BytesIO(self.wav_file(sound))) as file:
            return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")

    def verify(self) -> None:
        """Raises ListeningError at the first sound that is missing or changed."""
        for sound in self.values["sounds"]:
            self.wav_file(sound)


@dataclass(frozen=True)
class Key:
    """What the names of a playlist stand for: sound -> (item, system)."""

    playlist: Playlist
    sounds: dict[str, tuple[str, str]]


def check_fields(values: object, fields: dict[str, type], where: str) -> dict:
    """`values` if it is an object with these fields; the schema of every file of a test is checked here."""
    if not isinstance(values, dict):
        raise ListeningError(f"{where}: got {type(values).__name__}, expected an object with {', '.join(fields)}")
    for name, kind in fields.items():
        if not isinstance(values.get(name), kind):
            raise ListeningError(f"{where}: {name!r} is {type(values.get(name)).__name__}, expected {kind.__name__}")
    if set(values) - set(fields):
        raise ListeningError(f"{where}: {unknown('field', sorted(set(values) - set(fields))[0], fields)}")
    return values


_FIELDS = {"format": str, "title": str, "consent": str, "processing": str, "sample_rate": int, "kinds": list,
           "sounds": dict, "trials": list}
_TRIAL = {"id": str, "kind": str, "prompt": str, "sounds": list, "hidden": list, "reference": str}


def _parse(values: object, where: str, folder: Path | None = None) -> Playlist:
    values = check_fields(values, _FIELDS, where)
    if values["format"] != PLAYLIST:
        raise ListeningError(f"{where}: format {values['format']!r}, expected {PLAYLIST!r}; make the playlist again")
    for name, sound in values["sounds"].items():
        check_fields(sound, {"sha256": str, "seconds": float}, f"{where}, sound {name}")
    trials = {}
    for entry in values["trials"]:
        entry = check_fields(entry, _TRIAL, f"{where}, a trial")
        lists = {name: tuple(entry[name]) for name in ("sounds", "hidden")}
        trial = Trial(**(entry | lists))
        used = {*trial.sounds, *trial.hidden, *filter(None, [trial.reference])}
        if trial.kind not in KINDS or trial.id in trials or not used <= set(values["sounds"]):
            raise ListeningError(f"{where}: trial {trial.id!r} is damaged; copy the playlist again")
        trials[trial.id] = trial
    return Playlist(values, trials, folder)


def read_playlist(folder: str | os.PathLike) -> Playlist:
    """The playlist in `folder`; its sounds are checked as they are read (or all at once by `verify`)."""
    path = Path(folder) / "playlist.json"
    values = read_json(path, error=ListeningError, missing="no such file; give the folder of a playlist")
    return _parse(values, str(path), Path(folder))


def read_key(path: str | os.PathLike) -> Key:
    fields = {"format": str, "seed": int, "playlist": dict, "sounds": dict}
    values = check_fields(read_json(path, error=ListeningError), fields, str(path))
    playlist = _parse(values["playlist"], str(path))
    if values["format"] != KEY or set(values["sounds"]) != set(playlist.values["sounds"]):
        raise ListeningError(f"{path}: not the key of one playlist; take the file that was written beside the playlist")
    for name, entry in values["sounds"].items():
        check_fields(entry, {"item": str, "system": str}, f"{path}, sound {name}")
    return Key(playlist, {name: (entry["item"], entry["system"]) for name, entry in values["sounds"].items()})


# --- making one ------------------------------------------------------------------------------------------------------


def make_playlist(stimuli: Iterable[Stimulus], folder: str | os.PathLike, *, kinds: Sequence[str] = ("ovl", "rel"),
                  key: str | os.PathLike | None = None, anchors: bool = True,
                  pairs: Sequence[tuple[str, str]] | None = None, repeats: int = 1, seconds: float | None = None,
                  sample_rate: int = 16000, title: str = "Listening test", consent: str = CONSENT,
                  seed: int | None = None) -> Playlist:
    """Write a playlist to an empty `folder` and its key to `key` (default: FOLDER-key.json, beside it).

    kinds: blocks of the test, in this order. The system named "reference" is the hidden reference; with it come two
    `anchors` for OVL (MUSHRA always has them). ABX compares each system with the reference, preference each two
    systems, unless `pairs` are given; their trials come `repeats` times. `seconds`: most that is heard of a sound.
    `seed`: only to make the same test again; by default nobody knows it.
    """
    folder = Path(folder)
    key = folder.with_name(f"{folder.name}-key.json") if key is None else Path(key)
    if folder.resolve() in key.resolve().parents:
        raise ListeningError(f"{key}: the key must not lie in the folder that listeners get")
    if key.exists() or (folder.exists() and any(folder.iterdir())):
        raise ListeningError(f"{folder} or {key} is there already; choose a new name, results belong to one playlist")
    rng = Rng(secrets.randbits(62) if seed is None else seed)
    items = _items(list(stimuli), kinds)
    plans = [plan for kind in kinds for item in items for plan in _plan(kind, items[item], anchors, pairs, repeats)]
    used = sorted({(item, system, copy) for _, item, parts, _, _ in plans for system, copy in parts})
    names = {entry: f"{rng.key(repr(entry)):016x}" for entry in used}
    trials = []
    for kind, item, parts, prompt, repeat in plans:
        plain, hidden, opened = (sorted(names[item, system, of] for system, of in parts if of == copy)
                                 for copy in ("", "x", "open"))
        trials.append({"id": f"{rng.key(repr((kind, item, parts, repeat))):016x}", "kind": kind, "prompt": prompt,
                       "sounds": plain, "hidden": hidden, "reference": "".join(opened)})
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as unfinished:
        made = Path(unfinished) / folder.name
        sounds = _write_sounds(made / "sounds", items, names, sample_rate, seconds)
        values = {"format": PLAYLIST, "title": title, "consent": consent, "processing": PROCESSING,
                  "sample_rate": sample_rate, "kinds": list(kinds), "sounds": sounds,
                  "trials": sorted(trials, key=lambda trial: trial["id"])}
        write_json(made / "playlist.json", values)
        meanings = {name: {"item": item, "system": system} for (item, system, _), name in names.items()}
        write_json(key, {"format": KEY, "seed": rng.seed, "playlist": values, "sounds": meanings})
        os.replace(made, folder)  # on one disk: the test is there whole or not at all
    return read_playlist(folder)


def _write_sounds(folder: Path, items: dict[str, dict[str, Stimulus]], names: dict[tuple[str, str, str], str],
                  sample_rate: int, seconds: float | None) -> dict[str, dict]:
    """Write each sound under its secret name, in the order of the names; returns {name: {sha256, seconds}}."""
    sounds = {}
    anchored = any(system == ANCHOR_LOW for _, system, _ in names)
    for item, entries in items.items():
        wavs = {system: entry.wav(sample_rate) for system, entry in entries.items()}
        try:
            wavs = equalise(wavs, sample_rate, seconds=seconds, anchors=anchored)
        except ListeningError as error:
            raise ListeningError(f"item {item!r}: {error}") from error
        for name, system in sorted((name, system) for (of, system, _), name in names.items() if of == item):
            data = wav_bytes(wavs[system], sample_rate)
            write_bytes(folder / f"{name}.wav", data)
            sounds[name] = {"sha256": sha256(data), "seconds": len(wavs[system]) / sample_rate}
    return sounds


def _items(stimuli: list[Stimulus], kinds: Sequence[str]) -> dict[str, dict[str, Stimulus]]:
    """item -> system -> Stimulus, checked: every system has every item once, and what the kinds need is there."""
    for kind in kinds:
        if kind not in KINDS:
            raise ListeningError(unknown("kind of trial", kind, KINDS))
    systems = {entry.system for entry in stimuli}
    items: dict[str, dict[str, Stimulus]] = {}
    for entry in stimuli:
        if entry.system in (ANCHOR_LOW, ANCHOR_MID, "") or entry.system in items.setdefault(entry.item, {}):
            raise ListeningError(f"item {entry.item!r}, system {entry.system!r}: given twice, or kept for anchors")
        items[entry.item][entry.system] = entry
    for item, entries in items.items():
        if set(entries) != systems:
            raise ListeningError(f"item {item!r}: no sound of {', '.join(sorted(systems - set(entries)))}; "
                                 "each system needs each item")
        prompts = {entry.prompt for entry in entries.values()} - {""}
        if len(prompts) > 1 or ("rel" in kinds and not prompts):
            raise ListeningError(f"item {item!r}: got the prompts {sorted(prompts)}, expected one, since REL shows it")
    if not kinds or len(set(kinds)) != len(kinds) or not systems - {REFERENCE}:
        raise ListeningError(f"got kinds {list(kinds)} and systems {sorted(systems)}, expected at least one of each")
    if "mushra" in kinds and REFERENCE not in systems:
        raise ListeningError('MUSHRA compares with a reference; give the original sounds as the system "reference"')
    return items


def _plan(kind: str, entries: dict[str, Stimulus], anchors: bool, pairs, repeats: int) -> list[tuple]:
    """Trials of one item as (kind, item, ((system, copy), ...), prompt, repeat)."""
    item = next(iter(entries.values())).item
    prompt = next((entry.prompt for entry in entries.values() if entry.prompt), "") if KINDS[kind].shows_prompt else ""
    systems = sorted(entries)
    anchored = REFERENCE in entries and (kind == "mushra" or (kind == "ovl" and anchors))
    rated = [(system, "") for system in systems + ([ANCHOR_LOW, ANCHOR_MID] if anchored else [])]
    if kind in ("ovl", "rel"):
        return [(kind, item, (sound,), prompt, 0) for sound in rated]
    if kind == "mushra":
        return [(kind, item, (*rated, (REFERENCE, "open")), prompt, 0)]
    made = [system for system in systems if system != REFERENCE]
    against_reference = kind == "abx" and REFERENCE in entries
    chosen = pairs or ([(REFERENCE, s) for s in made] if against_reference else list(itertools.combinations(made, 2)))
    wrong = [pair for pair in chosen if len(set(pair)) != 2 or not set(pair) <= set(systems)]
    if wrong or not chosen or repeats < 1:
        raise ListeningError(f"{kind}: got pairs {chosen} and repeats {repeats}, expected two different systems of "
                             f"{systems} in each, once or more")
    copies = ("", "x") if kind == "abx" else ("",)
    return [(kind, item, tuple((system, copy) for copy in copies for system in pair), prompt, i)
            for pair in chosen for i in range(repeats)]
