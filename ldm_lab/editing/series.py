"""A progressive edit: one Result for each strength, shown and saved together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ldm_lab.audio.mel import log_mel
from ldm_lab.result import SHOWN, Result, draw_mel, picture, player

_display: Callable[[Series], dict] | None = None


def register_display(show: Callable[[Series], dict] | None) -> None:
    """Let `show(series) -> MIME bundle` draw series in notebooks, as `result.register_display` does for Results."""
    global _display
    _display = show


@dataclass(frozen=True, eq=False)
class Series:
    """Results of one edit at rising settings; `labels` says which. Indexing and iterating give the Results."""

    results: tuple[Result, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> Result:
        return self.results[index]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __repr__(self) -> str:
        return f"Series({', '.join(self.labels)}: {self.results[0]!r}, ...)"

    def save(self, folder: str | Path, *, ending: str = ".wav") -> list[Path]:
        """Write every sound as ``01-strength-0.2.wav`` (``...-001.wav`` for each of several sounds); returns the paths."""
        paths = []
        for i, (result, label) in enumerate(zip(self.results, self.labels), 1):
            paths += result.save(Path(folder) / f"{i:02d}-{label.replace(' ', '-')}{ending}")
        return paths

    def plot(self, index: int = 0):
        """A matplotlib Figure of sound `index`: the log-mel of its source, then that of each Result."""
        import matplotlib.pyplot as plt

        cells = [(result[index].mel[0], label) for result, label in zip(self.results, self.labels)]
        if (source := self.results[0].source) is not None:
            cells.insert(0, (log_mel(source[index][None])[0], "source"))
        columns = min(len(cells), 3)
        rows = -(-len(cells) // columns)
        figure, axes = plt.subplots(rows, columns, figsize=(5.2 * columns, 2.6 * rows), squeeze=False,
                                    layout="constrained")
        for axis in axes.flat[len(cells) :]:
            axis.axis("off")
        for axis, (mel, label) in zip(axes.flat, cells):
            image = draw_mel(axis, mel, self.results[0].seconds, title=label)
        figure.suptitle(self.results[0].prompts[index][:100] or "(no prompt)", parse_math=False)
        figure.colorbar(image, ax=axes, label="log mel (natural log)", shrink=0.9)
        plt.close(figure)  # the caller shows it
        return figure

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        if _display is not None:
            return _display(self)
        return {"text/html": self._html(), "text/plain": repr(self)}

    def _html(self) -> str:
        """Players of the first sound, before and at every setting, and one picture."""
        sounds = [(label, result.audio[0]) for result, label in zip(self.results[:SHOWN], self.labels)]
        if (source := self.results[0].source) is not None:
            sounds.insert(0, ("source", source[0]))
        players = [player(label, audio.numpy(), self.results[0].sample_rate) for label, audio in sounds]
        return "".join(players) + picture(self.plot)
