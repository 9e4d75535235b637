"""`build`: make the whole pack again from `clips.csv`: recordings from their packages, everything else from its recipe."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ldm_lab.corpus.attribution import write_attribution
from ldm_lab.corpus.extract import rebuild_ogg
from ldm_lab.corpus.make import make_all, make_clip
from ldm_lab.corpus.pack import decode_ogg, encode_ogg, encode_recording, quality_of, write_zips
from ldm_lab.corpus.packages import PackageStore, read_sources
from ldm_lab.corpus.table import SAMPLE_RATE, Clip, corpus_folder, read_table, table_text
from ldm_lab.errors import CorpusError, OptionError
from ldm_lab.files import sha256, write_text

_log = logging.getLogger(__name__)
Extract = Callable[[list[Clip]], tuple[Mapping[str, bytes], Mapping[str, str]]]


@dataclass(frozen=True)
class BuildReport:
    """What `build` wrote: the clips, how many have exactly the shipped bytes, and why the others could not be made."""

    folder: Path
    clips: list[Clip]
    identical: int
    failed: dict[str, str] = field(default_factory=dict)

    def summary(self) -> str:
        """One or two lines for people."""
        hours = sum(clip.seconds for clip in self.clips) / 3600
        text = f"{len(self.clips)} clips, {hours:.2f} h in {self.folder}; {self.identical} with the shipped bytes, {len(self.failed)} not made"
        reasons = sorted(set(self.failed.values()))
        return "\n".join([text, *reasons[:10]])


def _from_packages(folder: Path, cache: str | os.PathLike | None) -> Extract:
    store = PackageStore(read_sources(folder / "sources.csv"), cache=cache)
    return lambda clips: rebuild_ogg(clips, store)


def _choose(clips: list[Clip], only: str | None) -> list[Clip]:
    """Clips of one kind or package; mixes need every other clip, so a partial build leaves them out."""
    if only is None:
        return clips
    chosen = [clip for clip in clips if clip.kind != "mixed" and only in (clip.kind, clip.package, clip.category)]
    if not chosen:
        raise OptionError(f"only: nothing to build for {only!r}; name a kind (recorded, rendered, synthesised), a category or a package of clips.csv")
    return chosen


def build(
    out: str | os.PathLike,
    *,
    folder: str | os.PathLike | None = None,
    only: str | None = None,
    cache: str | os.PathLike | None = None,
    extract: Extract | None = None,
    workers: int | None = None,
) -> BuildReport:
    """Make the pack of `folder` (default: the shipped table) again into `out`: zips, `clips.csv`, attribution.

    Recordings come out of Debian packages through apt (gigabytes, kept in `cache`); the rest needs the soundfont of
    `fluid-soundfont-gm`, `tinysoundfont` and `flite`. Clips that cannot be made are left out and named in the report.
    `only` builds one kind, category or package. Raises `CorpusError` if nothing could be made.
    """
    folder, out = Path(folder) if folder is not None else corpus_folder(), Path(out)
    if out.resolve() == folder.resolve():
        raise OptionError(f"out: {out} holds the table that is built from; choose another folder")
    clips = _choose(read_table(folder / "clips.csv"), only)
    sounds: dict[str, bytes] = {}
    failed: dict[str, str] = {}
    recorded = [clip for clip in clips if clip.kind == "recorded"]
    if recorded:
        made, missing = (extract or _from_packages(folder, cache))(recorded)
        failed.update(missing)
        sounds.update({clip.file: encode_recording(made[clip.file], clip.category) for clip in recorded if clip.file in made})
        _log.info("%d of %d recordings", len(sounds), len(recorded))
    for clip, ogg, _ in make_all([clip for clip in clips if clip.kind in ("rendered", "synthesised")], workers=workers):
        sounds[clip.file] = ogg
    _mix(clips, sounds, failed)
    return _write(clips, sounds, failed, out)


def _mix(clips: list[Clip], sounds: dict[str, bytes], failed: dict[str, str]) -> None:
    for clip in clips:
        if clip.kind != "mixed":
            continue
        lacking = [clip.attributes["recipe"][key] for key in "ab" if clip.attributes["recipe"][key] not in sounds]
        if lacking:
            failed[clip.file] = f"its source {lacking[0]} could not be made"
            continue
        wav = make_clip(clip, lambda name: decode_ogg(sounds[name]))
        sounds[clip.file] = encode_ogg(wav, quality=quality_of(clip.category))


def _write(clips: list[Clip], sounds: dict[str, bytes], failed: dict[str, str], out: Path) -> BuildReport:
    if not sounds:
        raise CorpusError(f"no clip could be made; the first reason: {next(iter(failed.values()), 'none')}")
    done = []
    for clip in clips:
        if clip.file in sounds:
            digest = sha256(sounds[clip.file])
            seconds = clip.seconds if digest == clip.sha256 else len(decode_ogg(sounds[clip.file])) / SAMPLE_RATE
            done.append(clip.with_(sha256=digest, seconds=seconds))
    shipped = {clip.file: clip.sha256 for clip in clips}
    write_zips(sounds, out)
    write_text(out / "clips.csv", table_text(done))
    write_attribution(done, out)
    identical = sum(clip.sha256 == shipped[clip.file] for clip in done)
    return BuildReport(out, done, identical, failed)
