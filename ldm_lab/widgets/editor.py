"""What the widgets that edit a sound have in common: the sound they were given, a prompt, a seed, options in fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import traitlets
from torch import Tensor

from ldm_lab.editing.job import Job, check_job, read_sounds
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.generate import default_batch
from ldm_lab.result import Result
from ldm_lab.widgets.base import LabWidget

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM

OWN = ("callback", "progress", "prompt", "seed")  # what an editing widget says itself


class EditWidget(LabWidget):
    """A widget that calls an edit. Traits: `prompt`, `seed`, and `options`: those of the edit, by its own names.

    What is missing in `options` is the edit's default; `usual` names the defaults for the fields of the page. The values
    are checked by the edit itself, when it runs.
    """

    prompt = traitlets.Unicode("").tag(sync=True)
    seed = traitlets.Any(0).tag(sync=True)
    options = traitlets.Dict().tag(sync=True)
    usual = traitlets.Dict().tag(sync=True)

    @traitlets.validate("seed", "options")
    def _plain(self, proposal):
        """numpy's numbers as Python's, which can be sent to a page."""
        plain = lambda value: value.item() if hasattr(value, "item") else value
        value = proposal["value"]
        return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else plain(value)

    def _take(self, prompt=None, seed=None, options=None, **other) -> None:
        """Traits as the page saw them when its button was pressed: their own messages may come later than a request."""
        for name, value in {"prompt": prompt, "seed": seed, "options": options, **other}.items():
            if value is not None:
                setattr(self, name, value)


def check_options(ldm: AudioLDM, wav: Tensor, prompt, seed, options: dict, *, besides: tuple[str, ...] = ()) -> Job:
    """The checked job of an edit of wav (N,) that `generate`'s part of `options` asks for; `besides`: the edit's own names."""
    for name in OWN:
        if name in options:
            raise OptionError(f"{name}: the widget sets it itself; leave it out of the options")
    return check_job(ldm, wav, prompt, seed=seed, **{name: v for name, v in options.items() if name not in besides})


def rounds(job: Job) -> int:
    """Batches in which the candidates of one sound are made."""
    batch = job.asked.get("batch") or default_batch(job.ldm, job.options.seconds)
    return -(-job.options.candidates // batch)


def defaults(ldm: AudioLDM) -> dict[str, float]:
    """What the fields of a page mean when they are empty."""
    return {"steps": ldm.config.default_steps, "guidance": ldm.config.default_guidance, "candidates": 1}


def one_sound(ldm: AudioLDM, sound, *, sample_rate: int = 16000) -> tuple[Tensor, str]:
    """(wav (N,) at the model's rate in [-1, 1], its name) of a file, a wav ((N,) or (1, N)) or a Result of one sound."""
    label = None
    if isinstance(sound, Result):
        label, sound, sample_rate = sound.prompts[0] or "(no prompt)", sound.audio, sound.sample_rate
    wav, labels = read_sounds(sound, ldm.sample_rate, sample_rate=sample_rate)
    if len(wav) != 1:
        raise AudioInputError(f"sound: got {len(wav)} sounds, expected one; choose one of them, such as result[0]")
    return wav[0].clamp(-1.0, 1.0), sound_name(label or labels[0])


def sound_name(label: str) -> str:
    """What an edit calls its source ("rain.wav", or of an array "2.56 s"), fit for a title."""
    return f"sound of {label}" if re.fullmatch(r"[\d.]+ s", label) else label or "sound"
