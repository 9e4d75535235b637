"""The judge on disk, and what it says of sounds: logits, features, accuracy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.mel import log_mel
from ldm_lab.checkpoint import assets_folder
from ldm_lab.checkpoint.files import read_json, read_manifest, write_json, write_manifest
from ldm_lab.checkpoint.parts import load_part, save_part
from ldm_lab.config import MelConfig, from_dict, to_dict
from ldm_lab.errors import OptionError, unknown
from ldm_lab.evaluation.distances import top_k
from ldm_lab.models.judge import Judge, JudgeConfig

NAME = "judge"
CONFIG = "config.json"


def save_judge(judge: Judge, folder: str | os.PathLike) -> None:
    """Write the judge into `folder`: half-precision weights, its shape and the SHA-256 manifest."""
    folder = Path(folder)
    save_part(judge, folder, NAME, dtype=torch.float16)
    write_json(folder / CONFIG, to_dict(judge.config))
    write_manifest(folder, [f"{NAME}.safetensors", CONFIG])


def load_judge(folder: str | os.PathLike | None = None) -> Judge:
    """The judge in `folder` (the shipped one if omitted), verified, in float32 and ready to judge.

    Raises CheckpointError if the folder is missing, damaged or does not fit.
    """
    folder = assets_folder() / "checkpoints" / NAME if folder is None else Path(folder)
    read_manifest(folder)
    judge = Judge(from_dict(JudgeConfig, read_json(folder / CONFIG), where=f"{folder / CONFIG}"))
    load_part(judge, folder, NAME)
    return judge.eval()


@torch.inference_mode()
def judge_features(judge: Judge, sounds: Tensor, *, batch: int = 64, mel: MelConfig = MelConfig()) -> tuple[Tensor, Tensor]:
    """Features (B, D) and logits (B, K) of `sounds`: waveforms (B, N) or natural-log mels (B, T, M)."""
    if sounds.ndim not in (2, 3):
        raise OptionError(f"sounds: got shape {tuple(sounds.shape)}, expected wav (B, N) or mel (B, T, {mel.n_mels})")
    device, features = next(judge.parameters()).device, []
    for part in sounds.split(batch):
        part = part.to(device).float()
        features.append(judge.features(log_mel(part, mel) if part.ndim == 2 else part))
    stacked = torch.cat(features)
    return stacked.cpu(), judge.classify(stacked).cpu()


def label_indices(labels: Sequence[str], judge: Judge) -> np.ndarray:
    """Category names -> (N,) the judge's output numbers; an unknown name raises OptionError with the nearest one."""
    order = {name: i for i, name in enumerate(judge.config.categories)}
    for name in labels:
        if name not in order:
            raise OptionError(unknown("category", name, order))
    return np.array([order[name] for name in labels])


def judge_accuracy(sounds: Tensor, labels: Sequence[str], judge: Judge, *, batch: int = 64) -> dict[str, float]:
    """What share of `sounds` (wav (B, N) or mel (B, T, M)) the judge hears as the category in `labels`.

    Returns top1, top3, the mean over categories of top1 (recall) and n. Cheap enough for validation while training.
    """
    if len(labels) != len(sounds):
        raise OptionError(f"got {len(sounds)} sounds and {len(labels)} labels, expected one label a sound")
    training = judge.training
    judge.eval()
    _, logits = judge_features(judge, sounds, batch=batch)
    judge.train(training)
    wanted = label_indices(labels, judge)
    first = top_k(logits, wanted)
    recall = [first[wanted == k].mean() for k in np.unique(wanted)]
    return {"top1": float(first.mean()), "top3": float(top_k(logits, wanted, k=3).mean()),
            "recall": float(np.mean(recall)), "n": len(wanted)}
