"""Measures of the parts one by one: what each of them loses of a real test clip."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.mel import griffin_lim, log_mel
from ldm_lab.errors import CorpusError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.clips import Windows
from ldm_lab.evaluation.distances import top_k
from ldm_lab.evaluation.judging import judge_features, label_indices
from ldm_lab.evaluation.retrieval import (
    CATEGORY_PROMPTS,
    first_hit_rank,
    paraphrase_scores,
    relevance,
    zero_shot,
)
from ldm_lab.evaluation.spectral import SILENT_LOG_MEL, log_mel_l1, multi_resolution_stft
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.models.judge import Judge
from ldm_lab.system import AudioLDM

BATCH = 16
GRIFFIN_LIM = (32, 320)


@dataclass(frozen=True)
class Part:
    """What one part of the measurement found: figures with intervals, and plain facts (counts, settings, thresholds)."""

    figures: dict[str, Figure]
    facts: dict[str, object]


def batched(function: Callable[[Tensor], Tensor], x: Tensor, *, batch: int = BATCH) -> Tensor:
    """`function` over the rows of x in pieces, gathered on the CPU."""
    with torch.inference_mode():
        return torch.cat([function(part).float().cpu() for part in x.split(batch)])


def autoencoder(ldm: AudioLDM, judge: Judge, test: Windows, *, seed: int) -> Part:
    """Real mel against its reconstruction from the posterior's mean: L1, and whether the judge hears the same thing."""
    real = batched(lambda wav: ldm.wav_to_mel(wav), test.wav)
    rebuilt = batched(lambda mel: ldm.latent_to_mel(ldm.mel_to_latent(mel)), real)
    groups, labels = test.column("group"), label_indices(test.column("category"), judge)
    logits = {name: judge_features(judge, mel)[1] for name, mel in (("real", real), ("reconstructed", rebuilt))}
    heard = {name: values.argmax(-1).numpy() for name, values in logits.items()}
    right = {name: top_k(values, labels) for name, values in logits.items()}
    of = lambda values: statistics.mean(values, seed=seed, groups=groups)
    figures = {
        "log_mel_l1": of(log_mel_l1(real, rebuilt)),
        "log_mel_l1_all_frames": of((real - rebuilt).abs().mean(dim=(1, 2))),
        "judge_top1_real": of(right["real"]),
        "judge_top1_reconstructed": of(right["reconstructed"]),
        "judge_top3_real": of(top_k(logits["real"], labels, k=3)),
        "judge_top3_reconstructed": of(top_k(logits["reconstructed"], labels, k=3)),
        "judge_agreement": of(heard["real"] == heard["reconstructed"]),
    }
    if right["real"].any():
        figures["judge_top1_kept"] = statistics.ratio(right["reconstructed"], right["real"], seed=seed, groups=groups)
    return Part(figures, {"clips": len(test), "silent_below_log_mel": SILENT_LOG_MEL})


def vocoder(ldm: AudioLDM, test: Windows, *, seed: int) -> Part:
    """Waveforms made from real mels, against the real ones: the vocoder, and Griffin-Lim with few and many iterations."""
    config = ldm.config.mel
    real = batched(lambda wav: ldm.wav_to_mel(wav), test.wav)
    ways: dict[str, Callable[[Tensor], Tensor]] = {"vocoder": ldm.mel_to_wav}
    for iterations in GRIFFIN_LIM:
        ways[f"griffin_lim_{iterations}"] = lambda mel, n=iterations: griffin_lim(mel, config, iterations=n)
    groups, figures, values = test.column("group"), {}, {}
    samples = test.wav.shape[1] // config.hop_length * config.hop_length
    frames = samples // config.hop_length
    for way, function in ways.items():
        wav = batched(function, real)[:, :samples]
        values[way] = {
            "stft": multi_resolution_stft(test.wav[:, :samples], wav).numpy(),
            "log_mel_l1": log_mel_l1(real[:, :frames], log_mel(wav, config)).numpy(),
        }
        for measure, found in values[way].items():
            figures[f"{way}_{measure}"] = statistics.mean(found, seed=seed, groups=groups)
            if way != "vocoder":
                gain = statistics.difference(found, values["vocoder"][measure], seed=seed, groups=groups)
                figures[f"{way}_minus_vocoder_{measure}"] = gain
    return Part(figures, {"clips": len(test), "griffin_lim_iterations": list(GRIFFIN_LIM), "silent_below_log_mel": SILENT_LOG_MEL})


def read_paraphrases(path: Path) -> list[dict[str, str]]:
    """Rows with `prompt` and `category` of the list of paraphrases; CorpusError if it is missing or has other columns."""
    if not path.is_file():
        raise CorpusError(f"{path}: no list of paraphrases; restore the file")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"prompt", "category"} <= set(rows[0]):
        raise CorpusError(f"{path}: expected rows with the columns prompt and category; restore the file")
    return rows


def rank_figures(ranks: Tensor, name: str, *, seed: int, groups: Iterable | None = None) -> dict[str, Figure]:
    """R@1, R@10 and median rank of ranks (Q,) with intervals."""
    ranks = ranks.numpy()
    groups = None if groups is None else list(groups)
    return {
        f"{name}_r1": statistics.mean(ranks <= 1, seed=seed, groups=groups),
        f"{name}_r10": statistics.mean(ranks <= 10, seed=seed, groups=groups),
        f"{name}_median_rank": statistics.median(ranks, seed=seed, groups=groups),
    }


def clap(ldm: AudioLDM, test: Windows, paraphrases: list[Mapping[str, str]], *, seed: int) -> Part:
    """Do words find sounds and sounds words among the test split, and do words that no caption holds?"""
    captions, categories = test.column("captions"), test.column("category")
    texts = sorted({text for own in captions for text in own})
    audio = batched(ldm.clap.encode_audio, test.wav)
    encode = lambda lines: torch.cat([_text(ldm, lines[i : i + 64]) for i in range(0, len(lines), 64)])
    text = encode(texts)
    scores, hits = audio @ text.T, relevance(captions, texts)
    figures = rank_figures(first_hit_rank(scores.T, hits.T), "text_to_audio", seed=seed)
    figures |= rank_figures(first_hit_rank(scores, hits), "audio_to_text", seed=seed, groups=test.column("group"))

    classes = {name: encode(list(prompts)) for name, prompts in CATEGORY_PROMPTS.items()}
    names = np.array(categories)
    figures["zero_shot_accuracy"] = statistics.bootstrap(
        lambda i: zero_shot(audio[torch.from_numpy(i)], names[i].tolist(), classes)["accuracy"], len(test), seed=seed,
        groups=test.column("group"))
    prompts, wanted = encode([row["prompt"] for row in paraphrases]), np.array([row["category"] for row in paraphrases])
    known = np.flatnonzero(np.isin(wanted, names))
    for key in ("hit1", "precision"):
        def statistic(i: np.ndarray, key: str = key) -> float:
            rows = known[i]
            return paraphrase_scores(audio, categories, prompts[torch.from_numpy(rows)], wanted[rows].tolist())[key]

        figures[f"paraphrase_{key}"] = statistics.bootstrap(statistic, len(known), seed=seed)
    chance = paraphrase_scores(audio, categories, prompts[torch.from_numpy(known)], wanted[known].tolist())["chance"]
    facts = {"sounds": len(test), "texts": len(texts), "paraphrases": len(known), "paraphrase_chance": round(chance, 4),
             "zero_shot_chance": round(1 / len(classes), 4), "r1_chance": round(float(hits.float().mean()), 4)}
    return Part(figures, facts)


def _text(ldm: AudioLDM, lines: list[str]) -> Tensor:
    with torch.inference_mode():
        return ldm.clap.encode_text(lines).float().cpu()
