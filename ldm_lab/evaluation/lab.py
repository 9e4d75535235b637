"""`measure`: every figure of the model card, on held-out test clips, with intervals, written to one JSON file.

Each part can be measured alone, also by several processes at a time; its entry is replaced and the others stay. An entry
records the SHA-256 of the weights it was measured with, so that figures of weights replaced since are noticed (`stale`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ldm_lab.checkpoint import assets_folder, load_model, shipped
from ldm_lab.checkpoint.files import MANIFEST, read_json, read_manifest, write_json
from ldm_lab.errors import CheckpointError, OptionError, unknown
from ldm_lab.evaluation.clips import CorpusLike, Windows, choose, cut
from ldm_lab.evaluation.generation import generation
from ldm_lab.evaluation.judging import NAME as JUDGE
from ldm_lab.evaluation.judging import load_judge
from ldm_lab.evaluation.parts import Part, autoencoder, clap, read_paraphrases, vocoder
from ldm_lab.evaluation.speed import speed
from ldm_lab.system import AudioLDM

log = logging.getLogger(__name__)

FORMAT = 1
PARTS = ("autoencoder", "vocoder", "clap", "generation", "speed")
# The weights that the figures of a part depend on; None = all of them and the whole configuration.
DEPENDS: dict[str, str | None] = {
    "autoencoder": "autoencoder", "vocoder": "vocoder", "clap": "clap", "generation": None, "speed": None,
}  # fmt: skip
JUDGED = ("autoencoder", "generation")
SECONDS = 2.56


@dataclass(frozen=True)
class Bench:
    """What is measured and with what; the corpus and the judge are opened when first needed."""

    folder: Path
    corpus: CorpusLike
    paraphrases: Path
    judge_folder: Path
    prompts: int
    vocoder_clips: int
    test_clips: int | None
    seed: int
    keep: Path | None
    progress: bool

    def test(self, ldm: AudioLDM, count: int | None) -> Windows:
        chosen = choose(self.corpus.split("test"), count, seed=self.seed)
        return cut(self.corpus, chosen, round(SECONDS * ldm.sample_rate), seed=self.seed)


def measure(model: str | os.PathLike = "lab", out: str | os.PathLike | None = None, parts: Sequence[str] = PARTS, *,
            prompts: int = 300, vocoder_clips: int = 64, test_clips: int | None = None, seed: int = 0,
            corpus: CorpusLike | None = None, judge: str | os.PathLike | None = None, keep: str | os.PathLike | None = None,
            progress: bool = True, **options) -> dict:
    """Measure `parts` of `model` ("lab" or a folder made by `save_model`) and merge them into the JSON file `out`.

    out: default `metrics.json` in the model's folder. prompts: sounds to generate, at most one for each test clip.
    vocoder_clips: clips for the vocoder (Griffin-Lim with 320 iterations is slow). test_clips: clips for autoencoder and
    CLAP (None = all). judge: folder of the judge (None = the shipped one). keep: folder for the generated sounds.
    Further options go to `generate` (steps, guidance, ...) for a trial; the record says so.
    Raises OptionError for an unknown part, CheckpointError for weights that are missing or damaged.
    """
    parts = tuple(parts)
    for name in parts:
        if name not in PARTS:
            raise OptionError(unknown("part", name, PARTS))
    for name, value in (("prompts", prompts), ("vocoder_clips", vocoder_clips)):
        if not isinstance(value, int) or value < 1:
            raise OptionError(f"{name}: got {value!r}, expected a whole number of at least 1")
    folder = _folder(model)
    out = folder / "metrics.json" if out is None else Path(out)
    if not out.parent.is_dir():
        raise OptionError(f"out: {out.parent} is not a folder; make it first")
    if corpus is None:
        from ldm_lab.corpus import open_corpus

        corpus = open_corpus()
    bench = Bench(folder, corpus, assets_folder() / "paraphrases.csv", _judge_folder(judge), prompts, vocoder_clips,
                  test_clips, seed, None if keep is None else Path(keep), progress)
    ldm = load_model(folder)
    metrics = _read_or_new(out)
    for name in parts:
        started = time.perf_counter()
        entry = _run(name, ldm, bench, options)
        entry["measuring_seconds"] = round(time.perf_counter() - started, 1)
        metrics = _read_or_new(out)  # again: another process may have measured another part meanwhile
        metrics["model"] = ldm.name
        metrics["parts"][name] = entry
        write_json(out, metrics)  # after each part: a later one that fails loses nothing
        log.info("%s measured in %.0f s", name, entry["measuring_seconds"])
    return metrics


def _read_or_new(path: Path) -> dict:
    return read_metrics(path) if path.is_file() else {"format": FORMAT, "parts": {}}


def _run(name: str, ldm: AudioLDM, bench: Bench, options: dict) -> dict:
    """The entry of one part."""
    entry: dict = {"weights": weights_of(bench.folder, name), "corpus": getattr(bench.corpus, "digest", "(not a shipped corpus)")}
    if name == "speed":
        return {"weights": entry["weights"], "facts": speed(str(bench.folder)), "figures": {}}
    if name in JUDGED:
        entry["judge"] = read_manifest(bench.judge_folder)
    part = _MEASURES[name](ldm, bench, options)
    figures = {key: figure.as_dict() for key, figure in part.figures.items()}
    return entry | {"figures": figures, "facts": part.facts}


def _autoencoder(ldm: AudioLDM, bench: Bench, options: dict) -> Part:
    return autoencoder(ldm, load_judge(bench.judge_folder), bench.test(ldm, bench.test_clips), seed=bench.seed)


def _vocoder(ldm: AudioLDM, bench: Bench, options: dict) -> Part:
    return vocoder(ldm, bench.test(ldm, bench.vocoder_clips), seed=bench.seed)


def _clap(ldm: AudioLDM, bench: Bench, options: dict) -> Part:
    return clap(ldm, bench.test(ldm, bench.test_clips), read_paraphrases(bench.paraphrases), seed=bench.seed)


def _generation(ldm: AudioLDM, bench: Bench, options: dict) -> Part:
    return generation(ldm, load_judge(bench.judge_folder), bench.corpus, bench.test(ldm, bench.prompts), seed=bench.seed,
                      keep=bench.keep, progress=bench.progress, **options)


_MEASURES: dict[str, Callable[[AudioLDM, Bench, dict], Part]] = {
    "autoencoder": _autoencoder, "vocoder": _vocoder, "clap": _clap, "generation": _generation,
}  # fmt: skip


def _folder(model: str | os.PathLike) -> Path:
    """Folder of a model that has weights on disk: figures without a manifest could not be told from others'."""
    models = shipped()
    if str(model) in models:
        return models[str(model)]
    folder = Path(model)
    if not (folder / MANIFEST).is_file():
        raise CheckpointError(f"{model}: neither a shipped model ({', '.join(models) or 'none'}) nor a folder made by save_model")
    return folder


def _judge_folder(judge: str | os.PathLike | None) -> Path:
    return assets_folder() / "checkpoints" / JUDGE if judge is None else Path(judge)


def weights_of(folder: Path, part: str) -> dict[str, str]:
    """{file: SHA-256} of the weights that the figures of `part` depend on, as the model's manifest has them.

    `config` stands for the sections of config.json that shape them, so that a new default number of steps, say, does not
    make the vocoder's figures stale.
    """
    manifest, config, only = read_manifest(folder), read_json(folder / "config.json"), DEPENDS[part]
    chosen = [name for name in manifest if name != "config.json"]
    if only is not None:
        config = {key: config[key] for key in ("mel", only)}
        chosen = [name for name in chosen if name == f"{only}.safetensors" or (only == "clap" and name == "tokenizer.json")]
    text = json.dumps(config, sort_keys=True)
    return {"config": hashlib.sha256(text.encode()).hexdigest(), **{name: manifest[name] for name in sorted(chosen)}}


def read_metrics(path: str | os.PathLike) -> dict:
    """A file written by `measure`; CheckpointError if it is something else."""
    metrics = read_json(Path(path))
    if metrics.get("format") != FORMAT or not isinstance(metrics.get("parts"), dict):
        raise CheckpointError(f"{path}: not a metrics file of format {FORMAT}; move it away and measure again")
    return metrics


def stale(metrics: dict, folder: str | os.PathLike) -> list[str]:
    """Parts whose figures were measured with other weights than those in `folder`."""
    folder = Path(folder)
    return [name for name, entry in metrics["parts"].items() if entry["weights"] != weights_of(folder, name)]
