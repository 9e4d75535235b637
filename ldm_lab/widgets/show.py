"""How a generated `Result` looks in a notebook: one player a sound."""

from __future__ import annotations

from ldm_lab.result import Result
from ldm_lab.widgets.spectrogram_player import SpectrogramPlayer, player
from ldm_lab.widgets.transcript import describe

MOST_PLAYERS = 8  # of a longer Result only the first ones are shown


def words(result: Result) -> dict[str, str]:
    """Title (the prompt) and transcript (how it was made, and what can be measured) of the first sound of `result`."""
    config = result.config
    made = f"seed {config['seeds'][0]}, {config['steps']} steps, guidance {config['guidance']:g}"
    heard = describe(result.audio[0], sample_rate=result.sample_rate)
    return {"title": result.prompts[0][:120] or "(no prompt)",
            "transcript": f"Generated ({made}; CLAP score {float(result.score[0]):.2f}). {heard}"}


def result_player(result: Result) -> SpectrogramPlayer:
    """The player of the first sound of `result`."""
    return player(result.audio[0], sample_rate=result.sample_rate, **words(result))


def show(result: Result) -> tuple[dict, dict]:
    """(MIME bundle, metadata) of `result`: players where widgets run, else a picture and text."""
    from ipywidgets import VBox

    players = [result_player(one) for one, _ in zip(result, range(MOST_PLAYERS))]
    data, metadata = players[0]._repr_mimebundle_()
    if len(players) > 1:
        data = {**VBox(players)._repr_mimebundle_(), "image/png": data["image/png"]}
    lines = [shown.text() for shown in players]
    if len(result) > MOST_PLAYERS:
        lines.append(f"and {len(result) - MOST_PLAYERS} more: result[i] shows one")
    return {**data, "text/plain": "\n".join(lines)}, metadata
