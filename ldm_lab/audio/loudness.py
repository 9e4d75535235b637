"""How loud a sound is to people: ITU-R BS.1770-4."""

from __future__ import annotations

import math

import numpy as np

# ITU-R BS.1770-4, tables 1 and 2: shelf and high-pass at 48 kHz as (b0, b1, b2, a1, a2).
K_WEIGHTING = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585),
    (1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621),
)


def loudness(wav: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of a mono sound (N,) in LUFS by ITU-R BS.1770-4; -inf for silence.

    The K-weighting is the response of the standard's 48 kHz filters, applied to the spectrum without its phase, so that
    any sample rate will do. A sound shorter than the standard's block of 400 ms is one block.
    """
    size = 1 << math.ceil(math.log2(2 * len(wav)))  # room for the filters to ring: nothing wraps around
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size, 1.0 / sample_rate) / 48000.0)
    gain = np.ones(len(z))
    for b0, b1, b2, a1, a2 in K_WEIGHTING:
        gain *= np.abs((b0 + b1 * z + b2 * z**2) / (1.0 + a1 * z + a2 * z**2))
    weighted = np.fft.irfft(np.fft.rfft(wav, size) * gain, size)[: len(wav)]
    block = min(len(wav), round(0.4 * sample_rate))
    total = np.concatenate([[0.0], np.cumsum(weighted**2)])
    starts = np.arange(0, len(wav) - block + 1, max(1, block // 4))  # blocks overlap by 75 %
    power = (total[starts + block] - total[starts]) / block
    level = lambda mean_square: -0.691 + 10.0 * np.log10(np.maximum(mean_square, 1e-30))
    power = power[level(power) > -70.0]
    if len(power):
        power = power[level(power) > level(power.mean()) - 10.0]
    return float(level(power.mean())) if len(power) else -math.inf
