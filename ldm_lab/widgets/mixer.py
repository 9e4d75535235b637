"""LatentMixer: faders, solo and mute on the channels of a sound's latent, decoded while you move them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import torch
import traitlets
from torch import Tensor

from ldm_lab.editing.job import read_sounds
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.options import whole
from ldm_lab.result import Result
from ldm_lab.system import AudioLDM
from ldm_lab.widgets import mixing, picture
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.mixing import Mix, Mixing
from ldm_lab.widgets.sounds import matching_gains, pack

MAX_SECONDS = 30.0  # decoding takes about a tenth of the sound's length on two cores
SLOW = 0.7  # seconds of decoding from which a progress line is worth its flicker


class LatentMixer(LabWidget):
    """One channel strip for each latent channel of a sound: ``LatentMixer(ldm, "bell.wav")``.

    The latent (C, T/r, 64/r) is the posterior's mean times `ldm.scale_factor`, as the UNet sees it. Each channel is
    multiplied by its gain; a muted one is filled with zeros, the middle of its values over many sounds: not silence.
    Versions to compare: "original" (the sound as given), "decoded" (the latent as it is: what autoencoder and vocoder
    keep) and "mix".

    Traits, both ways: `gains` (C numbers, 0 to 2, 1 = as it is), `muted` and `solo` (lists of channel numbers; if any
    channel is solo, only those are heard). Read: `applied` (gains after mute and solo), `latent`, `mel` and `wav` of the
    mix, `energy` (share of each channel), `difference` (dB from "decoded"). Methods: `strongest`, `reset`, `all_off`,
    `solo_next`, `measure`, `result`.
    """

    _esm = esm("mixer")
    _css = css("lab", "mixer")

    gains = traitlets.List(traitlets.Float()).tag(sync=True)
    muted = traitlets.List(traitlets.Int()).tag(sync=True)
    solo = traitlets.List(traitlets.Int()).tag(sync=True)
    strips = traitlets.List(traitlets.Dict()).tag(sync=True)  # Mixing.strips
    rows = traitlets.Int().tag(sync=True)  # 64 / r
    losses = traitlets.List(traitlets.Float()).tag(sync=True)  # dB, see `measure`; [] = not measured yet

    def __init__(self, ldm: AudioLDM, sound, *, sample_rate: int = 16000, **traits) -> None:
        """sound: a file, a wav ((N,) or (channels, N) at `sample_rate`), or a Result (its first sound); up to 30 s.

        Raises AudioInputError for anything else, OptionError for gains and channel numbers out of range.
        """
        self.ldm = ldm
        label = Path(sound).name if isinstance(sound, (str, os.PathLike)) else ""
        if isinstance(sound, Result):
            sound, sample_rate, label = sound.audio[0], sound.sample_rate, sound.prompts[0][:120]
        wav, _ = read_sounds([sound], ldm.sample_rate, sample_rate=sample_rate)
        if wav.shape[1] > MAX_SECONDS * ldm.sample_rate:
            raise AudioInputError(f"sound: got {wav.shape[1] / ldm.sample_rate:.1f} s, the mixer takes up to "
                                  f"{MAX_SECONDS:g} s; cut it: load(path, start=, seconds=) reads a part")
        self._original = wav.clamp(-1.0, 1.0)
        self._mixing = Mixing(ldm, wav)
        two = {"original": self._original[0], "decoded": self._mixing.plain.wav}
        self._two = pack(two, sample_rate=ldm.sample_rate)
        self._top = picture.top_level(list(self._two.mels.values()), self._two.config)
        count = len(self._mixing.z)
        asked = {"gains": [1.0] * count, "muted": [], "solo": [], "title": label, "height": 170, "active": 2} | traits
        for name in ("gains", "muted", "solo"):
            asked[name] = self._checked(name, asked[name])
        applied = mixing.applied_gains(asked["gains"], asked["muted"], asked["solo"])
        state = self._state(self._mixing.decode(applied), match=bool(asked.get("match")))
        strips = self._mixing.strips()
        super().__init__(sound=state | {"applied": applied}, strips=strips, rows=self._mixing.z.shape[2], **asked)
        self.status = self._words()

    # --- mixing ------------------------------------------------------------------------------------------------------

    def strongest(self, count: int) -> None:
        """Mute all channels but the `count` ones with the most energy."""
        count = whole("count", count, 1, len(self.gains))
        self._mix(muted=self._order()[count:], solo=[])

    def reset(self) -> None:
        """All gains 1, nothing muted, nothing solo: the mix is the decoded sound."""
        self._mix(gains=[1.0] * len(self.gains), muted=[], solo=[])

    def all_off(self) -> None:
        """Mute every channel: what is heard then is what the decoder makes of an empty latent."""
        self._mix(muted=list(range(len(self.gains))), solo=[])

    def solo_next(self, step: int = 1) -> None:
        """Solo the next channel alone (`step` -1: the one before); after the last one none."""
        place = self.solo[0] if len(self.solo) == 1 else len(self.gains) if step < 0 else -1
        after = place + step
        self._mix(solo=[after] if 0 <= after < len(self.gains) else [])

    def measure(self) -> list[float]:
        """For each channel, the change in dB of the log-mel that muting it alone makes; kept in `losses`."""
        if not self.losses:
            self.losses = self._mixing.without()
        return self.losses

    def ask_mix(self, gains=None, muted=None, solo=None, match=None, known: bool = False) -> dict:
        """Set what the page gives, and return the mix: its version, its gains, and the level-matching gains of all three.

        known: the page has that mix already; nothing is decoded and {} comes back.
        """
        asked = {"gains": gains, "muted": muted, "solo": solo, "match": match}
        self.put(**{name: value for name, value in asked.items() if value is not None})
        if known and self.applied in self._mixing:
            self.status, self.wrong = self._words(), False
        if known:
            return {}
        slow = self.applied not in self._mixing and self._mixing.plain.seconds["total"] > SLOW
        with self.working("decoding ...") if slow else contextlib.nullcontext():
            versions = self.versions
        self.status, self.wrong = self._words(), False
        return {"mix": versions[2], "applied": self.applied, "gains": [version["gain"] for version in versions]}

    def ask_measure(self) -> int:
        """The page's button for `measure`."""
        with self.working("muting one channel after the other ..."):
            self.measure()
            self.status = self._words()
        return len(self.losses)

    # --- reading -----------------------------------------------------------------------------------------------------

    @property
    def applied(self) -> list[float]:
        """The gain of each channel after mute and solo."""
        return mixing.applied_gains(self.gains, self.muted, self.solo)

    @property
    def mix(self) -> Mix:
        """What is heard as "mix": latent, mel, wav, and the seconds that decoding took."""
        return self._mixing.decode(self.applied)

    @property
    def latent(self) -> Tensor:
        """(C, T/r, 64/r) after mixing, scaled."""
        return self.mix.latent

    @property
    def mel(self) -> Tensor:
        """Log-mel (T, 64) that the decoder makes of the mix."""
        return self.mix.mel

    @property
    def wav(self) -> Tensor:
        """The mix as a sound, (N,) in [-1, 1]."""
        return self.mix.wav

    @property
    def energy(self) -> list[float]:
        """Share of the latent's sum of squares that lies in each channel."""
        return [strip["energy"] for strip in self.strips]

    @property
    def difference(self) -> float:
        """Mean absolute difference in dB between the log-mels of "mix" and "decoded"."""
        return self._mixing.difference(self.mix)

    @property
    def versions(self) -> list[dict]:
        """The three versions as the page has them."""
        return self._state(self.mix, match=self.match)["versions"]

    def result(self) -> Result:
        """The mix as a Result: `config["edit"]` holds the gains, score is the CLAP cosine with the original."""
        mix, ldm, label = self.mix, self.ldm, self.title or "the mixer"
        with torch.no_grad():
            embs = [ldm.clap.encode_audio(wav.to(ldm.device))[0].float().cpu() for wav in (mix.wav[None], self._original)]
        score = (embs[0] @ embs[1]).reshape(1)
        config = {
            "model": ldm.name, "prompts": [f"[sound of {label}]"], "seconds": self.seconds, "steps": 0, "sampler": None,
            "grid": None, "guidance": 1.0, "negative": [""], "candidates": 1, "seeds": [0], "eta": 0.0, "rescale": 0.0,
            "interval": None, "dtype": str(ldm.dtype).removeprefix("torch."), "edited": True,
            "edit": {"name": "mix", "sounds": [label], "gains": [self.applied]},
        }  # fmt: skip
        return Result(audio=mix.wav[None], sample_rate=ldm.sample_rate, prompts=tuple(config["prompts"]), mel=mix.mel[None],
                      latent=mix.latent[None], score=score, candidates=mix.wav[None, None], scores=score[None],
                      config=config, timings=dict(mix.seconds), source=self._original)

    def show(self, sounds, **_) -> None:
        raise OptionError("a mixer belongs to one sound; make another one: LatentMixer(ldm, sound)")

    def text(self) -> str:
        """The mixer in words: what is heard, and which channels are strong."""
        strong = ", ".join(f"{channel} ({self.energy[channel]:.0%})" for channel in self._order()[:4])
        shape = " x ".join(map(str, self._mixing.z.shape))
        return (f"Latent mixer | {self.title or 'sound'} | {self.seconds:.2f} s | latent {shape}\n"
                f"  {self._words()}\n  channels with the most energy: {strong}")

    def still(self) -> bytes:
        """PNG of the three versions, and of the channels as they are mixed, with their gains."""
        mels = [*self._two.mels.values(), picture.spectrogram(self.wav.numpy(), self._two.config)]
        above = picture.still(mels, [f"{v['label']}: {v['transcript']}" for v in self.versions], self._two.config)
        return mixing.still(above, self.mix, self.applied, self.energy)

    def alt(self) -> str:
        return self.text()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _mix(self, **traits) -> None:
        """Set traits from Python; the status line then speaks of the new mix."""
        self.put(**traits)
        self.status, self.wrong = self._words(), False

    @traitlets.validate("gains", "muted", "solo")
    def _in_range(self, proposal) -> list:
        return self._checked(proposal["trait"].name, proposal["value"])

    def _checked(self, name: str, values) -> list:
        count = len(self._mixing.z)
        return mixing.check_gains(values, count) if name == "gains" else mixing.check_channels(name, values, count)

    def _order(self) -> list[int]:
        """Channels, the one with the most energy first."""
        return sorted(range(len(self.energy)), key=lambda channel: -self.energy[channel])

    def _state(self, mix: Mix, *, match: bool) -> dict:
        """Pack.state of the three versions; level matching is only measured when it is heard, for it takes longer."""
        made = pack({"mix": mix.wav}, sample_rate=self.ldm.sample_rate, top=self._top).state
        versions = [*self._two.state["versions"], *made["versions"]]
        gains = [1.0] * 3
        if match:
            wavs = {"original": self._original[0], "decoded": self._mixing.plain.wav, "mix": mix.wav}
            arrays = {name: np.asarray(wav) for name, wav in wavs.items()}
            gains = list(matching_gains(arrays, self.ldm.sample_rate).values())
        return made | {"versions": [version | {"gain": gain} for version, gain in zip(versions, gains)]}

    def _words(self) -> str:
        """What is heard, how far it is from the decoded sound, and how long decoding took."""
        mix, gains = self.mix, self.applied
        heard, changed = sum(gain > 0 for gain in gains), sum(gain not in (0.0, 1.0) for gain in gains)
        which = f"{heard} of {len(gains)} channels" + (f", {changed} with another gain" if changed else "")
        spent = " + ".join(f"{1000 * mix.seconds[part]:.0f}" for part in ("decode", "vocode"))
        took = f"decoded in {1000 * mix.seconds['total']:.0f} ms (mel + vocoder: {spent})"
        if not heard:
            return f"An empty latent is not silence: it decodes to the average sound, at {mix.level:.0f} dB RMS; {took}"
        return f"{which}; log-mel {self._mixing.difference(mix):.1f} dB from the decoded sound; {took}"
