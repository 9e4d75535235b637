"""The transfer strip as a still picture: a row of log-mels and, below it, how near each sound is to prompt and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ldm_lab.config import MelConfig
from ldm_lab.widgets import picture

CURVES = (("to_prompt", "to the prompt (solid, circles)", "#8c2981"), ("to_source", "to the source (dashed, squares)", "#1b5e20"))
WIDTH, LEFT, GAP = 640, 34, 4  # pixels: of the row, of the margin for the scale, between pictures
TALL, PLOT = 84, 100  # heights of the pictures and of the curves


def draw_strip(mels: Sequence[np.ndarray], labels: Sequence[str], similarity: Mapping[str, Sequence[float | None]], title: str,
               config: MelConfig) -> bytes:
    """PNG of mels (T, M), one column each, with labels, and the curves of `similarity` over the columns."""
    from PIL import Image, ImageDraw, ImageFont

    curves = [(similarity.get(name) or [], words, colour) for name, words, colour in CURVES]
    known = [value for values, _, _ in curves for value in values if value is not None]
    head, below = 24, TALL + 24 + 20
    sheet = Image.new("RGB", (LEFT + WIDTH + 6, below + (PLOT + 30 if known else 0)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    pen.text((LEFT, 4), title[:100], "black", font)
    column, top = WIDTH / len(mels), picture.top_level(mels, config)
    for i, (mel, label) in enumerate(zip(mels, labels)):
        cells = picture.levels(picture.fold_columns(mel, picture.columns_per_cell(len(mel))), top)
        part = Image.fromarray(picture.colours(cells.T[::-1])).resize((max(1, round(column) - GAP), TALL), Image.Resampling.BOX)
        sheet.paste(part, (round(LEFT + i * column), head))
        short = label.removeprefix("strength ") if column < 70 else label
        pen.text((LEFT + (i + 0.5) * column, head + TALL + 3), short, "black", font, anchor="mt")
    if known:
        low = min(0.0, *known)
        y = lambda value: below + 20 + (PLOT - 6) * (1.0 - (value - low) / (1.0 - low))
        for value in (0.0, 0.5, 1.0):
            pen.line((LEFT, y(value), LEFT + WIDTH, y(value)), "#bbbbbb")
            pen.text((LEFT - 5, y(value)), f"{value:g}", "black", font, anchor="rm")
        at = LEFT
        for values, words, colour in curves:
            points = [(LEFT + (i + 0.5) * column, y(value)) for i, value in enumerate(values) if value is not None]
            if points:
                _curve(pen, points, colour, dashed="dashed" in words)
                pen.text((at, below), f"CLAP similarity {words}", colour, font)
                at += WIDTH / 2
    return picture.to_png(sheet)


def _curve(pen, points: list[tuple[float, float]], colour: str, *, dashed: bool) -> None:
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        pieces = 9 if dashed else 1  # of which every second one is left out
        for k in range(0, pieces, 2):
            a, b = k / pieces, (k + 1) / pieces
            pen.line((x0 + a * (x1 - x0), y0 + a * (y1 - y0), x0 + b * (x1 - x0), y0 + b * (y1 - y0)), colour, 2)
    for x, y in points:
        (pen.rectangle if dashed else pen.ellipse)((x - 3, y - 3, x + 3, y + 3), fill=colour)
