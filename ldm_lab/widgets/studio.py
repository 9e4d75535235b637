"""Studio: generate, edit, compare and export in one place, no code needed; PromptStudio: its first page alone."""

from __future__ import annotations

import io
import json
import re
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import traitlets
from torch import Tensor

from ldm_lab import editing
from ldm_lab.audio.io import FORMATS, encode, load
from ldm_lab.diffusion.samplers import SAMPLERS
from ldm_lab.errors import AudioInputError, OptionError, unknown
from ldm_lab.files import write_bytes
from ldm_lab.generate import default_batch, generate
from ldm_lab.options import MAX_CANDIDATES, real, whole
from ldm_lab.result import Result
from ldm_lab.widgets import picture
from ldm_lab.widgets.base import LabWidget
from ldm_lab.widgets.brush import hole_of
from ldm_lab.widgets.editor import one_sound
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.sounds import MAX_VERSIONS
from ldm_lab.widgets.transcript import describe

if TYPE_CHECKING:
    from ldm_lab.system import AudioLDM

MOST_BYTES = 64 * 2**20  # of an uploaded file
EXAMPLES = ("a dog barking", "rain on a tin roof", "a church bell rings", "an old car engine starting", "a flute plays a long note",
            "footsteps on gravel", "a crowd cheering", "ocean waves", "a door slams", "an electric guitar chord")
WORDS = ("prompt", "negative", "seed", "steps", "guidance", "sampler", "candidates")  # fields of every task

FIELDS = {
    "prompt": {"label": "Prompt", "type": "text"},
    "negative": {"label": "Steer away from", "type": "text", "more": True},
    "seconds": {"label": "Seconds", "type": "number", "min": 0.1, "max": 600, "step": 0.01},
    "seed": {"label": "Seed", "type": "number", "min": 0, "max": 2**53 - 1, "step": 1},
    "strength": {"label": "Strength", "type": "range", "min": 0, "max": 1, "step": 0.05},
    "cutoff_hz": {"label": "Keep below (Hz; empty: found)", "type": "number", "min": 100, "max": 7900, "step": 10},
    "before": {"label": "Seconds before", "type": "number", "min": 0, "max": 60, "step": 0.1},
    "after": {"label": "Seconds after", "type": "number", "min": 0, "max": 60, "step": 0.1},
    "guidance": {"label": "Guidance", "type": "number", "min": 0, "max": 20, "step": 0.5, "more": True},
    "steps": {"label": "Steps", "type": "number", "min": 1, "max": 1000, "step": 1, "more": True},
    "sampler": {"label": "Sampler", "type": "select", "options": ["", *SAMPLERS], "more": True},
    "candidates": {"label": "Candidates (best is kept)", "type": "number", "min": 1, "max": 64, "step": 1, "more": True},
}


@dataclass(frozen=True)
class Task:
    """What a page of the studio does: words for it, its own fields, and whether it works on a sound."""

    label: str
    about: str
    fields: tuple[str, ...] = ()
    sound: bool = False


TASKS = {
    "generate": Task("Generate", "A new sound from words.", ("seconds",)),
    "transfer": Task("Transfer", "The sound you hear, moved towards the prompt: strength 0 keeps it, 1 forgets it.",
                     ("strength",), sound=True),
    "inpaint": Task("Inpaint", "Drag a box in the picture: it is made anew so that it fits the rest. No prompt: the rest goes on.",
                    sound=True),
    "super_resolve": Task("Super-resolve", "The high frequencies that a dull recording lacks.", ("cutoff_hz",), sound=True),
    "vary": Task("Vary", "Another sound like the one you hear; strength 1 takes over nothing but its kind.", ("strength",),
                 sound=True),
    "extend": Task("Extend", "The sound you hear goes on, after its end or before its beginning.", ("before", "after"),
                   sound=True),
    "loop": Task("Loop", "A new sound that repeats without a seam.", ("seconds",)),
}


@dataclass(frozen=True, eq=False)
class Entry:
    """A sound on the shelf: wav (N,) at the model's rate, and the Result it comes from (None: it was brought along)."""

    name: str
    wav: Tensor
    result: Result | None
    made: str  # how, in words

    def comment(self) -> str:
        return self.result.comment() if self.result is not None else ""


class Studio(LabWidget):
    """Generate, edit, compare and export: ``Studio(ldm)``. The first sound is made at once (not with first=False).

    The shelf keeps every sound; up to four of it are in the player (`shown`, numbers of the shelf) and the one that is heard
    is what an edit works on. Everything also works from code: `run("transfer", prompt="a bell", strength=0.4)`, `add(sound)`,
    `choose(2, 3)`, `remove(2)`, `save(folder)`; `form` holds the fields (None = the model's default), `result` is the Result
    of the sound that is heard. Mistakes are said in `status`, and nothing is lost.
    """

    _esm = esm("studio")
    _css = css("lab", "studio")

    spec = traitlets.Dict().tag(sync=True)  # tasks, fields and examples, for the page
    form = traitlets.Dict().tag(sync=True)
    shelf = traitlets.List(traitlets.Dict()).tag(sync=True)  # {id, name, made, seconds}, the newest first
    shown = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init__(self, ldm: AudioLDM, *, tasks: tuple[str, ...] = tuple(TASKS), examples: tuple[str, ...] = EXAMPLES,
                 title: str = "Studio", first: bool = True, **form) -> None:
        for task in tasks:
            if task not in TASKS:
                raise OptionError(unknown("task", task, TASKS))
        if not tasks:
            raise OptionError("tasks: got none, expected at least one")
        self.ldm = ldm
        self._entries: dict[int, Entry] = {}
        config = ldm.config
        usual = {"steps": config.default_steps, "guidance": config.default_guidance, "sampler": config.default_sampler,
                 "candidates": 1, "seconds": config.window_seconds}
        spec = {"tasks": [{"name": name, "label": TASKS[name].label, "about": TASKS[name].about, "sound": TASKS[name].sound,
                           "fields": list(dict.fromkeys(("prompt", *TASKS[name].fields, *WORDS)))}
                          for name in tasks],
                "fields": FIELDS, "usual": usual, "examples": list(examples), "endings": list(FORMATS)}
        start = {"task": tasks[0], "prompt": examples[0] if examples else "", "seed": 0, "strength": 0.5, "after": 1.0}
        super().__init__(spec=spec, form=start | _known(form), title=title)
        if first and tasks[0] in ("generate", "loop"):
            self.run()

    # --- the work ----------------------------------------------------------------------------------------------------

    def run(self, task: str | None = None, **form) -> Result | None:
        """Do what `form` says (changed by the arguments); None, and words in `status`, if that fails."""
        with self.working("Working ..."):
            named = {} if task is None else {"task": task}
            self.form = {**self.form, **_known(named | form)}
            task, started = self._task(), time.perf_counter()
            result = self._call(task)
            source = self.heard if TASKS[task].sound else None
            made = f"{task.replace('_', '-')}, seed {result.config['seeds'][0]}"
            made += f", of {source}" if source is not None else ""
            new = self._keep(Entry(result.prompts[0] or "(no prompt)", result.audio[0], result, made))
            self.choose(*([] if source is None else [source]), new, hear=new)
            self.status = (f"Made in {time.perf_counter() - started:.1f} s; CLAP score {float(result.score[0]):.2f}"
                           " (how well the sound fits the words, in the model's ears).")
            return result
        return None

    def _task(self) -> str:
        task = self.form.get("task")
        if task not in [known["name"] for known in self.spec["tasks"]]:
            raise OptionError(unknown("task", str(task), [known["name"] for known in self.spec["tasks"]]))
        return task

    def _call(self, task: str) -> Result:
        given = {name: self.form.get(name) for name in (*TASKS[task].fields, *WORDS)}
        options = {name: value for name, value in given.items() if value not in (None, "") and name != "prompt"}
        prompt = str(given["prompt"] or "")
        steps = whole("steps", options.get("steps", self.ldm.config.default_steps), 1, self.ldm.config.diffusion.steps)
        kept = whole("candidates", options.get("candidates", 1), 1, MAX_CANDIDATES)
        rounds = -(-kept // default_batch(self.ldm, self.ldm.config.window_seconds))
        share = real("strength", options.get("strength", 1.0), 0.0, 1.0)  # of the steps that a transfer takes
        options |= {"callback": self.advance(steps * rounds * share), "progress": False}
        if not TASKS[task].sound:
            return (generate if task == "generate" else editing.loop)(self.ldm, prompt, **options)
        if self.heard is None:
            raise OptionError("there is no sound to work on; generate one or bring a file, then choose it on the shelf")
        wav = self.wav
        if task == "inpaint":
            options |= hole_of(self.box, len(wav), self.ldm.config)
        if task == "vary":
            return editing.vary(self.ldm, wav, **options)
        own = None if task in ("inpaint", "super_resolve", "extend") and not prompt.strip() else prompt
        return getattr(editing, task)(self.ldm, wav, own, **options)

    # --- the shelf ---------------------------------------------------------------------------------------------------

    @property
    def heard(self) -> int | None:
        """Number on the shelf of the sound that is heard; None if there is none."""
        return self.shown[min(self.active, len(self.shown) - 1)] if self.shown else None

    @property
    def wav(self) -> Tensor | None:
        """The sound that is heard, (N,) float32 in [-1, 1]."""
        return None if self.heard is None else self._entries[self.heard].wav

    @property
    def result(self) -> Result | None:
        """The Result of the sound that is heard; None for a sound that was brought along."""
        return None if self.heard is None else self._entries[self.heard].result

    def add(self, sound, *, name: str | None = None, sample_rate: int = 16000) -> int:
        """Put a sound of your own on the shelf (a file, a wav, a Result of one sound) and hear it; its number."""
        wav, label = one_sound(self.ldm, sound, sample_rate=sample_rate)
        result = sound if isinstance(sound, Result) else None
        new = self._keep(Entry(name or label, wav, result, "brought along"))
        self.choose(new)
        return new

    def _keep(self, entry: Entry) -> int:
        number = max(self._entries, default=0) + 1
        self._entries[number] = entry
        row = {"id": number, "name": entry.name[:120], "made": entry.made, "seconds": len(entry.wav) / self.ldm.sample_rate}
        self.shelf = [row, *self.shelf]
        return number

    def choose(self, *numbers: int, hear: int | None = None) -> None:
        """Put these sounds of the shelf (1 to 4) into the player, and hear `hear` (the first one if left out)."""
        numbers = tuple(dict.fromkeys(numbers))
        for number in numbers:
            if number not in self._entries:
                raise OptionError(f"sound {number}: not on the shelf, which has {sorted(self._entries) or 'nothing yet'}")
        if not 1 <= len(numbers) <= MAX_VERSIONS:
            raise OptionError(f"got {len(numbers)} sounds to compare, expected 1 to {MAX_VERSIONS}; take one away first")
        labels = {number: f"{number} · {self._entries[number].name[:24]}" for number in numbers}
        with self.hold_sync():
            self.show({labels[n]: self._entries[n].wav for n in numbers}, sample_rate=self.ldm.sample_rate,
                      config=self.ldm.config.mel, transcript={labels[n]: self._line(n) for n in numbers}, keep=True)
            self.box = [] if len(self._entries[numbers[0]].wav) != len(self._entries[numbers[-1]].wav) else self.box
            self.shown = list(numbers)
            self.active = numbers.index(hear) if hear in numbers else 0

    def _line(self, number: int) -> str:
        entry = self._entries[number]
        return f"{entry.name} ({entry.made}). {describe(entry.wav, sample_rate=self.ldm.sample_rate)}"

    def remove(self, number: int) -> None:
        """Take a sound off the shelf."""
        if number not in self._entries:
            raise OptionError(f"sound {number}: not on the shelf, which has {sorted(self._entries) or 'nothing yet'}")
        del self._entries[number]
        self.shelf = [row for row in self.shelf if row["id"] != number]
        left = [other for other in self.shown if other != number] or [row["id"] for row in self.shelf[:1]]
        if left:
            self.choose(*left)
            return
        with self.hold_sync():
            self._pack, self.shown, self.sound, self.box, self.position, self.playing = None, [], {}, [], 0.0, False

    # --- files -------------------------------------------------------------------------------------------------------

    def file(self, number: int, ending: str = ".wav") -> tuple[str, bytes]:
        """(name, bytes) of a sound as a file; its settings are in the comment of those that were made here."""
        if number not in self._entries:
            raise OptionError(f"sound {number}: not on the shelf, which has {sorted(self._entries) or 'nothing yet'}")
        if ending not in FORMATS:
            raise AudioInputError(unknown("ending", ending, FORMATS))
        entry = self._entries[number]
        words = re.sub(r"[^a-z0-9]+", "-", entry.name.lower()).strip("-")[:40] or "sound"
        data = encode(entry.wav.numpy(), self.ldm.sample_rate, ending, comment=entry.comment())
        return f"{number:02d}-{words}{ending}", data

    def save(self, folder: str | Path, *, ending: str = ".wav") -> list[Path]:
        """Write every sound of the shelf into `folder`; the paths."""
        paths = []
        for number in sorted(self._entries):
            name, data = self.file(number, ending)
            write_bytes(Path(folder) / name, data)
            paths.append(Path(folder) / name)
        return paths

    # --- requests of the page ----------------------------------------------------------------------------------------

    def ask_run(self, form: dict, box: list, active: int) -> None:
        # The page's own traits may come later than its request.
        self.active, self.box = active, box
        self.run(**form)

    def ask_add(self, name: str, data: bytes) -> None:
        with self.working(f"Reading {name} ..."):
            if len(data) > MOST_BYTES:
                raise AudioInputError(f"{name}: got {len(data) / 2**20:.0f} MB, expected at most {MOST_BYTES // 2**20}; cut it")
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"sound{Path(name).suffix.lower()}"
                path.write_bytes(data)
                try:
                    wav = load(path, sample_rate=self.ldm.sample_rate)
                except AudioInputError as error:
                    raise AudioInputError(str(error).replace(str(path), name)) from error
            number = self.add(wav, name=Path(name).stem, sample_rate=self.ldm.sample_rate)
            self.status = f"{name} is on the shelf as {number}, {wav.shape[-1] / self.ldm.sample_rate:.2f} s."

    def ask_choose(self, numbers: list[int], hear: int | None = None) -> None:
        with self.working(""):
            self.choose(*numbers, hear=hear)

    def ask_remove(self, number: int) -> None:
        with self.working(""):
            self.remove(number)
            self.status = f"Sound {number} is off the shelf."

    def ask_file(self, number: int, ending: str) -> dict:
        name, data = self.file(number, ending)
        return {"name": name, "data": data}

    def ask_zip(self, ending: str) -> dict:
        if not self._entries:
            raise OptionError("the shelf is empty; generate a sound first")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            rows = []
            for number in sorted(self._entries):
                name, data = self.file(number, ending)
                archive.writestr(name, data)
                comment = self._entries[number].comment()
                rows.append({"file": name, "made": self._entries[number].made, "settings": json.loads(comment) if comment else None})
            archive.writestr("sounds.json", json.dumps(rows, indent=1, ensure_ascii=False))
        return {"name": "ldm-lab-sounds.zip", "data": buffer.getvalue()}

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        labels = ", ".join(task["label"] for task in self.spec["tasks"])
        lines = [f"{self.title} | {labels} | {len(self.shelf) or 'no'} sound{'s'[: len(self.shelf) != 1]} on the shelf"]
        return "\n".join(lines + [f"  {row['id']}. {row['name']}: {row['made']}, {row['seconds']:.2f} s" for row in self.shelf])

    def still(self) -> bytes:
        if self._pack is None:
            return b""
        return picture.still(list(self._pack.mels.values()), [self._line(n) for n in self.shown], self._pack.config)


def _known(form: dict) -> dict:
    """`form`, refused if it has a field that does not exist."""
    for name in form:
        if name != "task" and name not in FIELDS:
            raise OptionError(unknown("field", name, ["task", *FIELDS]))
    return form


class PromptStudio(Studio):
    """A prompt, a seed, a button and the sound: the studio with its first page alone."""

    def __init__(self, ldm: AudioLDM, *, prompt: str = "a dog barking", **form) -> None:
        super().__init__(ldm, tasks=("generate",), title="Prompt studio", prompt=prompt, **form)
