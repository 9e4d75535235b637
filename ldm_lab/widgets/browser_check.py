"""BrowserCheck: do widgets run in this page, does Python answer them, does sound come out?"""

from __future__ import annotations

import numpy as np
import traitlets

from ldm_lab.errors import OptionError, unknown
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.esm import css, esm

STROKES = 3
ANSWERS = ("none", "one", "two", "three", "four")
RATE = 16000


class BrowserCheck(LabWidget):
    """A sound of three strokes to play and to count, and what the page found out about itself.

    Traits: `page`, written by the page ({} until it has run): `name` of the browser, `answer_ms` that Python took to
    answer (-1: it did not), `audio` ("" not tried, "runs", "stuck") and `audio_rate` in Hz; `heard`, how many strokes were
    heard: none, one, two, three, four, or "" before an answer. `well` says whether all of it is in order, `lines()` what was found.
    """

    _esm = esm("browsercheck")
    _css = css("lab")

    page = traitlets.Dict().tag(sync=True)
    heard = traitlets.Unicode("").tag(sync=True)
    options = traitlets.List(list(ANSWERS)).tag(sync=True)

    def __init__(self, **traits) -> None:
        super().__init__(strokes(), title="Test sound", transcript="bell strokes, one after the other; count them",
                         **{"height": 120, **traits})

    @traitlets.validate("heard")
    def _an_answer(self, proposal) -> str:
        if proposal["value"] and proposal["value"] not in ANSWERS:
            raise OptionError(unknown("number of strokes", proposal["value"], ANSWERS))
        return proposal["value"]

    @property
    def well(self) -> bool | None:
        """True: all in order. False: something is not. None: the page has not run, or nobody has counted yet."""
        if not self.page or not self.heard:
            return None
        return self.page.get("answer_ms", -1) >= 0 and self.heard == ANSWERS[STROKES]

    def lines(self) -> list[str]:
        """What was found, one line each."""
        if not self.page:
            return ["Widgets: this page has not run any yet. Open the notebook in JupyterLab, run the cells and look above."]
        took = self.page.get("answer_ms", -1)
        answered = f"Python answered in {took:.0f} ms" if took >= 0 else "Python did not answer (busy with another cell?)"
        found = [f"Widgets: they run in {self.page.get('name') or 'this browser'}; {answered}."]
        engine = {"runs": f"it runs at {self.page.get('audio_rate', 0)} Hz",
                  "stuck": "the browser holds it back; click into the page and press play again"}
        found.append(f"Sound engine: {engine.get(self.page.get('audio'), 'press play above')}.")
        if self.heard:
            right = self.heard == ANSWERS[STROKES]
            found.append("Your ears: three strokes, as there are." if right else
                         f"Your ears: {self.heard}; there are three. Is the volume up, the right loudspeaker chosen, the tab not muted?")
        else:
            found.append("Your ears: count the strokes above.")
        return found

    def ask_hello(self) -> str:
        """Python is there."""
        return "hello"

    def text(self) -> str:
        return "\n".join(["Browser check", *(f"  {line}" for line in self.lines())])


def strokes(count: int = STROKES) -> np.ndarray:
    """(N,) bell strokes, one every 0.6 s, at 16 kHz."""
    time = np.arange(round(0.6 * RATE)) / RATE
    one = sum(level * np.exp(-decay * time) * np.sin(2 * np.pi * hz * time)
              for hz, level, decay in ((660.0, 0.3, 6.0), (1320.0, 0.15, 9.0), (1815.0, 0.1, 12.0)))
    fade = np.minimum(1.0, np.minimum(time / 0.003, time[::-1] / 0.02))
    return np.tile(one * fade, count).astype(np.float32)
