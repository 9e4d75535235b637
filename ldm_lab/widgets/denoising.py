"""DenoisingScrubber: one sound per sampler, heard and seen at every step on its way out of the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import traitlets

from ldm_lab.diffusion.cost import network_passes
from ldm_lab.errors import OptionError, unknown
from ldm_lab.options import check_options, check_prompts, whole
from ldm_lab.trace import KINDS, follow
from ldm_lab.widgets import picture
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.contact import contact_sheet
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.sounds import MAX_VERSIONS, pack
from ldm_lab.widgets.transcript import describe

if TYPE_CHECKING:
    from ldm_lab.diffusion.samplers import Step
    from ldm_lab.system import AudioLDM
    from ldm_lab.trace import Trace

SHOWN = 5  # steps in the still picture


class DenoisingScrubber(LabWidget):
    """Scrub through the steps of one or several samplers: see and hear what the model guesses, or the noisy x it gets.

    Every sampler starts from the same noise and the same prompt. `step` is 1 .. `steps` (in step k the network is given
    x at noise level `sigma(k)` and guesses x0_hat) and `steps` + 1, the finished sound. `kind` is "guess" or "noisy";
    `heard` names the sampler that is heard. `recognised` maps samplers to the step at which the listener pressed "I
    recognise it". `traces` holds all latents, `wav(step)` and `mel(step)` give any moment, `run(prompt)` another sound.

    options: those of `generate` (seconds=, negative=, grid=, ...). Raises PromptError, OptionError before any work.
    """

    _esm = esm("denoising")
    _css = css("lab", "denoising")

    prompt = traitlets.Unicode("").tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    samplers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    steps = traitlets.Int(1).tag(sync=True)
    sigmas = traitlets.List().tag(sync=True)  # (S + 1) noise levels of each sampler
    passes = traitlets.List(traitlets.Int()).tag(sync=True)  # network passes of each sampler's whole run
    take = traitlets.Int(0).tag(sync=True)  # grows with each run: what the page has kept is out of date
    step = traitlets.Int(1).tag(sync=True)
    kind = traitlets.Unicode("guess").tag(sync=True)
    recognised = traitlets.Dict().tag(sync=True)

    def __init__(self, ldm: AudioLDM, prompt="a dog barking", *,
                 samplers: Sequence[str] = ("ddim", "unipc", "dpmpp_2m"), steps: int | None = None, seed: int = 0,
                 guidance: float | None = None, progress: bool = True, step: int = 1, kind: str = "guess",
                 height: int = 180, **options) -> None:
        self.ldm, self._options = ldm, {"steps": steps, "guidance": guidance, **options}
        if kind not in KINDS:
            raise OptionError(unknown("kind", kind, KINDS))
        names = self._check(prompt, seed, samplers)
        state = self._adopt(self._walk(prompt, seed, names, progress=progress), prompt, seed)
        sound = self.moment(max(1, min(step, state["steps"] + 1)), kind)
        super().__init__(samplers=names, step=step, kind=kind, height=height, **state | {"sound": sound})

    # --- the runs ----------------------------------------------------------------------------------------------------

    def _check(self, prompt, seed: int, samplers: Sequence[str]) -> list[str]:
        """The samplers' names, if `generate` would refuse nothing: before the first of several runs."""
        names = [samplers] if isinstance(samplers, str) else list(dict.fromkeys(samplers))
        if not 1 <= len(names) <= MAX_VERSIONS:
            raise OptionError(f"samplers: got {len(names)}, expected 1 to {MAX_VERSIONS} names")
        whole("candidates", self._options.get("candidates", 1), 1, 1, " (one sound is followed)")
        if len(asked := check_prompts(prompt)) != 1:
            raise OptionError(f"prompt: got {len(asked)} prompts, expected one")
        for name in names:
            check_options(self.ldm.config, 1, sampler=name, seed=seed, **self._options)
        return names

    def _walk(self, prompt, seed: int, samplers: Sequence[str], *, progress: bool = False) -> dict[str, Trace]:
        """A trace of each sampler, all from one noise; the trait `progress` follows."""
        traces: dict[str, Trace] = {}

        def advance(step: Step) -> None:
            if self.take:  # not in the constructor, whose first message is still to be sent
                self.progress = (len(traces) + (step.index + 1) / step.total) / len(samplers)

        for name in samplers:
            traces[name] = follow(self.ldm, prompt, sampler=name, seed=seed, callback=advance, progress=progress,
                                  **self._options)
        return traces

    def _adopt(self, traces: dict[str, Trace], prompt, seed: int) -> dict:
        """Make `traces` what is looked at; returns the traits that go with them, the first step's sound among them."""
        self.traces, self._moments, self._condition = traces, {}, prompt
        first = next(iter(traces.values()))
        made = first.result.config
        self._top = picture.top_level([trace.mel.numpy() for trace in traces.values()], self.ldm.config.mel)
        # Without a difference between prompt and negative prompt there is nothing to exaggerate: `generate` asks once.
        scale = 1.0 if made["prompts"] == made["negative"] else made["guidance"]
        passes = [network_passes(self.ldm.schedule, name, trace.steps, kind=trace.result.config["grid"], guidance=scale,
                                 interval=made["interval"]) for name, trace in traces.items()]
        sigmas = [[float(f"{sigma:.4g}") for sigma in trace.sigmas.tolist()] for trace in traces.values()]
        return {"prompt": first.prompt, "title": first.prompt or "(no prompt)", "seed": seed, "steps": first.steps,
                "sigmas": sigmas, "passes": passes, "recognised": {}, "take": self.take + 1}

    def run(self, prompt=None, *, seed: int | None = None) -> None:
        """Follow another sound with the same samplers and options; None keeps the prompt, the seed.

        A mistake becomes the status line, and the old sound stays.
        """
        prompt, seed = self._condition if prompt is None else prompt, self.seed if seed is None else seed
        with self.working("denoising ..."):
            self._check(prompt, seed, self.samplers)
            state = self._adopt(self._walk(prompt, seed, self.samplers), prompt, seed)
            state |= {"position": 0.0, "box": [], "step": 1, "sound": self.moment(1)}
            self.put(**state)
            self.status = f"made in {sum(trace.seconds['total'] for trace in self.traces.values()):.1f} s"

    # --- what is heard and seen --------------------------------------------------------------------------------------

    @property
    def heard(self) -> str:
        """The sampler that is heard; may be set."""
        return self.samplers[self.active]

    @heard.setter
    def heard(self, sampler: str) -> None:
        if sampler not in self.samplers:
            raise OptionError(unknown("sampler here", sampler, self.samplers))
        self.active = self.samplers.index(sampler)

    def wav(self, step: int | None = None, sampler: str | None = None, kind: str | None = None) -> torch.Tensor:
        """(N,) float32: the sound of `step` (1 .. steps + 1); None takes what the page shows."""
        trace, step, kind = self._where(step, sampler, kind)
        return trace.wav if step > trace.steps else trace.wav_at(step, kind)

    def mel(self, step: int | None = None, sampler: str | None = None, kind: str | None = None) -> torch.Tensor:
        """(T, 64) natural-log mel that the decoder makes of `step` (1 .. steps + 1)."""
        trace, step, kind = self._where(step, sampler, kind)
        return trace.mel if step > trace.steps else trace.mel_at(step, kind)

    def sigma(self, step: int | None = None, sampler: str | None = None) -> float:
        """The noise level at which `step` begins; of step `steps` + 1 that at which the sampler stopped."""
        trace, step, _ = self._where(step, sampler, None)
        return float(trace.sigmas[step - 1])

    def _where(self, step: int | None, sampler: str | None, kind: str | None) -> tuple[Trace, int, str]:
        sampler = list(self.traces)[self.active] if sampler is None else sampler
        if sampler not in self.traces:
            raise OptionError(unknown("sampler here", sampler, self.traces))
        kind = self.kind if kind is None else kind
        if kind not in KINDS:
            raise OptionError(unknown("kind", kind, KINDS))
        trace = self.traces[sampler]
        return trace, self.step if step is None else whole("step", step, 1, trace.steps + 1), kind

    def moment(self, step: int, kind: str | None = None) -> dict:
        """The sounds of all samplers at one step, ready for a page (`Pack.state`, and its `key`); made once."""
        kind, names = self.kind if kind is None else kind, list(self.traces)
        key = "end" if step > self.traces[names[0]].steps else f"{kind} {step}"
        if key not in self._moments:
            wavs = {name: self.wav(step, name, kind) for name in names}
            lines = {name: f"{self.words(step, name, kind)}. {describe(wavs[name])}" for name in names}
            made = pack(wavs, config=self.ldm.config.mel, transcript=lines, top=self._top)
            self._moments[key] = {**made.state, "key": key}
        return self._moments[key]

    def words(self, step: int | None = None, sampler: str | None = None, kind: str | None = None) -> str:
        """What is heard at a step, in words."""
        trace, step, kind = self._where(step, sampler, kind)
        if step > trace.steps:
            return f"Finished after {trace.steps} steps"
        what = "Guess" if kind == "guess" else "Noisy x"
        sigma = self.sigma(step, sampler)
        noise = f"{sigma:.2g} times as strong as" if sigma >= 1 else f"{100 * sigma:.0f} % as strong as"
        return f"{what} in step {step} of {trace.steps}: noise {noise} the sound"

    @property
    def versions(self) -> list[dict]:
        """The sounds of the samplers at `step`, as the page has them."""
        return self.moment(self.step)["versions"]

    # --- requests of the page ----------------------------------------------------------------------------------------

    def ask_sound(self, step: int, kind: str) -> dict:
        return {"sound": self.moment(self._where(step, None, kind)[1], kind)}

    def ask_pictures(self, kind: str) -> dict:
        """Pictures of every sampler at every step: uint8 (samplers, steps + 1, frames, bands)."""
        with self.working("decoding the pictures ..."):
            mels = []
            for i, trace in enumerate(self.traces.values()):
                mels += [*trace.mels(range(1, trace.steps + 1), kind), trace.mel]
                self.progress = (i + 1) / len(self.traces)
            self.status = ""
        cells = picture.levels(torch.stack(mels).numpy(), self._top)
        group = picture.columns_per_cell(cells.shape[1], 256)
        folded = np.stack([picture.fold_columns(cell, group) for cell in cells])
        return {"mel": folded.tobytes(), "frames": folded.shape[1]}

    def ask_run(self, prompt: str, seed: int) -> bool:
        self.run(None if prompt == self.prompt else prompt, seed=seed)
        return not self.wrong

    @traitlets.validate("step")
    def _one_of_the_steps(self, proposal) -> int:
        return min(max(1, proposal["value"]), self.steps + 1)

    @traitlets.validate("kind")
    def _known_kind(self, proposal) -> str:
        if proposal["value"] not in KINDS:
            raise OptionError(unknown("kind", proposal["value"], KINDS))
        return proposal["value"]

    @traitlets.validate("recognised")
    def _marks(self, proposal) -> dict[str, int]:
        for sampler in proposal["value"]:
            if sampler not in self.samplers:
                raise OptionError(unknown("sampler here", sampler, self.samplers))
        return {name: whole("recognised", step, 1, self.steps + 1) for name, step in proposal["value"].items()}

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        """The story in words: each sampler, its noise levels, and where the listener recognised the sound."""
        lines = [f"Denoising {self.prompt!r} in {self.steps} steps, seed {self.seed}"]
        for name, sigmas, passes in zip(self.samplers, self.sigmas, self.passes):
            mark = f"; recognised in step {self.recognised[name]}" if name in self.recognised else ""
            lines.append(f"  {name}: {passes} network passes, sigma from {sigmas[0]:.3g} to {sigmas[-1]:.3g}{mark}")
        return "\n".join(lines)

    def still(self) -> bytes:
        """PNG: each sampler a row, a few of its steps from left to right, the finished sound last."""
        picked = [*next(iter(self.traces.values())).pick(SHOWN), self.steps + 1]
        rows = {name: [self.mel(step, name).numpy() for step in picked] for name in self.samplers}
        heads = [f"step {step}" for step in picked[:-1]] + ["finished"]
        what = "what the model guesses" if self.kind == "guess" else "the noisy x"
        return contact_sheet(rows, heads, title=f"{self.title}: {what}", top=self._top)

    def alt(self) -> str:
        what = "guesses" if self.kind == "guess" else "noisy latents"
        return f"Log-mel pictures of the {what}: a row for each sampler, from first step to finished. {self.text()}"
