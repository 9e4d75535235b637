"""Style transfer: a real sound is moved towards a prompt of another kind. What comes with strength, and what stays?

Each pair is a test clip and the caption of a test clip of another category. At every strength the result is compared
with the prompt (CLAP, judge) and with the source (CLAP, log-mel, onsets), from the same noise. Chance for the onsets is
the correlation with other clips' onsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ldm_lab.editing import transfer
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.distances import clap_score
from ldm_lab.evaluation.judging import label_indices
from ldm_lab.evaluation.parts import batched
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.experiments import pictures
from ldm_lab.experiments.bench import CHUNK, Bench, claimed, figures, open_bench, shown
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

TOWARDS = ("clap_target", "judge_target")
AWAY = ("clap_source", "mel_source", "onset_source")
COLUMNS = (
    ("clap_target", "CLAP similarity to the prompt"), ("judge_target", "judge's probability of the prompt's category"),
    ("clap_source", "CLAP similarity to the source"), ("mel_source", "log-mel correlation with the source"),
    ("onset_source", "onset correlation with the source"), ("onset_chance", "onset correlation with other clips"),
)  # fmt: skip
TREND = "Kendall's tau with strength"


@dataclass(frozen=True)
class Settings:
    """count: pairs. onset_strength: where the onsets are held against chance (one of `strengths`)."""

    count: int = 104
    seed: int = 0
    strengths: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    onset_strength: float = 0.4
    shuffles: int = 8  # other clips that each result's onsets are compared with
    sampler: str = "dpmpp_2m"
    steps: int = 20
    guidance: float = 3.0


def run(ldm: AudioLDM, settings: Settings, *, progress: bool) -> dict:
    """Figures at every strength, the trend over strengths, and the onsets against chance."""
    bench = open_bench(ldm, "transfer", settings.count, seed=settings.seed)
    targets = choose_targets(bench)
    with torch.inference_mode():
        text = torch.cat([ldm.clap.encode_text([bench.captions[j]]).float().cpu() for j in targets])
    source = Heard.of(bench, bench.test.wav)
    wanted = label_indices([bench.test.clips[j].category for j in targets], bench.judge)
    sounds = (transferred(bench, settings, targets, strength, progress=progress) for strength in settings.strengths)
    seen = [measure(bench, wav, source, text, wanted, settings) for wav in sounds]
    of = lambda values: statistics.mean(values, seed=settings.seed, groups=bench.groups)
    rows = {f"strength {strength:g}": {key: of(values[key]) for key in values}
            for strength, values in zip(settings.strengths, seen, strict=True)}
    curves = {key: np.stack([values[key] for values in seen], axis=1) for key in (*TOWARDS, *AWAY)}  # (N, S)
    rows[TREND] = {key: of(kendall(curve, settings.strengths)) for key, curve in curves.items()}
    steps = {key: [of(b - a) for a, b in pairwise(curve.T)] for key, curve in curves.items()}
    claims = [monotone(label, steps[key], rows[TREND][key], rising=key in TOWARDS)
              for key, label in COLUMNS if key in curves]
    at = seen[settings.strengths.index(settings.onset_strength)]
    gap = of(at["onset_source"] - at["onset_chance"])
    claims.append(claimed(f"at strength {settings.onset_strength:g} the onsets follow the source more than by chance",
                          {"correlation minus chance": gap}, below=False))
    note = ("Onsets: rising log-mel, summed over bands, frame by frame. Chance: the same correlation with the onsets "
            f"of {settings.shuffles} other source clips. Trend: Kendall's tau of each pair's values with strength, mean "
            "over pairs: 1 = rises at every step, -1 = falls at every step, 0 = no trend.")
    return {"figures": figures(rows), "steps": {key: [s.as_dict() for s in found] for key, found in steps.items()},
            "claims": claims, "notes": [note], "table": {"rows": list(rows), "columns": COLUMNS}}


def choose_targets(bench: Bench) -> list[int]:
    """For each clip the number of another clip, of another category, whose caption is the prompt."""
    categories, found = bench.test.column("category"), []
    for clip in bench.test.clips:
        order = Rng(bench.seed).numpy(f"target {clip.file}").permutation(len(categories))
        found.append(next(int(j) for j in order if categories[j] != clip.category))
    return found


def transferred(bench: Bench, settings: Settings, targets: list[int], strength: float, *, progress: bool) -> Tensor:
    """wav (N, samples): every clip moved towards its prompt."""
    seeds = bench.seeds("transfer", len(targets))
    options = {"sampler": settings.sampler, "steps": settings.steps, "guidance": settings.guidance, "batch": CHUNK}

    def make(items: list[int]) -> dict[str, Tensor]:
        made = transfer(bench.ldm, bench.test.wav[items], [bench.captions[targets[i]] for i in items],
                        strength=strength, seed=[seeds[i] for i in items], progress=False, **options)
        return {"wav": made.audio}

    keys = [[clip.file, bench.captions[j]] for clip, j in zip(bench.test.clips, targets, strict=True)]
    return bench.cache.rows({"way": "transfer", "strength": strength, "seed": settings.seed, **options}, keys, make,
                            progress=progress)["wav"]


@dataclass(frozen=True)
class Heard:
    """Log-mel (N, T, M), onset envelope (N, T - 1), CLAP embedding (N, E) and judge logits (N, K) of some sounds."""

    mel: Tensor
    onsets: Tensor
    clap: Tensor
    logits: Tensor

    @classmethod
    def of(cls, bench: Bench, wav: Tensor) -> Heard:
        mel = batched(bench.ldm.wav_to_mel, wav)
        found = bench.describe(wav)
        return cls(mel, onset_envelope(mel), found["clap"], found["logits"])


def onset_envelope(mel: Tensor) -> Tensor:
    """(N, T - 1) of mel (N, T, M): how much louder the bands get from frame to frame, falls counted as nothing.

    Bands below -7 (silence) are raised to it, so that noise nobody hears has no onsets.
    """
    return mel.clamp(min=-7.0).diff(dim=1).clamp(min=0.0).sum(-1)


def correlation(a: Tensor, b: Tensor) -> np.ndarray:
    """(N,) Pearson correlation of rows (N, ..); 0 where a row is constant."""
    a, b = (x.flatten(1).double() for x in (a, b))
    a, b = (x - x.mean(1, keepdim=True) for x in (a, b))
    return ((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp(min=1e-9)).numpy()


def measure(bench: Bench, wav: Tensor, source: Heard, text: Tensor, wanted: np.ndarray,
            settings: Settings) -> dict[str, np.ndarray]:
    """{measure: (N,)} of results wav (N, samples) against prompts and sources."""
    own = Heard.of(bench, wav)
    count = len(wav)
    others = np.stack([Rng(settings.seed).numpy("others", i).choice(np.delete(np.arange(count), i), settings.shuffles)
                       for i in range(count)])  # (N, shuffles)
    chance = [correlation(own.onsets, source.onsets[torch.from_numpy(column)]) for column in others.T]
    return {
        "clap_target": clap_score(text, own.clap),
        "judge_target": own.logits.softmax(-1)[torch.arange(count), torch.from_numpy(wanted)].numpy(),
        "clap_source": clap_score(source.clap, own.clap),
        "mel_source": correlation(own.mel, source.mel),
        "onset_source": correlation(own.onsets, source.onsets),
        "onset_chance": np.mean(chance, axis=0),
    }


def kendall(curves: np.ndarray, strengths: tuple[float, ...]) -> np.ndarray:
    """(N,) Kendall's tau-a of each row (N, S) with the strengths: concordant minus discordant pairs over all pairs."""
    x = np.asarray(strengths)
    i, j = np.triu_indices(len(x), 1)
    return (np.sign(curves[:, j] - curves[:, i]) * np.sign(x[j] - x[i])).mean(axis=1)


def monotone(label: str, steps: list[Figure], trend: Figure, *, rising: bool) -> dict:
    """The claim that a mean moves one way at every step of strength and that the trend's interval excludes 0."""
    sign = 1 if rising else -1
    holds = all(sign * step.value > 0 for step in steps) and (trend.low > 0 if rising else trend.high < 0)
    sure = sum(step.low > 0 if rising else step.high < 0 for step in steps)
    found = ", ".join(f"{step.value:+.3f}" for step in steps)
    return {"claim": f"{label} {'rises' if rising else 'falls'} at every step of strength", "holds": bool(holds),
            "detail": f"steps {found} ({sure} of {len(steps)} with intervals beyond 0); tau {shown(trend)}"}


def draw(values: dict):
    """Left: what is gained; right: what is lost, with chance for the onsets."""
    strengths = values["settings"]["strengths"]
    figure, axes = pictures.panels(2, width=4.8, height=3.6)
    series = lambda key: [values["figures"][f"strength {strength:g}"][key] for strength in strengths]
    labels = dict(COLUMNS) | {"judge_target": "judge's probability of its category", "onset_chance": "onsets, chance"}
    sides = ((TOWARDS, "towards the prompt"), ((*AWAY, "onset_chance"), "away from the source"))
    for axis, (keys, title) in zip(axes, sides, strict=True):
        for key, colour, marker in zip(keys, pictures.COLOURS, pictures.MARKERS):
            colour = pictures.GREY if key == "onset_chance" else colour
            label = labels[key].split(" with the source")[0].split(" to the ")[0]
            pictures.line(axis, strengths, series(key), label=label, colour=colour, marker=marker)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xlabel("strength")
        axis.legend(frameon=False, fontsize=8.5)
    pictures.caption(figure, values)
    return figure
