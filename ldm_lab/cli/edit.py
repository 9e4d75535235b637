"""`ldm-lab transfer | inpaint | super-resolve | vary | edit | interpolate | extend | loop`: sounds in, edited sounds out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ldm_lab.cli.generate import (
    add_sampling_options,
    check_writable,
    chosen,
    load_options,
    output_paths,
    sampling_options,
    write,
)  # fmt: skip
from ldm_lab.errors import OptionError

# command: what it is for; (positional arguments with their number or None, help); options with type and help
SOUND = ("sound", None, "a sound file")
PROMPT = ("prompt", None, "what to hear, in English")
MAYBE = ("prompt", "?", "what to hear, in English; default: what fits the sound")
STRENGTH = ("--strength", float, "0 = the sound itself, 1 = free generation")
JUMPS = ("--jumps", int, "repeat each stretch of steps so often (RePaint); 1 = no repeats")
PASTE = ("--no-paste", None, "hear the decoder's version of what is kept, too")
COMMANDS: dict[str, tuple[str, tuple, tuple]] = {
    "transfer": ("move a sound towards a prompt", (SOUND, PROMPT), (
        STRENGTH, ("--strengths", [float], "several strengths: one numbered file each"))),
    "inpaint": ("make a part of a sound anew", (SOUND, MAYBE), (
        ("--start", float, "where the hole begins, in seconds"), ("--end", float, "where it ends, in seconds"),
        ("--low-hz", float, "its lowest frequency"), ("--high-hz", float, "its highest frequency"), PASTE, JUMPS)),
    "super-resolve": ("add the high frequencies that a sound lacks", (SOUND, MAYBE), (
        ("--cutoff-hz", float, "where the sound ends; default: found in its spectrum"), PASTE, JUMPS)),
    "vary": ("make sounds like this one", (SOUND,), (STRENGTH, ("--copies", int, "so many, numbered"))),
    "edit": ("change a described sound into another description, through the noise behind it (DDIM inversion)",
             (SOUND, ("source_prompt", None, "what the sound is"), PROMPT), (STRENGTH,)),
    "interpolate": ("make sounds between two prompts or sound files", (
        ("a", None, "a prompt, or a sound file"), ("b", None, "a prompt, or a sound file")), (
        ("--weights", [float], "0 = a, 1 = b; default: 0 0.25 0.5 0.75 1"), ("--seconds", float, "length of each sound"))),
    "extend": ("make a sound longer", (SOUND, MAYBE), (
        ("--before", float, "seconds to add at the beginning"), ("--after", float, "seconds to add at the end"), JUMPS)),
    "loop": ("make a sound that repeats without a seam", (("prompt", "?", "what to hear; default: any sound"),), (
        ("--sound", str, "a sound file to make into a loop"), STRENGTH, ("--seconds", float, "length of the loop"))),
}  # fmt: skip


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    for name, (purpose, places, options) in COMMANDS.items():
        parser = commands.add_parser(name, parents=[common], help=purpose, description=f"{purpose.capitalize()}.")
        for place, count, words in places:
            parser.add_argument(place, nargs=count, help=words)
        for flag, kind, words in options:
            if kind is None:
                parser.add_argument(flag, action="store_true", help=words)
            elif isinstance(kind, list):
                parser.add_argument(flag, type=kind[0], nargs="+", help=words)
            else:
                parser.add_argument(flag, type=kind, help=words)
        parser.add_argument("-o", "--output", type=Path, default=Path(f"{name}.wav"), metavar="OUT.wav",
                            help=f"file (.wav, .flac, .ogg, .mp3) or folder; default: {name}.wav")
        parser.add_argument("--plot", action="store_true", help="write a picture of source and result beside the sound")
        add_sampling_options(parser)
        parser.set_defaults(run=run, edit=name)


def run(args: argparse.Namespace) -> int:
    import ldm_lab
    from ldm_lab import editing
    from ldm_lab.editing.job import read_sounds

    arguments, options = _call(args)
    if args.edit != "interpolate" and (file := getattr(args, "sound", None)) is not None:
        read_sounds(file, 16000)  # a bad file is refused before the weights are read
    labels = _labels(args)
    paths = _numbered(output_paths(args.output, [""])[0], labels, args)
    check_writable(paths[0].parent)
    ldm = ldm_lab.load(args.model, **load_options(args))
    start = time.perf_counter()
    made = getattr(editing, args.edit.replace("-", "_"))(ldm, *arguments, batch=args.batch, progress=not args.quiet, **options)
    write(list(made), paths, (time.perf_counter() - start) / len(paths), quiet=args.quiet)
    if args.plot:
        picture = paths[0].with_name(f"{_stem(args)}.png")
        series = made if isinstance(made, editing.Series) else editing.Series(tuple(made), tuple(labels))
        series.plot().savefig(picture, dpi=100)
        if not args.quiet:
            print(picture)
    return 0


def _call(args: argparse.Namespace) -> tuple[list, dict]:
    """Positional arguments and options of the Python function that the command stands for."""
    _, places, flags = COMMANDS[args.edit]
    names = [flag.removeprefix("--").replace("-", "_") for flag, _, _ in flags]
    options = sampling_options(args) | chosen(args, *(name for name in names if name not in ("no_paste", "copies")))
    if getattr(args, "no_paste", False):
        options["paste"] = False
    arguments = [getattr(args, place) for place, _, _ in places if getattr(args, place) is not None]
    if args.edit == "interpolate":  # a file is a sound, anything else a prompt
        arguments = [Path(end) if Path(end).is_file() else end for end in arguments]
    if args.edit == "vary" and args.copies is not None:
        if not 1 <= args.copies <= 1000:
            raise OptionError(f"--copies: got {args.copies}, expected 1 to 1000")
        arguments, options["seed"] = [arguments * args.copies], [args.seed + i for i in range(args.copies)]
    return arguments, options


def _labels(args: argparse.Namespace) -> list[str]:
    """A label for each file to be written; one file keeps the name the user gave."""
    if (strengths := getattr(args, "strengths", None)) is not None:
        return [f"strength-{value:g}" for value in strengths]
    if args.edit == "interpolate":
        return [f"{value:g}" for value in (args.weights or (0.0, 0.25, 0.5, 0.75, 1.0))]
    return [f"{i + 1}" for i in range(getattr(args, "copies", None) or 1)]


def _numbered(path: Path, labels: list[str], args: argparse.Namespace) -> list[Path]:
    if len(labels) == 1 and getattr(args, "strengths", None) is None:
        return [path.with_name(f"{_stem(args)}{path.suffix}")]
    return [path.with_name(f"{_stem(args)}-{i:02d}-{label}{path.suffix}") for i, label in enumerate(labels, 1)]


def _stem(args: argparse.Namespace) -> str:
    """The name of the file the user named, or the command's where only a folder was named."""
    folder = args.output.is_dir() or args.output.suffix == ""
    return args.edit if folder else args.output.stem
