"""PipelineMap: the stack as a map to click on. Choose a box, see and hear what left it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import torch
import traitlets
from torch import Tensor

from ldm_lab.audio.mel import griffin_lim
from ldm_lab.errors import OptionError
from ldm_lab.system import AudioLDM
from ldm_lab.trace import Trace, follow
from ldm_lab.widgets import picture
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.sounds import Pack, pack
from ldm_lab.widgets.stack import pictures, words
from ldm_lab.widgets.stack.diagram import BOXES, box_name, weights
from ldm_lab.widgets.stack.still import map_picture

LEFT_BY = {"clap": "embedding", "unet": "latent", "autoencoder": "mel", "vocoder": "sound"}  # a part's output
CLOCKS = {"clap": "text", "unet": "sample", "autoencoder": "decode", "vocoder": "vocode"}  # its time in Trace.seconds
SILENT = ("prompt", "clap", "embedding", "latent")
LIMIT = 3.0  # standard deviations of a latent at full colour
NEAREST = 5


class PipelineMap(LabWidget):
    """From prompt to sound in ten boxes: click one (or arrow keys and Enter) and see and hear what left it.

    Traits: `selected` (a box: prompt clap embedding unet noise latent autoencoder mel vocoder sound), `step` (1 .. `steps`:
    the guess that the UNet's box shows), `facts` (of each box: size, shape, dtype, low, high, mean, std, seconds, weights).
    `trace` holds everything that was made, `wav(box)` what is heard there, `run(prompt)` follows another sound. options:
    those of `generate`. Raises PromptError, OptionError before any work. `of(trace)` maps what was followed already.
    """

    _esm = esm("pipeline")
    _css = css("lab", "pipeline")

    prompt = traitlets.Unicode("").tag(sync=True)
    selected = traitlets.Unicode("sound").tag(sync=True)
    step = traitlets.Int(1).tag(sync=True)
    steps = traitlets.Int(1).tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    boxes = traitlets.List().tag(sync=True)  # of the map: name, title, about, column, row, part
    thumbs = traitlets.Dict().tag(sync=True)  # what is drawn in a box
    times = traitlets.List().tag(sync=True)  # {name, title, seconds} of the parts, in the order of the work
    take = traitlets.Int(0).tag(sync=True)  # grows with each run: what the page has kept is out of date

    def __init__(self, ldm: AudioLDM, prompt="a dog barking", *, trace: Trace | None = None, selected: str = "sound",
                 step: int | None = None, height: int = 180, progress: bool = True, **options) -> None:
        self.ldm, self._options = ldm, options
        trace = follow(ldm, prompt, progress=progress, **options) if trace is None else trace
        state = self._adopt(trace, text=isinstance(prompt, str))
        state["step"] = state["step"] if step is None else step
        made = self._moments["sound", 0]
        super().__init__(boxes=[asdict(box) for box in BOXES], height=height, sound=made.state,
                         **{**state, "selected": box_name(selected)})
        self._pack = made

    @classmethod
    def of(cls, trace: Trace, **traits) -> PipelineMap:
        """The map of a sound that was followed before (`ldm_lab.trace.follow`); `run` goes on with its options."""
        config = trace.result.config
        names = ("seconds", "steps", "sampler", "guidance", "grid", "eta", "rescale", "interval")
        options = {name: config[name] for name in names}
        options |= {"seed": config["seeds"][0], "negative": config["negative"][0]}
        return cls(trace.ldm, trace.prompt, trace=trace, **{**options, **traits})

    def run(self, prompt=None, *, seed: int | None = None) -> None:
        """Follow another sound with the same options; None keeps the prompt, the seed.

        A mistake becomes the status line, and the old sound stays.
        """
        prompt = self.prompt if prompt is None else prompt
        options = self._options if seed is None else {**self._options, "seed": seed}
        with self.working("making the sound ..."):
            advance = lambda step: setattr(self, "progress", (step.index + 1) / step.total)
            trace = follow(self.ldm, prompt, callback=advance, **options)
            self._options = options
            state = self._adopt(trace, text=isinstance(prompt, str))
            self._pack = self._moments["sound", 0]
            self.put(**state, position=0.0, box=[], sound=self._pack.state)
            self.status = f"made in {trace.seconds['total']:.1f} s"

    def _adopt(self, trace: Trace, *, text: bool) -> dict:
        """Make `trace` what is looked at; returns the traits that go with it."""
        self.trace, self._text = trace, text
        self._top = picture.top_level([trace.mel.numpy()], self.ldm.config.mel)
        self._moments: dict[tuple[str, int], Pack] = {("sound", 0): self._packed("sound", trace.wav)}
        titles = {box.name: box.title for box in BOXES}
        times = [{"name": name, "title": titles[name], "seconds": trace.seconds.get(clock, 0.0)}
                 for name, clock in CLOCKS.items()]
        if trace.seconds.get("rank"):
            times.append({"name": "", "title": "CLAP score", "seconds": trace.seconds["rank"]})
        picked = trace.pick(4)
        cells = lambda mel: picture.levels(mel.numpy(), self._top).tobytes()
        thumbs = {"embedding": _signed(pictures.block(trace.emb)[::-1].T), "noise": self._channels(trace.noise, 4),
                  "latent": self._channels(trace.z, 4), "unet": [cells(mel) for mel in trace.mels(picked)],
                  "mel": cells(trace.mel), "sound": pictures.waveform(trace.wav, width=100, height=40)}
        return {"prompt": trace.prompt, "steps": trace.steps,
                "step": min(trace.steps, max(1, trace.steps // 4)), "facts": self._facts(), "thumbs": thumbs,
                "times": times, "take": self.take + 1}

    # --- what left a box ---------------------------------------------------------------------------------------------

    def tensor(self, box: str, *, step: int | None = None) -> Tensor | None:
        """The numbers that left a box: emb (E,), noise, latent or a guess (C, T/r, 64/r), mel (T, 64) or wav (N,); None
        for the prompt. `step`: of the UNet's guess x0_hat; None = the finished latent."""
        box = box_name(box)
        if box == "unet" and step is not None:
            return self.trace.guesses[self._step(step) - 1]
        name = LEFT_BY.get(box, box)
        return {"prompt": None, "embedding": self.trace.emb, "noise": self.trace.noise, "latent": self.trace.z,
                "mel": self.trace.mel, "sound": self.trace.wav}[name]

    def wav(self, box: str | None = None, *, step: int | None = None) -> Tensor | None:
        """(N,) what is heard of a box (None: the selected one), None where nothing can be: of noise and guesses the
        decoded sound, of the log-mel Griffin-Lim's."""
        box = self.selected if box is None else box_name(box)
        if box in SILENT:
            return None
        if box == "noise":
            return self.trace.wav_at(1, "noisy")
        if box == "unet":
            return self.trace.wav_at(self.step if step is None else self._step(step))
        if LEFT_BY.get(box, box) == "mel":
            wav = griffin_lim(self.trace.mel[None], self.ldm.config.mel)[0, : len(self.trace.wav)]
            return wav / max(1.0, float(wav.abs().max()))
        return self.trace.wav

    def _step(self, step: int) -> int:
        if not isinstance(step, int) or not 1 <= step <= self.trace.steps:
            raise OptionError(f"step: got {step!r}, expected 1 to {self.trace.steps}")
        return step

    def _moment(self, box: str, step: int) -> Pack | None:
        """The sound of a box, ready for a page; made once."""
        key = (LEFT_BY[box] if box in ("autoencoder", "vocoder") else box, step if box == "unet" else 0)
        if box not in SILENT and key not in self._moments:
            self._moments[key] = self._packed(key[0], self.wav(key[0], step=key[1] or None), step)
        return self._moments.get(key)

    def _packed(self, box: str, wav: Tensor, step: int = 0) -> Pack:
        made = pack(wav, config=self.ldm.config.mel, top=self._top)
        version = made.state["versions"][0]
        lead = {"noise": "Decoded noise. ", "unet": f"The guess in step {step} of {self.trace.steps}. ",
                "mel": "Heard by Griffin-Lim. "}.get(box, "")
        version["transcript"] = lead + version["transcript"]
        if box == "mel":  # the picture that left the decoder, not that of the sound made from it
            version["mel"] = picture.levels(self.trace.mel.numpy(), self._top).tobytes()
        return made

    @property
    def versions(self) -> list[dict]:
        """What the panel plays: the sound of the selected box (the finished one where a box has none)."""
        shown = self._moment(self.selected, self.step) if getattr(self, "trace", None) else None
        return (shown.state if shown else self.sound).get("versions", [])

    def _facts(self) -> dict[str, dict]:
        rows = {row["stage"]: row for row in self.trace.rows()}
        counts = self.ldm.parameter_counts
        found = {}
        for box in BOXES:
            made = LEFT_BY.get(box.name, box.name)
            values = self.tensor(box.name)
            found[box.name] = {"title": box.title, "made": made, "size": rows[made]["shape"],
                               "weights": weights(counts[box.name]) if box.part else "",
                               "seconds": self.trace.seconds.get(CLOCKS.get(box.name, ""), None),
                               **(_statistics(values) if values is not None else {})}
        return found

    def _channels(self, z: Tensor, most: int) -> dict:
        """The first channels of (C, T, F), as a page draws them."""
        return {"channels": [_signed(channel.numpy(), LIMIT) for channel in z[:most]]}

    # --- requests of the page ----------------------------------------------------------------------------------------

    def ask_box(self, name: str, step: int) -> dict:
        """What a page shows of a box: words, facts, a sound or none, and what belongs to the box alone."""
        name = box_name(name)
        made, step = LEFT_BY.get(name, name), self._step(step)
        shown = self._moment(name, step)
        values = self.tensor(name, step=step if name == "unet" else None)
        reply = {"about": self._about(name), "sound": shown.state if shown else None,
                 "facts": self.facts[name] | (_statistics(values) if values is not None else {})}
        if name == "prompt":
            reply["pieces"] = words.pieces(self.ldm.clap, self.trace.prompt) if self._text else []
        elif made == "embedding":
            reply |= {"block": _signed(pictures.block(self.trace.emb)[::-1].T), "nearest": self.nearest()}
        elif name in ("noise", "latent"):
            reply |= self._channels(values, 64)
            reply["spread"] = [[float(c.mean()), float(c.std(correction=0))] for c in values]
        return reply

    def _about(self, name: str) -> str:
        z, mel = self.trace.z, self.trace.mel
        return words.ABOUT[name].format(count=len(self.trace.emb), ratio=mel.numel() / z.numel(), channels=len(z),
                                        bands=mel.shape[1], rate=self.ldm.sample_rate)

    @torch.no_grad()
    def nearest(self, texts: list[str] | None = None) -> list[tuple[str, float]]:
        """The texts (None: some common sounds) nearest to the embedding, with the cosine, the nearest first."""
        texts = [text for text in words.LISTS if text != self.trace.prompt] if texts is None else texts
        cosines = (self.ldm.clap.encode_text(texts).float().cpu() @ self.trace.emb).tolist()
        return sorted(zip(texts, cosines), key=lambda pair: -pair[1])[:NEAREST]

    def ask_run(self, prompt: str) -> bool:
        self.run(prompt)
        return not self.wrong

    @traitlets.validate("selected")
    def _known_box(self, proposal) -> str:
        return box_name(proposal["value"])

    @traitlets.validate("step")
    def _one_of_the_steps(self, proposal) -> int:
        return min(max(1, proposal["value"]), self.trace.steps)

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        """The way through the stack in words: a line for each stage."""
        total = self.trace.seconds.get("total", 0.0)
        lines = [f"Map of the stack for {self.prompt!r}, {total:.1f} s of work"]
        for row in self.trace.rows():
            by = f" by {row['part']}" if row["part"] else ""
            lines.append(f"  {row['stage']}: {row['shape']}{by}{', ' + row['time'] if row['time'] else ''}")
        return "\n".join(lines)

    def still(self) -> bytes:
        return map_picture(self.trace, self.facts, selected=self.selected, top=self._top)

    def alt(self) -> str:
        return self.text()


def _signed(values: np.ndarray, limit: float | None = None) -> dict:
    """Numbers (T, F) of either sign as bytes: int8, 127 at `limit` (None: the largest)."""
    limit = limit or float(np.abs(values).max()) or 1.0
    return {"cells": np.round(127 * np.clip(values / limit, -1, 1)).astype(np.int8).tobytes(), "rows": values.shape[1]}


def _statistics(values: Tensor) -> dict:
    number = lambda value: float(f"{float(value):.3g}")
    return {"shape": list(values.shape), "dtype": str(values.dtype).removeprefix("torch."), "low": number(values.min()),
            "high": number(values.max()), "mean": number(values.mean()), "std": number(values.std(correction=0))}
