"""SpectrogramPlayer: a sound you see and hear at once, in a notebook.

Sound travels as int16 bytes into Web Audio, the picture as one byte a cell; nothing is fetched, and where no front end
runs (a file on a web page, nbconvert) the notebook still holds a picture and a line of text.
"""

from __future__ import annotations

from collections.abc import Mapping

import anywidget
import numpy as np
import traitlets

from ldm_lab.config import MelConfig
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.widgets import picture
from ldm_lab.widgets.esm import css, esm
from ldm_lab.widgets.transcript import describe

MAX_VERSIONS = 4


class SpectrogramPlayer(anywidget.AnyWidget):
    """Player with a log-mel picture. Make one with `player(wav)`; `show(...)` gives it another sound.

    Traits for code: `position` (seconds, both ways), `playing` (read), `loop`, `active` (which version is heard).
    Keys: space plays and pauses, arrows move 0.1 s, page up and down 1 s, home, end, L loops.
    """

    _esm = esm("player")
    _css = css("player")

    versions = traitlets.List(traitlets.Dict()).tag(sync=True)  # {label, transcript, pcm: bytes, mel: bytes}
    active = traitlets.Int(0).tag(sync=True)
    sample_rate = traitlets.Int(16000).tag(sync=True)
    frame_seconds = traitlets.Float(0.01).tag(sync=True)
    band_hz = traitlets.List(traitlets.Float()).tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)
    height = traitlets.Int(210).tag(sync=True)
    loop = traitlets.Bool(False).tag(sync=True)
    position = traitlets.Float(0.0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)

    def __init__(self, sounds, *, sample_rate: int = 16000, config: MelConfig | None = None,
                 transcript: str | Mapping[str, str] | None = None, **traits) -> None:
        # The sound is in the very first message: an update sent while a front end still loads the module could be lost.
        state, kept = _state(sounds, sample_rate=sample_rate, config=config, transcript=transcript)
        self._config, self._mels = kept
        super().__init__(**state, **traits)

    @traitlets.validate("active")
    def _within(self, proposal) -> int:
        return min(max(0, proposal["value"]), max(0, len(self.versions) - 1))

    @traitlets.validate("height")
    def _tall_enough(self, proposal) -> int:
        return min(max(100, proposal["value"]), 1000)

    def show(self, sounds, *, sample_rate: int = 16000, config: MelConfig | None = None, title: str | None = None,
             transcript: str | Mapping[str, str] | None = None) -> None:
        """Replace the sound. `sounds`: one wav ((N,) or (1, N) in [-1, 1]) or up to four, {label: wav}.

        transcript: one line for all versions, or {label: line}; None writes down what can be measured (`describe`).
        Raises AudioInputError for sounds that cannot be played, OptionError for no version or too many.
        """
        state, (self._config, self._mels) = _state(sounds, sample_rate=sample_rate, config=config, transcript=transcript)
        if title is not None:
            state["title"] = title
        with self.hold_sync():
            for name, value in {**state, "active": 0, "position": 0.0, "playing": False}.items():
                setattr(self, name, value)

    @property
    def seconds(self) -> float:
        """Length of the longest version."""
        return max(len(v["pcm"]) // 2 for v in self.versions) / self.sample_rate

    @property
    def transcript(self) -> str:
        """The line beside the version that is heard."""
        return self.versions[self.active]["transcript"]

    def text(self) -> str:
        """The player in a few words, for readers and for pages without pictures: one line, or one a version."""
        first = f"{self.title or 'Sound'} | {self.seconds:.2f} s"
        if len(self.versions) == 1:
            return " | ".join(part for part in (first, self.transcript) if part)
        return "\n".join([first, *(f"  {v['label']}: {v['transcript']}" for v in self.versions)])

    def still(self) -> bytes:
        """PNG of the log-mel pictures with axes, and with title and transcripts in writing."""
        words = [": ".join(part for part in (v["label"], v["transcript"]) if part) for v in self.versions]
        words[0] = ". ".join(part for part in (self.title, words[0]) if part)
        return picture.still(list(self._mels.values()), words, self._config)

    def __repr__(self) -> str:
        return f"SpectrogramPlayer({self.text()})" if hasattr(self, "_mels") else "SpectrogramPlayer()"

    def _repr_mimebundle_(self, **kwargs):
        shown = super()._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown, {})
        data = {**data, "image/png": picture.to_base64(self.still()), "text/plain": self.text()}
        return data, {**metadata, "image/png": {"alt": f"Log-mel spectrogram. {self.text()}"}}


def _state(sounds, *, sample_rate: int, config: MelConfig | None, transcript: str | Mapping[str, str] | None):
    """(traits, (config, mels by label)) of one sound or of a mapping of versions; all versions share level and time scale."""
    named = sounds if isinstance(sounds, Mapping) else {"": sounds}
    if not 1 <= len(named) <= MAX_VERSIONS:
        raise OptionError(f"got {len(named)} versions, expected 1 to {MAX_VERSIONS}")
    if isinstance(transcript, Mapping) and set(transcript) != set(named):
        raise OptionError(f"transcript: got lines for {sorted(transcript)}, expected one for each of {sorted(named)}")
    config = config or MelConfig(sample_rate=sample_rate, fmax=min(8000.0, sample_rate / 2))
    if config.sample_rate != sample_rate:
        raise AudioInputError(f"the mel is for {config.sample_rate} Hz, the sound has {sample_rate} Hz; resample it")
    wavs = {str(label): picture.mono(wav, sample_rate=sample_rate) for label, wav in named.items()}
    mels = {label: picture.spectrogram(wav, config) for label, wav in wavs.items()}
    group = picture.columns_per_cell(max(len(mel) for mel in mels.values()))
    top = picture.top_level(list(mels.values()), config)
    versions = []
    for label, wav in wavs.items():
        cells = picture.levels(picture.fold_columns(mels[label], group), top)
        versions.append({"label": label, "transcript": _line(transcript, label, wav, sample_rate),
                         "pcm": picture.pcm_bytes(wav), "mel": cells.tobytes()})
    state = {"versions": versions, "sample_rate": sample_rate, "band_hz": picture.band_centres(config),
             "frame_seconds": group * config.hop_length / config.sample_rate}
    return state, (config, mels)


def _line(transcript: str | Mapping[str, str] | None, label: str, wav: np.ndarray, sample_rate: int) -> str:
    if transcript is None:
        return describe(wav, sample_rate=sample_rate)
    return transcript[label] if isinstance(transcript, Mapping) else transcript


def player(sounds, *, sample_rate: int = 16000, title: str = "", transcript: str | Mapping[str, str] | None = None,
           **traits) -> SpectrogramPlayer:
    """A player for one wav ((N,) or (1, N) in [-1, 1]) or for up to four versions {label: wav} to switch between.

    transcript: what is heard, in one line (or {label: line}), beside the sound for those who cannot hear it; left out, it
    says what can be measured.
    """
    return SpectrogramPlayer(sounds, sample_rate=sample_rate, title=title, transcript=transcript, **traits)
