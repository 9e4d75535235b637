"""Words and tables made from `metrics.json`: the README's table, the goals, and where they are written.

No figure is typed by hand: what has not been measured is left out of the table and named below it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ldm_lab.checkpoint.files import write_text
from ldm_lab.errors import OptionError

START, END = "<!-- metrics:start -->", "<!-- metrics:end -->"


@dataclass(frozen=True)
class Goal:
    """A promise of the project: `value` against `target`; `higher` if more is better."""

    what: str
    value: float
    target: float
    higher: bool
    unit: str = ""

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.higher else self.value <= self.target

    def __str__(self) -> str:
        got, want = _number(self.value, self.unit), _number(self.target, self.unit)
        sign = "at least" if self.higher else "at most"
        miss = "" if self.reached else f"; missed by {_number(abs(self.value - self.target), self.unit)}"
        return f"{self.what}: goal {sign} {want}, measured {got} ({'reached' if self.reached else 'not reached'}{miss})"


def _number(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.0f} %"
    return f"{value:.3g}{f' {unit}' if unit else ''}"


def figure(metrics: dict, part: str, name: str) -> dict | None:
    """A figure of the file, or None if it was not measured."""
    return metrics["parts"].get(part, {}).get("figures", {}).get(name)


def share(entry: dict | None) -> str:
    """``61 % [56, 66]``: value and 95 % interval of a share."""
    return "-" if entry is None else f"{100 * entry['value']:.0f} % [{100 * entry['low']:.0f}, {100 * entry['high']:.0f}]"


def plain(entry: dict | None) -> str:
    """``0.319 [0.30, 0.33]``."""
    return "-" if entry is None else f"{entry['value']:.3g} [{entry['low']:.3g}, {entry['high']:.3g}]"


def metrics_table(metrics: dict) -> str:
    """Markdown table of everything measured, with intervals, reference values and the number of clips."""
    lines = ["| part | measure | this model | compare with |", "|---|---|---|---|"]
    for rows in (_autoencoder, _vocoder, _clap, _generation, _speed):
        lines += [f"| {' | '.join(cells)} |" for cells in rows(metrics)]
    notes = "Square brackets: 95 % bootstrap interval over recordings. "
    counts = {part: _count(metrics, part) for part in ("autoencoder", "vocoder", "clap", "generation")}
    notes += "Test clips: " + ", ".join(f"{name} {n}" for name, n in counts.items() if n) + "."
    missing = [name for name in (*counts, "speed") if name not in metrics["parts"]]
    if missing:
        notes += f" Not measured yet: {', '.join(missing)}."
    return "\n".join(lines) + "\n\n" + notes + "\n"


def _count(metrics: dict, part: str) -> int:
    facts = metrics["parts"].get(part, {}).get("facts", {})
    return facts.get("clips") or facts.get("prompts") or facts.get("sounds") or 0


def _rows(metrics: dict, part: str, *specs: tuple[str, str, Callable, str]) -> list[tuple[str, ...]]:
    """Rows (part, measure, value, comparison) of the figures that exist; spec = (text, figure, format, comparison)."""
    found = [(text, figure(metrics, part, name), show, compare) for text, name, show, compare in specs]
    return [(part, text, show(value), compare) for text, value, show, compare in found if value is not None]


def _autoencoder(metrics: dict) -> list[tuple[str, ...]]:
    get = lambda name: figure(metrics, "autoencoder", name)
    return _rows(
        metrics, "autoencoder",
        ("log-mel L1, frames that are not silent", "log_mel_l1", plain, "0 = perfect"),
        ("judge top-1 after reconstruction", "judge_top1_reconstructed", share, f"real clips {share(get('judge_top1_real'))}"),
        ("judge hears the same category before and after", "judge_agreement", share, "100 % = nothing lost"),
    )


def _vocoder(metrics: dict) -> list[tuple[str, ...]]:
    get = lambda name: figure(metrics, "vocoder", name)
    beside = lambda m: f"Griffin-Lim: 32 iterations {plain(get(f'griffin_lim_32_{m}'))}, 320 {plain(get(f'griffin_lim_320_{m}'))}"
    return _rows(
        metrics, "vocoder",
        ("multi-resolution STFT distance", "vocoder_stft", plain, beside("stft")),
        ("log-mel L1, frames that are not silent", "vocoder_log_mel_l1", plain, beside("log_mel_l1")),
    )


def _clap(metrics: dict) -> list[tuple[str, ...]]:
    facts = metrics["parts"].get("clap", {}).get("facts", {})
    get = lambda name: figure(metrics, "clap", name)
    pool = f"among {facts.get('sounds')} sounds and {facts.get('texts')} captions"
    rank = lambda way: f"R@10 {share(get(f'{way}_r10'))}, median rank {plain(get(f'{way}_median_rank'))}, {pool}"
    chance = lambda key: f"chance {100 * facts.get(key, 0):.0f} %"
    return _rows(
        metrics, "clap",
        ("caption finds its sound: R@1", "text_to_audio_r1", share, rank("text_to_audio")),
        ("sound finds its caption: R@1", "audio_to_text_r1", share, rank("audio_to_text")),
        ("category by words alone (zero-shot)", "zero_shot_accuracy", share, chance("zero_shot_chance")),
        (f"{facts.get('paraphrases')} prompts with unseen words: nearest sound is of the category meant", "paraphrase_hit1",
         share, chance("paraphrase_chance")),
    )  # fmt: skip


def _generation(metrics: dict) -> list[tuple[str, ...]]:
    get = lambda name: figure(metrics, "generation", name)
    real = lambda name: f"real clips {share(get(name))}"
    return _rows(
        metrics, "generation",
        ("judge top-1 of sounds made from test captions", "judge_top1_generated", share, real("judge_top1_real")),
        ("judge top-3", "judge_top3_generated", share, real("judge_top3_real")),
        ("top-1 as a share of the real clips'", "judge_top1_ratio", share, "goal 80 %"),
        ("top-1, captions of recordings", "judge_top1_generated_recorded", share, real("judge_top1_real_recorded")),
        ("top-1, captions of rendered and synthesised sounds", "judge_top1_generated_rendered", share,
         real("judge_top1_real_rendered")),
        ("CLAP score", "clap_score_generated", plain, f"real pairs {plain(get('clap_score_real'))}, wrong captions "
         f"{plain(get('clap_score_real_wrong_caption'))}"),
        ("Frechet distance to the test split (judge's features)", "frechet_generated_to_test", plain,
         f"training clips {plain(get('frechet_train_to_test'))}"),
        ("distance to the nearest training sound (judge's features, median)", "nearest_judge_generated", plain,
         f"test clips {plain(get('nearest_judge_test'))}, replayed training clips {plain(get('nearest_judge_replayed'))}"),
        ("distance to the nearest training sound (CLAP, median)", "nearest_clap_generated", plain,
         f"test clips {plain(get('nearest_clap_test'))}, replayed training clips {plain(get('nearest_clap_replayed'))}"),
    )  # fmt: skip


SPEED_GOALS = {"2.56": 2.0, "10.24": 6.0}


def _speed(metrics: dict) -> list[tuple[str, ...]]:
    facts = metrics["parts"].get("speed", {}).get("facts")
    if not facts:
        return []
    setting = f"{facts['threads']} threads of {facts['processor']}, {facts['steps']} steps of {facts['sampler']}"
    rows = [("speed", f"{length} s of sound, median of {len(times['wall'])}", f"{times['median']:.2f} s",
             f"goal {SPEED_GOALS[length]:g} s; {setting}" if length in SPEED_GOALS else setting)
            for length, times in facts["clips"].items()]
    rows.append(("speed", "load the model; largest memory", f"{facts['load_seconds']:.1f} s; {facts['peak_mebibytes']:.0f} MiB", ""))
    return rows


def goals(metrics: dict) -> list[Goal]:
    """The goals that the measured parts can be held to."""
    found = []
    ratio = figure(metrics, "generation", "judge_top1_ratio")
    if ratio:
        found.append(Goal("judge top-1 of generated clips as a share of the real clips'", ratio["value"], 0.8, True, "%"))
    for iterations in (32, 320):
        for measure, words in (("stft", "multi-resolution STFT distance"), ("log_mel_l1", "log-mel L1")):
            other = figure(metrics, "vocoder", f"griffin_lim_{iterations}_{measure}")
            own = figure(metrics, "vocoder", f"vocoder_{measure}")
            if own and other:
                found.append(Goal(f"{words} of the vocoder against Griffin-Lim with {iterations} iterations", own["value"],
                                  other["value"], False))
    times = metrics["parts"].get("speed", {}).get("facts", {}).get("clips", {})
    found += [Goal(f"time for {length} s of sound on 2 CPU cores", times[length]["median"], target, False, "s")
              for length, target in SPEED_GOALS.items() if length in times]
    return found


def between_markers(text: str, table: str, *, name: str = "README.md") -> str:
    """`text` with everything between the two markers replaced by `table`; OptionError if they are not there once each."""
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise OptionError(f"{name}: expected one line {START} and after it one line {END}; put them where the table belongs")
    before, after = text.split(START)[0], text.split(END)[1]
    return f"{before}{START}\n{table}{END}{after}"


def write_readme(path: str | os.PathLike, metrics: dict) -> None:
    """Put the table of `metrics` between the markers of a README."""
    path = Path(path)
    write_text(path, between_markers(path.read_text(encoding="utf-8"), metrics_table(metrics), name=str(path)))
