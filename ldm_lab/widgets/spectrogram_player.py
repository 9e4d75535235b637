"""SpectrogramPlayer: a sound you see and hear at once, in a notebook."""

from __future__ import annotations

from collections.abc import Mapping

from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.esm import css, esm


class SpectrogramPlayer(LabWidget):
    """Player with a log-mel picture. Make one with `player(wav)`; `show(...)` gives it another sound.

    Mouse: click to seek, drag a box to hear only that time and band, wheel with Ctrl to zoom. Keys: space plays, left and
    right move 0.1 s, page keys 1 s, up and down move the read-out line, 1 to 4 switch versions, L loops, M matches levels,
    B boxes, Z zooms to the box, + - 0 zoom, Escape removes the box. `region()` is what the box lets through.
    """

    _esm = esm("player")
    _css = css("lab")


def player(sounds, *, sample_rate: int = 16000, title: str = "", transcript: str | Mapping[str, str] | None = None,
           **traits) -> SpectrogramPlayer:
    """A player for one wav ((N,) or (1, N) in [-1, 1]) or for up to four versions {label: wav} to switch between.

    transcript: what is heard, in one line (or {label: line}), beside the sound for those who cannot hear it; left out, it
    says what can be measured. traits: `loop`, `match`, `box`, `height`, ... of the widget.
    """
    return SpectrogramPlayer(sounds, sample_rate=sample_rate, title=title, transcript=transcript, **traits)
