"""Many small log-mel pictures on one sheet: what a widget that compares many sounds leaves where no front end runs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from ldm_lab.widgets import picture

TILE = (104, 64)  # pixels of a picture
GAP, TOP = 6, 22


def contact_sheet(rows: Mapping[str, Sequence[np.ndarray]], heads: Sequence[str], *, title: str, top: float) -> bytes:
    """PNG of `rows` {label: log-mels (T, M)}, a column for each of `heads`; `top` is the brightest level in natural log."""
    from PIL import Image, ImageDraw, ImageFont

    (width, height), font = TILE, ImageFont.load_default(12)
    left = 12 + round(max(font.getlength(label) for label in rows))
    wide, first = left + len(heads) * (width + GAP), picture.LINE + TOP
    sheet = Image.new("RGB", (wide, first + len(rows) * (height + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((4, 3), textwrap.shorten(title, wide // 7, placeholder=" ..."), "black", font, anchor="lt")
    for column, head in enumerate(heads):
        pen.text((left + column * (width + GAP) + width / 2, picture.LINE + 4), head, "black", font, anchor="mt")
    for row, (label, mels) in enumerate(rows.items()):
        y = first + row * (height + GAP)
        pen.text((4, y + height / 2), label, "black", font, anchor="lm")
        for column, mel in enumerate(mels):
            part = Image.fromarray(picture.colours(picture.levels(mel, top).T[::-1]))
            sheet.paste(part.resize(TILE, Image.Resampling.BOX), (left + column * (width + GAP), y))
    return picture.to_png(sheet)
