"""InpaintBrush: drag a box over a sound, say what belongs into it, hear it before and after."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import traitlets
from torch import Tensor

from ldm_lab.audio.io import save
from ldm_lab.config import MelConfig, ModelConfig
from ldm_lab.editing.holes import inpaint
from ldm_lab.editing.masks import Mask, rectangle
from ldm_lab.editing.paste import FADE_SECONDS
from ldm_lab.errors import LabError, OptionError
from ldm_lab.options import whole
from ldm_lab.shapes import samples_to_frames
from ldm_lab.widgets import picture
from ldm_lab.widgets.editor import EditWidget, check_options, defaults, one_sound, rounds
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.sounds import Pack, pack
from ldm_lab.widgets.transcript import describe

if TYPE_CHECKING:
    from ldm_lab.result import Result
    from ldm_lab.system import AudioLDM

ONLY_HERE = ("jumps", "paste")  # options of `inpaint` that `generate` does not have


@dataclass(frozen=True)
class Fill:
    """One fill: the sound after it (N,), what `inpaint` gave back, and what was asked for."""

    after: Tensor
    shown: Pack  # versions before, after, difference
    result: Result
    asked: dict  # prompt, box, seed, options


class InpaintBrush(EditWidget):
    """Fill a time-frequency box of a sound with something else: ``InpaintBrush(ldm, sound, "a bell")``.

    sound: a file, a wav ((N,) or (1, N), at `sample_rate`) or a Result of one sound; options: those of `inpaint` but for
    the hole (steps, guidance, candidates, jumps, paste, negative, sampler, ...).
    Drag a box (trait `box`: [start_s, end_s, low_hz, high_hz]; a side that touches the end of the sound or of the scale is
    open), type a prompt (none: what is around goes on), press the button: `fill()`. Then "before", "after" and "difference"
    (after - before) are versions of one player; `undo()` and `redo()` have no limit, `start_over()` undoes all.
    `wav` (N,) is the sound as it is now, `result` the last Result, `history` what was filled, `anew` the box of the latent
    cells that the model makes for the chosen box. Mistakes are said in `status`.
    """

    _esm = esm("brush")
    _css = css("lab", "edit")

    history = traitlets.List(traitlets.Dict()).tag(sync=True)  # fills in the sound, {prompt, box, seed, options}
    undone = traitlets.List(traitlets.Dict()).tag(sync=True)  # those that redo brings back, the next one last
    anew = traitlets.List(traitlets.Float()).tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)  # what the box means to the model, in words

    def __init__(self, ldm: AudioLDM, sound, prompt: str = "", *, seed: int = 0, sample_rate: int = 16000,
                 **options) -> None:
        wav, self.label = one_sound(ldm, sound, sample_rate=sample_rate)
        check_options(ldm, wav, prompt, seed, options, besides=ONLY_HERE)
        self.ldm, self._original = ldm, wav
        self._done: list[Fill] = []
        self._undone: list[Fill] = []
        super().__init__({"sound": wav}, sample_rate=ldm.sample_rate, config=ldm.config.mel, prompt=prompt, seed=seed,
                         options=options, usual={**defaults(ldm), "jumps": 1}, title=self.label)
        self._alone = self._pack

    # --- the sound ---------------------------------------------------------------------------------------------------

    @property
    def wav(self) -> Tensor:
        """The sound as it is now, (N,) float32 in [-1, 1]."""
        return self._done[-1].after if self._done else self._original

    @property
    def result(self) -> Result | None:
        """What `inpaint` gave back for the newest fill that is in the sound."""
        return self._done[-1].result if self._done else None

    def save(self, path: str | Path) -> Path:
        """Write the sound as it is now; the ending chooses the format, the file's comment tells what was filled."""
        comment = json.dumps({"generator": "LDM Lab (AI-edited)", "model": self.ldm.name, "source": self.label,
                              "fills": self.history})
        return save(path, self.wav, self.ldm.sample_rate, comment=comment if self.history else "")

    # --- filling -----------------------------------------------------------------------------------------------------

    def fill(self) -> Result | None:
        """Make what lies in `box` anew as `prompt`, `seed` and `options` say; None and words in `status` if that fails."""
        with self.working("Filling the box ..."):
            hole = hole_of(self.box, len(self.wav), self.ldm.config)
            prompt, options, start = self.prompt.strip() or None, dict(self.options), time.perf_counter()
            job = check_options(self.ldm, self.wav, prompt, self.seed, options, besides=ONLY_HERE)
            steps = job.options.steps * whole("jumps", options.get("jumps", 1), 1, 100) * rounds(job)
            result = inpaint(self.ldm, self.wav, prompt, **hole, seed=self.seed, callback=self.advance(steps), progress=False,
                             **options)
            asked = {"prompt": self.prompt, "box": list(self.box), "seed": self.seed, "options": options}
            after = result.audio[0]
            self._done.append(Fill(after, three_versions(self.wav, after, self.ldm.config.mel), result, asked))
            self._undone.clear()
            self._refresh(active=1)
            self.status = (f"Filled {say_box(self.box)} in {time.perf_counter() - start:.1f} s. Listen to before, after and "
                           "difference, or undo it.")
            return result
        return None

    def undo(self) -> bool:
        """Take the last fill out again; False if there is none."""
        return self._move(self._done, self._undone, "Undone", "There is nothing to undo.")

    def redo(self) -> bool:
        """Bring the fill back that was undone last; False if there is none."""
        return self._move(self._undone, self._done, "Done again", "There is nothing to redo.")

    def start_over(self) -> None:
        """Go back to the sound as it was given; `redo` brings the fills back one by one."""
        while self._done:
            self._undone.append(self._done.pop())
        self._refresh()
        self.status, self.wrong = "Back to the sound as it was given.", False

    def _move(self, source: list[Fill], target: list[Fill], done: str, empty: str) -> bool:
        self.wrong = False
        if not source:
            self.status = empty
            return False
        target.append(source.pop())
        self._refresh()
        self.status = f"{done}: {say_fill(target[-1].asked)}."
        return True

    def _refresh(self, active: int | None = None) -> None:
        """Show the newest state; with a fill in it three versions, else the sound alone."""
        with self.hold_sync():
            self._pack = self._done[-1].shown if self._done else self._alone
            self.sound = self._pack.state
            self.active = self.active if active is None else active  # one that is still there
            self.history = [fill.asked for fill in self._done]
            self.undone = [fill.asked for fill in self._undone]

    # --- requests of the page ----------------------------------------------------------------------------------------

    def ask_fill(self, **seen) -> None:
        self._take(**seen)
        self.fill()

    def ask_undo(self) -> None:
        self.undo()

    def ask_redo(self) -> None:
        self.redo()

    def ask_start_over(self) -> None:
        self.start_over()

    @traitlets.observe("box", "options")
    def _look_at_the_box(self, _) -> None:
        """Say which cells the model will make anew, or what is wrong with the box."""
        anew, note = [], ""
        if self.box:
            try:
                anew, note = made_anew(self.box, len(self.wav), self.ldm.config, paste=self.options.get("paste", True))
            except LabError as error:
                note = str(error)
        with self.hold_sync():
            self.anew, self.note = anew, note

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        lines = [f"Inpainting brush: {self.label} | {self.seconds:.2f} s | {len(self.history) or 'no'} fill{'s'[: len(self.history) != 1]}"]
        lines += [f"  {i}. {say_fill(asked)}" for i, asked in enumerate(self.history, 1)]
        return "\n".join(lines + [f"  {v['label']}: {v['transcript']}" for v in self.versions])

    def still(self) -> bytes:
        words = [f"{v['label']}: {v['transcript']}" for v in self.versions]
        told = "; ".join(say_fill(asked) for asked in self.history[-1:])
        words[0] = ". ".join(part for part in (f"Inpainting brush: {self.label}", told, words[0]) if part)
        box = self.history[-1]["box"] if self.history else self.box
        return picture.still(list(self._pack.mels.values()), words, self._pack.config, box=box)


def three_versions(before: Tensor, after: Tensor, config: MelConfig) -> Pack:
    """A fill for the page: before (N,), after (N,) and after - before."""
    sounds = {"before": before, "after": after, "difference": after - before}
    lines = {label: describe(wav, sample_rate=config.sample_rate) for label, wav in sounds.items()}
    lines["difference"] = f"What the fill changed (after minus before): {lines['difference']}"
    return pack(sounds, sample_rate=config.sample_rate, config=config, transcript=lines)


# --- boxes and holes -------------------------------------------------------------------------------------------------


def hole_of(box: list[float], samples: int, config: ModelConfig) -> dict[str, float]:
    """The arguments of `inpaint` for a box; sides that touch the sound's ends or the scale's (to half a frame, a band) drop out.

    Raises OptionError for no box, for the whole sound, and for a box too small to be filled.
    """
    if not box:
        raise OptionError("there is no box yet; drag one over the picture (or type its four numbers), then fill it")
    mel, (start, end, low, high) = config.mel, box
    near, seconds, centres = mel.hop_length / mel.sample_rate / 2, samples / mel.sample_rate, picture.band_centres(mel)
    if start >= seconds - near:
        raise OptionError(f"the box begins at {start:g} s, but the sound ends at {seconds:g} s; draw it inside the sound")
    hole = {"start": start, "end": end, "low_hz": low, "high_hz": high}
    open_sides = {"start": start <= near, "end": end >= seconds - near, "low_hz": low <= centres[0],
                  "high_hz": high >= centres[-1]}
    hole = {side: value for side, value in hole.items() if not open_sides[side]}
    if not hole:
        raise OptionError("the box is the whole sound, nothing is kept that could guide the model; make it smaller")
    cell = f"{config.autoencoder.ratio * 2 * near:g} s by {config.autoencoder.ratio} of {mel.n_mels} mel bands"
    if not (open_sides["start"] and open_sides["end"]) and end - start < 2 * FADE_SECONDS:
        raise OptionError(f"the box is {end - start:.3f} s long, expected at least {2 * FADE_SECONDS:g} s: it would be nothing "
                          f"but its own fades (one cell of the latent grid is {cell}); make it longer")
    bins = 2 * mel.sample_rate / mel.n_fft
    if ("low_hz" in hole or "high_hz" in hole) and high - low < bins:
        raise OptionError(f"the box is {high - low:.3g} Hz high, expected at least {bins:.3g} Hz, two lines of the spectrum (one "
                          f"cell of the latent grid is {cell}); make it higher")
    return hole


def hole_mask(hole: dict[str, float], samples: int, config: ModelConfig) -> Mask:
    """The mask that `inpaint` works with."""
    return rectangle(config, samples, samples_to_frames(samples, config), **hole)


def made_anew(box: list[float], samples: int, config: ModelConfig, *, paste: bool = True) -> tuple[list[float], str]:
    """The box [start_s, end_s, low_hz, high_hz] of the latent cells that the model makes anew for `box`, and it in words."""
    mel, ratio = config.mel, config.autoencoder.ratio
    lost = hole_mask(hole_of(box, samples, config), samples, config).latent(ratio)[0, 0] == 0  # (T/r, 64/r)
    rows, columns = (lost.any(axis).nonzero()[:, 0] for axis in (1, 0))
    cell, centres = ratio * mel.hop_length / mel.sample_rate, picture.band_centres(mel)
    edges = [0.0, *np.interp(np.arange(ratio, mel.n_mels, ratio) - 0.5, range(mel.n_mels), centres), mel.sample_rate / 2]
    anew = [float(rows[0]) * cell, min(float(rows[-1] + 1) * cell, samples / mel.sample_rate),
            float(edges[int(columns[0])]), float(edges[int(columns[-1]) + 1])]
    words = [f"The model makes {say_box(anew)} anew (dashed): whole cells of its latent grid, {cell:g} s by {ratio} mel bands."]
    words.append("Of that, only what lies inside your box goes into the sound." if paste else
                 "With the rest not put back, all of the sound is the decoder's version.")
    if bool(lost.all()):
        words.append("The box reaches into every cell: nothing of the sound guides the model.")
    return anew, " ".join(words)


def say_box(box: list[float]) -> str:
    return f"{box[0]:.2f} to {box[1]:.2f} s, {box[2]:.0f} to {box[3]:.0f} Hz"


def say_fill(asked: dict) -> str:
    """A fill in words."""
    what = f'"{asked["prompt"]}"' if asked["prompt"].strip() else "what is around"
    return f"{say_box(asked['box'])} filled with {what} (seed {asked['seed']})"
