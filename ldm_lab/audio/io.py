"""Sound files in and out, and making any sound usable: mono, 16 kHz, finite. The only user of `soundfile`."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.errors import AudioInputError
from ldm_lab.files import write_bytes

MAX_SECONDS = 3600.0  # longest input read in one go; longer files name a start and a length


def load(path: str | os.PathLike, *, sample_rate: int = 16000, start: float = 0.0, seconds: float | None = None,
         max_seconds: float = MAX_SECONDS) -> Tensor:
    """Read any sound file as mono float32 (1, N) at `sample_rate`.

    Channels are averaged. `start` and `seconds` select a part. Raises AudioInputError for a file that is missing, not
    sound, empty, not finite, or longer than `max_seconds` (give `seconds` then).
    """
    import soundfile

    path = Path(path)
    if not path.is_file():
        raise AudioInputError(f"{path}: no such file" if not path.exists() else f"{path}: not a regular file")
    if path.stat().st_size == 0:
        raise AudioInputError(f"{path}: the file is empty")
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate, total = file.samplerate, file.frames
            if not 1000 <= rate <= 768000:
                raise AudioInputError(f"{path}: sample rate {rate} Hz, expected 1000 to 768000")
            length = (total / rate - start) if seconds is None else seconds
            if length > max_seconds:
                raise AudioInputError(
                    f"{path}: {length:.0f} s of sound, at most {max_seconds:.0f} s are read at once; "
                    "give start= and seconds= to choose a part"
                )
            file.seek(min(total, max(0, round(start * rate))))
            data = file.read(round(length * rate) if length > 0 else 0, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioInputError(f"{path}: not a readable sound file ({error}); convert it to WAV, FLAC, OGG or MP3") from error
    if data.shape[0] == 0:
        raise AudioInputError(f"{path}: holds no samples")
    return prepare(data.T, rate, sample_rate=sample_rate, name=str(path))


def prepare(audio, rate: int, *, sample_rate: int = 16000, name: str = "wav") -> Tensor:
    """Any array of sound -- (N,), or (channels, N) -- at `rate` to float32 (1, N) at `sample_rate`.

    Integer samples are scaled to [-1, 1]. Raises AudioInputError if it is empty, has more than 2 axes or is not finite.
    """
    array = np.asarray(audio.detach().cpu() if isinstance(audio, Tensor) else audio)
    if array.ndim not in (1, 2) or array.size == 0:
        raise AudioInputError(f"{name}: got shape {array.shape}, expected (N,) or (channels, N) with N > 0")
    if np.issubdtype(array.dtype, np.integer):
        array = array / float(np.iinfo(array.dtype).max + 1)
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise AudioInputError(f"{name}: {bad} samples are NaN or infinite; repair the recording first")
    mono = array if array.ndim == 1 else array.mean(axis=0)
    return torch.from_numpy(np.ascontiguousarray(resample(mono, rate, sample_rate)))[None]


def resample(audio: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """(N,) samples at `rate` to (round(N * new_rate / rate),) at `new_rate` with a high-quality band-limited filter."""
    if rate == new_rate:
        return audio
    import soxr

    return soxr.resample(audio, rate, new_rate, quality="HQ").astype(np.float32)


def check_wav(wav, *, name: str = "wav") -> Tensor:
    """Return `wav` as (B, N) float32, or raise AudioInputError: wrong axes, empty, or not finite."""
    wav = torch.as_tensor(wav)
    wav = wav[None] if wav.ndim == 1 else wav
    if wav.ndim != 2 or wav.numel() == 0 or not wav.is_floating_point():
        raise AudioInputError(f"{name}: got {wav.dtype} {tuple(wav.shape)}, expected floating point (B, N) in [-1, 1]")
    if not torch.isfinite(wav).all():
        raise AudioInputError(f"{name}: holds NaN or infinite samples; repair the recording first")
    return wav.float()


BLOCK = 8192  # samples handed to an encoder at once; minutes of Vorbis in one piece overflow its stack
FORMATS = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS", ".mp3": "MPEG_LAYER_III"}


def save(path: str | os.PathLike, wav, sample_rate: int = 16000, *, comment: str = "") -> Path:
    """Write `wav` ((N,) or (1, N), clipped to [-1, 1]) to a WAV, FLAC, OGG or MP3 file; the ending chooses.

    The file appears whole or not at all: it is written beside its place, synced and renamed. `comment` is stored in the
    file's metadata where the format has room.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise AudioInputError(f"{path}: cannot write {path.suffix or 'a file without ending'}; use {', '.join(FORMATS)}")
    array = np.asarray(torch.as_tensor(wav).detach().cpu(), dtype=np.float32)
    array = array[0] if array.ndim == 2 and array.shape[0] == 1 else array
    if array.ndim != 1 or array.size == 0:
        raise AudioInputError(f"got shape {array.shape}, expected one mono sound (N,); save several one by one")
    if not np.isfinite(array).all():
        raise AudioInputError("the sound holds NaN or infinite samples; nothing was written")
    write_bytes(path, encode(np.clip(array, -1.0, 1.0), sample_rate, path.suffix.lower(), comment=comment))
    return path


def encode(array: np.ndarray, sample_rate: int, ending: str, *, comment: str = "",
           compression_level: float | None = None) -> bytes:
    """The bytes of a sound file of (N,) samples; `ending` is one of `FORMATS`, compression_level 0 (best) to 1 (smallest)."""
    import soundfile

    buffer = io.BytesIO()
    options = {"subtype": FORMATS[ending], "format": ending[1:].upper(), "compression_level": compression_level}
    with soundfile.SoundFile(buffer, "w", sample_rate, 1, **options) as file:
        if comment:
            file.comment = comment
        for at in range(0, len(array), BLOCK):
            file.write(array[at : at + BLOCK])
    return buffer.getvalue()
