"""Trajectories: how many calls of the denoiser does each solver need to end where very many small steps end?

Without fresh noise every sampler approximates one curve, the probability-flow ODE from a given noise. DDIM with 1000
steps stands for that curve; from the same prompts and the same noise every other solver is judged by how far from its
end it ends: in the latent, and in what the judge hears.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ldm_lab.diffusion.cost import network_passes
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import SAMPLERS
from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.errors import OptionError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.judging import judge_features
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.experiments import pictures
from ldm_lab.experiments.bench import Bench, Clouds, figures, frechet, open_bench, shown
from ldm_lab.generate import generate
from ldm_lab.system import AudioLDM

COLUMNS = (
    ("l2", "latent L2 to the reference"), ("l2_limit", "latent L2 to the limit"),
    ("fd_reference", "FD to the reference's sounds"), ("fd_real", "FD to real clips"),
)  # fmt: skip
MULTISTEP = ("dpmpp_2m", "unipc")


class Solver(NamedTuple):
    """One way from the noise to a latent."""

    sampler: str
    grid: str
    steps: int

    def calls(self, schedule: Schedule) -> int:
        """How often it asks the denoiser, counted."""
        return network_passes(schedule, self.sampler, self.steps, kind=self.grid)

    @property
    def label(self) -> str:
        return f"{self.sampler} {self.steps}, {self.grid}"


@dataclass(frozen=True)
class Settings:
    """count: prompts. reference, baseline, ddim: DDIM's steps, on the trailing grid, which starts at the noisiest level
    and ends at sigma = 0. calls: of the denoiser, for `solvers` on `grid`; at `grids_at` calls the multistep ones also on
    `grids`.
    """

    count: int = 64
    seed: int = 0
    guidance: float = 3.0
    reference: int = 1000
    baseline: int = 200
    ddim: tuple[int, ...] = (10, 25, 50, 100, 200)
    solvers: tuple[str, ...] = ("heun", "dpmpp_2m", "unipc")
    calls: tuple[int, ...] = (5, 10, 15, 20, 25, 50)
    grid: str = "exponential"
    grids: tuple[str, ...] = ("leading", "trailing", "karras", "exponential")
    grids_at: int = 20
    resamples: int = 300  # of the Frechet distances

    @property
    def target(self) -> Solver:
        return Solver("ddim", "trailing", self.reference)

    @property
    def rival(self) -> Solver:
        return Solver("ddim", "trailing", self.baseline)

    def plan(self) -> list[Solver]:
        """Every solver that is compared with the reference, each once."""
        if not self.baseline < self.reference or self.baseline not in self.ddim:
            raise OptionError(f"baseline: got {self.baseline}, expected one of ddim {self.ddim} that is below reference "
                              f"{self.reference}")
        lines = {name: [_with_calls(name, self.grid, count) for count in self.calls] for name in self.solvers}
        wanted = [Solver("ddim", "trailing", steps) for steps in sorted(self.ddim)]
        wanted += [solver for line in lines.values() for solver in line]
        wanted += [_with_calls(name, kind, self.grids_at) for name in self._multistep for kind in self.grids]
        return list(dict.fromkeys(wanted))

    @property
    def claimants(self) -> list[Solver]:
        """The multistep solvers at `grids_at` calls on `grid`, of which the claims speak."""
        return [_with_calls(name, self.grid, self.grids_at) for name in self._multistep]

    @property
    def _multistep(self) -> list[str]:
        return [name for name in MULTISTEP if name in self.solvers]


def _with_calls(sampler: str, kind: str, calls: int) -> Solver:
    """The sampler with as many steps as `calls` allow (a last step to sigma = 0 costs a two-pass method only one)."""
    passes = SAMPLERS[sampler].passes
    return Solver(sampler, kind, (calls + passes - 1) // passes)


def run(ldm: AudioLDM, settings: Settings, *, progress: bool) -> dict:
    """Distances of every solver's ends to the reference's, the claims about them, and the default they recommend."""
    plan = settings.plan()
    bench = open_bench(ldm, "trajectories", settings.count, seed=settings.seed)
    cheap_first = sorted((*plan, settings.target), key=lambda solver: solver.steps)
    made = {solver: ends(bench, solver, settings.guidance, progress=progress) for solver in cheap_first}
    reference = made[settings.target]["latent"]
    limit = extrapolated(made[settings.rival]["latent"], reference, settings.reference / settings.baseline)
    near = {key: {solver: relative_l2(own["latent"], end) for solver, own in made.items()}
            for key, end in (("l2", reference), ("l2_limit", limit))}
    clouds = _clouds(bench, made, settings)
    median = lambda values: statistics.median(values, seed=settings.seed, groups=bench.groups)
    rows = {solver: {"l2_limit": median(near["l2_limit"][solver]), "fd_real": clouds["real"].distance(solver.label)}
            for solver in made}
    for solver in plan:
        rows[solver] |= {"l2": median(near["l2"][solver]), "fd_reference": clouds["reference"].distance(solver.label)}
    gaps = {solver: _gaps(bench, near, clouds["reference"], solver, settings.rival) for solver in plan}
    calls = {solver: solver.calls(ldm.schedule) for solver in made}
    per_call = seconds_per_call(ldm, settings.guidance)
    cost = {solver.label: {"sampler": solver.sampler, "grid": solver.grid, "steps": solver.steps, "calls": calls[solver],
                           "seconds": float(f"{calls[solver] * per_call:.3g}")} for solver in made}
    chosen = recommended(gaps, calls)
    return {
        "figures": figures({solver.label: columns for solver, columns in rows.items()}),
        "differences": figures({solver.label: columns for solver, columns in gaps.items()}),
        "cost": cost, "reference": settings.target.label, "baseline": settings.rival.label,
        "recommended": cost[chosen.label], "claims": claims(settings, gaps),
        "table": {"rows": [solver.label for solver in (*plan, settings.target)], "columns": COLUMNS},
        "notes": notes(settings, chosen, calls, per_call, made[chosen]["features"].shape[1]),
    }  # fmt: skip


def ends(bench: Bench, solver: Solver, guidance: float, *, progress: bool) -> dict[str, Tensor]:
    """latent (N, C, T/r, 64/r) where `solver` ends and the judge's features (N, D) of its sound, from cache or made."""
    seeds = bench.seeds("generate", len(bench.test))
    seconds = bench.test.wav.shape[1] / bench.ldm.sample_rate

    def make(items: list[int]) -> dict[str, Tensor]:
        made = generate(bench.ldm, [bench.captions[i] for i in items], seconds=seconds, **solver._asdict(),
                        guidance=guidance, eta=0.0, seed=[seeds[i] for i in items], batch=len(items), progress=False)
        return {"latent": made.latent, "features": judge_features(bench.judge, made.audio)[0]}

    what = {**solver._asdict(), "guidance": guidance, "seconds": seconds}
    return bench.cache.rows(what, list(zip(bench.captions, seeds)), make, progress=progress)


def relative_l2(z: Tensor, reference: Tensor) -> np.ndarray:
    """(N,) |z - reference| / |reference| of each item."""
    z, reference = z.double().flatten(1), reference.double().flatten(1)
    return ((z - reference).norm(dim=1) / reference.norm(dim=1)).numpy()


def extrapolated(coarse: Tensor, fine: Tensor, ratio: float) -> Tensor:
    """Where infinitely many DDIM steps would end, from two runs of which the fine one has `ratio` times the steps.

    DDIM's error falls as 1 / steps, so the fine run has gone all but 1 / (ratio - 1) of the way from the coarse one
    (Richardson 1911).
    """
    return fine + (fine - coarse) / (ratio - 1.0)


def _clouds(bench: Bench, made: dict[Solver, dict[str, Tensor]], settings: Settings) -> dict[str, Clouds]:
    """Frechet distances of every solver's sounds to the reference's sounds and to the real clips."""
    sets = {solver.label: own["features"] for solver, own in made.items()}
    sets["real"] = judge_features(bench.judge, bench.test.wav)[0]
    references = {"reference": settings.target.label, "real": "real"}
    return {name: frechet(sets, label, seed=settings.seed, groups=bench.groups, resamples=settings.resamples)
            for name, label in references.items()}


def _gaps(bench: Bench, near: dict[str, dict[Solver, np.ndarray]], clouds: Clouds, solver: Solver,
          rival: Solver) -> dict[str, Figure]:
    """How much further from reference and limit `solver` ends than `rival`, paired by prompt. Below 0 = nearer."""

    def gap(own: np.ndarray, other: np.ndarray) -> Figure:
        return statistics.bootstrap(lambda rows: float(np.median(own[rows]) - np.median(other[rows])), len(own),
                                    seed=bench.seed, groups=bench.groups)

    found = {key: gap(far[solver], far[rival]) for key, far in near.items()}
    return found | {"fd_reference": clouds.difference(solver.label, rival.label)}


def claims(settings: Settings, gaps: dict[Solver, dict[str, Figure]]) -> list[dict]:
    """At least as near: the measured distance is not the larger one. The detail says if the interval excludes a tie."""
    found, target = [], settings.target.label
    where = {"l2": f"{target} (median latent L2)", "fd_reference": f"{target} (Frechet distance of the sounds)",
             "l2_limit": "the limit of infinitely many steps (median latent L2)"}
    for solver in settings.claimants:
        for key, words in where.items():
            gap = gaps[solver][key]
            sure = "beyond noise" if gap.high < 0 or gap.low > 0 else "within noise"
            found.append({"claim": f"{solver.label} ends at least as near as {settings.rival.label} to {words}",
                          "holds": bool(gap.value <= 0), "detail": f"difference {shown(gap)}: {sure}"})
    return found


def recommended(gaps: dict[Solver, dict[str, Figure]], calls: dict[Solver, int]) -> Solver:
    """Fewest calls among solvers not further from the reference than the baseline: by median L2, and by Frechet
    distance unless that is within noise. The baseline itself is always one of them. Equal calls: the nearer one."""
    fit = [solver for solver, gap in gaps.items() if gap["l2"].value <= 0 and gap["fd_reference"].low <= 0]
    return min(fit, key=lambda solver: (calls[solver], gaps[solver]["l2"].value))


@torch.no_grad()
def seconds_per_call(ldm: AudioLDM, guidance: float, *, repeats: int = 7) -> float:
    """Median seconds of one guided call for one sound of the training window, here and now."""
    x = torch.zeros(1, *ldm.latent_shape(ldm.config.window_seconds), device=ldm.device)
    emb = torch.zeros(1, ldm.config.clap.embed_dim, device=ldm.device)
    denoise = guide(ldm.denoiser(), emb, emb, scale=guidance)
    spent = []
    for _ in range(repeats):
        begin = time.perf_counter()
        denoise(x, torch.ones(1, dtype=torch.float64)).cpu()  # waits for a GPU
        spent.append(time.perf_counter() - begin)
    return float(np.median(spent))


def notes(settings: Settings, chosen: Solver, calls: dict[Solver, int], per_call: float, features: int) -> list[str]:
    """In words: what is recommended, and what the columns are."""
    return [
        f"Recommended default: {chosen.sampler}, {chosen.steps} steps, {chosen.grid} grid ({calls[chosen]} calls of the "
        f"denoiser): the fewest that end no further from the reference than {settings.rival.label} "
        f"({calls[settings.rival]} calls).",
        "Latent L2: |z - z_ref| / |z_ref| of each prompt, median. The limit is extrapolated from DDIM's two finest runs: "
        "the reference, too, is some way from it, and no solver can be expected to come nearer to the reference than that.",
        f"FD: Frechet distance in the judge's {features} features with n = {settings.count} sounds: biased upwards, about "
        "equally for all rows; good for comparing them, not with figures of another n.",
        f"One guided call for one window took {1000 * per_call:.0f} ms on the machine that measured. The leading grid stops "
        "at the lowest trained noise level instead of 0.",
    ]


def draw(values: dict):
    """Distance against calls for every solver, in latents and in sounds; and the grids at one number of calls."""
    settings, rows, cost = values["settings"], values["figures"], values["cost"]
    figure, axes = pictures.panels(3, width=4.2, height=3.4)
    lines = {"ddim": "trailing"} | {name: settings["grid"] for name in settings["solvers"]}
    for axis, (key, label) in zip(axes, (COLUMNS[0], COLUMNS[2])):
        for number, (sampler, kind) in enumerate(lines.items()):
            own = sorted((cost[row]["calls"], row) for row in rows
                         if key in rows[row] and (cost[row]["sampler"], cost[row]["grid"]) == (sampler, kind))
            pictures.line(axis, [calls for calls, _ in own], [rows[row][key] for _, row in own], label=sampler,
                          colour=pictures.COLOURS[number], marker=pictures.MARKERS[number])
        axis.axhline(rows[values["baseline"]][key]["value"], color=pictures.GREY, linestyle=":", label=values["baseline"])
        axis.set(xscale="log", xlabel="calls of the denoiser", title=label)
        ticks = sorted({*settings["ddim"], *settings["calls"]})
        axis.set_xticks(ticks[:: max(1, len(ticks) // 6)], labels=ticks[:: max(1, len(ticks) // 6)], minor=False)
        axis.set_yscale("log")
        axis.minorticks_off()
    axes[0].legend(frameon=False, fontsize=8)
    _grid_bars(axes[2], values)
    pictures.caption(figure, values, f"guidance {settings['guidance']:g}")
    return figure


def _grid_bars(axis, values: dict) -> None:
    settings, rows, cost = values["settings"], values["figures"], values["cost"]
    multistep = [name for name in MULTISTEP if name in settings["solvers"]]
    names = [row for row in values["table"]["rows"] if cost[row]["sampler"] in multistep
             and cost[row]["calls"] == settings["grids_at"] and cost[row]["grid"] in settings["grids"]]
    colours = [pictures.COLOURS[1 + settings["solvers"].index(cost[row]["sampler"])] for row in names]
    pictures.bars(axis, names, [rows[row]["l2"] for row in names], colours=colours, label=COLUMNS[0][1])
    axis.axvline(rows[values["baseline"]]["l2"]["value"], color=pictures.GREY, linestyle=":")
    axis.set_title(f"grids at {settings['grids_at']} calls")
