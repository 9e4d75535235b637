"""`ldm-lab generate`: prompts in, sound files out."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ldm_lab.errors import OptionError, PromptError

ENDINGS = (".wav", ".flac", ".ogg", ".mp3")
DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("float32", "bfloat16", "float16")


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "generate", parents=[common], help="make sound from words", description="Make sound from words.",
        epilog="One prompt gives the file you name. Several give numbered files: out-001-a-dog-barking.wav, ...",
    )  # fmt: skip
    add = parser.add_argument
    add("prompts", nargs="*", metavar="PROMPT", help="what to hear, in English")
    add("-o", "--output", type=Path, default=Path("sound.wav"), metavar="OUT.wav",
        help="file (.wav, .flac, .ogg, .mp3) or folder; default: sound.wav")
    add("--prompts", dest="prompt_file", metavar="FILE", help="a text file with one prompt a line; - reads stdin")
    add("--seconds", type=float, help="length of each sound")
    add_sampling_options(parser)
    parser.set_defaults(run=run)


def add_sampling_options(parser: argparse.ArgumentParser) -> None:
    """What every command that makes sound can be told about the model and the sampling."""
    add = parser.add_argument
    add("--model", default="lab", help="name of a model or a folder of weights; default: lab")
    add("--steps", type=int, help="denoising steps; more is slower and a little better")
    add("--guidance", type=float, help="how closely to follow the prompt; 1 = no guidance")
    add("--sampler", help="ddim, ddpm, dpmpp_2m, dpmpp_2m_sde, heun or unipc; default: the model's")
    add("--negative", metavar="TEXT", help="what to steer away from")
    add("--candidates", type=int, help="make so many of each and keep the best by CLAP score")
    add("--seed", type=int, default=0, help="same prompt and seed, same sound; default: 0")
    add("--batch", type=int, help="sounds made at a time; changes speed and memory, not the sounds")
    add("--device", default="auto", choices=DEVICES, help="default: the fastest there is")
    add("--dtype", choices=DTYPES, help="precision of the networks; default: float32")


def chosen(args: argparse.Namespace, *names: str) -> dict:
    """Options of these names that the command line gave a value; what the user left open is left to the library."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def sampling_options(args: argparse.Namespace) -> dict:
    """Keywords for `generate` and the edits from `add_sampling_options`."""
    return chosen(args, "steps", "guidance", "sampler", "negative", "candidates", "seed")


def run(args: argparse.Namespace) -> int:
    prompts = read_prompts(args.prompts, args.prompt_file)
    paths = output_paths(args.output, prompts)

    import ldm_lab
    from ldm_lab.options import check_options, check_prompts, whole

    check_prompts(prompts)
    batch = None if args.batch is None else whole("batch", args.batch, 1, 4096)
    options = sampling_options(args) | chosen(args, "seconds")
    ldm = ldm_lab.load(args.model, **load_options(args))
    check_options(ldm.config, len(prompts), **options)
    check_writable(paths[0].parent)  # before the work, not after it
    together = batch or (4 if ldm.device.type == "cpu" else 16)  # these are on disk before the next begin
    for first in range(0, len(prompts), together):
        part = slice(first, first + together)
        start = time.perf_counter()
        results = ldm.generate(prompts[part], batch=batch, progress=not args.quiet, **options)
        write(results, paths[part], (time.perf_counter() - start) / len(results), quiet=args.quiet)
    return 0


def write(results: Iterable, paths: Iterable[Path], spent: float, *, quiet: bool) -> None:
    """Save each Result under its path and say so; `spent` seconds went into each."""
    for result, path in zip(results, paths, strict=True):
        result.save(path)
        if not quiet:
            print(_line(result, path, spent), flush=True)


def load_options(args: argparse.Namespace) -> dict:
    """Keywords for `ldm_lab.load`; what the user left open is left to the library."""
    options = {"device": None if args.device == "auto" else args.device, "dtype": getattr(args, "dtype", None)}
    return {name: value for name, value in options.items() if value is not None}


def read_prompts(words: list[str], file: str | None) -> list[str]:
    """Prompts of the command line, then those of the text file. Raises PromptError if there is none."""
    prompts = list(words)
    if file is not None:
        prompts += [line.strip() for line in _read_text(file).splitlines() if line.strip()]
        if not prompts:
            raise PromptError(f"{file}: holds no prompt; write one a line")
    if not prompts:
        raise PromptError('no prompt; say what to hear: ldm-lab generate "a dog barking" -o dog.wav')
    return prompts


def _read_text(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptError(f"{file}: not a UTF-8 text file (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise PromptError(f"{file}: cannot be read ({error.strerror}); give a text file with one prompt a line") from error


def output_paths(output: Path, prompts: list[str]) -> list[Path]:
    """One path a prompt. The prompt shapes a name only as a short slug, so no prompt can break or redirect it."""
    folder = output.is_dir() or output.suffix == "" or str(output).endswith(os.sep)
    if not folder and output.suffix.lower() not in ENDINGS:
        raise OptionError(f"{output}: cannot write {output.suffix!r}; use {', '.join(ENDINGS)} or name a folder")
    if not folder and len(prompts) == 1:
        return [output]
    parent, stem, ending = (output, "", ".wav") if folder else (output.parent, f"{output.stem}-", output.suffix)
    digits = max(3, len(str(len(prompts))))
    return [parent / f"{stem}{i:0{digits}d}-{slug(p)}{ending}" for i, p in enumerate(prompts, 1)]


def slug(prompt: str, limit: int = 40) -> str:
    """A file-name part of at most `limit` characters a-z, 0-9 and hyphens; "sound" when nothing is left."""
    plain = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > limit:
        words = words[: limit + 1].rpartition("-")[0] or words[:limit]
    return words or "sound"


def check_writable(folder: Path) -> None:
    """Make `folder` and prove that a file can be written there; OptionError otherwise."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OptionError(f"{folder}: cannot write there ({error.strerror}); choose another folder with -o") from error


def printable(text: str, limit: int = 60) -> str:
    """`text` without control characters (a prompt must not steer the terminal), cut to `limit`."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def _line(result, path: Path, spent: float) -> str:
    score = f"CLAP score {float(result.score[0]):.2f}"
    return f"{path}  {result.seconds:.2f} s of sound in {spent:.1f} s · {score} · {printable(result.prompts[0])}"
