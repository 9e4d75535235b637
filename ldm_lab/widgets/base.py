"""What all widgets have in common: the traits of a sound panel, requests from the page, and a still picture.

Sound travels as int16 bytes into Web Audio, the picture as one byte a cell; nothing is fetched, and where no front end
runs (a file on a web page, nbconvert) the notebook still holds a picture and words.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping

import anywidget
import numpy as np
import traitlets

from ldm_lab.config import MelConfig
from ldm_lab.errors import LabError, OptionError
from ldm_lab.widgets import picture
from ldm_lab.widgets.sounds import boxed, pack

BUFFER = "$buffer"  # stands in a message for bytes that travel beside it


class LabWidget(anywidget.AnyWidget):
    """A widget around one sound panel. Subclasses name their ES module in `_esm` and may answer the page's requests.

    Traits of the panel, all both ways unless said otherwise: `active` (which version is heard), `loop`, `match` (versions
    equally loud), `position` (seconds), `playing` (only read), `box` ([] or [start_s, end_s, low_hz, high_hz]).
    `status` is one line about what happens, `wrong` says that it is an error; `progress` is 0 to 1 during work, else -1.
    """

    sound = traitlets.Dict().tag(sync=True)  # Pack.state, or {} for no sound
    title = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(210).tag(sync=True)
    active = traitlets.Int(0).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    match = traitlets.Bool(False).tag(sync=True)
    position = traitlets.Float(0.0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    box = traitlets.List(traitlets.Float()).tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    wrong = traitlets.Bool(False).tag(sync=True)
    progress = traitlets.Float(-1.0).tag(sync=True)

    def __init__(self, sounds=None, *, sample_rate: int = 16000, config: MelConfig | None = None,
                 transcript: str | Mapping[str, str] | None = None, **traits) -> None:
        # The sound is in the very first message: an update sent while a front end still loads the module could be lost.
        self._pack = None if sounds is None else pack(sounds, sample_rate=sample_rate, config=config, transcript=transcript)
        super().__init__(**({} if self._pack is None else {"sound": self._pack.state}), **traits)
        self.on_msg(self._asked)

    # --- the sound ---------------------------------------------------------------------------------------------------

    def show(self, sounds, *, sample_rate: int = 16000, config: MelConfig | None = None, title: str | None = None,
             transcript: str | Mapping[str, str] | None = None, keep: bool = False) -> None:
        """Replace the sound: one wav ((N,) or (1, N) in [-1, 1]) or up to four versions {label: wav}; see `sounds.pack`.

        keep: position, active version and box stay. Raises AudioInputError for sounds that cannot be played, OptionError for
        no version or too many.
        """
        made = pack(sounds, sample_rate=sample_rate, config=config, transcript=transcript)
        fresh = {} if keep else {"box": [], "active": 0, "position": 0.0, "playing": False}
        named = {} if title is None else {"title": title}
        with self.hold_sync():
            self._pack = made
            self.put(sound=made.state, **named, **fresh)
            self.active = self.active  # a version that is no longer there

    def put(self, **traits) -> None:
        """Set several traits in one message to the page."""
        with self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)

    @traitlets.validate("active")
    def _within(self, proposal) -> int:
        last = len(self.versions) - 1 if self.versions else proposal["value"]  # a page may hold versions of its own
        return min(max(0, proposal["value"]), max(0, last))

    @traitlets.validate("height")
    def _tall_enough(self, proposal) -> int:
        return min(max(100, proposal["value"]), 1000)

    @traitlets.validate("box")
    def _a_box(self, proposal) -> list[float]:
        box = [float(value) for value in proposal["value"]]
        if box and (len(box) != 4 or not (0 <= box[0] < box[1] and 0 <= box[2] < box[3])):
            raise OptionError(f"box: got {box}, expected [] or [start_s, end_s, low_hz, high_hz] with start < end, low < high")
        return box

    @property
    def versions(self) -> list[dict]:
        """The versions as the page has them: label, transcript, gain, pcm and mel (bytes)."""
        return self.sound.get("versions", [])

    @property
    def sample_rate(self) -> int:
        return self.sound.get("sample_rate", 16000)

    @property
    def seconds(self) -> float:
        """Length of the longest version; 0 without a sound."""
        return max((len(v["pcm"]) // 2 for v in self.versions), default=0) / self.sample_rate

    @property
    def transcript(self) -> str:
        """The line beside the version that is heard."""
        return self.versions[self.active]["transcript"] if self.versions else ""

    def region(self) -> np.ndarray:
        """What is heard of the active version, (N',) float32 in [-1, 1]: its part in `box`, or all of it."""
        if not self.versions:
            raise OptionError("there is no sound yet; show(wav) gives one")
        wav = np.frombuffer(self.versions[self.active]["pcm"], "<i2").astype(np.float32) / 32768.0
        wav = wav * (self.versions[self.active]["gain"] if self.match else 1.0)
        return boxed(wav, self.box, self.sample_rate) if self.box else wav

    # --- work and requests -------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def working(self, words: str) -> Iterator[None]:
        """Show that work goes on; a LabError inside ends it and becomes the status line."""
        self.status, self.wrong, self.progress = words, False, 0.0
        try:
            yield
        except LabError as error:
            self.status, self.wrong = str(error), True
        finally:
            self.progress = -1.0

    def advance(self, total: float) -> Callable[[object], None]:
        """A callback for `generate` and the edits that moves `progress` to 1 within `total` steps."""
        done = itertools.count(1)

        def step(_) -> None:
            self.progress = min(1.0, next(done) / max(1.0, total))

        return step

    def _asked(self, _, content: object, buffers: list) -> None:
        """Answer a request {ask: name, id, with: {..}} of the page by what the method ``ask_<name>`` gives back."""
        if not isinstance(content, dict) or "ask" not in content:
            return
        method = getattr(self, f"ask_{content['ask']}", None)
        try:
            if method is None:
                raise OptionError(f"this widget answers no request {content['ask']!r}")
            reply = {"reply": method(**_unpack(content.get("with", {}), buffers))}
        except LabError as error:
            reply = {"error": str(error)}
        except Exception as error:  # the page must not wait for ever; the traceback goes to the log as usual
            self.send({"id": content.get("id"), "error": f"{type(error).__name__}: {error}"})
            raise
        self.send(*_split({"id": content.get("id"), **reply}))

    # --- without a front end -----------------------------------------------------------------------------------------

    def text(self) -> str:
        """The widget in a few words, for readers and for pages without pictures: one line, or one a version."""
        first = f"{self.title or 'Sound'} | {self.seconds:.2f} s"
        if len(self.versions) == 1:
            return " | ".join(part for part in (first, self.transcript) if part)
        return "\n".join([first, *(f"  {v['label']}: {v['transcript']}" for v in self.versions)])

    def still(self) -> bytes:
        """PNG of the log-mel pictures with axes, and with title and transcripts in writing; b"" without a sound."""
        if self._pack is None:
            return b""
        words = [": ".join(part for part in (v["label"], v["transcript"]) if part) for v in self.versions]
        words[0] = (". " if self.title[-1:].isalnum() else " ").join(part for part in (self.title, words[0]) if part)
        return picture.still(list(self._pack.mels.values()), words, self._pack.config)

    def alt(self) -> str:
        """Words for the still picture."""
        return f"Log-mel spectrogram. {self.text()}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text()})" if hasattr(self, "_pack") else f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **kwargs):
        shown = super()._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown or {}, {})
        data = {**data, "text/plain": self.text()}
        if still := self.still():
            data["image/png"] = picture.to_base64(still)
            metadata = {**metadata, "image/png": {"alt": self.alt()}}
        return data, metadata


def _split(message: object) -> tuple[object, list[bytes]]:
    """(JSON values, buffers): bytes anywhere in `message` are replaced by {"$buffer": number}."""
    buffers: list[bytes] = []

    def walk(value):
        if isinstance(value, (bytes, bytearray, memoryview)):
            buffers.append(bytes(value))
            return {BUFFER: len(buffers) - 1}
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, (list, tuple)) else value

    return walk(message), buffers


def _unpack(value: object, buffers: list) -> object:
    """The reverse of `_split`."""
    if isinstance(value, dict):
        if set(value) == {BUFFER}:
            return bytes(buffers[value[BUFFER]])
        return {key: _unpack(item, buffers) for key, item in value.items()}
    return [_unpack(item, buffers) for item in value] if isinstance(value, list) else value
