"""How well text and sound find each other in a CLAP space: retrieval, zero-shot categories, the modality gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

# What a listener would call each category of the corpus; the mean of a category's texts is its zero-shot classifier.
CATEGORY_PROMPTS: dict[str, tuple[str, ...]] = {
    "ambience": ("ambience of a place", "background noise of a busy place", "outdoor ambience with distant sounds"),
    "animal": ("an animal making a sound", "the call of an animal", "a bird or a farm animal"),
    "bell_ui": ("a bell or a chime", "a notification sound of a computer or phone", "an alarm beeping"),
    "drum": ("a drum hit", "a cymbal or a percussion hit", "drums playing"),
    "human": ("a person making a sound without words", "a scream, a laugh or a cough", "people cheering"),
    "impact": ("something being hit", "footsteps", "an object breaking, falling or banging"),
    "instrument": ("a musical instrument playing a note", "a guitar or piano chord", "a single musical note"),
    "machine": ("a machine or a tool at work", "hammering, sawing or drilling", "an engine or motor of an appliance"),
    "music": ("music", "an orchestra playing a melody", "a piece of music with several instruments"),
    "nature": ("wind, rain or thunder", "flowing water or waves", "fire crackling"),
    "speech": ("a person speaking", "a man or a woman talking", "an announcement in some language"),
    "synth": ("an electronic synthetic sound", "a science fiction sound effect", "noise or a synthesised tone"),
    "vehicle": ("a vehicle driving", "a car, train, ship or airplane", "an engine running"),
    "weapon": ("a gun firing", "an explosion", "an arrow or a sword"),
}


def relevance(captions: Sequence[Sequence[str]], texts: Sequence[str]) -> Tensor:
    """(sounds, texts) bool: text j is one of the captions of sound i. Several sounds may share a caption: all count."""
    place = {text: j for j, text in enumerate(texts)}
    hits = torch.zeros(len(captions), len(texts), dtype=torch.bool)
    for i, own in enumerate(captions):
        for text in own:
            if text in place:
                hits[i, place[text]] = True
    return hits


def first_hit_rank(scores: Tensor, hits: Tensor) -> Tensor:
    """(Q,) rank, from 1, of the best-scored hit in each row of scores (Q, N); rows without a hit are left out.

    Ties are counted against the hit, so a constant score gives the worst rank, not the best.
    """
    keep = hits.any(1)
    scores, hits = scores[keep], hits[keep]
    best = scores.masked_fill(~hits, -torch.inf).amax(1, keepdim=True)
    return 1 + ((scores >= best) & ~hits).sum(1)


def rank_summary(ranks: Tensor) -> dict[str, float]:
    """Recall at 1 and 10 and the median rank of ranks (Q,)."""
    ranks = ranks.float()
    return {"r1": (ranks <= 1).float().mean().item(), "r10": (ranks <= 10).float().mean().item(),
            "median_rank": ranks.quantile(0.5).item()}


def retrieval(audio: Tensor, text: Tensor, captions: Sequence[Sequence[str]], texts: Sequence[str]) -> dict[str, float]:
    """Text to sound and sound to text among `audio` (n, E) with their captions and `text` (m, E) of the distinct `texts`."""
    scores, hits = audio @ text.T, relevance(captions, texts)
    there, back = rank_summary(first_hit_rank(scores.T, hits.T)), rank_summary(first_hit_rank(scores, hits))
    return {"sounds": len(audio), "texts": len(texts), **{f"text_to_audio_{k}": v for k, v in there.items()},
            **{f"audio_to_text_{k}": v for k, v in back.items()}}


def zero_shot(audio: Tensor, categories: Sequence[str], class_text: Mapping[str, Tensor]) -> dict[str, float]:
    """Share of sounds (n, E) nearest to the mean text embedding of their own category, over sounds and over categories.

    `class_text` maps each category to the unit embeddings (k, E) of its prompts.
    """
    names = sorted(class_text)
    centres = torch.nn.functional.normalize(torch.stack([class_text[name].mean(0) for name in names]), dim=-1)
    guess = (audio @ centres.T).argmax(1)
    right = torch.tensor([names[int(g)] == category for g, category in zip(guess, categories, strict=True)])
    per_class = [right[[c == name for c in categories]].float().mean().item() for name in names if name in categories]
    return {"accuracy": right.float().mean().item(), "balanced_accuracy": sum(per_class) / len(per_class),
            "chance": 1 / len(names)}


def paraphrase_scores(audio: Tensor, categories: Sequence[str], prompts: Tensor, wanted: Sequence[str], *,
                      top: int = 10) -> dict[str, float]:
    """Do prompts (q, E) with words no caption contains find sounds of the category they mean?

    `precision`: share of the `top` nearest sounds that are of the wanted category; `hit1`: the nearest one is;
    `chance`: what a random order would give.
    """
    nearest = (prompts @ audio.T).topk(min(top, len(audio)), dim=1).indices
    right = torch.tensor([[categories[int(i)] == want for i in row] for row, want in zip(nearest, wanted, strict=True)])
    share = {name: sum(c == name for c in categories) / len(categories) for name in set(wanted)}
    return {"prompts": len(wanted), "hit1": right[:, 0].float().mean().item(), "precision": right.float().mean().item(),
            "any_hit": right.any(1).float().mean().item(), "chance": sum(share[w] for w in wanted) / len(wanted)}


def modality_gap(audio: Tensor, text: Tensor) -> dict[str, float]:
    """The cones that contrastive spaces split into (Liang et al. 2022), from true pairs audio, text (n, E).

    `pair_cosine`: mean over true pairs; `stranger_cosine`: over all others; `centroid_distance`: between the two means.
    """
    scores = audio @ text.T
    others = (scores.sum() - scores.diagonal().sum()) / (len(audio) * (len(audio) - 1))
    return {"pair_cosine": scores.diagonal().mean().item(), "stranger_cosine": others.item(),
            "centroid_distance": (audio.mean(0) - text.mean(0)).norm().item()}
