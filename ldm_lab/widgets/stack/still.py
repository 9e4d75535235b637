"""The map of a followed sound as a PNG, for pages where no front end runs."""

from __future__ import annotations

import io

from ldm_lab.trace import Trace
from ldm_lab.widgets import picture
from ldm_lab.widgets.stack import pictures
from ldm_lab.widgets.stack.diagram import BOXES, Box
from ldm_lab.widgets.stack.figure import wrap

WIDE, TALL, GAP, EDGE, BETWEEN = 146, 116, 24, 8, 34  # pixels
INK, PART, LIT = "#1c1c1c", "#8c2981", "#e8820c"


def map_picture(trace: Trace, facts: dict[str, dict], *, selected: str, top: float) -> bytes:
    """PNG: ten boxes with the picture, the size and the time of what left them; `selected` is framed."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (2 * EDGE + 5 * WIDE + 4 * GAP, 2 * (EDGE + TALL) + BETWEEN), "white")
    pen, small, font = ImageDraw.Draw(sheet), ImageFont.load_default(11), ImageFont.load_default(13)
    shown = {"embedding": pictures.embedding(trace.emb), "noise": pictures.latent(trace.noise),
             "latent": pictures.latent(trace.z), "mel": pictures.mel(trace.mel, top=top),
             "unet": pictures.mel(trace.mels([trace.steps])[0], top=top)}
    _arrows(pen)
    for box in BOXES:
        x, y = _corner(box)
        lit = box.name == selected
        frame = {"outline": LIT if lit else PART if box.part else "#9a9a9a", "width": 3 if lit else 1}
        fill = "#f0e3ee" if box.part else "white"
        pen.rounded_rectangle((x, y, x + WIDE, y + TALL), 12 if box.part else 2, fill=fill, **frame)
        middle = x + WIDE / 2
        pen.text((middle, y + 5), box.title, INK, font, anchor="mt")
        words = [facts[box.name]["weights"] or facts[box.name]["size"]]
        if facts[box.name]["seconds"] is not None:
            words.append(f"{facts[box.name]['seconds']:.2f} s")
        pen.text((middle, y + TALL - 6), ", ".join(words), INK, small, anchor="mb")
        room = (x + 8, y + 26, x + WIDE - 8, y + TALL - 24)
        if box.name in shown:
            part = Image.open(io.BytesIO(shown[box.name])).convert("RGB")
            size = (room[2] - room[0], room[3] - room[1])
            sheet.paste(part.resize(size, Image.Resampling.NEAREST), room[:2])
        elif box.name == "sound":
            _wave(pen, trace.wav.numpy(), room)
        else:
            lines = "\n".join(wrap(trace.prompt or "(no prompt)" if box.name == "prompt" else box.about, width=22))
            pen.multiline_text((middle, (room[1] + room[3]) / 2), lines, INK, small, anchor="mm", align="center")
    return picture.to_png(sheet)


def _corner(box: Box) -> tuple[int, int]:
    return EDGE + box.column * (WIDE + GAP), EDGE + box.row * (TALL + BETWEEN)


def _wave(pen, wav, room: tuple[int, int, int, int]) -> None:
    """Lowest and highest sample of each column of pixels."""
    left, upper, right, lower = room
    middle, half, peak = (upper + lower) / 2, (lower - upper) / 2, max(1e-3, abs(wav).max())
    for i in range(right - left):
        part = wav[i * len(wav) // (right - left) : max(1, (i + 1) * len(wav) // (right - left))]
        if len(part):
            ends = [middle - half * value / peak for value in (part.max(), part.min())]
            pen.line((left + i, ends[0], left + i, ends[1]), fill=PART)


def _arrows(pen) -> None:
    """From box to box; the last of the upper row points left, and the UNet's line turns to the lower row."""
    for row in (0, 1):
        for i in range(4):
            x, y = EDGE + (i + 1) * WIDE + i * GAP + 3, EDGE + row * (TALL + BETWEEN) + TALL / 2
            end, sign = (x, 1) if (row, i) == (0, 3) else (x + GAP - 6, -1)
            pen.line((x, y, x + GAP - 6, y), fill=INK, width=2)
            pen.polygon([(end, y), (end + 7 * sign, y - 4), (end + 7 * sign, y + 4)], fill=INK)
    start, end = EDGE + 3 * (WIDE + GAP) + WIDE / 2, EDGE + WIDE / 2
    top, bend, low = EDGE + TALL + 2, EDGE + TALL + BETWEEN / 2, EDGE + TALL + BETWEEN - 2
    pen.line([(start, top), (start, bend), (end, bend), (end, low)], fill=INK, width=2)
    pen.polygon([(end, low), (end - 4, low - 7), (end + 4, low - 7)], fill=INK)
