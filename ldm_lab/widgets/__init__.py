"""Widgets for listening and for looking into sound. Each name is imported on first use.

`import ldm_lab.widgets` also sets how a `Result` and a `Series` of edits are shown in a notebook.
"""

from __future__ import annotations

import importlib
import importlib.util

from ldm_lab.editing import series
from ldm_lab.result import register_display

_NAMES = {
    "SpectrogramPlayer": "ldm_lab.widgets.spectrogram_player",
    "player": "ldm_lab.widgets.spectrogram_player",
    "Studio": "ldm_lab.widgets.studio",
    "PromptStudio": "ldm_lab.widgets.studio",
    "SimilarityBoard": "ldm_lab.widgets.board",
    "LatentMixer": "ldm_lab.widgets.mixer",
    "ListeningTest": "ldm_lab.widgets.listening",
    "listening_test": "ldm_lab.widgets.listening",
    "PipelineMap": "ldm_lab.widgets.pipeline",
    "DenoisingScrubber": "ldm_lab.widgets.denoising",
    "GuidanceMatrix": "ldm_lab.widgets.matrix",
    "InpaintBrush": "ldm_lab.widgets.brush",
    "TransferStrip": "ldm_lab.widgets.strip",
    "QuizPanel": "ldm_lab.widgets.quiz",
    "BrowserCheck": "ldm_lab.widgets.browser_check",
    "describe": "ldm_lab.widgets.transcript",
}

__all__ = [*_NAMES]


def __getattr__(name: str):
    if name not in _NAMES:
        raise AttributeError(f"module 'ldm_lab.widgets' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def _show(result):
    return importlib.import_module("ldm_lab.widgets.show").show(result)


def _show_series(edits):
    return importlib.import_module("ldm_lab.widgets.show").show_series(edits)


if all(importlib.util.find_spec(package) for package in ("anywidget", "ipywidgets", "PIL")):
    register_display(_show)  # without them Results and Series keep their plain players
    series.register_display(_show_series)


def __dir__() -> list[str]:
    return sorted(__all__)
