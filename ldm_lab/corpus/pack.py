"""Ogg bytes in, zip files out: encode a clip, pack a category, both the same bytes each time."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ldm_lab.audio.io import encode
from ldm_lab.corpus.table import CATEGORIES, SAMPLE_RATE
from ldm_lab.files import write_bytes

VORBIS_QUALITY = {"music": 0.2, "ambience": 0.2, "nature": 0.2, "instrument": 0.2}
"""Vorbis quality (0-1) of categories with long clips; every other category uses `DEFAULT_QUALITY`."""
DEFAULT_QUALITY = 0.3
REENCODED = ("music", "ambience", "nature")
"""Categories whose recordings are encoded a second time, at `VORBIS_QUALITY`, because they hold most of the seconds."""
PEAK = 0.9
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = ((value << 1) ^ 0x04C11DB7) & 0xFFFFFFFF if value & 0x80000000 else value << 1
        table.append(value)
    return table


_CRC = _crc_table()


def _ogg_crc(page: bytes) -> int:
    """CRC-32 of an Ogg page (RFC 3533 section 6: polynomial 0x04c11db7, no reflection, start 0)."""
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value


def fix_serial(ogg: bytes, serial: int = 1) -> bytes:
    """Give every page the same stream serial number: the encoder draws it from the clock, so equal sounds differ."""
    out, at = bytearray(), 0
    while at < len(ogg):
        segments = ogg[at + 26]
        size = 27 + segments + sum(ogg[at + 27 : at + 27 + segments])
        page = bytearray(ogg[at : at + size])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = b"\0\0\0\0"
        page[22:26] = struct.pack("<I", _ogg_crc(bytes(page)))
        out += page
        at += size
    return bytes(out)


def quality_of(category: str) -> float:
    """The Vorbis quality (0-1) that clips of a category are encoded at."""
    return VORBIS_QUALITY.get(category, DEFAULT_QUALITY)


def encode_ogg(wav: np.ndarray, *, quality: float) -> bytes:
    """Ogg Vorbis bytes of a mono 16 kHz waveform (N,) in [-1, 1]; the same input gives the same bytes."""
    return fix_serial(encode(wav, SAMPLE_RATE, ".ogg", compression_level=1.0 - quality))


def encode_recording(ogg: bytes, category: str) -> bytes:
    """The bytes a cut recording is packed as: categories of long clips are encoded once more where that is smaller."""
    if category not in REENCODED:
        return ogg
    smaller = encode_ogg(decode_ogg(ogg), quality=quality_of(category))
    return smaller if len(smaller) < len(ogg) else ogg


def decode_ogg(ogg: bytes) -> np.ndarray:
    """Waveform (N,) float32 of Ogg bytes."""
    import soundfile

    wav, _ = soundfile.read(io.BytesIO(ogg), dtype="float32", always_2d=False)
    return wav


def tidy(wav: np.ndarray, *, floor_db: float = -46.0, longest_s: float = 10.0) -> np.ndarray:
    """Trim silent ends (10 ms frames `floor_db` under the loudest), cut to `longest_s`, fade the cut, peak to 0.9."""
    frame = SAMPLE_RATE // 100
    count = -(-len(wav) // frame)
    padded = np.zeros(count * frame)
    padded[: len(wav)] = wav
    power = np.mean(padded.reshape(count, frame) ** 2, axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (floor_db / 10))
    if not len(loud):
        return np.zeros(0)
    first, last = max(0, loud[0] - 1), min(count, loud[-1] + 3)
    out = padded[first * frame : last * frame][: int(longest_s * SAMPLE_RATE)].copy()
    fade = min(len(out), 2 * frame)
    out[-fade:] *= np.linspace(1, 0, fade)
    return out * (PEAK / max(1e-9, np.abs(out).max()))


def write_zips(sounds: Mapping[str, bytes], folder: Path) -> dict[str, int]:
    """One zip per category from `{"category/name.ogg": bytes}`; returns the size of each in bytes."""
    sizes = {}
    for category in CATEGORIES:
        names = sorted(name for name in sounds if name.startswith(category + "/"))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in names:
                info = zipfile.ZipInfo(name.split("/", 1)[1], _ZIP_TIME)
                info.compress_type = zipfile.ZIP_DEFLATED  # each file repeats the encoder's 3 KB of code books: 7 % less in all
                info.external_attr = 0o644 << 16
                archive.writestr(info, sounds[name])
        write_bytes(folder / f"{category}.zip", buffer.getvalue())
        sizes[category] = len(buffer.getvalue())
    return sizes
