"""Measures of the whole model: what it makes of test captions, next to the real clips those captions describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.io import save
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.clips import CorpusLike, Windows, choose, cover, cut
from ldm_lab.evaluation.distances import clap_score, frechet_distance, nearest_neighbours, top_k
from ldm_lab.evaluation.judging import judge_features, label_indices
from ldm_lab.evaluation.parts import Part, batched
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.generate import generate
from ldm_lab.models.judge import Judge
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

REPLAYS = 140  # training clips sent through autoencoder and vocoder: what a model that replays would sound like


def prompts_of(test: Windows, *, seed: int) -> list[str]:
    """One caption of each clip, drawn by `seed`."""
    rng = Rng(seed)
    return [clip.captions[int(rng.numpy(f"caption {clip.file}").integers(len(clip.captions)))] for clip in test.clips]


def make_sounds(ldm: AudioLDM, prompts: list[str], seconds: float, *, seed: int, keep: Path | None = None,
                progress: bool = True, **options) -> Tensor:
    """wav (N, samples): one sound a prompt with the model's default options; `keep` also saves them as files."""
    seeds = [Rng(seed).key("generate", i) for i in range(len(prompts))]
    result = generate(ldm, prompts, seconds=seconds, seed=seeds, progress=progress, **options)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for i, wav in enumerate(result.audio):
            save(keep / f"{i:04d}.wav", wav, result.sample_rate, comment=result.comment(i))
    return result.audio


def generation(ldm: AudioLDM, judge: Judge, corpus: CorpusLike, test: Windows, *, seed: int, keep: Path | None = None,
               progress: bool = True, train_windows: int = 4, **options) -> Part:
    """Generate a sound for a caption of each of the `test` windows and compare; real clips are cut to the same length."""
    samples = test.wav.shape[1]
    prompts = prompts_of(test, seed=seed)
    made = make_sounds(ldm, prompts, samples / ldm.sample_rate, seed=seed, keep=keep, progress=progress, **options)
    made = torch.nn.functional.pad(made, (0, samples - made.shape[1]))
    train = corpus.split("train")
    like_test = cut(corpus, choose(train, len(test), seed=seed), samples, seed=seed)
    seen = {name: describe(ldm, judge, wav) for name, wav in (("made", made), ("test", test.wav), ("train", like_test.wav))}
    figures = judged(judge, seen, test, seed=seed)
    figures |= scored(ldm, seen, prompts, test, seed=seed)
    figures |= spread(seen, test, seed=seed)
    near, facts = neighbours(ldm, judge, seen, cover(corpus, train, samples, seed=seed, most=train_windows), corpus, test,
                             seed=seed)
    settings = {"seconds": round(samples / ldm.sample_rate, 3), "steps": ldm.config.default_steps,
                "guidance": ldm.config.default_guidance, "sampler": ldm.config.default_sampler, **options}
    return Part(figures | near, {"prompts": len(test), "settings": settings, **facts, "categories": by_category(judge, seen, test)})


def describe(ldm: AudioLDM, judge: Judge, wav: Tensor) -> dict[str, Tensor]:
    """Judge features and logits and CLAP embeddings of wav (N, samples)."""
    features, logits = judge_features(judge, wav)
    return {"features": features, "logits": logits, "clap": batched(ldm.clap.encode_audio, wav)}


def judged(judge: Judge, seen: dict, test: Windows, *, seed: int) -> dict[str, Figure]:
    """Top-1 and top-3 of made and real sounds and their ratio: all, recorded, and rendered or synthesised ones."""
    labels, groups = label_indices(test.column("category"), judge), np.array(test.column("group"))
    recorded = np.array([kind == "recorded" for kind in test.column("kind")])
    figures = {}
    for subset, rows in (("", np.ones(len(test), bool)), ("_recorded", recorded), ("_rendered", ~recorded)):
        if not rows.any():
            continue
        for k in (1, 3):
            right = {who: top_k(seen[who]["logits"], labels, k=k)[rows] for who in ("made", "test")}
            own = groups[rows].tolist()
            figures[f"judge_top{k}_generated{subset}"] = statistics.mean(right["made"], seed=seed, groups=own)
            figures[f"judge_top{k}_real{subset}"] = statistics.mean(right["test"], seed=seed, groups=own)
            if right["test"].any():
                figures[f"judge_top{k}_ratio{subset}"] = statistics.ratio(right["made"], right["test"], seed=seed, groups=own)
    return figures


def by_category(judge: Judge, seen: dict, test: Windows) -> dict[str, dict[str, float | int]]:
    """Top-1 of made and real sounds in each category, without intervals: too few of each."""
    names = np.array(test.column("category"))
    labels = label_indices(names.tolist(), judge)
    right = {who: top_k(seen[who]["logits"], labels) for who in ("made", "test")}
    return {
        str(name): {"n": int((names == name).sum()), "generated": round(float(right["made"][names == name].mean()), 3),
                    "real": round(float(right["test"][names == name].mean()), 3)}
        for name in np.unique(names)
    }  # fmt: skip


def scored(ldm: AudioLDM, seen: dict, prompts: list[str], test: Windows, *, seed: int) -> dict[str, Figure]:
    """CLAP score of made sounds, of the real pairs, and of real sounds with a caption from elsewhere."""
    with torch.inference_mode():
        text = torch.cat([ldm.clap.encode_text([prompt]).float().cpu() for prompt in prompts])
    groups = test.column("group")
    others = Rng(seed).numpy("strangers").permutation(len(prompts))
    pairs = {"generated": (text, seen["made"]["clap"]), "real": (text, seen["test"]["clap"]),
             "real_wrong_caption": (text[torch.from_numpy(others)], seen["test"]["clap"])}
    return {f"clap_score_{name}": statistics.mean(clap_score(a, b), seed=seed, groups=groups) for name, (a, b) in pairs.items()}


def spread(seen: dict, test: Windows, *, seed: int) -> dict[str, Figure]:
    """Frechet distances in the judge's feature space, all between sets of equal size: made or training sounds to test."""
    cloud = {who: values["features"].double().numpy() for who, values in seen.items()}
    count = min(map(len, cloud.values()))
    small = count <= 2 * cloud["test"].shape[1]  # resamples repeat items: fewer distinct ones than features

    def distance(who: str) -> Figure:
        a, b = cloud[who][:count], cloud["test"][:count]
        return statistics.bootstrap(
            lambda i: frechet_distance(a[i], b[i], allow_singular=small), count, seed=seed,
            groups=test.column("group")[:count], recentre=True)

    return {"frechet_generated_to_test": distance("made"), "frechet_train_to_test": distance("train")}


def neighbours(ldm: AudioLDM, judge: Judge, seen: dict, train: Windows, corpus: CorpusLike, test: Windows, *,
               seed: int) -> tuple[dict[str, Figure], dict]:
    """Cosine distance to the nearest window of any training clip, for made, test and replayed sounds.

    Replayed sounds are training clips, cut anew and sent through autoencoder and vocoder: if made sounds were copies, their
    distances would look like these. `*_as_near_as_a_replay` is the share of sounds nearer than the median replay.
    """
    replays = cut(corpus, choose(corpus.split("train"), REPLAYS, seed=seed), test.wav.shape[1], seed=seed, name="replay")
    played = batched(lambda wav: replay(ldm, wav), replays.wav)
    queries = {"generated": seen["made"], "test": seen["test"], "replayed": describe(ldm, judge, played)}
    reference = describe(ldm, judge, train.wav)
    groups = {"generated": test.column("group"), "test": test.column("group"), "replayed": replays.column("group")}
    figures: dict[str, Figure] = {}
    for space in ("features", "clap"):
        found = {who: nearest_neighbours(values[space], reference[space])[0] for who, values in queries.items()}
        label = "judge" if space == "features" else "clap"
        for who, distances in found.items():
            figures[f"nearest_{label}_{who}"] = statistics.median(distances, seed=seed, groups=groups[who])
        typical = np.median(found["replayed"])
        for who in ("generated", "test"):
            share = statistics.mean(found[who] < typical, seed=seed, groups=groups[who])
            figures[f"nearest_{label}_{who}_as_near_as_a_replay"] = share
    return figures, {"training_windows": len(train), "replayed": len(replays)}


def replay(ldm: AudioLDM, wav: Tensor) -> Tensor:
    """wav (B, N) through mel, latent, mel and vocoder back to (B, N)."""
    back: Callable[[Tensor], Tensor] = lambda mel: ldm.mel_to_wav(ldm.latent_to_mel(ldm.mel_to_latent(mel)))
    return back(ldm.wav_to_mel(wav))[:, : wav.shape[1]].clamp(-1.0, 1.0)
