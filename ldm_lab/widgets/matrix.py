"""GuidanceMatrix: one prompt at several guidances, step counts and seeds; which sounds best for the same work?"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import traitlets

from ldm_lab.diffusion.cost import network_passes
from ldm_lab.errors import LabError, OptionError
from ldm_lab.generate import generate
from ldm_lab.options import Options, check_options, check_prompts, whole
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.matrix_picture import matrix_picture
from ldm_lab.widgets.sounds import MAX_VERSIONS, pack
from ldm_lab.widgets.transcript import describe

if TYPE_CHECKING:
    from ldm_lab.diffusion.samplers import Step
    from ldm_lab.system import AudioLDM

MOST_CELLS = 400


class Cell(NamedTuple):
    """One sound of the matrix; in traits and from the page a plain (seed, steps, guidance)."""

    seed: int
    steps: int
    guidance: float

    @property
    def label(self) -> str:
        return f"{self.steps} steps, g {self.guidance:g}, seed {self.seed}"


class GuidanceMatrix(LabWidget):
    """A grid of guidance x steps for each seed: click a cell to make it and to hear it; colour and number = CLAP score.

    Cells on one line cost the same number of network passes (guidance other than 1 asks the network twice a step).
    `cell` is the chosen (seed, steps, guidance), () before the first choice; `pins` up to four cells to compare;
    `scores` and `results` hold what was made, by cell. `choose(cell)`, `make(cells)`, `fill()` and `restart(prompt)` do
    what the page does; `fill=True` makes every cell at once (with a bar, unless progress=False).

    options: those of `generate` (sampler=, seconds=, negative=, ...). Raises PromptError, OptionError before any work.
    """

    _esm = esm("matrix")
    _css = css("lab", "matrix")

    prompt = traitlets.Unicode("").tag(sync=True)
    guidance = traitlets.List(traitlets.Float()).tag(sync=True)
    steps = traitlets.List(traitlets.Int()).tag(sync=True)
    seeds = traitlets.List(traitlets.Int()).tag(sync=True)
    passes = traitlets.List().tag(sync=True)  # network passes (steps x guidance)
    table = traitlets.List().tag(sync=True)  # CLAP scores (seeds x steps x guidance), None where nothing is made
    cell = traitlets.Tuple().tag(sync=True)
    pins = traitlets.List().tag(sync=True)
    take = traitlets.Int(0).tag(sync=True)  # grows with each prompt: what the page has kept is out of date

    def __init__(self, ldm: AudioLDM, prompt="a dog barking", *, guidance: Sequence[float] = (1, 2, 3, 5),
                 steps: Sequence[int] = (5, 10, 25), seeds: Sequence[int] = (0, 1), fill: bool = False,
                 progress: bool = True, height: int = 160, **options) -> None:
        self.ldm, self._options = ldm, options
        axes = {"guidance": _axis("guidance", guidance), "steps": _axis("steps", steps), "seeds": _axis("seeds", seeds)}
        count = len(axes["guidance"]) * len(axes["steps"]) * len(axes["seeds"])
        whole("cells", count, 1, MOST_CELLS, "; leave some values out")
        state = self._begin(prompt, **axes)
        super().__init__(height=height, **{name: list(values) for name, values in axes.items()}, **state)
        if fill:
            self.fill(progress=progress)
            if self.wrong:
                raise LabError(self.status)

    # --- what there is -----------------------------------------------------------------------------------------------

    def _begin(self, prompt, guidance: Sequence, steps: Sequence, seeds: Sequence) -> dict:
        """Traits of an empty matrix for `prompt`, if `generate` would refuse nothing."""
        asked = check_prompts(prompt)
        if len(asked) != 1:
            raise OptionError(f"prompt: got {len(asked)} prompts, expected one")
        whole("candidates", self._options.get("candidates", 1), 1, 1, " (a cell is one sound)")
        checked = {(s, g): self._checked(s, g, seeds) for s in steps for g in guidance}
        same = {(s, g): asked[0].text == option.negative[0] for (s, g), option in checked.items()}
        self._condition, self.results, self._packs = prompt, {}, {}
        passes = [[_passes(self.ldm, checked[s, g], 1.0 if same[s, g] else g) for g in guidance] for s in steps]
        label = asked[0].label
        return {"prompt": label, "title": label or "(no prompt)", "passes": passes, "cell": (), "pins": [],
                "table": [[[None] * len(guidance) for _ in steps] for _ in seeds], "take": self.take + 1}

    def _checked(self, steps: int, guidance: float, seeds: Sequence[int]) -> Options:
        options = {name: value for name, value in self._options.items() if name not in ("batch",)}
        return check_options(self.ldm.config, len(seeds), steps=steps, guidance=guidance, seed=list(seeds), **options)

    @property
    def cells(self) -> list[Cell]:
        """All cells, the cheapest first."""
        cells = itertools.product(self.steps, self.guidance, self.seeds)
        return sorted((Cell(seed, steps, guidance) for steps, guidance, seed in cells), key=self.cost)

    @property
    def scores(self) -> dict[Cell, float]:
        """CLAP cosine of sound and prompt of every cell that is made."""
        return {cell: float(result.score[0]) for cell, result in self.results.items()}

    def cost(self, cell: Sequence) -> int:
        """Network passes of a cell."""
        _, steps, guidance = self._known(cell)
        return self.passes[self.steps.index(steps)][self.guidance.index(guidance)]

    def _known(self, cell: Sequence) -> Cell:
        """`cell` as Cell if it is in the grid, else OptionError."""
        axes = (self.seeds, self.steps, self.guidance)
        if not isinstance(cell, Sequence) or len(cell) != 3 or any(v not in axis for v, axis in zip(cell, axes)):
            raise OptionError(f"cell: got {cell!r}, expected (seed, steps, guidance) with seed of {self.seeds}, "
                              f"steps of {self.steps} and guidance of {self.guidance}")
        return Cell(int(cell[0]), int(cell[1]), float(cell[2]))

    # --- making ------------------------------------------------------------------------------------------------------

    def make(self, cells: Iterable[Sequence], *, progress: bool = False) -> None:
        """Make those of `cells` that are not made yet: seeds together, so that the network works on them in one batch.

        progress: show a bar in the cell's output, beside the one in the page.
        """
        wanted = [self._known(cell) for cell in cells]
        missing = [cell for cell in dict.fromkeys(wanted) if cell not in self.results]
        groups: dict[tuple[int, float], list[int]] = {}
        for seed, steps, guidance in sorted(missing, key=self.cost):
            groups.setdefault((steps, guidance), []).append(seed)
        total, done = sum(map(self.cost, missing)), 0
        try:
            for (steps, guidance), seeds in groups.items():
                cost = len(seeds) * self.cost((seeds[0], steps, guidance))
                self._generate(steps, guidance, seeds, part=(done / total, cost / total), progress=progress)
                done += cost
        finally:
            self.progress = -1.0

    def _generate(self, steps: int, guidance: float, seeds: list[int], *, part: tuple[float, float],
                  progress: bool) -> None:
        """Sounds of several seeds with the same settings; part: where this work begins in all of it, and its share."""
        rows = 0

        def advance(step: Step) -> None:
            nonlocal rows
            rows += len(step.x)
            self.progress = part[0] + part[1] * rows / (len(seeds) * step.total)

        made = generate(self.ldm, [self._condition] * len(seeds), steps=steps, guidance=guidance, seed=seeds,
                        callback=advance, progress=progress, **self._options)
        table = [[list(row) for row in grid] for grid in self.table]
        for seed, result in zip(seeds, made):
            self.results[Cell(seed, steps, guidance)] = result
            score = round(float(result.score[0]), 4)
            table[self.seeds.index(seed)][self.steps.index(steps)][self.guidance.index(guidance)] = score
        self.table = table

    def fill(self, *, progress: bool = False) -> None:
        """Make every cell that is missing, the cheapest first, and choose one; a mistake becomes the status line."""
        with self.working("making all cells ..."):
            self.make(self.cells, progress=progress)
            if not self.cell:
                self.choose(max(self.scores, key=self.scores.get))
            self.status = f"all {len(self.results)} cells are made"

    def choose(self, cell: Sequence) -> None:
        """Make `cell` (seed, steps, guidance) if it is not made yet, and show and hear it."""
        self.make([cell])
        self.cell = tuple(self._known(cell))

    def restart(self, prompt) -> None:
        """An empty matrix for another prompt; a mistake becomes the status line, and the old matrix stays."""
        with self.working("starting again ..."):
            state = self._begin(prompt, self.guidance, self.steps, self.seeds)
            self.put(sound={}, position=0.0, box=[], **state)
            self.status = ""

    # --- what is heard -----------------------------------------------------------------------------------------------

    @property
    def compared(self) -> list[Cell]:
        """Cells behind the panel's versions: pinned ones and the chosen one, or that alone if four others are pinned."""
        pins, cell = [Cell(*pin) for pin in self.pins], Cell(*self.cell) if self.cell else None
        if cell is None or cell in pins:
            return pins
        return [*pins, cell] if len(pins) < MAX_VERSIONS else [cell]

    @property
    def versions(self) -> list[dict]:
        return self._packed(self.compared)["versions"] if self.compared else []

    @traitlets.observe("cell", "pins")
    def _hear_the_chosen(self, _) -> None:
        cells = self.compared
        self.active = cells.index(self.cell) if self.cell in cells else 0

    def _packed(self, cells: Sequence[Cell]) -> dict:
        """The sounds of up to four cells, ready for a page; made once."""
        key = tuple(cells)
        if key not in self._packs:
            lines = {cell.label: f"{self.words(cell)} {describe(self.results[cell].audio[0])}" for cell in cells}
            wavs = {cell.label: self.results[cell].audio[0] for cell in cells}
            self._packs[key] = pack(wavs, config=self.ldm.config.mel, transcript=lines).state
        return self._packs[key]

    def words(self, cell: Sequence) -> str:
        """A cell in words: settings, cost and score."""
        seed, steps, guidance = cell = self._known(cell)
        score = f"CLAP score {self.scores[cell]:.2f}" if cell in self.results else "not made yet"
        return f"Guidance {guidance:g}, {steps} steps, seed {seed}: {self.cost(cell)} network passes, {score}."

    # --- requests of the page ----------------------------------------------------------------------------------------

    def ask_make(self, cell: list) -> bool:
        """Make one cell, the page's way: mistakes in the status line."""
        with self.working(f"making {self._known(cell).label} ..."):
            self.make([cell])
            self.status = ""
        return not self.wrong

    def ask_next(self) -> int:
        """Make the cheapest settings that are missing, of all seeds; gives back how many cells are left."""
        missing = [cell for cell in self.cells if cell not in self.results]
        if not missing:
            return 0
        group = [cell for cell in missing if cell[1:] == missing[0][1:]]
        with self.working(f"making {missing[0].steps} steps, guidance {missing[0].guidance:g} ..."):
            self.make(group)
            self.status = f"{len(self.results)} of {len(self.cells)} cells are made"
        return -1 if self.wrong else len(missing) - len(group)

    def ask_sounds(self, cells: list) -> dict:
        known = [self._known(cell) for cell in cells]
        for cell in known:
            if cell not in self.results:
                raise OptionError(f"{cell.label} is not made yet")
        return {"sound": self._packed(known)}

    def ask_restart(self, prompt: str) -> bool:
        self.restart(self._condition if prompt == self.prompt else prompt)
        return not self.wrong

    @traitlets.validate("cell")
    def _a_made_cell(self, proposal) -> tuple:
        return self._made(proposal["value"]) if proposal["value"] else ()

    @traitlets.validate("pins")
    def _made_cells(self, proposal) -> list[tuple]:
        if len(proposal["value"]) > MAX_VERSIONS:
            raise OptionError(f"pins: got {len(proposal['value'])} cells, expected at most {MAX_VERSIONS}")
        return list(dict.fromkeys(self._made(cell) for cell in proposal["value"]))

    def _made(self, cell: Sequence) -> tuple:
        known = self._known(cell)
        if known not in self.results:
            raise OptionError(f"{known.label} is not made yet; choose({tuple(known)}) makes it")
        return tuple(known)

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        """The scores as a table, a block for each seed."""
        heads = [f"g {guidance:g}" for guidance in self.guidance]
        sampler = self._options.get("sampler") or self.ldm.config.default_sampler
        lines = [f"CLAP scores of {self.prompt!r} by guidance g, steps of {sampler}, seed; in brackets: passes"]
        for seed, grid in zip(self.seeds, self.table):
            lines.append("  ".join([f"seed {seed}".ljust(9), *(head.rjust(10) for head in heads)]))
            for steps, row, passes in zip(self.steps, grid, self.passes):
                cells = [f"{'-' if score is None else f'{score:.2f}'} ({count})" for score, count in zip(row, passes)]
                lines.append("  ".join([f"{steps} steps".rjust(9), *(cell.rjust(10) for cell in cells)]))
        return "\n".join(lines)

    def still(self) -> bytes:
        """PNG of the matrix: coloured cells with their numbers, and lines of equal cost."""
        return matrix_picture(self.title, self.seeds, self.steps, self.guidance, self.passes, self.table)

    def alt(self) -> str:
        return f"Grids of guidance by steps, a cell's colour and number is its CLAP score. {self.text()}"


def _axis(name: str, values: object) -> tuple:
    """One axis of the matrix: numbers, sorted, each once."""
    values = values if isinstance(values, Sequence) and not isinstance(values, str) else (values,)
    if not values:
        raise OptionError(f"{name}: got none, expected at least one number")
    for value in values:
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise OptionError(f"{name}: got {value!r}, expected a number")
    return tuple(sorted(set(map(float, values) if name == "guidance" else values)))


def _passes(ldm: AudioLDM, options: Options, guidance: float) -> int:
    return network_passes(ldm.schedule, options.sampler, options.steps, kind=options.grid, guidance=guidance,
                          interval=options.interval)
