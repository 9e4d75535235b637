"""Waveforms made ready for a front end: int16 sound, one-byte picture, one scale, one loudness.

Also what the time-frequency box of a player lets through, sample for sample as the page plays it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ldm_lab.audio.loudness import loudness
from ldm_lab.config import MelConfig
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.widgets import picture
from ldm_lab.widgets.transcript import describe

MAX_VERSIONS = 4
MATCH_DB = 20.0  # level matching turns nothing down by more than this
BAND_SECONDS = 0.032  # half the length of the band-pass filter
EDGE_SECONDS = 0.005  # fade at the ends of a boxed part: no clicks


@dataclass(frozen=True)
class Pack:
    """`state`: what a page needs, {versions, sample_rate, frame_seconds, band_hz}; `mels`: the log-mels (T, M) by label."""

    state: dict
    mels: dict[str, np.ndarray]
    config: MelConfig


def pack(sounds, *, sample_rate: int = 16000, config: MelConfig | None = None,
         transcript: str | Mapping[str, str] | None = None, top: float | None = None, most: int = MAX_VERSIONS) -> Pack:
    """One wav ((N,) or (1, N) in [-1, 1]) or up to `most` versions {label: wav} of a sound, ready for a page.

    transcript: a line for all versions, or {label: line}; None measures one (`describe`). top: natural-log mel value of
    the brightest colour; None takes the loudest cell of all versions. Each version gets the `gain` that makes all equally
    loud (ITU-R BS.1770), never above 1. Raises AudioInputError, OptionError.
    """
    named = sounds if isinstance(sounds, Mapping) else {"": sounds}
    if not 1 <= len(named) <= most:
        raise OptionError(f"got {len(named)} versions, expected 1 to {most}")
    if isinstance(transcript, Mapping) and set(transcript) != set(named):
        raise OptionError(f"transcript: got lines for {sorted(transcript)}, expected one for each of {sorted(named)}")
    config = config or MelConfig(sample_rate=sample_rate, fmax=min(8000.0, sample_rate / 2))
    if config.sample_rate != sample_rate:
        raise AudioInputError(f"the mel is for {config.sample_rate} Hz, the sound has {sample_rate} Hz; resample it")
    wavs = {str(label): picture.mono(wav, sample_rate=sample_rate) for label, wav in named.items()}
    mels = {label: picture.spectrogram(wav, config) for label, wav in wavs.items()}
    group = picture.columns_per_cell(max(len(mel) for mel in mels.values()))
    top = picture.top_level(list(mels.values()), config) if top is None else top
    gains = matching_gains(wavs, sample_rate)
    versions = []
    for label, wav in wavs.items():
        cells = picture.levels(picture.fold_columns(mels[label], group), top)
        versions.append({"label": label, "transcript": _line(transcript, label, wav, sample_rate), "gain": gains[label],
                         "pcm": picture.pcm_bytes(wav), "mel": cells.tobytes()})
    state = {"versions": versions, "sample_rate": sample_rate, "band_hz": picture.band_centres(config),
             "frame_seconds": group * config.hop_length / config.sample_rate}
    return Pack(state, mels, config)


def _line(transcript: str | Mapping[str, str] | None, label: str, wav: np.ndarray, sample_rate: int) -> str:
    if transcript is None:
        return describe(wav, sample_rate=sample_rate)
    return transcript[label] if isinstance(transcript, Mapping) else transcript


def matching_gains(wavs: Mapping[str, np.ndarray], sample_rate: int) -> dict[str, float]:
    """Gain <= 1 of each version that brings all to the loudness of the softest; silent ones are left alone."""
    levels = {label: loudness(wav, sample_rate) if len(wavs) > 1 else 0.0 for label, wav in wavs.items()}
    heard = [level for level in levels.values() if level > -70.0]
    if not heard:
        return dict.fromkeys(levels, 1.0)
    target = max(min(heard), max(heard) - MATCH_DB)
    return {label: float(min(1.0, 10.0 ** ((target - level) / 20.0))) if level > -70.0 else 1.0
            for label, level in levels.items()}


def band_pass(wav: np.ndarray, low_hz: float, high_hz: float, sample_rate: int) -> np.ndarray:
    """(N,) between low_hz and high_hz: the difference of two ideal low-passes under a Hann window (linear phase, no delay).

    An edge at 0 Hz or at half the sample rate is no edge.
    """
    half = round(BAND_SECONDS * sample_rate)
    n = np.arange(-half, half + 1)
    edge = lambda hz: 2.0 * hz / sample_rate * np.sinc(2.0 * hz / sample_rate * n)
    high = edge(high_hz) if high_hz < sample_rate / 2 else (n == 0).astype(float)
    low = edge(low_hz) if low_hz > 0 else 0.0
    kernel = (high - low) * (0.5 + 0.5 * np.cos(np.pi * n / (half + 1)))
    size = 1 << (len(wav) + len(n) - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(wav, size) * np.fft.rfft(kernel, size), size)[half : half + len(wav)].astype(np.float32)


def boxed(wav: np.ndarray, box: list[float], sample_rate: int) -> np.ndarray:
    """The part of `wav` (N,) in box [start_s, end_s, low_hz, high_hz]: band-passed, cut, faded over 5 ms at both ends."""
    start, end, low_hz, high_hz = box
    first, last = (int(np.floor(seconds * sample_rate + 0.5)) for seconds in (start, end))  # as the page rounds
    part = band_pass(wav, low_hz, high_hz, sample_rate)[first:last]
    fade = min(round(EDGE_SECONDS * sample_rate), len(part) // 2)
    window = np.ones(len(part), np.float32)
    window[:fade] = (np.arange(fade) + 0.5) / max(1, fade)
    window[len(part) - fade :] = window[:fade][::-1]
    return part * window
