"""How a `Result` and a `Series` look in a notebook: one player, or one transfer strip, a sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ldm_lab.editing.series import Series
from ldm_lab.errors import LabError
from ldm_lab.result import Result
from ldm_lab.widgets.spectrogram_player import SpectrogramPlayer, player
from ldm_lab.widgets.transcript import describe

if TYPE_CHECKING:
    from ldm_lab.widgets.base import LabWidget

MOST_PLAYERS = 8  # of a longer Result only the first ones are shown


def words(result: Result) -> dict[str, str]:
    """Title (the prompt) and transcript (how it was made, and what can be measured) of the first sound of `result`."""
    config, edit = result.config, result.config.get("edit")
    made = f"seed {config['seeds'][0]}, {config['steps']} steps, guidance {config['guidance']:g}"
    heard = describe(result.audio[0], sample_rate=result.sample_rate)
    how = f"Edited by {edit['name']}" if edit else "Generated"
    return {"title": result.prompts[0][:120] or "(no prompt)",
            "transcript": f"{how} ({made}; CLAP score {float(result.score[0]):.2f}). {heard}"}


def versions(result: Result) -> dict:
    """What a player shows of the first sound of `result`: the sound, or of an edit the versions "source" and "edited"."""
    told, sounds = words(result), result.audio[0]
    if result.source is not None:
        source = result.source[0]
        sounds = {"source": source.clamp(-1.0, 1.0), "edited": sounds}
        before = f"Before the edit. {describe(source, sample_rate=result.sample_rate)}"
        told["transcript"] = {"source": before, "edited": told["transcript"]}
    return {"sounds": sounds, "sample_rate": result.sample_rate, **told}


def result_player(result: Result) -> SpectrogramPlayer:
    """The player of the first sound of `result`; an edit begins with what it made."""
    shown = player(**versions(result))
    shown.active = len(shown.versions) - 1
    return shown


def show(result: Result) -> tuple[dict, dict]:
    """(MIME bundle, metadata) of `result`: players where widgets run, else a picture and text."""
    return _bundle([result_player(one) for one, _ in zip(result, range(MOST_PLAYERS))], len(result), "result[i]")


def show_series(series: Series) -> tuple[dict, dict]:
    """(MIME bundle, metadata) of a series: a transfer strip for each of its sounds, else a picture and text."""
    from ldm_lab.widgets.strip import TransferStrip

    count = len(series[0])
    try:
        strips = [TransferStrip.of(series, row=i) for i in range(min(count, MOST_PLAYERS))]
    except LabError as error:  # more than a page can hold
        return {"text/plain": f"{series!r}\n{error}"}, {}
    return _bundle(strips, count, "TransferStrip.of(series, row=i)")


def _bundle(widgets: Sequence[LabWidget], count: int, how: str) -> tuple[dict, dict]:
    from ipywidgets import VBox

    data, metadata = widgets[0]._repr_mimebundle_()
    if len(widgets) > 1:
        data = {**VBox(list(widgets))._repr_mimebundle_(), "image/png": data["image/png"]}
    lines = [shown.text() for shown in widgets]
    if count > MOST_PLAYERS:
        lines.append(f"and {count - MOST_PLAYERS} more: {how} shows one")
    return {**data, "text/plain": "\n".join(lines)}, metadata
