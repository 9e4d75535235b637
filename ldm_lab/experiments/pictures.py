"""Drawing results: one look for all, colours that colour-blind readers can tell apart, intervals always shown."""

from __future__ import annotations

from collections.abc import Sequence

from ldm_lab.experiments.page import number

# Okabe & Ito (2008): eight colours that stay apart in all common kinds of colour blindness.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#6E6E6E",
)  # fmt: skip
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY, "#000000")
MARKERS = "osD^vPX*"


def panels(columns: int, rows: int = 1, *, width: float = 3.6, height: float = 3.2):
    """(figure, axes as a flat list): `rows` x `columns` panels in the common style."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows + 0.35), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#DDDDDD", linewidth=0.7)
        axis.set_axisbelow(True)
    return figure, list(axes.flat)


def interval(figure: dict) -> list[list[float]]:
    """[[below], [above]] of one figure for `errorbar`; never negative, whatever a recentred interval does."""
    return [[max(0.0, figure["value"] - figure["low"])], [max(0.0, figure["high"] - figure["value"])]]


def bars(axis, names: Sequence[str], figures: Sequence[dict], *, colours: Sequence[str], label: str) -> None:
    """Horizontal bars, the first on top, each with its interval and its value in words."""
    places = range(len(names))
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    for place, figure, colour in zip(places, figures, colours, strict=True):
        axis.barh(place, figure["value"], color=colour, height=0.66)
        axis.errorbar(figure["value"], place, xerr=interval(figure), color="black", capsize=3, linewidth=1.2)
        axis.annotate(number(figure["value"]), (max(figure["high"], figure["value"], 0.0), place), xytext=(5, 0),
                      textcoords="offset points", va="center", fontsize=9)
    axis.set_yticks(list(places), labels=list(names))
    axis.invert_yaxis()
    axis.margins(x=0.14)
    axis.set_xlabel(label)


def line(axis, x: Sequence[float], figures: Sequence[dict], *, label: str, colour: str, marker: str = "o",
         spread: bool = False) -> None:
    """Figures along x with their intervals; `spread` shades the standard deviation between seeds."""
    values = [figure["value"] for figure in figures]
    errors = [[interval(figure)[side][0] for figure in figures] for side in (0, 1)]
    axis.errorbar(x, values, yerr=errors, label=label, color=colour, marker=marker, capsize=3, linewidth=1.6,
                  markersize=5)
    if spread:
        width = [figure["seed_std"] for figure in figures]
        below, above = ([v + sign * w for v, w in zip(values, width)] for sign in (-1, 1))
        axis.fill_between(x, below, above, color=colour, alpha=0.2, linewidth=0)


def caption(figure, values: dict, text: str = "") -> None:
    """The line below every picture: n, seeds, what the error bars are, and which weights."""
    counts = sorted({item["n"] for row in values["figures"].values() for item in row.values()})
    seeds = values["settings"].get("seeds", [values["settings"].get("seed", 0)])
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    weights = values["weights"].get("unet.safetensors", "untrained")[:8]
    model = f"{values['model']} {weights}"
    words = [text, n, f"seed {', '.join(map(str, seeds))}", "error bars: 95 % bootstrap", model]
    figure.supxlabel(" · ".join(word for word in words if word), fontsize=8.5, color="#444444")
