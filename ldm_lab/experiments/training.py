"""The paper's training ablations (section 5.3): what the model is told in training, how it is compressed, its size, mixing.

Each run of a recipe in `recipes/ablations/` is one UNet, trained with the same budget as the base recipe. This experiment
lets every run it finds make sounds for the same captions from the same noise, and says which differences from the base
are larger than those between seeds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.checkpoint.files import read_json, sha256
from ldm_lab.checkpoint.parts import load_part
from ldm_lab.config import override, preset
from ldm_lab.diffusion.losses import diffusion_loss
from ldm_lab.errors import OptionError
from ldm_lab.evaluation.distances import clap_score, top_k
from ldm_lab.evaluation.judging import label_indices
from ldm_lab.experiments.bench import Bench, figures, open_bench
from ldm_lab.experiments.pictures import COLOURS, bars, caption, panels
from ldm_lab.experiments.seeds import difference, in_words, summary
from ldm_lab.generate import generate
from ldm_lab.models.autoencoder import Autoencoder
from ldm_lab.models.unet import UNet
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

COLUMNS = [["top1", "judge top-1"], ["top3", "judge top-3"], ["clap", "CLAP score"], ["frechet", "Frechet distance"],
           ["loss_audio", "loss, told by audio"], ["loss_text", "loss, told by text"]]
BETTER_LOW = ("frechet", "loss_audio", "loss_text")


@dataclass(frozen=True)
class Settings:
    """`count` test captions for every run in the folder `runs` (subfolders RECIPE-SEED); all are compared with `base`.
    sampler, grid, steps, guidance: how every run makes its sounds."""

    count: int = 64
    seed: int = 0
    runs: str = "runs/ablations"
    base: str = "base"
    sampler: str = "dpmpp_2m"
    grid: str = "karras"
    steps: int = 20
    guidance: float = 3.0


@dataclass(frozen=True)
class Run:
    """One trained UNet: the recipe's name, the seed, the folder with its weights."""

    name: str
    seed: int
    weights: Path


def find_runs(folder: str | Path, base: str) -> list[Run]:
    """Finished runs in `folder`, by name and seed, the base first; OptionError if the base is not there."""
    found = [(re.fullmatch(r"(.+)-(\d+)", path.name), path / "weights") for path in sorted(Path(folder).glob("*"))]
    runs = [Run(match[1], int(match[2]), weights) for match, weights in found
            if match and (weights / "training.json").is_file() and (weights / "unet.safetensors").is_file()]
    if not any(run.name == base for run in runs):
        raise OptionError(f"{folder}: holds no finished run of {base!r}; train it first: ldm-lab train diffusion "
                          f"recipes/ablations/{base}.toml --out {folder}/{base}-0 --seed 0")
    return sorted(runs, key=lambda run: (run.name != base, run.name, run.seed))


def open_run(ldm: AudioLDM, run: Run) -> AudioLDM:
    """`ldm` with the UNet of `run`, and the autoencoder it was trained with if that was another one."""
    record = read_json(run.weights / "training.json")
    recipe = record["meta"]["recipe"]
    config = override(preset(recipe["model"]), recipe.get("config", {}))
    unet = UNet(config.unet)
    load_part(unet, run.weights, "unet")
    parts = {"unet": unet}
    if folder := recipe["options"].get("autoencoder"):
        parts["autoencoder"] = Autoencoder(config.autoencoder)
        load_part(parts["autoencoder"], Path(folder), "autoencoder")
    return ldm.replace(config=config, scale_factor=record["meta"]["scale_factor"], **parts)


def run(ldm: AudioLDM, settings: Settings, *, progress: bool = True) -> dict:
    """Figures of every recipe over its seeds, differences from the base, and the claims of the paper."""
    bench = open_bench(ldm, "training", settings.count, seed=settings.seed)
    runs = find_runs(settings.runs, settings.base)
    seen = {(r.name, r.seed): measure(bench, open_run(ldm, r), r, settings, progress=progress) for r in runs}
    names = list(dict.fromkeys(r.name for r in runs))
    seeds = {name: [r.seed for r in runs if r.name == name] for name in names}
    columns, of = [column for column, _ in COLUMNS], lambda name: [seen[name, seed] for seed in seeds[name]]
    rows = {name: summary(bench, of(name), columns) for name in names}
    found = {name: difference(bench, of(name), of(settings.base), columns) for name in names if name != settings.base}
    budgets = {f"{r.name}-{r.seed}": budget(r) for r in runs}
    return {"figures": figures(rows), "differences": found, "runs": budgets,
            "table": {"rows": names, "columns": COLUMNS}, "claims": claims(found, settings.base), "notes": notes(found, budgets)}


def budget(run: Run) -> dict:
    """What a run cost: steps, windows seen, minutes, weights."""
    record = read_json(run.weights / "training.json")
    train = record["meta"]["recipe"]["train"]
    return {"steps": record["step"], "windows": record["step"] * train["batch"], "minutes": round(record["seconds"] / 60, 1),
            "unet": sha256(run.weights / "unet.safetensors")}


def measure(bench: Bench, ldm: AudioLDM, run: Run, settings: Settings, *, progress: bool) -> dict[str, np.ndarray]:
    """Of every caption: was the sound's category heard, its CLAP score, its judge features (and the real clips'); of every
    clip: the losses."""
    way = {name: getattr(settings, name) for name in ("sampler", "grid", "steps", "guidance")}
    what = {"run": f"{run.name}-{run.seed}", "unet": sha256(run.weights / "unet.safetensors"), **way}
    seeds = bench.seeds("generate", len(bench.captions))
    samples = bench.test.wav.shape[1]

    def make(items: list[int]) -> dict[str, Tensor]:
        result = generate(ldm, [bench.captions[i] for i in items], seed=[seeds[i] for i in items], batch=len(items),
                          seconds=samples / ldm.sample_rate, progress=False, **way)
        return bench.describe(result.audio) | losses(ldm, bench, items)

    keys = list(zip(bench.captions, seeds, keys_of(bench)))
    made = bench.cache.rows(what, keys, make, progress=progress)
    labels = label_indices(bench.test.column("category"), bench.judge)
    text = torch.cat([bench.ldm.clap.encode_text([words]).detach() for words in bench.captions])
    real = bench.cache.tensors({"real": keys_of(bench)}, lambda: bench.describe(bench.test.wav))
    return {"top1": top_k(made["logits"], labels), "top3": top_k(made["logits"], labels, k=3),
            "clap": clap_score(text, made["clap"]), "features": made["features"].double().numpy(),
            "real": real["features"].double().numpy(),
            "loss_audio": made["loss_audio"].numpy(), "loss_text": made["loss_text"].numpy()}


@torch.inference_mode()
def losses(ldm: AudioLDM, bench: Bench, items: list[int], *, levels: int = 8) -> dict[str, Tensor]:
    """(B,) min-SNR training loss of held-out windows over `levels` noise levels, the condition given as audio and as text.

    Its scale belongs to the latent space: comparable between runs with the same autoencoder only.
    """
    wav = bench.test.wav[items]
    z = ldm.mel_to_latent(ldm.wav_to_mel(wav))
    told = {"loss_audio": ldm.clap.encode_audio(wav),
            "loss_text": torch.cat([ldm.clap.encode_text([bench.captions[i]]) for i in items])}
    noise = [torch.stack([Rng(bench.seed).randn(z.shape[1:], "loss", i, level) for i in items]) for level in range(levels)]
    steps = ((torch.arange(levels) + 0.5) / levels * len(ldm.schedule)).long()

    def one(emb: Tensor, level: int) -> Tensor:
        t = steps[level].expand(len(items))
        return diffusion_loss(ldm.unet, z, emb, t, noise[level], ldm.schedule, ldm.config.diffusion.prediction, 5.0)

    return {name: torch.stack([one(emb, level) for level in range(levels)]).mean(0) for name, emb in told.items()}


def keys_of(bench: Bench) -> list[str]:
    """What the test windows are, for the cache."""
    return [clip.file for clip in bench.test.clips]


def claims(found: dict[str, dict], base: str) -> list[dict]:
    """The paper's claims about training, checked on the judge's top-1, the CLAP score and the Frechet distance."""
    said = {"condition_text": "told by audio alone, the model is better than told by text alone",
            "condition_both": "told by audio alone, the model is better than told by both",
            "size_small": "the larger model is better than the small one", "compression_r16": "r = 8 is better than r = 16",
            "mixup_on": "without mixed windows the model is better"}
    out = []
    for name, claim in said.items():
        for column, label in (COLUMNS[0], COLUMNS[2], COLUMNS[3]) if name in found else ():
            figure = found[name][column]
            worse = figure["low"] > 0 if column in BETTER_LOW else figure["high"] < 0
            out.append({"claim": f"{claim} ({label})", "holds": bool(worse and figure["beyond_seeds"] is not False),
                        "detail": f"{name} minus {base}: {in_words(figure)}"})
    return out


def notes(found: dict[str, dict], budgets: dict[str, dict]) -> list[str]:
    """In words: the budget, and which differences are more than noise."""
    steps = sorted({(one["steps"], one["windows"]) for one in budgets.values()})
    lines = [f"{len(budgets)} runs, each of {' or '.join(f'{a} steps ({b} windows)' for a, b in steps)} from random weights: "
             "far less than the shipped model had."]
    labels = dict(COLUMNS)
    for name, columns in found.items():
        clear = [labels[column] for column, figure in columns.items() if figure["beyond_seeds"]]
        lines.append(f"`{name}` against the base: " + (f"more than the noise of the seeds in {', '.join(clear)}." if clear
                                                       else "no difference beyond the noise of the seeds."))
    return lines


def draw(values: dict):
    """Bars of judge top-1, CLAP score and Frechet distance for every recipe."""
    names = values["table"]["rows"]
    chosen = [column for column in COLUMNS if column[0] in ("top1", "clap", "frechet")]
    figure, axes = panels(len(chosen), width=3.9, height=0.9 + 0.42 * len(names))
    for axis, (column, label) in zip(axes, chosen):
        labels = [f"{name} (audio)" if name == values["settings"]["base"] else name for name in names]
        bars(axis, labels, [values["figures"][name][column] for name in names],
             colours=[COLOURS[i % len(COLOURS)] for i in range(len(names))], label=label)
    caption(figure, values, f"means over the seeds of {len(values['runs'])} runs")
    return figure
