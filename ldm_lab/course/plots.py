"""Pictures of lessons: a PNG with the words that say what it shows, for those who cannot see it."""

from __future__ import annotations

import base64
import html
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ldm_lab.errors import OptionError

DPI = 80
FLOOR = 9.0  # natural-log units of mel shown below the loudest cell
MARKERS = "osD^v<>Px*"


@dataclass(frozen=True)
class Picture:
    """A PNG and its alternative text; shows itself in a notebook."""

    png: bytes
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        return {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def show(figure, alt: str) -> Picture:
    """A matplotlib figure as a Picture; the figure is closed. `alt`: one sentence that says what is to be seen."""
    if len(alt.split()) < 3:
        raise OptionError(f"alt: got {alt!r}, expected a sentence that says what the picture shows")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=DPI, facecolor="white")
    if pyplot := sys.modules.get("matplotlib.pyplot"):  # a figure of `sheet` is not pyplot's, and needs none of it
        pyplot.close(figure)
    return Picture(data.getvalue(), alt)


def sheet(columns: int = 1, rows: int = 1, *, width: float = 8.0, height: float = 3.2):
    """(figure, axes (rows, columns)) of a page `width` inches wide, not bound to any screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def array(values) -> np.ndarray:
    """A tensor, a list or an array as float64 NumPy."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def mels(named: Mapping[str, object], *, seconds: float | None = None, alt: str = "") -> Picture:
    """Log-mels {label: (T, M)} side by side on one colour scale; 100 frames a second unless `seconds` says otherwise."""
    arrays = {label: array(mel) for label, mel in named.items()}
    for label, mel in arrays.items():
        if mel.ndim != 2:
            raise OptionError(f"{label}: got shape {mel.shape}, expected one log-mel (frames, bands); take mel[0] of a batch")
    top = max(mel.max() for mel in arrays.values())
    per_row = min(4, len(arrays))
    figure, axes = sheet(per_row, -(-len(arrays) // per_row), height=2.5 * -(-len(arrays) // per_row))
    for ax in axes.flat[len(arrays):]:
        ax.set_axis_off()
    for ax, (label, mel) in zip(axes.flat, arrays.items()):
        length = len(mel) / 100 if seconds is None else seconds
        ax.imshow(mel.T, origin="lower", aspect="auto", cmap="magma", vmin=top - FLOOR, vmax=top,
                  extent=(0, length, 0, mel.shape[1]), interpolation="nearest")
        ax.set(title=label, xlabel="seconds")
    axes[0, 0].set_ylabel("mel band")
    return show(figure, alt or f"Log-mel pictures side by side: {', '.join(arrays)}.")


def plain_numbers(axis, values: Sequence[float] = ()) -> None:
    """Ticks of a logarithmic axis as plain numbers, "20" and not "2x10^1": at the `values` themselves if they are few and well apart."""
    from matplotlib.ticker import LogFormatter, NullLocator

    class Plain(LogFormatter):
        def __call__(self, value, pos=None):
            return f"{value:g}" if super().__call__(value, pos) else ""

    ticks = np.unique(np.asarray(values, dtype=np.float64))
    ticks = ticks[ticks > 0]
    gaps = np.diff(np.log(ticks))
    if 2 <= len(ticks) <= 8 and gaps.min() > 0.08 * gaps.sum():
        axis.set_ticks(ticks, labels=[f"{value:.4g}" if value < 1000 else f"{value:.0f}" for value in ticks])
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_formatter(Plain())
        axis.set_minor_formatter(Plain(labelOnlyBase=False))


def lines(named: Mapping[str, tuple], *, alt: str, x: str = "", y: str = "", title: str = "", logx: bool = False,
          logy: bool = False) -> Picture:
    """Curves {label: (x values, y values)}."""
    figure, axes = sheet()
    ax = axes[0, 0]
    for number, (label, (across, up)) in enumerate(named.items()):
        across, up = array(across), array(up)
        marker = MARKERS[number % len(MARKERS)] if len(across) <= 24 else None
        ax.plot(across, up, label=label, marker=marker, markersize=4, linewidth=1.6)
    ax.set(xlabel=x, ylabel=y, title=title, xscale="log" if logx else "linear", yscale="log" if logy else "linear")
    if logx:
        plain_numbers(ax.xaxis, np.concatenate([array(across) for across, _ in named.values()]))
    if logy:
        plain_numbers(ax.yaxis)
    ax.grid(alpha=0.3)
    if len(named) > 1 or "" not in named:
        ax.legend()
    return show(figure, alt)


def heat(matrix, *, alt: str, rows: Sequence = (), columns: Sequence = (), title: str = "", x: str = "", y: str = "",
         digits: int = 2) -> Picture:
    """A matrix as colours, with its numbers written in if there are few."""
    values = array(matrix)
    figure, axes = sheet(width=min(8.0, 2.5 + 0.7 * values.shape[1]), height=min(6.0, 1.4 + 0.4 * values.shape[0]))
    ax = axes[0, 0]
    drawn = ax.imshow(values, cmap="viridis", aspect="auto")
    figure.colorbar(drawn, ax=ax)
    ax.set(title=title, xlabel=x, ylabel=y)
    if len(rows):
        ax.set_yticks(range(len(rows)), labels=[str(row) for row in rows])
    if len(columns):
        ax.set_xticks(range(len(columns)), labels=[str(column) for column in columns])
        turn_long_labels(figure, ax)
    if values.size <= 100:
        middle = (values.max() + values.min()) / 2
        for (i, j), value in np.ndenumerate(values):
            ax.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color="black" if value > middle else "white", fontsize=8)
    return show(figure, alt)


def turn_long_labels(figure, axis) -> None:
    """Turn the labels below `axis` if, as drawn, one comes too close to the next."""
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in axis.get_xticklabels()]
    if any(left.x1 + 4 > right.x0 for left, right in zip(boxes, boxes[1:])):
        for label in axis.get_xticklabels():
            label.set(rotation=25, ha="right", rotation_mode="anchor")


def bars(named: Mapping[str, float], *, alt: str, y: str = "", title: str = "") -> Picture:
    """One bar a label; labels too long to stand beside each other are turned."""
    figure, axes = sheet(height=2.8)
    ax = axes[0, 0]
    drawn = ax.bar(list(named), [float(value) for value in named.values()], color="#8c2981")
    ax.bar_label(drawn, fmt="%.3g")
    ax.set(ylabel=y, title=title)
    ax.margins(y=0.15)
    turn_long_labels(figure, ax)
    return show(figure, alt)


def points(named: Mapping[str, object], *, alt: str, x: str = "", y: str = "", title: str = "") -> Picture:
    """Clouds of points {label: (n, 2)} on equal axes."""
    figure, axes = sheet(width=5.0, height=4.4)
    ax = axes[0, 0]
    for number, (label, cloud) in enumerate(named.items()):
        cloud = array(cloud)
        ax.plot(cloud[:, 0], cloud[:, 1], MARKERS[number % len(MARKERS)], markersize=3, alpha=0.6, label=label)
    ax.set(xlabel=x, ylabel=y, title=title, aspect="equal")
    ax.legend()
    return show(figure, alt)


class Table:
    """Rows of equal keys; shows itself as an HTML table."""

    def __init__(self, rows: Sequence[Mapping[str, object]]) -> None:
        if not rows:
            raise OptionError("a table needs at least one row")
        self.rows = [{key: _cell(value) for key, value in row.items()} for row in rows]
        self.columns = list(dict.fromkeys(key for row in self.rows for key in row))

    def __repr__(self) -> str:
        grid = [self.columns, *([row.get(key, "") for key in self.columns] for row in self.rows)]
        widths = [max(len(line[i]) for line in grid) for i in range(len(self.columns))]
        return "\n".join("  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() for line in grid)

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        head = "".join(f'<th scope="col">{html.escape(key)}</th>' for key in self.columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(row.get(key, ''))}</td>" for key in self.columns) + "</tr>"
                       for row in self.rows)
        return {"text/html": f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", "text/plain": repr(self)}


def _cell(value: object) -> str:
    if hasattr(value, "item"):  # a number of NumPy or of PyTorch
        value = value.item()
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10000 else str(value)


def table(rows: Sequence[Mapping[str, object]]) -> Table:
    """A small table of rows such as {"sampler": "ddim", "error": 0.12}; floats to four digits."""
    return Table(rows)
