"""The paper's sampling ablations (section 5.3): steps, guidance, candidates, samplers at equally many network calls.

The same captions and, for each seed, the same noise everywhere: settings differ in nothing else. Candidates are sounds
of the same caption from further noise; the best of K is the one with the highest CLAP score among the first K.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ldm_lab.diffusion.samplers import find_sampler
from ldm_lab.errors import OptionError
from ldm_lab.evaluation.classes import kl_divergence
from ldm_lab.evaluation.distances import clap_score, top_k
from ldm_lab.evaluation.judging import label_indices
from ldm_lab.experiments import pictures
from ldm_lab.experiments.bench import CHUNK, Bench, figures, open_bench
from ldm_lab.experiments.seeds import difference, in_words, summary
from ldm_lab.generate import generate
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

COLUMNS = (("top1", "judge top-1"), ("top3", "judge top-3"), ("clap", "CLAP score"), ("frechet", "Frechet distance"),
           ("kad", "KAD"), ("kl", "KL"))
KEYS = tuple(key for key, _ in COLUMNS)


@dataclass(frozen=True)
class Settings:
    """count: captions; seeds: each makes one sound a caption at every setting. sampler, steps and guidance are the
    centre that guidance and candidates are varied around; the lists are what is varied."""

    count: int = 32
    seeds: tuple[int, ...] = (0, 1, 2)
    sampler: str = "dpmpp_2m"
    steps: int = 20
    guidance: float = 3.0
    steps_of_ddim: tuple[int, ...] = (10, 25, 50, 100, 200)
    guidances: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
    candidates: tuple[int, ...] = (1, 3, 8)
    samplers: tuple[str, ...] = ("ddim", "ddpm", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc")
    calls: tuple[int, ...] = (10, 20)  # network calls at which samplers are compared


@dataclass(frozen=True)
class Way:
    """How a sound is made; `best_of` so many."""

    sampler: str
    steps: int
    guidance: float
    best_of: int = 1

    @property
    def cost(self) -> float:
        """Network passes of one sound: guidance takes two a call."""
        return self.steps * find_sampler(self.sampler).passes * (1 if self.guidance == 1.0 else 2) * self.best_of


def families(settings: Settings) -> dict[str, dict[str, Way]]:
    """{family: {row: Way}}: what is varied, in the order of the page."""
    centre = Way(settings.sampler, settings.steps, settings.guidance)
    ddim = {f"DDIM, {steps} steps": Way("ddim", steps, settings.guidance) for steps in settings.steps_of_ddim}
    guidance = {f"guidance {scale:g}": Way(settings.sampler, settings.steps, scale) for scale in settings.guidances}
    best = {f"best of {count}": Way(**asdict(centre) | {"best_of": count}) for count in settings.candidates}
    samplers = {f"{name}, {calls} calls": Way(name, max(1, calls // find_sampler(name).passes), settings.guidance)
                for calls in settings.calls for name in settings.samplers}
    return {"steps": ddim, "guidance": guidance, "candidates": best, "samplers": samplers}


def run(ldm: AudioLDM, settings: Settings, *, progress: bool) -> dict:
    """Figures of every setting, differences within each family, and what the paper says of them as claims."""
    if not settings.seeds:
        raise OptionError("seeds: got none, expected at least one; differences need two")
    bench = open_bench(ldm, "sampling", settings.count, seed=settings.seeds[0])
    ways = {row: way for family in families(settings).values() for row, way in family.items()}
    seen = {}
    for row, way in sorted(ways.items(), key=lambda item: item[1].cost):  # cheap first: an interrupted run has most
        seen[row] = [observe(bench, way, seed, progress=progress) for seed in settings.seeds]
    rows = {row: summary(bench, seen[row], KEYS) for row in ways}
    gaps = differences(bench, settings, seen)
    return {"figures": figures(rows), "differences": gaps, "passes": {row: way.cost for row, way in ways.items()},
            "claims": claims(settings, gaps, rows), "notes": notes(gaps),
            "table": {"rows": list(ways), "columns": COLUMNS}}


def observe(bench: Bench, way: Way, seed: int, *, progress: bool) -> dict[str, np.ndarray]:
    """{column: (N,)} of the sounds that `way` makes from `seed`, and judge features of them and of the real clips."""
    text = _text(bench)
    drawn = [made(bench, way, seed, number, progress=progress) for number in range(way.best_of)]
    scores = np.stack([clap_score(text, one["clap"]) for one in drawn])  # (K, N)
    best = scores.argmax(0)
    pick = lambda name: torch.stack([drawn[k][name][i] for i, k in enumerate(best)])
    files = [clip.file for clip in bench.test.clips]
    real = bench.cache.tensors({"real": files}, lambda: bench.describe(bench.test.wav))
    labels, logits = label_indices(bench.test.column("category"), bench.judge), pick("logits")
    return {"top1": top_k(logits, labels), "top3": top_k(logits, labels, k=3), "clap": scores.max(0),
            "kl": kl_divergence(real["logits"], logits), "features": pick("features").double().numpy(),
            "real": real["features"].double().numpy()}


def _text(bench: Bench) -> Tensor:
    with torch.inference_mode():
        return torch.cat([bench.ldm.clap.encode_text([caption]).float().cpu() for caption in bench.captions])


def made(bench: Bench, way: Way, seed: int, number: int, *, progress: bool) -> dict[str, Tensor]:
    """What judge and CLAP say of one sound a caption: candidate `number` of `seed`."""
    seconds = bench.test.wav.shape[1] / bench.ldm.sample_rate
    options = {"sampler": way.sampler, "steps": way.steps, "guidance": way.guidance}
    seeds = [Rng(seed).key("sampling", i, number) for i in range(len(bench.captions))]

    def make(items: list[int]) -> dict[str, Tensor]:
        sounds = generate(bench.ldm, [bench.captions[i] for i in items], seconds=seconds,
                          seed=[seeds[i] for i in items], batch=CHUNK, progress=False, **options)
        return bench.describe(sounds.audio)

    return bench.cache.rows(options, [list(pair) for pair in zip(bench.captions, seeds)], make, progress=progress)


def references(settings: Settings) -> dict[str, dict[str, str]]:
    """{family: {row: the row it is compared with}}: most steps, the centre's guidance, one sound, the first sampler at
    as many calls."""
    rows = {family: list(ways) for family, ways in families(settings).items()}
    centre = f"guidance {settings.guidance:g}"
    first = settings.samplers[0]
    return {
        "steps": {row: rows["steps"][-1] for row in rows["steps"][:-1]},
        "guidance": {row: centre for row in rows["guidance"] if row != centre and centre in rows["guidance"]},
        "candidates": {row: rows["candidates"][0] for row in rows["candidates"][1:]},
        "samplers": {row: f"{first}, {row.split(', ')[1]}" for row in rows["samplers"] if row.split(",")[0] != first},
    }


def differences(bench: Bench, settings: Settings, seen: dict[str, list[dict]]) -> dict[str, dict]:
    """{row: {"minus": other row, columns ...}} within each family, and the centre against the longest DDIM."""
    pairs = {row: other for family in references(settings).values() for row, other in family.items()}
    gaps = {row: {"minus": other, **difference(bench, seen[row], seen[other], KEYS)} for row, other in pairs.items()}
    default, longest = f"best of {settings.candidates[0]}", f"DDIM, {settings.steps_of_ddim[-1]} steps"
    name = f"{settings.sampler}, {settings.steps} steps"
    return gaps | {name: {"minus": longest, **difference(bench, seen[default], seen[longest], KEYS)}}


def claims(settings: Settings, gaps: dict, rows: dict) -> list[dict]:
    """What the paper (and the choice of the default sampler) says, held against the figures."""
    steps, best, calls = settings.steps_of_ddim, settings.candidates, settings.calls[-1]
    default = f"{settings.sampler}, {settings.steps} steps"
    found = []

    def better(row: str, column: str, sign: int, text: str) -> None:
        gap = gaps.get(row, {}).get(column)
        if gap is not None:
            sure = gap["low"] > 0 if sign > 0 else gap["high"] < 0
            holds = bool(sure and gap["beyond_seeds"] is not False)
            found.append({"claim": text, "holds": holds, "detail": in_words(gap)})

    def equal(row: str, column: str, text: str) -> None:
        gap = gaps.get(row, {}).get(column)
        if gap is not None and gap["beyond_seeds"] is not None:
            found.append({"claim": text, "holds": not gap["beyond_seeds"], "detail": in_words(gap)})

    better(f"DDIM, {steps[0]} steps", "frechet", 1,
           f"DDIM: {steps[0]} steps are further from real sound than {steps[-1]} (Frechet)")
    if len(steps) > 1:
        equal(f"DDIM, {steps[-2]} steps", "frechet",
              f"DDIM: {steps[-2]} and {steps[-1]} steps do not differ beyond the noise of the seeds (Frechet)")
    distance = {scale: rows[f"guidance {scale:g}"]["frechet"]["value"] for scale in settings.guidances}
    if distance:
        least = min(distance, key=distance.get)
        values = ", ".join(f"{scale:g}: {value:.0f}" for scale, value in distance.items())
        found.append({"claim": "guidance between 2 and 3 gives the lowest Frechet distance",
                      "holds": bool(2 <= least <= 3), "detail": f"lowest at {least:g} ({values})"})
    better(f"best of {best[-1]}", "clap", 1, f"the best of {best[-1]} by CLAP score has a higher CLAP score than one")
    better(f"best of {best[-1]}", "top1", 1,
           f"the best of {best[-1]} by CLAP score is heard rightly more often than one (judge top-1)")
    better(f"{settings.sampler}, {calls} calls", "frechet", -1, f"{settings.sampler} is nearer to real sound than "
           f"{settings.samplers[0]} with {calls} calls (Frechet)")
    equal(default, "frechet",
          f"{default} and DDIM with {steps[-1]} do not differ beyond the noise of the seeds (Frechet)")
    return found


def notes(gaps: dict) -> list[str]:
    """Which differences are more than the noise of the seeds, in words."""
    labels, lines = dict(COLUMNS), []
    for row, gap in gaps.items():
        clear = [f"{labels[key]} {gap[key]['value']:+.3g}" for key in KEYS if gap[key]["beyond_seeds"]]
        if clear:
            lines.append(f"{row} against {gap['minus']}: more than the noise of the seeds in {', '.join(clear)}.")
    quiet = [f"{row} against {gap['minus']}" for row, gap in gaps.items()
             if not any(gap[key]["beyond_seeds"] for key in KEYS)]
    return lines + ([f"No difference beyond the noise of the seeds: {'; '.join(quiet)}."] if quiet else [])


def draw(values: dict):
    """Judge top-1, CLAP score and Frechet distance (rows) over steps, guidance, candidates and samplers (columns)."""
    settings = values["settings"]
    columns = [item for item in COLUMNS if item[0] in ("top1", "clap", "frechet")]
    figure, axes = pictures.panels(4, len(columns), width=2.9, height=2.1)
    get = lambda row, key: values["figures"][row][key]
    for i, (key, label) in enumerate(columns):
        steps, guidance, best, samplers = axes[4 * i : 4 * i + 4]
        for axis, x, name in ((steps, settings["steps_of_ddim"], "DDIM, {} steps"),
                              (guidance, settings["guidances"], "guidance {:g}"),
                              (best, settings["candidates"], "best of {}")):
            items = [get(name.format(value), key) for value in x]
            pictures.line(axis, x, items, label=label, colour=pictures.BLUE, spread=True)
        for name, colour, marker in zip(settings["samplers"], pictures.COLOURS, pictures.MARKERS):
            shift = 0.12 * (settings["samplers"].index(name) - len(settings["samplers"]) / 2)
            items = [get(f"{name}, {calls} calls", key) for calls in settings["calls"]]
            places = [place + shift for place in range(len(items))]
            pictures.line(samplers, places, items, label=name, colour=colour, marker=marker)
        samplers.set_xticks(range(len(settings["calls"])), labels=settings["calls"])
        steps.set_xscale("log")
        for axis, x in ((steps, settings["steps_of_ddim"]), (best, settings["candidates"])):
            axis.set_xticks(x, labels=x, minor=False)
            axis.minorticks_off()
        steps.set_ylabel(label)
        if key == columns[-1][0]:
            for axis, name in zip(axes[4 * i :], ("DDIM steps", "guidance", "best of", "network calls"), strict=True):
                axis.set_xlabel(name)
    handles, names = axes[3].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", frameon=False, fontsize=8, ncols=len(names))
    pictures.caption(figure, values, "shaded: standard deviation between seeds" if len(settings["seeds"]) > 1 else "")
    return figure
