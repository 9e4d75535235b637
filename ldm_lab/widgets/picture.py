"""Sound as bytes for a front end, and as a still picture where no front end runs."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Sequence

import numpy as np
import torch

from ldm_lab.audio.io import check_wav
from ldm_lab.audio.mel import log_mel, mel_frequencies
from ldm_lab.config import MelConfig
from ldm_lab.errors import AudioInputError

MAX_SECONDS = 600.0  # a player holds its sound in the page: 19 MB for ten minutes
MAX_COLUMNS = 4096  # picture columns; longer sounds show the loudest frame of each group
LINE = 17  # pixels a line of text in a still picture
TICKS_HZ = (500, 1000, 2000, 4000)
RAMP = (  # matplotlib's magma at 17 even stops, six hexadecimal digits each; js/picture.js holds the same
    "0000040a08221d114736106b51127c6a1c818326819c2e7fb73779d0416fe75263f56b5cfc8961fea772fec488fde2a3fcfdbf"
)
RANGE = 9.0  # natural-log units shown below the loudest cell (78 dB)


def mono(wav, *, sample_rate: int) -> np.ndarray:
    """`wav` ((N,) or (1, N), tensor or array, float in [-1, 1]) as (N,) float32; AudioInputError for anything else."""
    batch = check_wav(torch.as_tensor(wav).detach().cpu())
    if batch.shape[0] != 1:
        raise AudioInputError(f"got {batch.shape[0]} sounds of shape {tuple(batch.shape)}, expected one; show them one by one")
    seconds = batch.shape[1] / sample_rate
    if seconds > MAX_SECONDS:
        raise AudioInputError(f"got {seconds:.0f} s of sound, a player takes up to {MAX_SECONDS:.0f} s; show a part of it")
    return batch[0].numpy()


def pcm_bytes(wav: np.ndarray) -> bytes:
    """(N,) float in [-1, 1] -> int16 little-endian bytes; louder samples are clipped."""
    return np.clip(np.round(wav * 32768.0), -32768, 32767).astype("<i2").tobytes()


def spectrogram(wav: np.ndarray, config: MelConfig) -> np.ndarray:
    """(N,) -> natural-log mel (T, M) with T >= 1: sounds shorter than a frame are padded with silence."""
    short = max(0, config.hop_length - len(wav))
    return log_mel(torch.from_numpy(np.pad(wav, (0, short)))[None], config)[0].numpy()


def columns_per_cell(frames: int, limit: int = MAX_COLUMNS) -> int:
    """How many frames share a picture column, so that at most `limit` columns are shown."""
    return max(1, -(-frames // limit))


def fold_columns(mel: np.ndarray, group: int) -> np.ndarray:
    """(T, M) -> (ceil(T / group), M): the loudest of each `group` frames."""
    if group == 1:
        return mel
    padded = np.pad(mel, ((0, -len(mel) % group), (0, 0)), constant_values=mel.min())
    return padded.reshape(-1, group, mel.shape[1]).max(axis=1)


def levels(mel: np.ndarray, top: float) -> np.ndarray:
    """Log-mel (any shape) -> uint8: 255 at `top` and above, 0 at RANGE below it."""
    return np.round(255.0 * np.clip((mel - top) / RANGE + 1.0, 0.0, 1.0)).astype(np.uint8)


def top_level(mels: Sequence[np.ndarray], config: MelConfig) -> float:
    """The loudest cell of several mels, so that they share one scale; silence counts as RANGE above the floor."""
    return max(float(np.log(config.floor)) + RANGE, *(float(mel.max()) for mel in mels))


def band_centres(config: MelConfig) -> list[float]:
    """Centre of each mel band in Hz."""
    return mel_frequencies(config)[1:-1].tolist()


def colours(cells: np.ndarray) -> np.ndarray:
    """uint8 cells (any shape) -> RGB (.., 3) by matplotlib's magma at 17 stops, as the front end does."""
    stops = np.array([[int(RAMP[i + k : i + k + 2], 16) for k in (0, 2, 4)] for i in range(0, len(RAMP), 6)], dtype=float)
    at = np.arange(256) / 255.0 * (len(stops) - 1)
    table = np.stack([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)], axis=-1)
    return np.round(table).astype(np.uint8)[cells]


def time_ticks(seconds: float, most: int = 8) -> list[float]:
    """Round times in [0, seconds], about `most` of them."""
    raw = seconds / most
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    return [round(float(i * step), 6) for i in range(int(seconds / step + 1e-6) + 1)]


def still(mels: Sequence[np.ndarray], labels: Sequence[str], config: MelConfig, *, width: int = 480,
          height: int = 112, box: Sequence[float] = ()) -> bytes:
    """PNG of one or several log-mels (T, M), one above the other, axes in seconds and hertz, each with words above it.

    box: [start_s, end_s, low_hz, high_hz], outlined in each of them.
    """
    from PIL import Image, ImageDraw, ImageFont

    words = [textwrap.fill(label, 78, max_lines=3, placeholder=" ...") for label in labels]
    left, right, bottom = 46, 14, 34
    top_margin = 6 + LINE * max(1, *(text.count("\n") + 1 for text in words))
    pitch = height + top_margin
    sheet = Image.new("RGB", (left + width + right, pitch * len(mels) + bottom), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    top, centres = top_level(mels, config), band_centres(config)
    longest = max(len(mel) for mel in mels) * config.hop_length / config.sample_rate
    for i, (mel, label) in enumerate(zip(mels, words)):
        y = i * pitch + top_margin
        pen.rectangle((left, y, left + width, y + height), fill="#000004")
        cells = levels(fold_columns(mel, columns_per_cell(len(mel))), top)
        seconds = len(mel) * config.hop_length / config.sample_rate
        part = Image.fromarray(colours(cells.T[::-1]))
        sheet.paste(part.resize((max(1, round(width * seconds / longest)), height), Image.Resampling.BOX), (left, y))
        pen.multiline_text((left, y - 4), label, "black", font, anchor="ld", spacing=2)
        pen.text((2, y + 2), "Hz", "black", font, anchor="lt")
        for hz in (hz for hz in TICKS_HZ if centres[0] < hz < centres[-1]):
            band = float(np.interp(hz, centres, np.arange(len(centres))))
            row = y + height * (1.0 - (band + 0.5) / len(centres))
            pen.line((left - 4, row, left, row), fill="black")
            pen.text((left - 7, row), f"{hz:g}", "black", font, anchor="rm")
        if len(box):
            rows = np.interp(box[2:], [0.0, *centres, config.sample_rate / 2], [0.0, *np.arange(len(centres)) + 0.5, len(centres)])
            low, high = y + height * (1.0 - rows / len(centres))
            start, end = left + width * np.minimum(box[:2], longest) / longest
            pen.rectangle((start, high, end, low), outline="white", width=2)
    base = pitch * len(mels)
    for time in time_ticks(longest):
        x = left + width * time / longest
        pen.line((x, base, x, base + 4), fill="black")
        pen.text((x, base + 6), f"{time:g}", "black", font, anchor="mt")
    pen.text((left + width, base + 20), "seconds", "black", font, anchor="rt")
    return to_png(sheet)


def to_png(image) -> bytes:
    """A PIL picture as a small PNG of 32 colours."""
    out = io.BytesIO()
    image.quantize(32).save(out, format="png", optimize=True)
    return out.getvalue()


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
