"""The report of two folders: JSON, Markdown, a table of files and one figure, all made from the same figures."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ldm_lab.checkpoint.files import write_json, write_text
from ldm_lab.errors import OptionError
from ldm_lab.evaluation.measures import METRICS, Measured

FORMAT = 1
NAME = "report"
COLOURS = ("#1f5f8b", "#b5651d")  # the figure, and what it is read by


@dataclass(frozen=True)
class Report:
    """What `evaluate` found. `settings` and `counts` say of what and how; `items` holds the value of each file."""

    settings: dict[str, object]
    measured: tuple[Measured, ...]
    warnings: tuple[str, ...] = ()
    items: dict[str, dict[str, float]] = field(default_factory=dict)  # {metric@backbone: {file: value}}

    def __getitem__(self, metric: str) -> Measured:
        """``report["kad"]``, or ``report["fd@vggish"]`` where several listeners measured it."""
        name, _, backbone = metric.partition("@")
        found = [m for m in self.measured if m.metric == name and backbone in ("", m.backbone)]
        if len(found) != 1:
            offered = ", ".join(f"{m.metric}@{m.backbone}" for m in self.measured)
            raise KeyError(f"{metric!r}: {'several' if found else 'none'} of {offered}")
        return found[0]

    def as_dict(self) -> dict[str, object]:
        return {"format": FORMAT, "settings": self.settings, "figures": [m.as_dict() for m in self.measured],
                "warnings": list(self.warnings)}

    def markdown(self) -> str:
        """Title, table of figures, warnings, and everything needed to measure the same again."""
        settings = self.settings
        lines = [f"# {settings['generated']['folder']} against {settings['reference']['folder']}", "",
                 "| measure | backbone | value | 95 % interval | n | n of reference | better | read it by |",
                 "|---|---|---|---|---|---|---|---|"]
        for m in self.measured:
            f = m.figure
            cells = (METRICS[m.metric].words, m.backbone, f"{f.value:.4g}", f"{f.low:.4g} to {f.high:.4g}", str(f.n),
                     str(m.n_reference or "-"), METRICS[m.metric].better, beside(m))
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", "Intervals: bootstrap over files (over pairs where files belong together); those of distances between "
                  "sets are moved by the bias that drawing a file twice brings.", ""]
        if self.warnings:
            lines += ["## Read this first", "", *(f"- {warning}" for warning in self.warnings), ""]
        lines += ["## How", ""]
        for side in ("generated", "reference"):
            about = settings[side]
            lines.append(f"- {side}: {about['files']} files, {about['seconds']:.1f} s in all, SHA-256 {about['sha256'][:16]}")
        lines += [f"- {key}: {value}" for key, value in settings.items() if key not in ("generated", "reference")]
        return "\n".join(lines) + "\n"

    def table(self) -> str:
        """CSV: a row for each file, a column for each measure that has a value a file; empty without such measures."""
        if not self.items:
            return ""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["file", *self.items])
        for name in sorted(set().union(*self.items.values())):
            values = (f"{column[name]:.6g}" if name in column else "" for column in self.items.values())
            writer.writerow([name, *values])
        return out.getvalue()

    def picture(self):
        """A matplotlib figure: each measure with its interval, and beside it what it is read by."""
        from matplotlib.figure import Figure

        columns = min(4, len(self.measured))
        rows = -(-len(self.measured) // columns)
        figure = Figure(figsize=(2.9 * columns, 2.6 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for axis, m in zip(axes, self.measured):
            _draw(axis, m)
        for axis in axes[len(self.measured) :]:
            axis.set_visible(False)
        names = self.settings["generated"]["folder"], self.settings["reference"]["folder"]
        figure.suptitle(f"{names[0]} against {names[1]}, seed {self.settings['seed']}", fontsize=10)
        return figure

    def save(self, folder: str | os.PathLike) -> Path:
        """Write report.json, report.md, report.png and, if there are values of single files, files.csv into `folder`.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise OptionError(f"out: {folder} is a file, expected a folder")
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{NAME}.json", self.as_dict())
        write_text(folder / f"{NAME}.md", self.markdown())
        if self.items:
            write_text(folder / "files.csv", self.table())
        self.picture().savefig(folder / f"{NAME}.png", dpi=110)
        return folder


def beside(measured: Measured) -> str:
    """What a figure is to be compared with, in words."""
    facts = measured.facts
    if "floor" in facts:
        value, low, high, n = (facts["floor"][key] for key in ("value", "low", "high", "n"))
        return f"reference against itself, halves of {n}: {value:.3g} ({low:.3g} to {high:.3g})"
    if "shuffled" in facts:
        return f"pairs at random: {facts['shuffled']:.3g}"
    if "reference" in facts:
        return f"reference: {facts['reference']:.3g}"
    if "r2" in facts:
        return f"r2 of the line {facts['r2']:.3f}"
    return ""


def _draw(axis, measured: Measured) -> None:
    f, facts = measured.figure, measured.facts
    around = np.maximum(0.0, [[f.value - f.low], [f.high - f.value]])
    axis.errorbar([0], [f.value], yerr=around, fmt="o", capsize=5, color=COLOURS[0])
    labels = ["generated"]
    other = facts.get("floor", {}).get("value", facts.get("shuffled", facts.get("reference")))
    if other is not None:
        floor = facts.get("floor", {"low": other, "high": other})
        around = np.maximum(0.0, [[other - floor["low"]], [floor["high"] - other]])
        axis.errorbar([1], [other], yerr=around, fmt="s", capsize=5, color=COLOURS[1])
        labels.append({"floor": "reference\nhalves", "shuffled": "random\npairs"}.get(next(iter(
            facts.keys() & {"floor", "shuffled"}), ""), "reference"))
    axis.set_xlim(-0.7, len(labels) - 0.3)
    axis.set_xticks(range(len(labels)), labels, fontsize=8)
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(axis="y", alpha=0.3)
    axis.annotate(f"{f.value:.3g}", (0, f.value), xytext=(-6, 0), textcoords="offset points", ha="right", va="center",
                  fontsize=8)
    better = METRICS[measured.metric].better
    axis.set_title(f"{measured.metric} ({measured.backbone}, n {f.n})\n{better} is better", fontsize=8.5)
