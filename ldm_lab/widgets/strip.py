"""TransferStrip: one sound moved further and further towards a prompt, under one slider."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import traitlets

from ldm_lab.config import MelConfig
from ldm_lab.editing.series import Series
from ldm_lab.editing.style import check_strengths, transfer
from ldm_lab.errors import OptionError
from ldm_lab.options import clean_text
from ldm_lab.widgets import picture
from ldm_lab.widgets.editor import EditWidget, check_options, defaults, one_sound, rounds, sound_name
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.sounds import Pack, pack
from ldm_lab.widgets.strip_picture import draw_strip

if TYPE_CHECKING:
    from ldm_lab.result import Result
    from ldm_lab.system import AudioLDM

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MOST = 32  # sounds of a series: a page holds them all, so that switching never waits
HEIGHT = 170  # pixels of the large picture; the row stands below it


class TransferStrip(EditWidget):
    """``TransferStrip(ldm, sound, "a church bell")``: style transfer at rising strengths, the original first.

    sound: a file, a wav ((N,) or (1, N), at `sample_rate`), a Result of one sound, or a ready Series; options: those of
    `transfer`. `TransferStrip.of(series)` shows a Series without a model. `run()` moves the sound towards another `prompt`
    (trait; also `seed`, `strengths`, `options`); what was made before is remembered.
    `index` is the place in the row, 0 = the original, k = ``series[k - 1]``; `strength` says the same in the edit's terms (None:
    the original) and may be set: the nearest one is heard. `similarity`: {"to_prompt", "to_source"}, CLAP cosines over the
    row, None or [] where unknown. `result` is the Result that is heard, `save(folder)` writes all of them.
    """

    _esm = esm("strip")
    _css = css("lab", "edit", "strip")

    index = traitlets.Int(0).tag(sync=True)
    strength = traitlets.Float(None, allow_none=True).tag(sync=True)
    strengths = traitlets.List().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of the row
    similarity = traitlets.Dict().tag(sync=True)
    editable = traitlets.Bool(True).tag(sync=True)  # there is a model, so that prompt and button make sense

    def __init__(self, ldm: AudioLDM | None, sound, prompt: str = "", *, strengths: Sequence[float] = STRENGTHS, seed: int = 0,
                 sample_rate: int = 16000, **options) -> None:
        self.ldm, self._known = ldm, {}
        if isinstance(sound, Series):
            series, source = sound, sound[0].source
            self.label = sound_name((sound[0].config.get("edit", {}).get("sounds") or [""])[0])
            self._wav = source[0] if ldm is not None and source is not None else None
            prompt, seed = words_of(series) or "", sound[0].config["seeds"][0]
            if ldm is not None:  # another prompt is to be asked in the same way
                usual = defaults(ldm) | {"sampler": ldm.config.default_sampler}
                options = {name: sound[0].config[name] for name in usual if sound[0].config[name] != usual[name]} | options
        else:
            self._wav, self.label = one_sound(ldm, sound, sample_rate=sample_rate)
            prompt = clean_text(prompt)
            series = self._make(prompt, seed, strengths, options, shown=False)
        self._row = lay_out(series, self.ldm, self.label)
        self._known[_key(prompt, seed, [at for at in self._row.at if at is not None], options)] = self._row
        super().__init__(prompt=prompt, height=HEIGHT, seed=seed, options=options, editable=self._wav is not None,
                         usual=defaults(ldm) if ldm else {}, **self._row.traits)
        self._pack = self._row.pack
        self._follow(None)

    @classmethod
    def of(cls, series: Series, *, row: int = 0, ldm: AudioLDM | None = None) -> TransferStrip:
        """A strip of sound `row` of a ready Series; without a model the prompt cannot be changed."""
        return cls(ldm, Series(tuple(result[row] for result in series), series.labels))

    # --- making ------------------------------------------------------------------------------------------------------

    def run(self) -> Series | None:
        """Move the sound towards `prompt`; the Series, or None and words in `status` if that fails."""
        with self.working("Moving the sound towards the prompt ..."):
            if self._wav is None:
                raise OptionError("this strip shows a ready series, there is no model to make another; use TransferStrip(ldm, ...)")
            asked, start = (self.prompt, self.seed, check_strengths(self.strengths), dict(self.options)), time.perf_counter()
            known = self._known.get(_key(*asked))
            row = known or lay_out(self._make(*asked), self.ldm, self.label)
            self._row = self._known[_key(*asked)] = row
            at = self.index
            with self.hold_sync():
                self.put(**row.traits)
                self._pack = row.pack
                self.active = at  # as far as the new row goes
                self._follow(None)
            spent = time.perf_counter() - start
            self.status = "Made before, remembered." if known else f"{len(self.series)} strengths in {spent:.1f} s."
            return self.series
        return None

    def _make(self, prompt, seed, strengths, options: dict, *, shown: bool = True) -> Series:
        """The series; as long as the widget is not shown, progress is a bar of text."""
        from tqdm.auto import tqdm

        shares = check_strengths(strengths)
        check_size(len(shares), len(self._wav) / self.ldm.sample_rate)
        job = check_options(self.ldm, self._wav, prompt, seed, options)
        steps = round(sum(shares) * job.options.steps * rounds(job))
        with tqdm(total=steps, disable=shown, desc=f"{len(shares)} strengths", unit="step", leave=False) as bar:
            callback = self.advance(steps) if shown else lambda step: bar.update()
            return transfer(self.ldm, self._wav, prompt, seed=seed, strengths=shares, callback=callback, progress=False, **options)

    # --- the row -----------------------------------------------------------------------------------------------------

    @property
    def series(self) -> Series:
        """The Results of the row, the original not among them."""
        return self._row.series

    @property
    def result(self) -> Result | None:
        """The Result that is heard; None for the original."""
        place = self.index - (len(self.labels) - len(self.series))
        return self.series[place] if place >= 0 else None

    def save(self, folder: str | Path) -> list[Path]:
        """Write every sound of the series, as `Series.save` does; returns the paths."""
        return self.series.save(folder)

    @traitlets.observe("active")
    def _follow(self, _) -> None:
        self.index, self.strength = self.active, self._row.at[self.active]

    @traitlets.observe("index")
    def _moved(self, _) -> None:
        self.active = self.index
        self.index = self.active  # kept inside the row

    @traitlets.observe("strength")
    def _wished(self, _) -> None:
        if self.strength is None:
            self.index = 0
            return
        places = [i for i, at in enumerate(self._row.at) if at is not None]
        if places and self._row.at[self.active] != self.strength:
            self.index = min(places, key=lambda i: abs(self._row.at[i] - self.strength))
            self.strength = self._row.at[self.index]

    def ask_run(self, **seen) -> None:
        self._take(**seen)
        self.run()

    # --- without a front end -----------------------------------------------------------------------------------------

    def words(self, place: int) -> str:
        """What is known about a place in the row, in words."""
        known = [(self.similarity.get(name) or [None] * len(self.labels))[place] for name in ("to_prompt", "to_source")]
        told = [f"to the {what} {value:.2f}" for what, value in zip(("prompt", "source"), known) if value is not None]
        return f"{self.labels[place]}" + (f": CLAP similarity {', '.join(told)}" if told else "")

    def text(self) -> str:
        lines = [f"{self.title} | {self.seconds:.2f} s | {len(self.series)} {'strengths' if self.strengths else 'settings'}"]
        return "\n".join(lines + [f"  {self.words(place)}" for place in range(len(self.labels))])

    def still(self) -> bytes:
        return draw_strip(list(self._pack.mels.values()), self.labels, self.similarity, self.title,
                          self._pack.config)

    def alt(self) -> str:
        return f"A row of log-mel spectrograms and the similarity curves below it. {self.text()}"


@dataclass(frozen=True)
class Row:
    """A series ready for the page: traits by name, and for each place its strength (None: the original)."""

    series: Series
    at: list[float | None]
    pack: Pack
    traits: dict


def lay_out(series: Series, ldm: AudioLDM | None, label: str) -> Row:
    """The row of a series: its source, called `label`, and the first sound of each Result."""
    rate = series[0].sample_rate
    check_size(len(series), series[0].seconds)
    labels = [name if series.labels.count(name) == 1 else f"{i}. {name}" for i, name in enumerate(series.labels, 1)]
    sounds = {name: result.audio[0] for name, result in zip(labels, series)}
    at = [result.config.get("edit", {}).get("strength") for result in series]
    if series[0].source is not None:
        sounds, at = {"original": series[0].source[0], **sounds}, [None, *at]
    packed = pack(sounds, sample_rate=rate, config=ldm.config.mel if ldm else MelConfig(sample_rate=rate), most=MOST + 1)
    traits = {"sound": packed.state, "labels": list(sounds), "similarity": similarity(ldm, series),
              "strengths": [value for value in at if value is not None],
              "title": f'{label} towards "{series[0].prompts[0][:80]}"'}
    return Row(series, at, packed, traits)


def check_size(count: int, seconds: float) -> None:
    """OptionError if a page cannot hold so many sounds of this length."""
    if count > MOST:
        raise OptionError(f"strengths: got {count}, expected at most {MOST}; leave some out")
    if (count + 1) * seconds > picture.MAX_SECONDS:
        raise OptionError(f"got {count + 1} sounds of {seconds:.0f} s, a page holds {picture.MAX_SECONDS:.0f} s in all; choose fewer "
                          "strengths or a shorter sound")


def words_of(series: Series) -> str | None:
    """The prompt of a series if it was words; None if it was a sound."""
    return None if series[0].prompts[0].startswith("[sound of ") else series[0].prompts[0]


def _key(prompt: str, seed, strengths: Sequence[float], options: dict) -> str:
    return repr((prompt, seed, [float(at) for at in strengths], sorted(options.items())))


@torch.no_grad()
def similarity(ldm: AudioLDM | None, series: Series) -> dict[str, list]:
    """CLAP cosines {"to_prompt", "to_source"} of the original (if there is one) and of each Result of a series.

    Without a model only what the Results know: their scores, None for the original.
    """
    scores = [float(result.score[0]) for result in series]
    source = series[0].source
    if source is None:
        return {"to_prompt": scores, "to_source": []}
    if ldm is None:
        return {"to_prompt": [None, *scores], "to_source": []}
    sounds = [source[:1], *(result.audio[:1] for result in series)]
    emb = torch.cat([ldm.clap.encode_audio(wav.to(ldm.device)) for wav in sounds])  # (n + 1, E)
    prompt = words_of(series)
    words = None if prompt is None else float(emb[0] @ ldm.clap.encode_text([prompt])[0])
    return {"to_prompt": [words, *scores], "to_source": (emb @ emb[0]).tolist()}
