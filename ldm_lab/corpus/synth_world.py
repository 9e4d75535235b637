"""Makers of sounds modelled on the world in numpy: engines, motors, weather, water, animals, people.

Same contract as `synth_tones`: keyword numbers in, waveform (N,) at 16 kHz out, noise only from the recipe's seed.
"""

from __future__ import annotations

import numpy as np

from ldm_lab.corpus.synth_tones import band, clock, colour, phase, place, samples, swell, wave
from ldm_lab.corpus.table import SAMPLE_RATE


def _slow(seed: int, count: int, rate: float) -> np.ndarray:
    """A smooth random curve in 0..1 that turns about `rate` times a second."""
    rng = np.random.default_rng(seed)
    knots = rng.random(int(count / SAMPLE_RATE * rate) + 4)
    at = np.linspace(0, len(knots) - 1.001, count)
    left, part = at.astype(int), at % 1
    part = 0.5 - 0.5 * np.cos(np.pi * part)
    return knots[left] * (1 - part) + knots[left + 1] * part


def _rings(freq: float, seconds: float, decay: float) -> np.ndarray:
    t = clock(seconds)
    return np.sin(2 * np.pi * freq * t) * np.exp(-t / decay)


def engine(*, rpm: list, cylinders: int, seconds: float, seed: int, rough: float = 0.4) -> np.ndarray:
    """Four-stroke engine: cylinders / 2 firings per turn; `rpm` is a list of values at even times over the clip."""
    t = clock(seconds)
    speed = np.interp(t, np.linspace(0, seconds, len(rpm)), rpm) / 60
    firing = speed * cylinders / 2
    angle = phase(firing)
    rng = np.random.default_rng(seed)
    pulse = np.exp(-4 * ((angle / (2 * np.pi)) % 1)) * (1 + rough * (_slow(seed, len(t), 12) - 0.5))
    body = band(pulse * (1 + 0.5 * rng.standard_normal(len(t))), 40, 2500)
    half = np.sin(angle / cylinders * 2) * 0.15  # uneven cylinders sound at the turn rate
    return (body + half * np.abs(body).max() * 0.3) * swell(len(t), 0.05, 0.1)


def motor(*, freq: list, seconds: float, seed: int, teeth: int = 8) -> np.ndarray:
    """Electric motor: a whine at the commutator rate over noise; `freq` (turns a second) as a list over the clip."""
    t = clock(seconds)
    turns = np.interp(t, np.linspace(0, seconds, len(freq)), freq)
    whine = wave("sawtooth", phase(turns * teeth), turns * teeth)
    grind = band(np.random.default_rng(seed).standard_normal(len(t)), 300, 5000) * (1 + 0.7 * np.sin(phase(turns)))
    return (whine + 0.4 * grind) * swell(len(t), 0.05, 0.08) * (0.25 + 0.75 * turns / max(freq))


def fan(*, blades: float, seconds: float, seed: int, low: float = 100, high: float = 2500) -> np.ndarray:
    t = clock(seconds)
    air = band(np.random.default_rng(seed).standard_normal(len(t)), low, high)
    return air * (1 + 0.5 * np.sin(2 * np.pi * blades * t)) * swell(len(t), 0.2, 0.2)


def knocks(*, rate: float, seconds: float, seed: int, freq: float = 900, decay: float = 0.02, jitter: float = 0.0, two: float = 1.0) -> np.ndarray:
    """Regular knocks, ticks or hammer blows; every second one `two` times as high (tick-tock); `jitter` in seconds."""
    rng = np.random.default_rng(seed)
    parts, count = [], int(seconds * rate)
    for n in range(count):
        f = freq * (two if n % 2 else 1.0)
        length = min(0.6, decay * 8)
        click = _rings(f, length, decay) + 0.6 * _rings(f * 2.71, length, decay * 0.5)
        click += 0.5 * rng.standard_normal(len(click)) * np.exp(-clock(length) / 0.004)
        parts.append((max(0.0, n / rate + rng.normal(0, jitter) if jitter else n / rate), click))
    return place(parts, seconds)


def press(*, seconds: float, period: float, seed: int) -> np.ndarray:
    """A stamping machine: a hiss of air, then a heavy clank, once a period."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in range(int(seconds / period)):
        hiss = band(rng.standard_normal(samples(period * 0.4)), 2000, 6500)
        clank = sum(_rings(f, 0.35, 0.06) for f in (180, 437, 1130, 1870)) + 0.5 * rng.standard_normal(samples(0.35)) * np.exp(-clock(0.35) / 0.02)
        parts += [(n * period, 0.25 * hiss / hiss.std() * swell(len(hiss), 0.05, 0.05)), (n * period + 0.5 * period, clank)]
    return place(parts, seconds)


def wind(*, seconds: float, seed: int, low: float, high: float, gust: float = 0.6) -> np.ndarray:
    count = samples(seconds)
    base = band(colour(seed, count, 0.5), low, high)
    howl = band(colour(seed + 1, count, 0), (low + high) / 2, (low + high) / 2 * 1.3)
    return (base / base.std() + 0.5 * howl / howl.std()) * (0.25 + _slow(seed, count, gust) ** 1.5) * swell(count, 0.3, 0.3)


def drops(*, rate: float, seconds: float, seed: int, low: float, high: float, bed: float = 0.0, rise: float = 1.5) -> np.ndarray:
    """Water drops (short rising rings) at random times, over a bed of noise: dripping, bubbling or rain by rate."""
    rng = np.random.default_rng(seed)
    parts = []
    for start in np.sort(rng.uniform(0, seconds - 0.1, max(1, int(rate * seconds)))):
        length = float(rng.uniform(0.03, 0.12))
        t = clock(length)
        f = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        freq = f * rise ** (t / length)
        parts.append((float(start), np.sin(phase(freq)) * np.exp(-5 * t / length) * rng.uniform(0.3, 1)))
    count = samples(seconds)
    hiss = band(rng.standard_normal(count), 800, 7000)
    return place(parts, seconds) + bed * hiss / hiss.std()


def waves(*, seconds: float, period: float, seed: int) -> np.ndarray:
    t = clock(seconds)
    rise = (0.5 - 0.5 * np.cos(2 * np.pi * t / period)) ** 2
    return (colour(seed, len(t), 1) * 0.7 + colour(seed + 1, len(t), 0) * 0.3 * rise) * (0.1 + rise) * swell(len(t), 0.2, 0.2)


def crackle(*, rate: float, seconds: float, seed: int, bed: float) -> np.ndarray:
    """Crackles at random times over a low rumble: fire, static, a Geiger counter (bed 0)."""
    rng = np.random.default_rng(seed)
    count = samples(seconds)
    out = np.zeros(count)
    at = rng.integers(0, count - 200, int(rate * seconds))
    for start, gain in zip(at, rng.exponential(1, len(at)), strict=True):
        out[start : start + 160] += gain * rng.standard_normal(160) * np.exp(-np.arange(160) / 25)
    return out + bed * band(colour(seed + 1, count, 1.5), 40, 1200)


def blast(*, seconds: float, seed: int, decay: float, low: float) -> np.ndarray:
    """An explosion: a burst whose highs die first, over a low thump."""
    t = clock(seconds)
    white = np.random.default_rng(seed).standard_normal(len(t))
    high, deep = band(white, 300, 6000), band(white, 30, 300)
    thump = np.sin(phase(low * (0.4 + 0.6 * np.exp(-6 * t)))) * np.exp(-t / decay)
    return high / high.std() * np.exp(-t / (decay * 0.35)) + 1.2 * deep / deep.std() * np.exp(-t / decay) + 2 * thump


def shots(*, count: int, rate: float, seed: int, decay: float) -> np.ndarray:
    """Gun fire: `count` cracks, `rate` a second."""
    rng = np.random.default_rng(seed)
    crack = rng.standard_normal(samples(0.5)) * np.exp(-clock(0.5) / decay)
    crack = crack + 0.8 * band(crack, 60, 400) / 0.3
    return place([(n / rate, crack * rng.uniform(0.85, 1)) for n in range(count)], count / rate + 0.5)


def heart(*, bpm: float, seconds: float) -> np.ndarray:
    """Heartbeats: lub and dub."""
    beat = 60 / bpm
    lub, dub = _rings(52, 0.25, 0.05), 0.7 * _rings(68, 0.2, 0.04)
    parts = [(n * beat + shift, part) for n in range(int(seconds / beat)) for shift, part in ((0, lub), (min(0.32, beat * 0.38), dub))]
    return place(parts, seconds)


def breathing(*, period: float, seconds: float, seed: int, snore: float = 0.0) -> np.ndarray:
    """In (brighter) and out (darker) breaths; `snore` adds a rattle of that many Hz to the in-breath."""
    t = clock(seconds)
    cycle = (t / period) % 1
    rng = np.random.default_rng(seed)
    inward = band(rng.standard_normal(len(t)), 900, 4500)
    outward = band(rng.standard_normal(len(t)), 300, 2200)
    up = np.clip(np.sin(np.pi * cycle / 0.42), 0, None) * (cycle < 0.42)
    down = np.clip(np.sin(np.pi * (cycle - 0.5) / 0.42), 0, None) * ((cycle > 0.5) & (cycle < 0.92))
    if snore:
        rattle = band(wave("sawtooth", phase(np.full(len(t), snore)), snore) * (1 + 0.4 * rng.standard_normal(len(t))), 60, 1500)
        inward = inward * 0.3 + rattle / rattle.std()
    return inward / inward.std() * up + 0.7 * outward / outward.std() * down


def clapping(*, people: int, rate: float, seconds: float, seed: int) -> np.ndarray:
    """Hand claps of some people, each at a rate of their own."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(people):
        own, freq, gain, shift = rate * rng.uniform(0.85, 1.15), rng.uniform(900, 2200), rng.uniform(0.4, 1), rng.uniform(0, 1 / rate)
        clap = band(rng.standard_normal(samples(0.06)) * np.exp(-clock(0.06) / 0.008), freq * 0.6, freq * 1.8)
        parts += [(float(shift + n / own + abs(rng.normal(0, 0.01))), clap * gain) for n in range(int((seconds - shift) * own))]
    return place(parts, seconds)


def whistle(*, notes: list, length: float, seed: int, glide: float = 0.0) -> np.ndarray:
    """A person whistling: MIDI notes with vibrato and breath; `glide` in semitones slides each note."""
    rng = np.random.default_rng(seed)
    out = []
    for note in notes:
        t = clock(length)
        freq = 440 * 2 ** ((note - 69 + glide * (t / length - 0.5) + 0.15 * np.sin(2 * np.pi * 5.5 * t)) / 12)
        breath = band(rng.standard_normal(len(t)), 1500, 5000)
        out.append((np.sin(phase(freq)) + 0.03 * breath / breath.std()) * swell(len(t), 0.04, 0.06))
    return np.concatenate(out)


def birdsong(*, seed: int, count: int, low: float, high: float, length: float, gap: float) -> np.ndarray:
    """A phrase of chirps: each sweeps between two pitches with a trill, one bird's repertoire of three syllables."""
    rng = np.random.default_rng(seed)
    kinds = [(rng.uniform(low, high), rng.uniform(low, high), rng.choice((0, 0, 25, 40))) for _ in range(3)]
    parts, at = [], 0.0
    for _ in range(count):
        start, end, trill = kinds[rng.integers(3)]
        t = clock(length * rng.uniform(0.7, 1.2))
        freq = start * (end / start) ** (t / t[-1]) * (1 + 0.06 * np.sin(2 * np.pi * trill * t))
        parts.append((at, np.sin(phase(freq)) * swell(len(t), 0.015, 0.03)))
        at += t[-1] + gap * rng.uniform(0.6, 1.6)
    return place(parts, at + 0.05)


def cricket(*, freq: float, rate: float, pulses: int, seconds: float) -> np.ndarray:
    """Cricket chirps: groups of short pulses of a high tone, `rate` groups a second."""
    t = clock(seconds)
    group = (t * rate) % 1
    pulse = (group < 0.5) * np.clip(np.sin(2 * np.pi * pulses * group * 2), 0, None)
    return np.sin(2 * np.pi * freq * t) * pulse


def croak(*, pitch: float, rate: float, count: int, seed: int, formant: float = 900) -> np.ndarray:
    """Frog-like croaks: pulse trains through a resonance."""
    rng = np.random.default_rng(seed)
    t = clock(0.28)
    train = wave("sawtooth", phase(pitch * (1 + 0.15 * t / 0.28) * np.ones(len(t))), pitch)
    call = band(train * (1 + 0.2 * rng.standard_normal(len(t))), formant * 0.6, formant * 1.6) * swell(len(t), 0.03, 0.08)
    return place([(n / rate, call) for n in range(count)], count / rate + 0.3)


def buzz(*, freq: float, seconds: float, seed: int, wander: float = 0.15) -> np.ndarray:
    """An insect's wings: a harmonic tone whose pitch and loudness wander."""
    count = samples(seconds)
    f = freq * (1 + wander * (_slow(seed, count, 2) - 0.5))
    return wave("sawtooth", phase(f), f * 1.1) * (0.3 + _slow(seed + 1, count, 1.5)) * swell(count, 0.1, 0.1)


def hoot(*, freq: float, pattern: list, seed: int) -> np.ndarray:
    """Owl-like hoots: [start_s, length_s] pairs of a soft low tone."""
    parts = []
    for start, length in pattern:
        t = clock(length)
        f = freq * (1 + 0.05 * np.sin(np.pi * t / length))
        breath = band(np.random.default_rng(seed).standard_normal(len(t)), freq * 0.8, freq * 2)
        parts.append((start, (np.sin(phase(f)) + 0.1 * np.sin(2 * phase(f)) + 0.05 * breath / breath.std()) * swell(len(t), 0.06, 0.12)))
    return place(parts, pattern[-1][0] + pattern[-1][1] + 0.05)


def chuffs(*, rate: list, seconds: float, seed: int) -> np.ndarray:
    """Steam engine: puffs of noise, four a turn, the first stressed; `rate` (puffs a second) as a list over the clip."""
    t = clock(seconds)
    speed = np.interp(t, np.linspace(0, seconds, len(rate)), rate)
    cycle = phase(speed) / (2 * np.pi)
    envelope = np.exp(-5 * (cycle % 1)) * np.where(cycle.astype(int) % 4 == 0, 1.0, 0.7)
    return band(np.random.default_rng(seed).standard_normal(len(t)), 150, 4000) * envelope * swell(len(t), 0.02, 0.1)


def horn(*, freqs: list, seconds: float, seed: int) -> np.ndarray:
    """Horns and whistles of vehicles: a chord of rich tones with breath."""
    t = clock(seconds)
    start = 1 - 0.04 * np.exp(-t / 0.08)
    chord = sum(wave("sawtooth", phase(f * start), f) for f in freqs)
    air = band(np.random.default_rng(seed).standard_normal(len(t)), 800, 6000)
    return (chord + 0.1 * air / air.std()) * swell(len(t), 0.06, 0.12)


def jet(*, seconds: float, seed: int, whine: list, pass_by: bool = False) -> np.ndarray:
    """A jet: roar and turbine whine (Hz over the clip); `pass_by` swells and falls, brightest in the middle."""
    t = clock(seconds)
    roar = colour(seed, len(t), 1.0)
    f = np.interp(t, np.linspace(0, seconds, len(whine)), whine)
    out = roar + 0.35 * np.sin(phase(f)) + 0.2 * np.sin(2.02 * phase(f))
    return out * (np.exp(-(((t - seconds / 2) / (seconds / 5)) ** 2)) + 0.03 if pass_by else swell(len(t), 0.4, 0.4))


def rotor(*, rate: float, seconds: float, seed: int) -> np.ndarray:
    """A helicopter: blade slaps at `rate` a second over turbine noise."""
    t = clock(seconds)
    rng = np.random.default_rng(seed)
    slap = np.exp(-9 * ((t * rate) % 1)) * band(rng.standard_normal(len(t)), 40, 900)
    air = band(rng.standard_normal(len(t)), 500, 5000)
    return (slap / slap.std() + 0.25 * air / air.std()) * swell(len(t), 0.3, 0.3)
