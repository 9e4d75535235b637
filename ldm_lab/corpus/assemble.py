"""From cut recordings to the finished pack: correct, render, synthesise, join near-duplicates, split, mix, write."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ldm_lab.corpus import captions, mix, render, speak, splits, synth
from ldm_lab.corpus.make import make_all, make_clip
from ldm_lab.corpus.pack import decode_ogg, encode_ogg, encode_recording, quality_of, write_zips
from ldm_lab.corpus.table import SAMPLE_RATE, Clip, check_clip, table_text
from ldm_lab.files import sha256, write_text

_log = logging.getLogger(__name__)
SHORTEST_S = 0.1
AT_MOST: tuple[tuple[str, int], ...] = ((r"A guitar strumming", 4), (r"Ancient style instrumental", 80), (r"A man speaks in Russian", 50))
"""Captions of which a source gives many near-alike clips: how many clips of one caption are kept (by hash of the name)."""
MIXES = {"train": (170, 90), "valid": (18, 12), "test": (28, 16)}
_LETTER = {"rendered": "r", "synthesised": "s", "mixed": "m"}


def _group(row: dict[str, str]) -> str:
    """The survey's key (folder and stem without digits); OpenSFX numbers unrelated sounds, so there the whole name counts."""
    number = re.search(r"opensfx.*(sfx_\d+)", row["path_in_package"])
    return f"rec-open{number[1]}" if number else f"rec-{row['recording']}"


def recorded_clip(row: dict[str, str], ogg: bytes) -> tuple[Clip, bytes] | None:
    """A cut recording (columns of the first survey: caption, category, recording, licence, ...) as a clip; None if dropped."""
    fixed = captions.correct(row["caption"], row["category"], row["path_in_package"], row["package"])
    wav = decode_ogg(ogg)
    if fixed is None or len(wav) < SHORTEST_S * SAMPLE_RATE:
        return None
    caption, category = fixed
    ogg = encode_recording(ogg, category)
    name = row["file"].split("/")[1]
    file = row["file"] if category == row["category"] else f"{category}/{name.replace(row['category'], category)}"
    clip = Clip(
        file=file, category=category, captions=captions.paraphrases(caption), seconds=len(wav) / SAMPLE_RATE, split="",
        group=_group(row), kind="recorded", attributes=captions.attributes_of(caption, category, row["package"]),
        licence=captions.spdx(row["licence"]), copyright=row["copyright"].strip() or f"the authors of {row['package']}",
        package=row["package"], path_in_package=row["path_in_package"], start_s=float(row["start_s"]),
        caption_source=row["caption_source"] if caption == row["caption"] else "corrected", transcript=row["transcript"], sha256=sha256(ogg),
    )  # fmt: skip
    return clip, ogg


def _named(clips: Iterable[Clip], taken: dict[str, int]) -> list[Clip]:
    """Give planned clips their file names: category, a letter for the kind, a number."""
    out = []
    for clip in clips:
        stem = f"{clip.category}_{_LETTER[clip.kind]}"
        taken[stem] = taken.get(stem, 0) + 1
        out.append(clip.with_(file=f"{clip.category}/{stem}{taken[stem]:04d}.ogg"))
    return out


def _made(clip: Clip, ogg: bytes, count: int) -> Clip:
    return clip.with_(seconds=count / SAMPLE_RATE, sha256=sha256(ogg))


def _mixes(clips: list[Clip], sounds: dict[str, bytes], taken: dict[str, int]) -> list[Clip]:
    out = []
    for clip in _named(mix.plan(clips, MIXES), taken):
        wav = make_clip(clip, lambda name: decode_ogg(sounds[name]))
        sounds[clip.file] = encode_ogg(wav, quality=quality_of(clip.category))
        out.append(_made(clip, sounds[clip.file], len(wav)))
    return out


def regroup(clips: list[Clip], wavs: list[np.ndarray]) -> tuple[list[Clip], list[tuple[int, int, float]]]:
    """Join the groups of near-duplicates among recorded clips; clips of other kinds keep their constructed groups."""
    groups = [clip.group for clip in clips]
    pairs = splits.near_duplicates(wavs, groups)
    joined = splits.join_groups(groups, [(i, j) for i, j, _ in pairs])
    return [clip.with_(group=group) for clip, group in zip(clips, joined, strict=True)], pairs


def thin(clips: list[Clip]) -> list[Clip]:
    """Drop clips over `AT_MOST` per caption; which ones is decided by the hash of the file name."""
    out = []
    for clip in clips:
        most = next((most for pattern, most in AT_MOST if re.match(pattern, clip.caption)), None)
        if most is not None:
            rivals = sorted((sha256(c.file.encode()), c.file) for c in clips if c.caption == clip.caption)
            if clip.file not in {name for _, name in rivals[:most]}:
                continue
        out.append(clip)
    return out


def without_leaks(clips: list[Clip], sounds: dict[str, bytes]) -> list[Clip]:
    """The clips without held-out recordings that also sound in another split, and without the mixes made from those."""
    real = [clip for clip in clips if clip.kind == "recorded"]
    dropped = splits.leaks(real, [decode_ogg(sounds[clip.file]) for clip in real])
    _log.info("%d held-out clips dropped because another split holds the same sound", len(dropped))
    return [
        clip for clip in clips
        if clip.file not in dropped and not (clip.kind == "mixed" and dropped & {clip.attributes["recipe"][key] for key in "ab"})
    ]  # fmt: skip


def equal_sounds_together(clips: list[Clip]) -> list[Clip]:
    """Made clips that are byte for byte equal (two drum kits may share a sample) join one group, in training if any is.

    A mix of which one sound went to another side is dropped.
    """
    equal: dict[str, list[Clip]] = {}
    for clip in clips:
        equal.setdefault(clip.sha256, []).append(clip)
    home = {sha: min(same, key=lambda clip: (clip.split != "train", clip.file)) for sha, same in equal.items()}
    clips = [clip.with_(split=home[clip.sha256].split, group=home[clip.sha256].group)
             if home[clip.sha256].split != clip.split else clip for clip in clips]
    side = {clip.file: clip.split for clip in clips}
    return [clip for clip in clips
            if clip.kind != "mixed" or all(side[clip.attributes["recipe"][key]] == clip.split for key in "ab")]


def assemble(recorded: Iterable[tuple[dict[str, str], bytes]], out: Path) -> list[Clip]:
    """Build the whole corpus into the folder `out` from (survey row, Ogg bytes) of cut recordings; returns the clips."""
    sounds: dict[str, bytes] = {}
    real: list[Clip] = []
    for row, ogg in recorded:
        made = recorded_clip(row, ogg)
        if made:
            real.append(made[0])
            sounds[made[0].file] = made[1]
    _log.info("%d recordings", len(real))
    real, pairs = regroup(real, [decode_ogg(sounds[clip.file]) for clip in real])
    _log.info("%d near-duplicate pairs joined", len(pairs))
    real = thin(real)
    taken: dict[str, int] = {}
    grown = []
    for clip, ogg, count in make_all(_named([*render.plan(), *synth.plan(), *speak.plan()], taken)):
        sounds[clip.file] = ogg
        grown.append(_made(clip, ogg, count))
    _log.info("%d rendered and synthesised", len(grown))
    clips = [*real, *grown]
    deal = splits.deal(clips)
    clips = [clip.with_(split=deal[clip.group]) for clip in clips]
    clips += _mixes(clips, sounds, taken)
    clips = equal_sounds_together(without_leaks(clips, sounds))
    clips.sort(key=lambda clip: clip.file)
    for clip in clips:
        check_clip(clip)
    sizes = write_zips({clip.file: sounds[clip.file] for clip in clips}, out)
    write_text(out / "clips.csv", table_text(clips))
    _log.info("%d clips, %.2f h, %.1f MB", len(clips), sum(clip.seconds for clip in clips) / 3600, sum(sizes.values()) / 1e6)
    return clips
