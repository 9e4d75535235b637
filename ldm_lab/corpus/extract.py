"""Make a recorded clip again from the sound file inside its Debian package.

How the clips were cut, in the order of the steps: average the channels, resample to 16 kHz, trim what is below 0.3 % of the peak
(keeping 10 ms before and 50 ms after), scale the peak to 0.9, take up to 10 s (long files give several windows, evenly
spaced from their first to their last 10 s), fade 5 ms at both ends, encode as Ogg Vorbis. Repeating it gives the shipped
samples bit for bit where the decoders agree; `ldm_lab.corpus.verify` measures that.
"""

from __future__ import annotations

import io
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from ldm_lab.corpus.archives import read_member, split_path
from ldm_lab.corpus.pack import PEAK, fix_serial
from ldm_lab.corpus.packages import PackageStore
from ldm_lab.corpus.table import SAMPLE_RATE, Clip
from ldm_lab.errors import CorpusError

log = logging.getLogger(__name__)
SOURCE_QUALITY = 0.2
"""Vorbis quality (0-1) of the recorded clips."""
THRESHOLD = 0.003
"""Trimmed at both ends: samples below this share of the peak."""
MARGIN_BEFORE, MARGIN_AFTER = SAMPLE_RATE // 100, SAMPLE_RATE // 20
WINDOW = 10 * SAMPLE_RATE
"""Longest clip, in samples."""
FADE = SAMPLE_RATE // 200
MOST_WINDOWS = 32
"""At most this many windows of one file are considered when a start time is turned back into a sample."""
_TOLERANCE = 9
"""Samples: times in `clips.csv` are rounded to 1 ms, 16 samples, so a start is within 8 of the truth."""


def decode_source(data: bytes, *, name: str = "sound") -> tuple[np.ndarray, int]:
    """Any sound file (WAV, AIFF, FLAC, Ogg, MP3; 8-32 bit; any channels) to a mono float32 (N,) and its sample rate in Hz."""
    import soundfile

    try:
        wav, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise CorpusError(f"{name}: not a readable sound file ({error})") from error
    if not len(wav) or not np.isfinite(wav).all():
        raise CorpusError(f"{name}: holds no samples, or samples that are not finite")
    return wav.mean(axis=1), rate


def trim(wav: np.ndarray, *, name: str = "sound") -> tuple[np.ndarray, int]:
    """(`wav` without its near-silent ends and with its peak at 0.9, index of its first sample in `wav`)."""
    loudness = np.abs(wav)
    peak = loudness.max(initial=0.0)
    if peak == 0.0:
        raise CorpusError(f"{name}: silent")
    loud = np.flatnonzero(loudness > THRESHOLD * peak)
    first, last = max(0, int(loud[0]) - MARGIN_BEFORE), int(loud[-1]) + MARGIN_AFTER
    return wav[first:last] / peak * np.float32(PEAK), first


def window_start(total: int, wanted: float) -> int:
    """The sample at which a window of a trimmed sound of `total` samples begins, given its time as `clips.csv` rounds it.

    `wanted` is in samples from the trimmed beginning. Windows are evenly spaced, the last ending with the sound; a time
    that fits none of them is taken as it is.
    """
    if abs(wanted) <= _TOLERANCE:
        return 0
    spare = total - WINDOW
    if spare > 0:
        places = (spare * index / (count - 1) for count in range(2, MOST_WINDOWS + 1) for index in range(1, count))
        nearest = min(places, key=lambda place: abs(place - wanted))
        if abs(nearest - wanted) <= _TOLERANCE:
            return int(nearest)
    return min(max(0, round(wanted)), max(0, total - 1))


def cut(wav: np.ndarray, rate: int, *, start_s: float, seconds: float, name: str = "sound") -> np.ndarray:
    """The clip (N,) float32 at 16 kHz that begins `start_s` into a whole decoded sound (M,) and lasts `seconds`."""
    import soxr

    mono = wav if rate == SAMPLE_RATE else soxr.resample(wav, rate, SAMPLE_RATE)
    kept, first = trim(mono, name=name)
    start = window_start(len(kept), start_s * SAMPLE_RATE - first)
    clip = kept[start : start + WINDOW].copy()
    if len(clip) - seconds * SAMPLE_RATE > _TOLERANCE:  # cut shorter on purpose
        clip = clip[: round(seconds * SAMPLE_RATE)]
    fade = min(FADE, len(clip))
    ramp = np.linspace(0, 1, fade)
    clip[:fade] *= ramp
    clip[len(clip) - fade :] *= ramp[::-1]
    return clip


def rebuild(clips: Iterable[Clip], store: PackageStore) -> Iterator[tuple[Clip, np.ndarray | CorpusError]]:
    """Each recorded clip with its waveform (N,) made from its package, or with the error that says why not.

    Clips come back package by package and file by file, so that each package is unpacked and each sound decoded once.
    """
    packages: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        if clip.kind != "recorded":
            raise CorpusError(f"{clip.file} is {clip.kind}: only recorded clips come from packages")
        packages[clip.package][clip.path_in_package].append(clip)
    for package in sorted(packages):
        wanted = packages[package]
        try:
            files = dict(store.files(package, [path for path in sorted(wanted) if _sane(path)]))
        except CorpusError as error:
            yield from ((clip, error) for group in wanted.values() for clip in group)
            continue
        for path in sorted(wanted):
            yield from _from_file(package, path, files, wanted[path])


def _sane(path: str) -> bool:
    try:
        split_path(path)
    except CorpusError:
        return False
    return True


def _from_file(package: str, path: str, files: dict, clips: list[Clip]) -> Iterator[tuple[Clip, np.ndarray | CorpusError]]:
    """The clips of one sound file of a package."""
    name = f"{package}: {path}"
    try:
        _, member = split_path(path)
        if path not in files:
            raise CorpusError(f"{name}: the package has no such file")
        data = files[path].read_bytes() if member is None else read_member(files[path], member)
        wav, rate = decode_source(data, name=name)
    except CorpusError as error:
        yield from ((clip, error) for clip in clips)
        return
    for clip in clips:
        try:
            yield clip, cut(wav, rate, start_s=clip.start_s, seconds=clip.seconds, name=name)
        except CorpusError as error:
            yield clip, error


def recorded_ogg(wav: np.ndarray) -> bytes:
    """Ogg Vorbis bytes of a recording (N,) of at most 10 s, as it is first kept; packing may encode it once more.

    Written in one piece: the encoder's choices depend on how the samples are handed to it, and so would the bytes.
    """
    import soundfile

    if len(wav) > WINDOW:
        raise CorpusError(f"a recording has {len(wav) / SAMPLE_RATE:.1f} s, expected at most {WINDOW // SAMPLE_RATE}")
    out = io.BytesIO()
    soundfile.write(out, wav, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=1.0 - SOURCE_QUALITY)
    return fix_serial(out.getvalue())


def rebuild_ogg(clips: Iterable[Clip], store: PackageStore) -> tuple[dict[str, bytes], dict[str, str]]:
    """(Ogg bytes by clip file, reason by clip file that could not be made): what `corpus build` packs."""
    made, failed = {}, {}
    for clip, result in rebuild(clips, store):
        if isinstance(result, CorpusError):
            failed[clip.file] = str(result)
            log.warning("%s: %s", clip.file, result)
        else:
            made[clip.file] = recorded_ogg(result)
    return made, failed
