"""Make any clip that is not a recording again from the recipe in its attributes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from ldm_lab.corpus import mix, render, speak, synth
from ldm_lab.corpus.pack import encode_ogg, quality_of, tidy
from ldm_lab.corpus.table import Clip
from ldm_lab.errors import CorpusError, unknown


def make_clip(clip: Clip, read: Callable[[str], np.ndarray] | None = None) -> np.ndarray:
    """Waveform (N,) at 16 kHz, trimmed and with its peak at 0.9, of a rendered, synthesised or mixed clip.

    `read` gives the waveform of another clip by its file name; only mixes need it.
    """
    recipe = clip.attributes.get("recipe", {})
    name = recipe.get("maker")
    if name in render.MAKERS:
        return tidy(render.MAKERS[name](recipe))
    if name in synth.MAKERS:
        return tidy(synth.make(recipe))
    if name == "flite":
        return tidy(speak.make(recipe))
    if name == "mix":
        if read is None:
            raise CorpusError(f"{clip.file}: a mix needs `read`, a function from file names to waveforms")
        return tidy(mix.make(recipe, read))
    raise CorpusError(f"{clip.file}: {unknown('maker', name, [*render.MAKERS, *synth.MAKERS, 'flite', 'mix'])}")


def _encoded(clip: Clip) -> tuple[bytes, float]:
    wav = make_clip(clip)
    return encode_ogg(wav, quality=quality_of(clip.category)), len(wav)


def make_all(clips: Iterable[Clip], *, workers: int | None = None) -> Iterator[tuple[Clip, bytes, int]]:
    """(clip, Ogg bytes, samples) of rendered and synthesised clips, in order, made by `workers` processes."""
    clips = list(clips)
    with ProcessPoolExecutor(workers or min(2, os.cpu_count() or 1)) as pool:
        for clip, (ogg, count) in zip(clips, pool.map(_encoded, clips, chunksize=32), strict=True):
            yield clip, ogg, count
