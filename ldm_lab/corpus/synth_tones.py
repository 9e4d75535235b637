"""Makers of electronic sounds in numpy: tones, chirps, noises, beeps, sirens, lasers. A recipe in, a waveform out.

Every maker takes the numbers of its recipe as keyword arguments (Hz, seconds, counts, a seed where noise is used) and
returns a waveform (N,) at 16 kHz; levels are free, because the pack normalises peaks.
"""

from __future__ import annotations

import numpy as np

from ldm_lab.corpus.table import SAMPLE_RATE

MORSE = {"A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "G": "--.", "I": "..", "L": ".-..", "M": "--", "N": "-.",
         "O": "---", "R": ".-.", "S": "...", "T": "-", "U": "..-"}  # fmt: skip
DTMF = {"1": (697, 1209), "2": (697, 1336), "3": (697, 1477), "4": (770, 1209), "5": (770, 1336), "6": (770, 1477),
        "7": (852, 1209), "8": (852, 1336), "9": (852, 1477), "0": (941, 1336)}  # fmt: skip


def samples(seconds: float) -> int:
    return int(round(seconds * SAMPLE_RATE))


def clock(seconds: float) -> np.ndarray:
    """Times in seconds (N,)."""
    return np.arange(samples(seconds)) / SAMPLE_RATE


def phase(freq: np.ndarray) -> np.ndarray:
    """Phase in radians of an instantaneous frequency (N,) in Hz."""
    return 2 * np.pi * np.cumsum(freq) / SAMPLE_RATE


def wave(shape: str, angle: np.ndarray, freq: np.ndarray | float = 440.0) -> np.ndarray:
    """A periodic wave of a phase: harmonics are summed only below 7.5 kHz, so nothing aliases."""
    if shape == "sine":
        return np.sin(angle)
    top = float(np.max(freq))
    out = np.zeros_like(angle)
    for n in range(1, min(40, max(1, int(7500 / top))) + 1):
        if shape == "sawtooth":
            out += np.sin(n * angle) / n
        elif n % 2 and shape == "square":
            out += np.sin(n * angle) / n
        elif n % 2 and shape == "triangle":
            out += np.sin(n * angle) * (-1) ** (n // 2) / n**2
    return out


def band(noise: np.ndarray, low: float, high: float) -> np.ndarray:
    """Keep the band low..high Hz by an FFT mask with soft edges of a sixth octave."""
    spectrum = np.fft.rfft(noise)
    freq = np.maximum(1.0, np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE))
    mask = 1 / (1 + (low / freq) ** 12) / (1 + (freq / high) ** 12)
    return np.fft.irfft(spectrum * mask, len(noise))


def colour(seed: int, count: int, slope: float) -> np.ndarray:
    """Noise whose power falls as frequency ** -slope: 0 white, 1 pink, 2 brown, -1 blue; unit deviation."""
    white = np.random.default_rng(seed).standard_normal(count)
    freq = np.maximum(20.0, np.fft.rfftfreq(count, 1 / SAMPLE_RATE))
    shaped = np.fft.irfft(np.fft.rfft(white) * freq ** (-slope / 2), count)
    return shaped / shaped.std()


def swell(count: int, attack_s: float, release_s: float) -> np.ndarray:
    """Envelope: linear attack, flat, linear release."""
    out = np.ones(count)
    a, r = min(count, samples(attack_s)), min(count, samples(release_s))
    out[:a] *= np.linspace(0, 1, a) if a else 1
    out[count - r :] *= np.linspace(1, 0, r) if r else 1
    return out


def place(parts: list[tuple[float, np.ndarray]], seconds: float) -> np.ndarray:
    """Add sounds at their start times (s) into `seconds` of silence; what runs over the end is cut."""
    out = np.zeros(samples(seconds))
    for start, part in parts:
        at = samples(start)
        room = max(0, min(len(part), len(out) - at))
        out[at : at + room] += part[:room]
    return out


def tone(*, shape: str, freq: float, seconds: float) -> np.ndarray:
    t = clock(seconds)
    return wave(shape, 2 * np.pi * freq * t, freq) * swell(len(t), 0.02, 0.05)


def chirp(*, start: float, end: float, seconds: float, shape: str = "sine") -> np.ndarray:
    t = clock(seconds)
    freq = start * (end / start) ** (t / seconds)
    return wave(shape, phase(freq), freq) * swell(len(t), 0.02, 0.05)


def noise(*, slope: float, seconds: float, seed: int) -> np.ndarray:
    count = samples(seconds)
    return colour(seed, count, slope) * swell(count, 0.05, 0.05)


def band_noise(*, low: float, high: float, seconds: float, seed: int, end: float | None = None) -> np.ndarray:
    """Noise in a band; with `end`, two bands crossfade so that the noise sweeps towards `end` times the band."""
    count = samples(seconds)
    white = np.random.default_rng(seed).standard_normal(count)
    first = band(white, low, high)
    if end is not None:
        mix = np.linspace(0, 1, count)
        first = first / first.std() * (1 - mix) + (other := band(white, low * end, min(7500, high * end))) / other.std() * mix
    return first * swell(count, 0.05, 0.05)


def beeps(*, freq: float, count: int, length: float, gap: float, shape: str = "sine") -> np.ndarray:
    one = tone(shape=shape, freq=freq, seconds=length)
    return place([(n * (length + gap), one) for n in range(count)], count * (length + gap))


def tones(*, freqs: list, length: float, shape: str = "sine") -> np.ndarray:
    """A run of tones, one after the other."""
    return np.concatenate([tone(shape=shape, freq=freq, seconds=length) for freq in freqs])


def siren(*, low: float, high: float, period: float, seconds: float, shape: str = "triangle") -> np.ndarray:
    """A wail that rises and falls once per `period`."""
    t = clock(seconds)
    freq = low + (high - low) * 0.5 * (1 - np.cos(2 * np.pi * t / period))
    return wave(shape, phase(freq), freq) * swell(len(t), 0.1, 0.1)


def alarm(*, low: float, high: float, rate: float, seconds: float, shape: str = "square") -> np.ndarray:
    """Two tones in turn, `rate` changes a second."""
    t = clock(seconds)
    freq = np.where((t * rate).astype(int) % 2 == 0, high, low).astype(float)
    return wave(shape, phase(freq), freq) * swell(len(t), 0.01, 0.05)


def dtmf(*, digits: str, length: float = 0.18, gap: float = 0.1) -> np.ndarray:
    t = clock(length)
    keys = [np.sin(2 * np.pi * a * t) + np.sin(2 * np.pi * b * t) for a, b in (DTMF[d] for d in digits)]
    parts = [(n * (length + gap), key * swell(len(t), 0.005, 0.005)) for n, key in enumerate(keys)]
    return place(parts, len(digits) * (length + gap))


def line_tone(*, freqs: list, on: float, off: float, seconds: float) -> np.ndarray:
    """Dial, busy and ring-back tones: fixed tones switched on and off."""
    t = clock(seconds)
    return sum(np.sin(2 * np.pi * f * t) for f in freqs) * ((t % (on + off)) < on)


def morse(*, text: str, freq: float, unit: float) -> np.ndarray:
    parts, at = [], 0.0
    for letter in text:
        for mark in MORSE[letter]:
            length = unit * (1 if mark == "." else 3)
            parts.append((at, tone(shape="sine", freq=freq, seconds=length)))
            at += length + unit
        at += 2 * unit
    return place(parts, at)


def laser(*, start: float, end: float, length: float, count: int, gap: float, shape: str = "sawtooth") -> np.ndarray:
    t = clock(length)
    freq = end + (start - end) * np.exp(-5 * t / length)
    shot = wave(shape, phase(freq), freq) * np.exp(-3 * t / length) * swell(len(t), 0.002, 0.01)
    return place([(n * (length + gap), shot) for n in range(count)], count * (length + gap))


def zap(*, seed: int, seconds: float, hum: float) -> np.ndarray:
    """An electric arc: hum harmonics gated by noise."""
    t = clock(seconds)
    rng = np.random.default_rng(seed)
    gate = np.repeat(rng.random(len(t) // 400 + 1) > 0.35, 400)[: len(t)]
    buzz = wave("sawtooth", 2 * np.pi * hum * t, hum)
    return (buzz + 0.6 * rng.standard_normal(len(t))) * gate * swell(len(t), 0.01, 0.05)


def hum(*, freq: float, seconds: float, shape: str = "sawtooth", depth: float = 0.3, rate: float = 3.0) -> np.ndarray:
    t = clock(seconds)
    return wave(shape, 2 * np.pi * freq * t, freq) * (1 - depth * 0.5 * (1 + np.sin(2 * np.pi * rate * t))) * swell(len(t), 0.1, 0.1)


def warble(*, freq: float, depth: float, rate: float, seconds: float, drift: float = 1.0, shape: str = "sine") -> np.ndarray:
    """A tone with vibrato (theremin, flying saucer): `depth` as a part of `freq`, `drift` the end frequency over the start."""
    t = clock(seconds)
    f = freq * drift ** (t / seconds) * (1 + depth * np.sin(2 * np.pi * rate * t))
    return wave(shape, phase(f), f) * swell(len(t), 0.08, 0.15)


def blips(*, seed: int, count: int, low: float, high: float, length: float, shape: str = "square") -> np.ndarray:
    """Random computer blips."""
    rng = np.random.default_rng(seed)
    return np.concatenate([tone(shape=shape, freq=float(f), seconds=length) for f in np.exp(rng.uniform(np.log(low), np.log(high), count))])


def fm(*, freq: float, ratio: float, index: float, seconds: float) -> np.ndarray:
    """A metallic FM bell: modulation fades with the sound."""
    t = clock(seconds)
    fade = np.exp(-4 * t / seconds)
    return np.sin(2 * np.pi * freq * t + index * fade * np.sin(2 * np.pi * freq * ratio * t)) * fade
