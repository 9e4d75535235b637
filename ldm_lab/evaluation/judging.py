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
from ldm_lab.checkpoint.files import read_json, read_manifest, write_json, write_manifest, write_text
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


def ship_judge(run: str | os.PathLike, folder: str | os.PathLike | None = None) -> Path:
    """Take the judge that ``ldm-lab train judge`` left in `run` into `folder` (the shipped judge's place if omitted).

    Beside weights, shape and manifest goes README.md, written from the training record.
    """
    weights = Path(run) / "weights"
    folder = assets_folder() / "checkpoints" / NAME if folder is None else Path(folder)
    judge = Judge()
    load_part(judge, weights, NAME)
    save_judge(judge.eval(), folder)
    record = read_json(weights / "training.json")
    options = record["meta"]["recipe"]
    counts = record["meta"]["clips"]
    parameters = sum(p.numel() for p in judge.parameters())
    enough = options["options"].get("enough", "the default number of")
    minutes = record["seconds"] / 60
    table = "\n".join(f"| {name} | {counts[name]} |" for name in judge.config.categories if name in counts)
    text = f"""# The judge

A classifier of the 14 kinds of sound of the corpus, used for measuring only: no other part was trained with it, and it never
met a reconstructed, vocoded or generated sound. Code: `ldm_lab/models/judge.py`; recipe: `recipes/judge.toml`. Its accuracy on
real test clips stands beside every figure it gives (`../lab/metrics.json`, `judge_top1_real`).

{parameters / 1e6:.2f} M weights in half precision; {record['step']} steps of {options['train']['batch']} windows, seed {options['train']['seed']},
{minutes:.0f} minutes on a shared CPU. Training clips (recordings; rendered and synthesised ones where a category has
fewer than {enough} recordings; no mixtures):

| category | clips |
|---|---|
{table}

Licence: CC BY-SA 4.0 (`LICENSE`); sounds and authors in `assets/corpus/ATTRIBUTION.md`.
"""
    write_text(folder / "README.md", text)
    return folder


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
