"""The guidance matrix as a still picture: coloured cells with numbers, joined by lines where they cost the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ldm_lab.widgets import picture

STOPS = ("440154", "3b528b", "21918c", "5ec962", "fde725")  # viridis; js/matrix.js has the same
CELL, GAP, ROW = (76, 40), (20, 16), 64  # pixels: cell, between cells, room for words at the left
NARROW = 0.1  # the colours span at least so much of a score


def span(table: Sequence) -> tuple[float, float]:
    """Lowest and highest score of the colours: those of what is made, a little apart."""
    made = [score for grid in table for row in grid for score in row if score is not None] or [0.0]
    low, high = min(made), max(made)
    spare = max(0.0, NARROW - (high - low)) / 2
    return low - spare, high + spare


def colour(share: float) -> tuple[int, int, int]:
    """RGB of a share from 0 to 1 of the scale."""
    stops = np.array([[int(stop[i : i + 2], 16) for i in (0, 2, 4)] for stop in STOPS], dtype=float)
    at = min(max(share, 0.0), 1.0) * (len(stops) - 1)
    return tuple(round(float(np.interp(at, range(len(stops)), stops[:, k]))) for k in range(3))


def ink(fill: Sequence[int]) -> str:
    """Black or white, whichever reads better on `fill` (WCAG's relative luminance)."""
    linear = [(v / 255 / 12.92) if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in fill]
    return "black" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "white"


def equal_cost(passes: Sequence[Sequence[int]]) -> dict[int, list[tuple[int, int]]]:
    """{network passes: its cells (row, column), by column}, for costs that several cells have in common."""
    groups: dict[int, list[tuple[int, int]]] = {}
    for row, costs in enumerate(passes):
        for column, cost in enumerate(costs):
            groups.setdefault(cost, []).append((row, column))
    return {cost: sorted(cells, key=lambda cell: cell[1]) for cost, cells in groups.items() if len(cells) > 1}


def matrix_picture(title: str, seeds: Sequence[int], steps: Sequence[int], guidance: Sequence[float],
                   passes: Sequence[Sequence[int]], table: Sequence) -> bytes:
    """PNG of the scores `table` (seeds x steps x guidance, None = not made), a block for each seed."""
    from PIL import Image, ImageDraw, ImageFont

    font, low_high = ImageFont.load_default(12), span(table)
    block = 22 + len(steps) * (CELL[1] + GAP[1])
    width = ROW + len(guidance) * (CELL[0] + GAP[0]) + 70
    sheet = Image.new("RGB", (max(width, 420), 44 + len(seeds) * block), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((4, 4), title[: sheet.width // 7], "black", font, anchor="lt")
    for i, (seed, grid) in enumerate(zip(seeds, table)):
        _block(pen, font, (0, 22 + i * block), f"seed {seed}", steps, guidance, passes, grid, low_high)
    _legend(pen, font, sheet.height - 16, low_high)
    return picture.to_png(sheet)


def _block(pen, font, origin: tuple[int, int], label: str, steps, guidance, passes, grid, low_high) -> None:
    """One seed's grid with its heads and its lines of equal cost."""
    low, high = low_high
    place = lambda row, column: (origin[0] + ROW + column * (CELL[0] + GAP[0]), origin[1] + 20 + row * (CELL[1] + GAP[1]))
    pen.text((4, origin[1] + 4), label, "black", font, anchor="lt")
    for column, value in enumerate(guidance):
        pen.text((place(0, column)[0] + CELL[0] / 2, origin[1] + 4), f"guidance {value:g}", "black", font, anchor="mt")
    for row, (count, scores) in enumerate(zip(steps, grid)):
        pen.text((4, place(row, 0)[1] + CELL[1] / 2), f"{count} steps", "black", font, anchor="lm")
        for column, score in enumerate(scores):
            x, y = place(row, column)
            fill = None if score is None else colour((score - low) / (high - low))
            pencil = "black" if fill is None else ink(fill)
            pen.rectangle((x, y, x + CELL[0], y + CELL[1]), fill=fill, outline="#777777")
            words = "not made" if score is None else f"{score:.2f}"
            pen.text((x + CELL[0] / 2, y + 5), words, pencil, font, anchor="mt")
            pen.text((x + CELL[0] / 2, y + 22), f"{passes[row][column]} passes", pencil, font, anchor="mt")
    for cost, cells in equal_cost(passes).items():
        ends = [(x, y + CELL[1] + 6) for x, y in (place(*cell) for cell in cells)]
        pen.line([point for x, y in ends for point in ((x, y), (x + CELL[0], y))], fill="#8c2981", width=3, joint="curve")
        pen.text((ends[-1][0] + CELL[0] + 6, ends[-1][1]), f"{cost} passes", "black", font, anchor="lm")


def _legend(pen, font, y: int, low_high: tuple[float, float]) -> None:
    low, high = low_high
    words = f"CLAP score {low:.2f} "
    x = 4 + round(font.getlength(words)) + 4
    pen.text((4, y), words, "black", font, anchor="lt")
    for i in range(100):
        pen.line((x + i, y, x + i, y + 11), fill=colour(i / 99))
    pen.text((x + 106, y), f"{high:.2f}   (lines: equal cost)", "black", font, anchor="lt")
