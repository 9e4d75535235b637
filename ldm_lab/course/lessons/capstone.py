"""The capstone: a folder that a student hands in, its points by rubric, and the leaderboard of a class.

A hand-in is a folder: run.json (question, metric, variants with intervals, hashes of two runs), sounds/*.wav, card.md and
a listening test (listening/, with its key beside it).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ldm_lab.audio.io import load, save
from ldm_lab.course.plots import Table
from ldm_lab.errors import LabError, OptionError
from ldm_lab.evaluation import listening
from ldm_lab.files import read_json, write_json, write_text

HEADINGS = ("What it is", "What it is for", "What it is not for", "Training data", "Licence", "How it was measured",
            "Limits and risks")
LEAST_SOUNDS = 4  # behind a number with an interval
LEAST_WORDS = 6  # under a heading
FULL = 12


@dataclass(frozen=True)
class Points:
    """One line of the rubric."""

    what: str
    got: int
    of: int
    why: str


class Score:
    """Points by rubric; shows itself as a table."""

    def __init__(self, lines: Sequence[Points]) -> None:
        self.lines = tuple(lines)

    @property
    def total(self) -> int:
        return sum(line.got for line in self.lines)

    @property
    def complete(self) -> bool:
        return self.total == sum(line.of for line in self.lines)

    def _table(self) -> Table:
        rows = [{"what": line.what, "points": f"{line.got} of {line.of}", "why": line.why} for line in self.lines]
        return Table([*rows, {"what": "all", "points": f"{self.total} of {sum(line.of for line in self.lines)}", "why": ""}])

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        return self._table()._repr_mimebundle_(**kwargs)


def fingerprint(wav: Tensor) -> str:
    """SHA-256 of the samples: equal sounds have equal fingerprints."""
    return hashlib.sha256(wav.detach().cpu().contiguous().numpy().tobytes()).hexdigest()


def hand_in(folder: str | Path, *, name: str, question: str, metric: str, variants: Mapping[str, Mapping], first: Sequence[str],
            second: Sequence[str], sounds: Mapping[str, Sequence[Tensor]], prompts: Sequence[str], card: str) -> Path:
    """Write a capstone folder. variants: {label: {value, low, high, n}}; first, second: fingerprints of two runs with one
    seed; sounds: {label: [wav (N,), ...]}, row i for prompts[i]."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise OptionError(f"{folder}: there is something in it already; choose a new folder")
    write_json(folder / "run.json", {"format": "ldm-lab capstone 1", "name": name, "question": question, "metric": metric,
                                     "variants": {label: dict(value) for label, value in variants.items()},
                                     "first": list(first), "second": list(second)})
    write_text(folder / "card.md", card)
    for label, wavs in sounds.items():
        for i, wav in enumerate(wavs):
            save(folder / "sounds" / f"{_slug(label)}-{i + 1}.wav", wav, 16000, comment="AI-generated (LDM Lab capstone)")
    stimuli = [listening.Stimulus(f"item-{i + 1:03d}", label, wav, prompts[i]) for label, wavs in sounds.items()
               for i, wav in enumerate(wavs)]
    listening.make_playlist(stimuli, folder / "listening", kinds=("preference", "rel"), seed=0, title=question)
    return folder


def _slug(label: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in label)[:40]


# --- the rubric ------------------------------------------------------------------------------------------------------


def score(folder: str | Path) -> Score:
    """Points of a hand-in: run twice (3), number with interval (4), listening test (2), model card (3)."""
    folder = Path(folder)
    try:
        run = read_json(folder / "run.json")
    except LabError as error:
        run = {}
        found = str(error)
    else:
        found = ""
    card = (folder / "card.md").read_text(encoding="utf-8") if (folder / "card.md").is_file() else ""
    return Score([_repeated(run) if not found else Points("same seed twice", 0, 3, "no run.json that can be read"),
                  _measured(run), _listening(folder / "listening"), card_points(card)])


def _repeated(run: Mapping) -> Points:
    first, second = run.get("first") or [], run.get("second") or []
    same = sum(a == b for a, b in zip(first, second))
    if not first or len(first) != len(second):
        return Points("same seed twice", 0, 3, f"{len(first)} sounds in the first run, {len(second)} in the second")
    whole = same == len(first)
    return Points("same seed twice", 3 if whole else 0, 3, f"{same} of {len(first)} sounds are equal to the last bit")


def _measured(run: Mapping) -> Points:
    variants = run.get("variants") or {}
    if len(variants) < 2:
        return Points("number with interval", 0, 4, f"{len(variants)} variants; an ablation compares two or more")
    bad = [label for label, value in variants.items() if not _has_interval(value)]
    if bad:
        return Points("number with interval", 1, 4, f"no low <= value <= high for {', '.join(bad)}")
    few = [label for label, value in variants.items() if int(value.get("n", 0)) < LEAST_SOUNDS]
    if few:
        return Points("number with interval", 2, 4, f"fewer than {LEAST_SOUNDS} sounds behind {', '.join(few)}")
    return Points("number with interval", 4, 4, f"{len(variants)} variants, each with interval and n")


def _has_interval(value: Mapping) -> bool:
    numbers = [value.get(name) for name in ("low", "value", "high")]
    good = all(isinstance(x, (int, float)) and math.isfinite(x) for x in numbers)
    return good and numbers[0] <= numbers[1] <= numbers[2] and numbers[0] < numbers[2]


def _listening(folder: Path) -> Points:
    try:
        playlist = listening.read_playlist(folder)
        playlist.verify()
    except (LabError, OSError) as error:
        return Points("listening test", 0, 2, str(error).split(";")[0][-80:])
    return Points("listening test", 2, 2, f"{len(playlist.trials)} blind trials, every sound intact")


def card_points(card: str) -> Points:
    """3 points for all headings with words under each, 1 for all headings, 0 otherwise."""
    sections = sections_of(card)
    missing = [name for name in HEADINGS if name.lower() not in sections]
    if missing:
        return Points("model card", 0, 3, f"no heading: {', '.join(missing)}")
    thin = [name for name in HEADINGS if len(sections[name.lower()].split()) < LEAST_WORDS]
    if thin:
        return Points("model card", 1, 3, f"hardly a word under: {', '.join(thin)}")
    return Points("model card", 3, 3, "all headings, with words")


def sections_of(card: str) -> dict[str, str]:
    """{heading in lower case: text under it} of a Markdown text."""
    sections, current = {}, None
    for line in card.splitlines():
        if line.startswith("#"):
            current = line.lstrip("# ").strip().lower()
            sections[current] = ""
        elif current is not None:
            sections[current] += line + "\n"
    return sections


# --- the class -------------------------------------------------------------------------------------------------------


class Leaderboard:
    """Hand-ins of a class: by points of the rubric first, by the best variant's value among equals."""

    def __init__(self, entries: Sequence[dict]) -> None:
        self.entries = sorted(entries, key=lambda entry: (-entry["points"], -entry["value"]))

    def sounds(self) -> dict[str, Tensor]:
        """{name: first sound of the best variant} of the first three, for a player."""
        return {f"{place + 1}. {entry['name']}": entry["wav"] for place, entry in enumerate(self.entries[:3])
                if entry["wav"] is not None}

    def _table(self) -> Table:
        return Table([{"place": i + 1, "name": e["name"], "question": e["question"], "points": f"{e['points']} of {FULL}",
                       "best variant": e["best"], "value": e["shown"]} for i, e in enumerate(self.entries)])

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        return self._table()._repr_mimebundle_(**kwargs)


def leaderboard(folder: str | Path) -> Leaderboard:
    """Every capstone folder inside `folder`. Raises OptionError if there is none."""
    found = [path.parent for path in sorted(Path(folder).glob("*/run.json"))]
    if not found:
        raise OptionError(f"{folder}: no */run.json in it; put the capstone folders of the class there")
    return Leaderboard([_entry(path) for path in found])


def _entry(folder: Path) -> dict:
    run = read_json(folder / "run.json")
    variants = run.get("variants") or {"-": {}}
    value = lambda label: float(variants[label].get("value", -math.inf))
    best = max(variants, key=value)
    figure, files = variants[best], sorted((folder / "sounds").glob(f"{_slug(best)}-*.wav"))
    shown = f"{value(best):.3f} [{figure['low']:.3f}, {figure['high']:.3f}]" if _has_interval(figure) else f"{value(best):.3f}, no interval"
    return {"name": str(run.get("name", folder.name)), "question": str(run.get("question", "")), "best": best, "shown": shown,
            "value": value(best), "points": score(folder).total, "wav": load(files[0])[0] if files else None}


def stack(sounds: Mapping[str, Sequence[Tensor]]) -> list[str]:
    """Fingerprints of all sounds, in the order of their labels."""
    return [fingerprint(torch.as_tensor(wav)) for label in sorted(sounds) for wav in sounds[label]]
