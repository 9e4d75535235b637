"""A sound in one line of words, measured from its samples: the transcript beside a player.

It says what can be measured (how long, how loud, how many separate sounds, where the energy lies, how it moves), not what
the sound means.
"""

from __future__ import annotations

import numpy as np

from ldm_lab.widgets.picture import mono

SILENT_DB = -70.0  # RMS below this counts as silence
GAP_DB = 20.0  # a part is an event if it rises so far above the quiet before it
SMOOTH = 5  # frames of 10 ms of smoothing before events are counted
MOST_EVENTS = 6


def loudness(wav: np.ndarray, hop: int) -> np.ndarray:
    """RMS level in dB of each hop, smoothed; (T,)."""
    whole = max(hop, len(wav) // hop * hop)
    power = np.square(np.pad(wav, (0, max(0, whole - len(wav))))[:whole].reshape(-1, hop)).mean(axis=1)
    width = min(SMOOTH, len(power))
    return 10.0 * np.log10(np.convolve(power, np.ones(width) / width, mode="same") + 1e-12)


def events(level: np.ndarray) -> list[int]:
    """Frames at which a sound begins: the level comes within GAP_DB / 2 of the maximum after having been GAP_DB below."""
    high, low = level.max() - GAP_DB / 2, level.max() - GAP_DB
    starts, ready = [], True
    for frame, value in enumerate(level):
        if ready and value > high:
            starts.append(frame)
            ready = False
        elif value < low:
            ready = True
    return starts


def describe(wav, *, sample_rate: int = 16000) -> str:
    """One line about `wav` ((N,) or (1, N) in [-1, 1]): length, level, separate sounds, main frequencies, course."""
    samples = mono(wav, sample_rate=sample_rate)
    samples = samples - samples.mean()  # a constant is not heard
    rms = 10.0 * np.log10(np.square(samples).mean() + 1e-12)
    length = f"{len(samples) / sample_rate:.2f} s"
    if rms < SILENT_DB:
        return f"{length} of silence."
    hop = sample_rate // 100
    level = loudness(samples, hop)
    starts = [frame * hop / sample_rate for frame in events(level)]
    words = [f"{length}, {'loud' if rms > -20 else 'soft' if rms < -40 else 'medium loud'}", _course(level, starts)]
    return f"{'; '.join(words)}; {_colour(samples, sample_rate)}."


def _course(level: np.ndarray, starts: list[float]) -> str:
    """How the loudness moves in time."""
    if len(starts) > MOST_EVENTS:
        return f"{len(starts)} separate sounds"
    if len(starts) > 1:
        return f"{len(starts)} separate sounds, at {', '.join(f'{s:.1f}' for s in starts[:-1])} and {starts[-1]:.1f} s"
    thirds = [part.mean() for part in np.array_split(level, 3)]
    if level.max() - np.median(level) > GAP_DB:
        return f"one short sound at {starts[0]:.1f} s"
    if thirds[0] - thirds[2] > GAP_DB / 2:
        return "one sound that dies away"
    if thirds[2] - thirds[0] > GAP_DB / 2:
        return "one sound that swells"
    return "one sound throughout" if level.std() > 3.0 else "one steady sound"


def _colour(samples: np.ndarray, sample_rate: int) -> str:
    """Where the middle 80 % of the energy lies, and whether that is so narrow that it is a tone."""
    power = np.square(np.abs(np.fft.rfft(samples)))
    share = np.cumsum(power) / power.sum()
    low, middle, high = np.searchsorted(share, (0.1, 0.5, 0.9)) * sample_rate / len(samples)
    if high < 1.2 * low:
        return f"a tone near {round(middle, -1):.0f} Hz"
    return f"most energy from {round(low, -1):.0f} to {round(high, -1):.0f} Hz"
