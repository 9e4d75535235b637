"""One sound, followed through the whole stack: what left each part, how big it was and how long it took."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ldm_lab.diffusion.samplers import Step
from ldm_lab.generate import generate
from ldm_lab.result import Result
from ldm_lab.system import AudioLDM


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that one call of `generate` made on its way, for one prompt. Tensors are float32 on the CPU.

    emb (E,), noise (C, T/r, 64/r) the sampler started from (scaled to unit variance), guesses (S, C, T/r, 64/r) = x0_hat of
    each step, z (C, T/r, 64/r), mel (T, 64), wav (N,); seconds: time spent in "text", "sample", "decode" and "vocode".
    """

    ldm: AudioLDM
    result: Result
    emb: Tensor
    noise: Tensor
    guesses: Tensor
    _mels: dict[int, Tensor] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        return self.result.prompts[0]

    @property
    def steps(self) -> int:
        return len(self.guesses)

    @property
    def z(self) -> Tensor:
        return self.result.latent[0]

    @property
    def mel(self) -> Tensor:
        return self.result.mel[0]

    @property
    def wav(self) -> Tensor:
        return self.result.audio[0]

    @property
    def seconds(self) -> dict[str, float]:
        return self.result.timings

    def mel_at(self, step: int) -> Tensor:
        """Log-mel (T, 64) of the model's guess x0_hat after `step` (1 .. steps)."""
        if not 1 <= step <= self.steps:
            raise IndexError(f"step: got {step}, expected 1 to {self.steps}")
        if step not in self._mels:
            guess = self.guesses[step - 1][None]
            self._mels[step] = self.ldm.latent_to_mel(guess)[0, : len(self.mel)].float().cpu()
        return self._mels[step]

    def wav_at(self, step: int) -> Tensor:
        """The sound (N,) of the guess after `step` (1 .. steps)."""
        return self.ldm.mel_to_wav(self.mel_at(step)[None])[0, : len(self.wav)].clamp(-1.0, 1.0).float().cpu()

    def pick(self, count: int) -> list[int]:
        """`count` steps (at most all), first and last among them, more of them early: that is where most happens."""
        count = min(count, self.steps)
        if count < 2:
            return [self.steps]
        ramp = torch.linspace(0, 1, count).square()
        return sorted({1 + round(float(x) * (self.steps - 1)) for x in ramp})

    def rows(self) -> list[dict[str, str]]:
        """Stage, what it is, shape and time, from prompt to sound: the table of the map."""
        shape = lambda x: " x ".join(map(str, x.shape))
        time = lambda name: _duration(self.seconds.get(name, 0.0))
        return [
            {"stage": "prompt", "part": "", "shape": f"{len(self.prompt)} characters", "time": ""},
            {"stage": "embedding", "part": "CLAP text tower", "shape": f"{shape(self.emb)} numbers", "time": time("text")},
            {"stage": "noise", "part": "random numbers", "shape": shape(self.noise), "time": ""},
            {"stage": "latent", "part": f"UNet, {self.steps} steps", "shape": shape(self.z), "time": time("sample")},
            {"stage": "mel", "part": "decoder", "shape": f"{len(self.mel)} frames x {self.mel.shape[1]} bands", "time": time("decode")},
            {"stage": "sound", "part": "vocoder", "shape": f"{shape(self.wav)} samples", "time": time("vocode")},
        ]


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


@torch.no_grad()
def follow(ldm: AudioLDM, prompt: str, **options) -> Trace:
    """Make one sound and keep what left each part. `options` are those of `generate` (seed=, steps=, guidance=, ...)."""
    seen: list[Step] = []
    result = generate(ldm, prompt, progress=False, callback=seen.append, **options)
    start = seen[0]
    return Trace(
        ldm=ldm,
        result=result,
        emb=ldm.clap.encode_text([result.prompts[0]])[0].float().cpu(),
        noise=(start.x[0] / (1.0 + start.sigma**2) ** 0.5).float().cpu(),
        guesses=torch.stack([step.x0_hat[0] for step in seen]).float().cpu(),
    )
