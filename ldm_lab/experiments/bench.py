"""What every experiment stands on: held-out clips, the judge, a cache of what was made, figures and claims."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab import __version__
from ldm_lab.checkpoint.files import read_tensors, write_tensors
from ldm_lab.corpus import open_corpus
from ldm_lab.errors import CheckpointError, OptionError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.clips import CorpusLike, Windows, choose, cut
from ldm_lab.evaluation.distances import frechet_distance
from ldm_lab.evaluation.generation import describe, prompts_of
from ldm_lab.evaluation.judging import load_judge
from ldm_lab.evaluation.statistics import Figure
from ldm_lab.experiments.page import number
from ldm_lab.models.judge import Judge
from ldm_lab.rng import Rng
from ldm_lab.system import PARTS, AudioLDM

RUNS = Path("runs") / "experiments"
CHUNK = 16  # sounds made between two saves


@dataclass(frozen=True)
class Bench:
    """Test windows (N, samples) with a caption each, and what measures them. `seed` chose clips, windows, captions."""

    ldm: AudioLDM
    judge: Judge
    corpus: CorpusLike
    test: Windows
    captions: tuple[str, ...]
    seed: int
    cache: Cache

    @property
    def groups(self) -> list[str]:
        """The recording each clip comes from: what intervals are drawn over."""
        return self.test.column("group")

    def describe(self, wav: Tensor) -> dict[str, Tensor]:
        """Judge `features` and `logits` and `clap` embeddings of wav (N, samples)."""
        return describe(self.ldm, self.judge, wav)

    def seeds(self, name: str, count: int) -> list[int]:
        """One seed a clip for the sounds made for it; the same clip gets the same one whatever `count` is."""
        return [Rng(self.seed).key(name, i) for i in range(count)]


def open_bench(ldm: AudioLDM, name: str, count: int, *, seed: int,
               keep: Callable[[Windows], np.ndarray] | None = None) -> Bench:
    """The bench of experiment `name`: `count` test clips, evenly over categories and recordings, as long as the model's
    training window. keep: windows -> (N,) booleans says which clips can be asked about; all if omitted."""
    corpus = open_corpus()
    samples = round(ldm.config.window_seconds * ldm.sample_rate)
    clips = choose(corpus.split("test"), None if keep else count, seed=seed)
    test = cut(corpus, clips, samples, seed=seed)
    if keep is not None:
        rows = np.flatnonzero(keep(test))[:count]
        test = Windows(test.wav[torch.from_numpy(rows)], tuple(test.clips[i] for i in rows))
    if len(test) < count:
        raise OptionError(f"count: got {count}, but {name} finds only {len(test)} test clips; ask for fewer")
    cache = Cache(RUNS / name, fingerprint(ldm))
    return Bench(ldm, load_judge(), corpus, test, tuple(prompts_of(test, seed=seed)), seed, cache)


def fingerprint(ldm: AudioLDM) -> str:
    """SHA-256 of all weights and of the configuration, without the defaults of sampling (experiments set those)."""
    config = {key: value for key, value in dataclasses.asdict(ldm.config).items() if not key.startswith("default_")}
    state = hashlib.sha256(json.dumps([config, ldm.scale_factor], sort_keys=True).encode())
    for part in PARTS:
        for name, tensor in getattr(ldm, part).state_dict().items():
            state.update(name.encode())
            state.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return state.hexdigest()


@dataclass(frozen=True)
class Cache:
    """Tensors on disk under the hash of all that made them: weights, version of this package and `what`.

    An interrupted experiment finds here what it had finished. Delete the folder after a change of code that should
    change results within one version.
    """

    folder: Path
    weights: str

    def tensors(self, what: dict, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """What `make` gives, or gave before for an equal `what` (JSON values)."""
        text = json.dumps([__version__, self.weights, what], sort_keys=True)
        path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.safetensors"
        if path.is_file():
            with contextlib.suppress(CheckpointError):  # a damaged file is made again
                return read_tensors(path)
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(path, made)
        return made

    def rows(self, what: dict, keys: Sequence, make: Callable[[list[int]], dict[str, Tensor]], *,
             progress: bool = False, chunk: int = CHUNK) -> dict[str, Tensor]:
        """`tensors` for many items, a chunk at a time: `make` gets item numbers and returns tensors, a row for each.

        keys: JSON values, one an item, that with `what` say all that item depends on.
        """
        from tqdm.auto import tqdm

        pieces = []
        label = ", ".join(str(value) for value in what.values() if isinstance(value, (str, int, float)))
        for first in tqdm(range(0, len(keys), chunk), desc=label[:60], disable=not progress, leave=False):
            items = list(range(first, min(first + chunk, len(keys))))
            wanted = {**what, "items": [keys[i] for i in items]}
            pieces.append(self.tensors(wanted, lambda items=items: make(items)))
        return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}


def figures(rows: dict[str, dict[str, Figure | dict]]) -> dict[str, dict[str, dict]]:
    """{row: {column: Figure}} as JSON values."""
    return {row: {key: figure.as_dict() if isinstance(figure, Figure) else figure for key, figure in columns.items()}
            for row, columns in rows.items()}


def shown(figure: Figure) -> str:
    """``-0.312 [-0.4, -0.22], n = 112``."""
    return f"{number(figure.value)} [{number(figure.low)}, {number(figure.high)}], n = {figure.n}"


def claimed(claim: str, differences: dict[str, Figure], *, below: bool) -> dict:
    """The claim that something is lower (`below`) or higher than each of some others: it holds if the whole interval
    of each of `differences` (it minus the other) lies on that side of 0."""
    holds = all(figure.high < 0 if below else figure.low > 0 for figure in differences.values())
    return {"claim": claim, "holds": bool(holds),
            "detail": "; ".join(f"{name} {shown(figure)}" for name, figure in differences.items())}


def frechet(clouds: dict[str, Tensor], reference: str, *, seed: int, groups: Sequence, resamples: int) -> Clouds:
    """Frechet distances of feature sets {name: (N, D)} to ``clouds[reference]``; rows of one number belong together."""
    sets = {name: np.asarray(cloud, dtype=np.float64) for name, cloud in clouds.items()}
    return Clouds(sets, reference, seed, tuple(groups), resamples)


@dataclass(frozen=True)
class Clouds:
    """Feature sets of the same clips, and their distances to the reference set with intervals.

    Intervals are moved so that the mean of the resamples falls on the value: a resample has fewer distinct clips, which
    makes every Frechet distance larger. Compare only figures of equal n.
    """

    sets: dict[str, np.ndarray]
    reference: str
    seed: int
    groups: tuple
    resamples: int

    def _far(self, name: str, rows: np.ndarray) -> float:
        small = len(rows) <= 2 * self.sets[name].shape[1]
        return frechet_distance(self.sets[name][rows], self.sets[self.reference][rows], allow_singular=small)

    def distance(self, name: str) -> Figure:
        return self._bootstrap(lambda rows: self._far(name, rows))

    def difference(self, name: str, other: str) -> Figure:
        """How much further `name` is than `other`; both are resampled together."""
        return self._bootstrap(lambda rows: self._far(name, rows) - self._far(other, rows))

    def _bootstrap(self, statistic: Callable[[np.ndarray], float]) -> Figure:
        return statistics.bootstrap(statistic, len(self.groups), seed=self.seed, groups=self.groups, recentre=True,
                                    resamples=min(self.resamples, statistics.RESAMPLES))


def dithered(wav: Tensor, seed: int, name: str) -> Tensor:
    """wav (N, samples) with white noise of the size of a 16-bit step (2^-15): digital silence is no special case."""
    return wav + 2.0**-15 * Rng(seed).randn(wav.shape, f"dither {name}")
