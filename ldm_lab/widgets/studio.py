"""PromptStudio: a prompt, three sliders, a button and the sound."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets as ipw

from ldm_lab.errors import LabError
from ldm_lab.generate import generate
from ldm_lab.widgets.show import result_player, words

if TYPE_CHECKING:
    from ldm_lab.diffusion.samplers import Step
    from ldm_lab.result import Result
    from ldm_lab.system import AudioLDM

LABEL = {"description_width": "80px"}


class PromptStudio:
    """Type a prompt, move the sliders, press Generate (or Enter); `studio.result` is the newest Result.

    The first sound is made at once. `options` go to `generate` as they are (seconds=, sampler=, negative=, ...).
    """

    def __init__(self, ldm: AudioLDM, *, prompt: str = "a dog barking", seed: int = 0, steps: int | None = None,
                 guidance: float | None = None, **options) -> None:
        config = ldm.config
        self.ldm, self.options = ldm, options
        self.result: Result | None = None
        wide = ipw.Layout(width="100%", max_width="620px")
        self.prompt = ipw.Text(prompt, description="Prompt", layout=wide, style=LABEL)
        self.seed = ipw.IntSlider(seed, 0, 99, description="Seed", layout=wide, style=LABEL, continuous_update=False)
        self.steps = ipw.IntSlider(steps or config.default_steps, 1, 50, description="Steps", layout=wide, style=LABEL,
                                   continuous_update=False)
        self.guidance = ipw.FloatSlider(config.default_guidance if guidance is None else guidance, min=0, max=10,
                                        step=0.5, description="Guidance", readout_format=".1f", layout=wide,
                                        style=LABEL, continuous_update=False)
        self.button = ipw.Button(description="Generate", button_style="primary", icon="play")
        self.progress = ipw.IntProgress(0, 0, 1, layout=ipw.Layout(width="160px", display="none"))
        self.status = ipw.HTML()
        self.button.on_click(lambda _: self.run())
        self.prompt.on_msg(lambda _, content, __: content.get("event") == "submit" and self.run())
        self.player = None
        self.run()
        row = ipw.HBox([self.button, self.progress, self.status], layout=ipw.Layout(align_items="center"))
        self.box = ipw.VBox([self.prompt, self.seed, self.steps, self.guidance, row, *([self.player] if self.player else [])])

    def run(self) -> None:
        """Make the sound that the controls ask for; a mistake is shown as a message and the old sound stays."""
        self.button.disabled = True
        self.progress.value, self.progress.max = 0, self.steps.value
        self.progress.layout.display = ""
        self._say("working ...")
        try:
            self.result = generate(self.ldm, self.prompt.value, seed=self.seed.value, steps=self.steps.value,
                                   guidance=self.guidance.value, progress=False, callback=self._advance, **self.options)
            self._show(self.result)
            self._say(f"made in {self.result.timings['total']:.1f} s")
        except LabError as error:
            self._say(str(error), bad=True)
        finally:
            self.progress.layout.display = "none"
            self.button.disabled = False

    def _advance(self, step: Step) -> None:
        self.progress.value = step.index + 1

    def _show(self, result: Result) -> None:
        if self.player is None:
            self.player = result_player(result)
        else:
            self.player.show(result.audio[0], sample_rate=result.sample_rate, **words(result))

    def _say(self, message: str, *, bad: bool = False) -> None:
        colour = "color:var(--jp-error-color1,#c62828);" if bad else ""
        self.status.value = f'<span role="status" style="{colour}">{html.escape(message)}</span>'

    def text(self) -> str:
        """What the studio shows, in one line."""
        return f"Prompt box, sliders for seed, steps and guidance, and the sound: {self.player.text() if self.player else ''}"

    def _repr_mimebundle_(self, **kwargs):
        data = self.box._repr_mimebundle_(**kwargs)
        data, metadata = data if isinstance(data, tuple) else (data, {})
        if self.player is not None:
            still, metadata = self.player._repr_mimebundle_()
            data = {**data, "image/png": still["image/png"]}
        return {**data, "text/plain": self.text()}, metadata

