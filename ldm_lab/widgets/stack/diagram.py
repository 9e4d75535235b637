"""The one diagram of the course: prompt to sound, with any box lit, and with pictures where a trace gives them.

Drawn as SVG. In a notebook it follows the theme (JupyterLab's variables, with a light fallback); every diagram carries its
words as alternative text.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ldm_lab.errors import OptionError, unknown
from ldm_lab.widgets.stack import pictures
from ldm_lab.widgets.stack.figure import INK, LINE, PAPER, Figure, figure, image, text, wrap

if TYPE_CHECKING:
    from ldm_lab.trace import Trace

WIDTH, BOX, GAP, EDGE = 940, 156, 34, 12  # drawing units
TALL, SHORT, BETWEEN = 148, 84, 52  # height of a box with and without a picture; room between the rows
PART, LIT = "#8c2981", "#e8820c"


@dataclass(frozen=True)
class Box:
    """One box: data (square corners) or a part of the model (round corners, purple)."""

    name: str
    title: str
    about: str
    column: int
    row: int
    part: bool = False


BOXES = (
    Box("prompt", "prompt", "your words", 0, 0),
    Box("clap", "CLAP text tower", "meaning of the words", 1, 0, part=True),
    Box("embedding", "embedding", "one unit vector", 2, 0),
    Box("unet", "UNet + sampler", "removes noise, step by step", 3, 0, part=True),
    Box("noise", "noise", "random numbers: the seed", 4, 0),
    Box("latent", "latent", "a sound, compressed", 0, 1),
    Box("autoencoder", "decoder", "latent to picture", 1, 1, part=True),
    Box("mel", "log-mel", "picture of the sound", 2, 1),
    Box("vocoder", "vocoder", "picture to waveform", 3, 1, part=True),
    Box("sound", "sound", "pressure in time", 4, 1),
)
ALSO = {"sampler": "unet", "denoiser": "unet", "decoder": "autoencoder", "text": "prompt", "emb": "embedding",
        "z": "latent", "wav": "sound", "waveform": "sound"}
ORDER = "prompt, CLAP text tower, embedding; embedding and noise into the UNet and sampler; latent, decoder, log-mel, vocoder, sound"


def box_name(name: str) -> str:
    """The box that is called `name`; other usual names are known too. Raises OptionError for others."""
    name = ALSO.get(name, name)
    if name not in {box.name for box in BOXES}:
        raise OptionError(unknown("box", name, [box.name for box in BOXES]))
    return name


def diagram(lit: str | tuple[str, ...] = (), *, trace: Trace | None = None) -> Figure:
    """The stack with the box `lit` (or several) marked; with `trace`, each box shows its output, its shape and its time.

    Names: prompt clap embedding unet noise latent autoencoder mel vocoder sound (sampler, denoiser and decoder are known
    too). Raises OptionError for others.
    """
    names = [box_name(name) for name in ((lit,) if isinstance(lit, str) else lit)]
    facts = _facts(trace) if trace else {}
    tall = TALL if trace else SHORT
    body = _arrows(tall) + "".join(_box(box, names, facts.get(box.name, {}), tall) for box in BOXES)
    return figure(body, width=WIDTH, height=2 * (EDGE + tall) + BETWEEN, alt=_alt(names, trace))


def _alt(names: list[str], trace: Trace | None) -> str:
    titles = {box.name: box.title for box in BOXES}
    marked = f" Marked: {', '.join(titles[name] for name in names)}." if names else ""
    if trace is None:
        return f"Diagram of the stack: {ORDER}.{marked}"
    rows = "; ".join(f"{row['stage']} {row['shape']}" + (f" after {row['time']}" if row["time"] else "")
                     for row in trace.rows())
    return f"Map of the stack for {trace.prompt!r}: {rows}.{marked}"


def _facts(trace: Trace) -> dict[str, dict]:
    """For each box: a picture or a path, and the lines below it."""
    rows = {row["stage"]: row for row in trace.rows()}
    count = {name: weights(value) for name, value in trace.ldm.parameter_counts.items()}
    top = float(trace.mel.max())
    sizes = {stage: rows[stage]["shape"] for stage in rows}
    thumbs = [pictures.mel(trace.mel_at(step), top=top, width=34) for step in trace.pick(4)]
    return {
        "prompt": {"words": trace.prompt, "lines": [sizes["prompt"]]},
        "clap": {"lines": [count["clap"], rows["embedding"]["time"]]},
        "embedding": {"image": pictures.embedding(trace.emb), "lines": [sizes["embedding"]]},
        "unet": {"thumbs": thumbs, "lines": [count["unet"], f"{trace.steps} steps, {rows['latent']['time']}"]},
        "noise": {"image": pictures.latent(trace.noise), "lines": [sizes["noise"]]},
        "latent": {"image": pictures.latent(trace.z), "lines": [sizes["latent"]]},
        "autoencoder": {"lines": [count["autoencoder"], rows["mel"]["time"]]},
        "mel": {"image": pictures.mel(trace.mel), "lines": [sizes["mel"]]},
        "vocoder": {"lines": [count["vocoder"], rows["sound"]["time"]]},
        "sound": {"path": trace.wav, "lines": [sizes["sound"]]},
    }


def weights(count: int) -> str:
    return f"{count / 1e6:.1f} M weights" if count >= 1e6 else f"{count / 1e3:.0f} k weights"


def _place(column: int, row: int, tall: float) -> tuple[float, float]:
    return EDGE + column * (BOX + GAP), EDGE + row * (tall + BETWEEN)


def _box(box: Box, names: list[str], facts: dict, tall: float) -> str:
    x, y = _place(box.column, box.row, tall)
    lit = box.name in names
    border = f"stroke:{LIT};stroke-width:5" if lit else f"stroke:{PART if box.part else LINE};stroke-width:1.5"
    fill = f"fill:{LIT if lit else PART};fill-opacity:{0.2 if lit else 0.14}" if box.part or lit else f"fill:{PAPER}"
    rect = f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="{tall:g}" rx="{16 if box.part else 3}" style="{fill};{border}"/>'
    middle = x + BOX / 2
    lines = facts.get("lines", [])
    parts = [rect, text(middle, y + 21, box.title, size=15, weight=650)]
    parts += [text(middle, y + tall - 10 - 17 * (len(lines) - 1 - i), line, size=12) for i, line in enumerate(lines)]
    room = (x + 10, y + 31, BOX - 20, tall - 31 - 14 - 17 * len(lines))  # left, top, width, height
    parts.append(_content(box, facts, *room))
    return f"<g>{''.join(parts)}</g>"


def _content(box: Box, facts: dict, x: float, y: float, width: float, height: float) -> str:
    if "image" in facts:
        return image(facts["image"], x, y, width, height)
    if "thumbs" in facts:
        each = (width - 3 * 4) / 4
        return "".join(image(png, x + i * (each + 4), y, each, height) for i, png in enumerate(facts["thumbs"]))
    if "path" in facts:
        path = pictures.waveform(facts["path"], width=width, height=height)
        return f'<path transform="translate({x:g} {y:g})" d="{path}" style="fill:{PART}"/>'
    lines = wrap(facts.get("words", box.about))
    top = y + height / 2 + 5 - 8.5 * (len(lines) - 1)
    return "".join(text(x + width / 2, top + 17 * i, line) for i, line in enumerate(lines))


def _arrows(tall: float) -> str:
    """Lines between the boxes; the last box of the upper row points left, and the UNet's line turns to the lower row."""
    drawn = []
    for row, (a, b) in itertools.product((0, 1), itertools.pairwise(range(5))):
        left, right = _place(a, row, tall)[0] + BOX + 3, _place(b, row, tall)[0] - 3
        middle = _place(a, row, tall)[1] + tall / 2
        leftwards = row == 0 and b == 4
        drawn.append(_arrow([(right, middle), (left, middle)] if leftwards else [(left, middle), (right, middle)]))
    start, end, lower = _place(3, 0, tall)[0] + BOX / 2, _place(0, 1, tall)[0] + BOX / 2, _place(0, 1, tall)[1]
    bend = lower - BETWEEN / 2
    drawn.append(_arrow([(start, EDGE + tall + 3), (start, bend), (end, bend), (end, lower - 3)]))
    return "".join(drawn)


def _arrow(points: list[tuple[float, float]]) -> str:
    (x0, y0), (x1, y1) = points[-2:]
    dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    base = (x1 - 9 * dx, y1 - 9 * dy)
    head = [(x1, y1), (base[0] - 5 * dy, base[1] - 5 * dx), (base[0] + 5 * dy, base[1] + 5 * dx)]
    line = " ".join(f"{x:g},{y:g}" for x, y in [*points[:-1], base])
    tip = " ".join(f"{x:g},{y:g}" for x, y in head)
    return f'<polyline points="{line}" style="fill:none;stroke:{INK};stroke-width:2"/><polygon points="{tip}" style="fill:{INK}"/>'


def film(trace: Trace, count: int = 6) -> Figure:
    """The model's guess of the finished sound after some of the steps, as log-mel pictures side by side."""
    picked, top = trace.pick(count), float(trace.mel.max())
    pitch, tall = WIDTH / len(picked), 110
    body = ""
    for i, step in enumerate(picked):
        body += image(pictures.mel(trace.mel_at(step), top=top), i * pitch + 4, 26, pitch - 8, tall)
        body += text((i + 0.5) * pitch, 17, f"after step {step} of {trace.steps}")
    alt = f"Log-mel of the guess after steps {', '.join(map(str, picked))} of {trace.steps}, left to right."
    return figure(body, width=WIDTH, height=tall + 34, alt=alt)
