"""One sound, followed through the whole stack: what left each part, how big it was and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ldm_lab.diffusion.denoiser import x_to_z
from ldm_lab.diffusion.samplers import Callback, Step
from ldm_lab.diffusion.schedule import grid
from ldm_lab.errors import OptionError, unknown
from ldm_lab.generate import embed, generate
from ldm_lab.options import check_prompts
from ldm_lab.result import Result
from ldm_lab.system import AudioLDM

KINDS = ("guess", "noisy")
BATCH = 8  # latents decoded at a time


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything that one call of `generate` made on its way, for one prompt. Tensors are float32 on the CPU.

    emb (E,); guesses (S, C, T/r, 64/r) = x0_hat of each step; noisy (S, C, T/r, 64/r) = x of each step, scaled to the
    spread of a clean latent, as the network sees it; sigmas (S + 1,) where the steps begin, and where the last one ends;
    z (C, T/r, 64/r), mel (T, 64), wav (N,); seconds: time spent in "text", "sample", "decode" and "vocode".
    Pictures and sounds of a step are decoded when they are first asked for, and kept.
    """

    ldm: AudioLDM
    result: Result
    emb: Tensor
    guesses: Tensor
    noisy: Tensor
    sigmas: Tensor
    _mels: dict[tuple[str, int], Tensor] = field(default_factory=dict)
    _wavs: dict[tuple[str, int], Tensor] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        return self.result.prompts[0]

    @property
    def steps(self) -> int:
        return len(self.guesses)

    @property
    def noise(self) -> Tensor:
        """(C, T/r, 64/r) of unit variance that the sampler started from."""
        return self.noisy[0]

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

    def mels(self, steps: Sequence[int], kind: str = "guess") -> list[Tensor]:
        """Log-mel (T, 64) of the guess x0_hat, or of the noisy x, of each of `steps` (1 .. S). Decoded in batches."""
        missing = [step for step in dict.fromkeys(self._check(steps, kind)) if (kind, step) not in self._mels]
        latents = self.guesses if kind == "guess" else self.noisy
        for first in range(0, len(missing), BATCH):
            group = missing[first : first + BATCH]
            decoded = self.ldm.latent_to_mel(latents[[step - 1 for step in group]])[:, : len(self.mel)].float().cpu()
            self._mels.update({(kind, step): mel for step, mel in zip(group, decoded)})
        return [self._mels[kind, step] for step in steps]

    def mel_at(self, step: int, kind: str = "guess") -> Tensor:
        """Log-mel (T, 64) of the model's guess x0_hat after `step` (1 .. S), or of the noisy x the step began with."""
        return self.mels([step], kind)[0]

    def wav_at(self, step: int, kind: str = "guess") -> Tensor:
        """The sound (N,) of the guess after `step` (1 .. S), or of the noisy x the step began with."""
        mel = self.mel_at(step, kind)
        if (kind, step) not in self._wavs:
            wav = self.ldm.mel_to_wav(mel[None])[0, : len(self.wav)]
            self._wavs[kind, step] = wav.clamp(-1.0, 1.0).float().cpu()
        return self._wavs[kind, step]

    def _check(self, steps: Sequence[int], kind: str) -> Sequence[int]:
        if kind not in KINDS:
            raise OptionError(unknown("kind of picture", kind, KINDS))
        for step in steps:
            if not 1 <= step <= self.steps:
                raise IndexError(f"step: got {step}, expected 1 to {self.steps}")
        return steps

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
def follow(ldm: AudioLDM, prompt: str, *, callback: Callback | None = None, progress: bool = False, **options) -> Trace:
    """Make one sound and keep what left each part. `options` are those of `generate` (seed=, steps=, guidance=, ...).

    Of a sampler with several network passes a step the pass that opens the step is kept.
    """
    seen: list[Step] = []

    def keep(step: Step) -> None:
        seen.append(step)
        if callback is not None:
            callback(step)

    result = generate(ldm, prompt, progress=progress, callback=keep, **options)
    if len(result) * result.candidates.shape[1] != 1:
        raise OptionError(f"got {len(result)} prompts and {result.candidates.shape[1]} candidates, expected one")
    return Trace(
        ldm=ldm,
        result=result,
        emb=embed(ldm, check_prompts(prompt)[0])[0].float().cpu(),
        guesses=torch.stack([step.x0_hat[0] for step in seen]).float().cpu(),
        noisy=torch.stack([x_to_z(step.x[0], step.sigma) for step in seen]).float().cpu(),
        sigmas=grid(ldm.schedule, len(seen), result.config["grid"]),
    )
