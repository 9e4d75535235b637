"""Mixes of two clips of one split: one after the other, or one over the other, with a caption that says so."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ldm_lab.corpus.table import SAMPLE_RATE, Clip, draft

FOREGROUND = ("animal", "human", "bell_ui", "machine", "vehicle", "drum", "weapon", "impact", "synth", "speech")
BACKGROUND = ("nature", "ambience", "music", "vehicle", "machine")


def make(recipe: dict, read: Callable[[str], np.ndarray]) -> np.ndarray:
    """Recipe: a, b (file names), order ("then" or "while"), gap (s), gain_db of b, longest (s each). `read` gives a clip by name."""
    longest = int(recipe["longest"] * SAMPLE_RATE)
    a, b = (np.asarray(read(recipe[key]), np.float64)[:longest] for key in "ab")
    a, b = a / max(1e-9, np.abs(a).max()), b / max(1e-9, np.abs(b).max())
    gain = 10 ** (recipe["gain_db"] / 20)
    if recipe["order"] == "then":
        return np.concatenate([a, np.zeros(int(recipe["gap"] * SAMPLE_RATE)), gain * b])
    out = np.zeros(max(len(a), len(b)))
    start = (len(out) - len(a)) // 2 if recipe["gap"] == 0 else min(int(recipe["gap"] * SAMPLE_RATE), len(out) - len(a))
    out[start : start + len(a)] += a
    out[: len(b)] += gain * b
    return out


def _small(caption: str) -> str:
    return caption[0].lower() + caption[1:]


def _usable(clip: Clip) -> bool:
    """Only clear single events with short plain captions make a mix whose caption stays readable."""
    return (
        clip.kind != "mixed" and clip.seconds >= 0.25 and len(clip.captions[0]) <= 48 and "," not in clip.captions[0]
        and not re.search(r"\b(and|then|while|dying|pain|playing|says|beats per minute)\b", clip.captions[0])
    )  # fmt: skip


def _join(*values: str) -> str:
    """Names or licences of both sources, each once."""
    seen = dict.fromkeys(part for value in values for part in value.split(" AND "))
    return " AND ".join(seen)


def _draft(category: str, a: Clip, b: Clip, recipe: dict, captions: tuple[str, ...]) -> Clip:
    owners = a.copyright if a.copyright == b.copyright else f"{a.copyright}; {b.copyright}"
    packages = a.package if a.package == b.package else f"{a.package} + {b.package}"
    return draft(
        category, captions, recipe, group=f"mix-{zlib.crc32((a.file + b.file).encode()):08x}", kind="mixed",
        source=(_join(*sorted((a.licence, b.licence))), owners, packages), order=recipe["order"],
    ).with_(split=a.split)  # fmt: skip


def _sequences(draw: random.Random, pool: Sequence[Clip], split: str, count: int) -> Iterator[Clip]:
    """Ordered pairs: half within a category, half across (then the first sound names the category)."""
    by_category = {name: [clip for clip in pool if clip.category == name and clip.seconds <= 4] for name in FOREGROUND}
    names = [name for name in FOREGROUND if name != "speech" and len(by_category[name]) > 5]
    for index in range(count):
        first = names[index % len(names)]
        second = first if index // len(names) % 2 == 0 else draw.choice([name for name in names if name != first])
        a, b = draw.choice(by_category[first]), draw.choice(by_category[second])
        if a.captions[0] == b.captions[0] or a.group == b.group:
            continue
        recipe = {"maker": "mix", "a": a.file, "b": b.file, "order": "then", "gap": round(draw.uniform(0.05, 0.3), 2), "gain_db": 0, "longest": 2.2}
        x, y = a.captions[0], _small(b.captions[0])
        captions = (f"{x}, then {y}", f"{x} followed by {y}")
        yield _draft(first, a, b, recipe, captions)


def _overlays(draw: random.Random, pool: Sequence[Clip], split: str, count: int) -> Iterator[Clip]:
    """A foreground event over a quieter background; the foreground names the category."""
    front = {name: [clip for clip in pool if clip.category == name and clip.seconds <= 6] for name in FOREGROUND}
    backs = [clip for clip in pool if clip.category in BACKGROUND and clip.seconds >= 2.5]
    names = [name for name in FOREGROUND if len(front[name]) > 5]
    for index in range(count):
        name = names[index % len(names)]
        a = draw.choice(front[name])
        b = draw.choice([clip for clip in backs if clip.category != name])
        recipe = {"maker": "mix", "a": a.file, "b": b.file, "order": "while", "gap": 0, "gain_db": draw.choice((-8, -10, -12)), "longest": 4.0}
        x, y = a.captions[0], _small(b.captions[0])
        yield _draft(name, a, b, recipe, (f"{x} with {y} in the background", f"{x} over {y}"))


def plan(clips: Sequence[Clip], counts: dict[str, tuple[int, int]]) -> list[Clip]:
    """Mixed clips per split: `counts[split]` = (ordered pairs, overlays). Each keeps the split of its sources."""
    out: dict[str, Clip] = {}
    for split, (ordered, overlaid) in counts.items():
        pool = sorted((clip for clip in clips if clip.split == split and _usable(clip)), key=lambda clip: clip.file)
        draw = random.Random(zlib.crc32(f"mix {split}".encode()))
        for clip in (*_sequences(draw, pool, split, ordered), *_overlays(draw, pool, split, overlaid)):
            out.setdefault(clip.group, clip)
    return list(out.values())
