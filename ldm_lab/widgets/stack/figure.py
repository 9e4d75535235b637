"""Drawings of the course: SVG with alternative text, in the notebook's colours, light or dark."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass

# JupyterLab's theme where it is present, a light page elsewhere.
INK, PAPER, LINE = "var(--jp-ui-font-color1,#1c1c1c)", "var(--jp-layout-color1,#ffffff)", "var(--jp-border-color1,#9a9a9a)"


@dataclass(frozen=True)
class Figure:
    """An SVG with its alternative text; shows itself in a notebook."""

    svg: str
    alt: str

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data = {"text/html": f'<figure style="margin:4px 0">{self.svg}</figure>', "image/svg+xml": self.svg,
                "text/plain": self.alt}
        return data, {"image/svg+xml": {"alt": self.alt}}


def figure(body: str, *, width: float, height: float, alt: str) -> Figure:
    """`body` (SVG elements) on a sheet of `width` x `height` that shrinks with its page."""
    style = f"width:100%;max-width:{width:g}px;height:auto;font-family:system-ui,sans-serif"
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
           f'aria-label="{html.escape(alt)}" style="{style}">'
           f'<rect width="{width:g}" height="{height:g}" rx="8" style="fill:{PAPER}"/>{body}</svg>')
    return Figure(svg, alt)


def text(x: float, y: float, words: str, *, size: int = 13, weight: int = 400, fill: str = INK) -> str:
    """One centred line of text."""
    style = f"font-size:{size}px;font-weight:{weight};fill:{fill}"
    return f'<text x="{x:g}" y="{y:g}" text-anchor="middle" style="{style}">{html.escape(words)}</text>'


def image(png: bytes, x: float, y: float, width: float, height: float) -> str:
    """A picture stretched to a box, its cells kept sharp."""
    data = base64.b64encode(png).decode("ascii")
    return (f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>')


def wrap(words: str, *, width: int = 20, most: int = 4) -> list[str]:
    """Words in lines of about `width` characters, at most `most` lines."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()[: 2 * width]
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][: width - 3] + " ..."]
