"""The two listeners that this project trains and ships: the judge, and a model's CLAP."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from ldm_lab.evaluation.backbones import at_least, fingerprint
from ldm_lab.evaluation.judging import judge_features, load_judge
from ldm_lab.models.judge import Judge
from ldm_lab.system import AudioLDM

LEAST_SAMPLES = 1600  # a tenth of a second: shorter sounds are continued with silence


class JudgeBackbone:
    """The judge: 64 features and 14 logits a sound. It never trained on a generated or reconstructed one."""

    name = "judge"
    sample_rate = 16000

    def __init__(self, judge: Judge | None = None, *, device: torch.device | str = "cpu") -> None:
        self.judge = (load_judge() if judge is None else judge).to(device).eval()
        self.fingerprint = fingerprint(self.judge, self.name)

    def features(self, wav: Tensor) -> dict[str, Tensor | None]:
        """wav (B, N) -> features (B, 64), logits (B, 14)."""
        features, logits = judge_features(self.judge, at_least(wav, LEAST_SAMPLES))
        return {"features": features, "logits": logits}


class ClapBackbone:
    """The CLAP of a model: one unit vector a sound, no logits. It shares weights with the generator's conditioning."""

    name = "clap"

    def __init__(self, model: str | os.PathLike | AudioLDM = "lab", *, device: torch.device | str | None = None) -> None:
        if not isinstance(model, AudioLDM):
            from ldm_lab.checkpoint import load

            model = load(model, device=device)
        self.clap, self.device = model.clap, model.device
        self.sample_rate = model.sample_rate
        self.model_name = model.name
        self.fingerprint = fingerprint(self.clap, self.name)

    @torch.inference_mode()
    def features(self, wav: Tensor) -> dict[str, Tensor | None]:
        """wav (B, N) -> features (B, E) of length 1."""
        return {"features": self.clap.encode_audio(wav.to(self.device)).float().cpu(), "logits": None}

    @torch.inference_mode()
    def text(self, prompts: list[str]) -> Tensor:
        """Prompts -> (B, E) of length 1."""
        return torch.cat([self.clap.encode_text(prompts[i : i + 64]).float().cpu() for i in range(0, len(prompts), 64)])
