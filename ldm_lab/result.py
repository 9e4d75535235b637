"""What `generate` gives back: the sounds with everything that made them, able to play, plot and save themselves."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from ldm_lab.audio.io import save
from ldm_lab.audio.mel import mel_frequencies
from ldm_lab.config import MelConfig
from ldm_lab.errors import OptionError

COMMENT_PROMPT = 300  # characters of a prompt that go into a file's metadata
SHOWN = 12  # sounds drawn at most when a notebook shows a Result

_display: Callable[[Result], dict] | None = None


def register_display(show: Callable[[Result], dict] | None) -> None:
    """Let `show(result) -> MIME bundle` draw results in notebooks (widgets do); None goes back to the plain fallback."""
    global _display
    _display = show


@dataclass(frozen=True, eq=False)
class Result:
    """B sounds, one for each prompt, the best candidate first. Tensors are float32 on the CPU.

    audio (B, N) in [-1, 1]; mel (B, T, 64) and latent (B, C, T/r, 64/r) it was made from (T and T/r rounded up to what the
    networks need); score (B,) CLAP cosine of sound and prompt; candidates (B, K, N) and scores (B, K) of all candidates,
    best first (candidates[:, 0] is audio); config: all options, model name and seeds as JSON values; timings: seconds
    spent in each part; source (B, N'): the sounds that were edited (None: made from nothing but the prompt).
    """

    audio: Tensor
    sample_rate: int
    prompts: tuple[str, ...]
    mel: Tensor
    latent: Tensor
    score: Tensor
    candidates: Tensor
    scores: Tensor
    config: dict
    timings: dict[str, float]
    source: Tensor | None = None

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, index: int) -> Result:
        """The Result of one prompt."""
        if not isinstance(index, int) or not -len(self) <= index < len(self):
            raise IndexError(f"got {index!r}, expected a number from 0 to {len(self) - 1}")
        index %= len(self)
        rows = slice(index, index + 1)
        names = ("audio", "prompts", "mel", "latent", "score", "candidates", "scores")
        config = self.config | {name: self.config[name][rows] for name in ("prompts", "negative", "seeds")}
        if "edit" in config:  # its lists have an entry for each sound
            config["edit"] = {k: v[rows] if isinstance(v, list) else v for k, v in config["edit"].items()}
        source = None if self.source is None else self.source[rows]
        return replace(self, config=config, source=source, **{name: getattr(self, name)[rows] for name in names})

    def __iter__(self) -> Iterator[Result]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{prompt[:40]!r} ({score:.2f})" for prompt, score in zip(self.prompts, self.score.tolist()))
        return f"Result({len(self)} x {self.seconds:.2f} s, {self.timings.get('total', 0.0):.2f} s of work: {shown})"

    @property
    def seconds(self) -> float:
        """Length of each sound."""
        return self.audio.shape[-1] / self.sample_rate

    # --- files -------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> list[Path]:
        """Write the sounds and return their paths: `path` itself for one, ``name-001.wav``, ... for several.

        The ending chooses the format (.wav, .flac, .ogg, .mp3). The settings go into the file's comment as JSON. Each file
        appears whole or not at all.
        """
        path = Path(path)
        digits = max(3, len(str(len(self))))
        several = [path.with_name(f"{path.stem}-{i:0{digits}d}{path.suffix}") for i in range(1, len(self) + 1)]
        paths = [path] if len(self) == 1 else several
        return [
            save(where, self.audio[i], self.sample_rate, comment=self.comment(i)) for i, where in enumerate(paths)
        ]

    def comment(self, index: int = 0) -> str:
        """The settings of one sound as a line of JSON, for a file's metadata."""
        config = self[index].config
        short = {name: config[name][0][:COMMENT_PROMPT] for name in ("prompts", "negative")}
        values = {"generator": "LDM Lab (AI-generated)", "prompt": short["prompts"], "negative": short["negative"],
                  "seed": config["seeds"][0]}
        skip = ("prompts", "negative", "seeds")
        return json.dumps(values | {k: v for k, v in config.items() if k not in skip}, ensure_ascii=True)

    # --- eyes and ears -----------------------------------------------------------------------------------------------

    def plot(self, *, limit: int = SHOWN):
        """A matplotlib Figure: the log-mel of each sound (at most `limit`), time in s against frequency in Hz."""
        import matplotlib.pyplot as plt

        if limit < 1:
            raise OptionError(f"limit: got {limit!r}, expected 1 or more")
        count = min(len(self), limit)
        columns = min(count, 3)
        rows = -(-count // columns)
        figure, axes = plt.subplots(rows, columns, figsize=(5.2 * columns, 2.6 * rows), squeeze=False,
                                    layout="constrained")
        for i, axis in enumerate(axes.flat):
            if i < count:
                image = draw_mel(axis, self.mel[i], self.seconds, title=self.prompts[i])
            else:
                axis.axis("off")
        figure.colorbar(image, ax=axes, label="log mel (natural log)", shrink=0.9)
        plt.close(figure)  # the caller shows it; without this a notebook would draw it twice
        return figure

    def play(self, index: int = 0, *, candidate: int = 0):
        """An audio player for a notebook (IPython.display.Audio) of one sound, or of one of its candidates."""
        from IPython.display import Audio

        return Audio(self[index].candidates[0, candidate].numpy(), rate=self.sample_rate, normalize=False)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        if _display is not None:
            return _display(self)
        return {"text/html": self._html(), "text/plain": repr(self)}

    def _html(self) -> str:
        """Plain players and one picture: works in any notebook, and when it is opened without a kernel."""
        blocks = [player(f"{self.prompts[i][:200] or '(no prompt)'} \u00b7 score {self.score[i]:.2f}",
                         self.audio[i].numpy(), self.sample_rate) for i in range(min(len(self), SHOWN))]
        if len(self) > SHOWN:
            blocks.append(f"<p>and {len(self) - SHOWN} more: <code>result[i]</code> shows one.</p>")
        return "".join(blocks) + picture(self.plot)


def player(caption: str, audio: np.ndarray, sample_rate: int) -> str:
    """HTML of one sound (N,) with its caption, the sound inside it."""
    sound = base64.b64encode(wav_bytes(audio, sample_rate)).decode()
    tag = f'<audio controls src="data:audio/wav;base64,{sound}"></audio>'
    return f"<figure><figcaption>{html.escape(caption)}</figcaption>{tag}</figure>"


def picture(plot: Callable) -> str:
    """HTML of the figure that `plot` draws; nothing where matplotlib is missing, which the library can do without."""
    try:
        figure = plot()
    except ImportError:
        return ""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return f'<img alt="log-mel" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def draw_mel(axis, mel: Tensor, seconds: float, *, title: str = "", config: MelConfig = MelConfig()):
    """Draw mel (T, M) on a matplotlib axis, ticks in s and Hz; returns the image, whose range is floor to 2."""
    frames = mel.shape[0]
    end = frames * config.hop_length / config.sample_rate
    image = axis.imshow(mel.T.numpy(), origin="lower", aspect="auto", extent=(0, end, -0.5, config.n_mels - 0.5),
                        vmin=np.log(config.floor), vmax=2.0, cmap="magma")
    centres = mel_frequencies(config)[1:-1].numpy()  # Hz of each band, rising
    ticks = [hz for hz in (250, 500, 1000, 2000, 4000, 8000) if centres[0] <= hz <= centres[-1]]
    axis.set_yticks(np.interp(ticks, centres, np.arange(config.n_mels)), labels=[str(hz) for hz in ticks])
    axis.set_xlim(0, seconds)
    axis.set_xlabel("time (s)")
    axis.set_ylabel("frequency (Hz)")
    short = title if len(title) <= 48 else title[:45] + "..."
    axis.set_title(_drawable(short, axis.title.get_fontproperties()), parse_math=False)
    return image


def _drawable(text: str, properties) -> str:
    """`text` with signs the plot's font lacks (emoji, some scripts) as a box, instead of a warning for each."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont(properties))
    return "".join(sign if font.get_char_index(ord(sign)) else "\u25a1" for sign in text)


def wav_bytes(audio: np.ndarray, sample_rate: int) -> bytes:
    """A 16-bit WAV file of `audio` (N,) in memory."""
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(sample_rate)
        file.writeframes((np.clip(audio, -1.0, 1.0) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
