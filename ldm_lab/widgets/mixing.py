"""What a latent mixer does, without the page: a sound's latent, its channels times gains, and what the decoder makes of it."""

from __future__ import annotations

import io
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ldm_lab.errors import LabError, OptionError
from ldm_lab.system import AudioLDM
from ldm_lab.widgets import picture
from ldm_lab.widgets.signed import signed

MAX_GAIN = 2.0
KEPT = 32  # mixes held, by their gains: 10 MB of sound for 2.56 s
DB = 20.0 / np.log(10.0)  # of a natural-log mel unit
TILE, GAP, COLOURS = (58, 36), 9, 128  # of a channel in the still picture, in pixels; both colour scales


@dataclass(frozen=True, eq=False)
class Mix:
    """What the decoder makes of some gains: latent (C, T/r, 64/r), mel (T, 64), wav (N,), and the seconds that it took."""

    latent: Tensor
    mel: Tensor
    wav: Tensor
    seconds: dict[str, float]

    @property
    def level(self) -> float:
        """RMS in dB of full scale."""
        return 10.0 * float((self.wav.square().mean() + 1e-12).log10())


class Mixing:
    """The latent z (C, T/r, 64/r) of a sound (1, N), and its mixes: each is decoded once and kept for a while."""

    def __init__(self, ldm: AudioLDM, wav: Tensor) -> None:
        self.ldm, self.samples = ldm, wav.shape[1]
        self.z = ldm.mel_to_latent(ldm.wav_to_mel(wav))[0].float().cpu()
        self._memo: OrderedDict[tuple[float, ...], Mix] = OrderedDict()
        self.plain = self.decode((1.0,) * len(self.z))

    def __contains__(self, gains: Sequence[float]) -> bool:
        return tuple(gains) in self._memo

    def decode(self, gains: Sequence[float]) -> Mix:
        """The mix for the gains of all channels."""
        key = tuple(gains)
        if key not in self._memo:
            self._memo[key] = self._decode(key)
            if len(self._memo) > KEPT:
                self._memo.popitem(last=False)
        self._memo.move_to_end(key)
        return self._memo[key]

    def _decode(self, gains: tuple[float, ...]) -> Mix:
        latent = self.z * torch.tensor(gains)[:, None, None]
        begin = time.perf_counter()
        mel = self.ldm.latent_to_mel(latent[None])
        middle = time.perf_counter()
        wav = self.ldm.mel_to_wav(mel)[0, : self.samples].float().cpu()
        end = time.perf_counter()
        if not torch.isfinite(wav).all():
            raise LabError("the decoder or the vocoder gave NaN; use smaller gains, or a model with dtype='float32'")
        frames = -(-self.samples // self.ldm.config.mel.hop_length)
        spent = {"decode": middle - begin, "vocode": end - middle, "total": end - begin}
        return Mix(latent, mel[0, :frames].float().cpu(), wav.clamp(-1.0, 1.0), spent)

    def difference(self, mix: Mix) -> float:
        """Mean absolute difference in dB between the log-mel of a mix and that of the latent as it is."""
        return float((mix.mel - self.plain.mel).abs().mean()) * DB

    @property
    def energy(self) -> list[float]:
        """Share of the sum of squares of z that lies in each channel."""
        squares = self.z.square().sum((1, 2))
        return (squares / squares.sum().clamp(min=1e-12)).tolist()

    def strips(self) -> list[dict]:
        """What a page draws of each channel: {energy, cells: int8 (T/r, 64/r) bytes, 127 = the channel's own peak}."""
        peak = self.z.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
        cells = (self.z / peak * 127.0).round().to(torch.int8)
        return [{"energy": energy, "cells": channel.numpy().tobytes()} for energy, channel in zip(self.energy, cells)]

    def without(self) -> list[float]:
        """For each channel the `difference` in dB that muting it alone makes: one pass of the decoder each, no vocoder."""
        found = []
        for channel in range(len(self.z)):
            latent = self.z.clone()
            latent[channel] = 0.0
            mel = self.ldm.latent_to_mel(latent[None])[0, : len(self.plain.mel)].float().cpu()
            found.append(float((mel - self.plain.mel).abs().mean()) * DB)
        return found


def applied_gains(gains: Sequence[float], muted: Sequence[int], solo: Sequence[int]) -> list[float]:
    """The gain of each channel after mute and solo: if any channel is solo, only those are heard; mute always silences."""
    heard = set(solo or range(len(gains))) - set(muted)
    return [gain if channel in heard else 0.0 for channel, gain in enumerate(gains)]


def check_gains(gains: Sequence[float], channels: int) -> list[float]:
    """`gains` as floats if there is one in [0, 2] for each channel; else OptionError."""
    values = [float(gain) for gain in gains]
    if len(values) != channels or not all(0.0 <= gain <= MAX_GAIN for gain in values):
        raise OptionError(f"gains: got {len(values)} numbers {[round(v, 3) for v in values[:20]]}, expected {channels}, "
                          f"one a channel, each from 0 to {MAX_GAIN:g}")
    return values


def check_channels(name: str, channels: Sequence[int], count: int) -> list[int]:
    """Channel numbers sorted, each once; OptionError for one that is not there."""
    if wrong := [channel for channel in channels if not 0 <= channel < count]:
        raise OptionError(f"{name}: got channel {wrong[0]}, expected numbers from 0 to {count - 1}")
    return sorted(set(channels))


def still(versions: bytes, mix: Mix, gains: Sequence[float], energy: Sequence[float]) -> bytes:
    """PNG: the picture of the versions (PNG), and below it each channel as it is mixed, with its gain and share of energy."""
    from PIL import Image, ImageDraw, ImageFont

    above = Image.open(io.BytesIO(versions)).convert("RGB")
    across = max(1, above.width // (TILE[0] + GAP))
    lines = -(-len(gains) // across)
    pitch = TILE[1] + 3 * picture.LINE
    sheet = Image.new("RGB", (above.width, above.height + 6 + lines * pitch), "white")
    sheet.paste(above, (0, 0))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for channel, (gain, share) in enumerate(zip(gains, energy)):
        x = GAP + channel % across * (TILE[0] + GAP)
        y = above.height + 6 + channel // across * pitch
        peak = float(mix.latent[channel].abs().max()) / gain if gain else 1.0
        cells = signed(mix.latent[channel].T.flip(0).numpy(), limit=peak or 1.0)
        pen.text((x, y + picture.LINE - 3), f"{channel}: x {gain:.2f}", "black", font, anchor="ls")
        pen.rectangle((x - 1, y + picture.LINE - 1, x + TILE[0], y + picture.LINE + TILE[1]), outline="#777777")
        sheet.paste(Image.fromarray(cells).resize(TILE, Image.Resampling.NEAREST), (x, y + picture.LINE))
        pen.text((x, y + picture.LINE + TILE[1] + 4), f"{share:.1%}", "black", font, anchor="lt")
    out = io.BytesIO()
    sheet.quantize(COLOURS).save(out, format="png", optimize=True)
    return out.getvalue()
