"""`ldm-lab listening`: make a listening test from folders of sounds, and report what the listeners answered."""

from __future__ import annotations

import argparse
from pathlib import Path

from ldm_lab.errors import OptionError


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    listening = commands.add_parser("listening", help="listening tests with people: make one, report the answers")
    jobs = listening.add_subparsers(metavar="JOB", title="jobs", required=True)

    make = jobs.add_parser(
        "make", parents=[common], help="write a blind test and its key",
        epilog="Hand out the folder, keep the key. Files of one name in all folders are one item; --prompts names them "
               "in a column `item` and their text in a column `prompt`.",
    )  # fmt: skip
    add = make.add_argument
    add("folder", type=Path, help="the test to write; the key becomes FOLDER-key.json beside it")
    add("--systems", nargs="+", default=[], metavar="NAME=FOLDER", help="sounds of each system, paired by file name")
    add("--reference", type=Path, metavar="FOLDER", help="the real sounds: hidden reference, and source of the anchors")
    add("--prompts", type=Path, metavar="FILE.csv", help="columns file and prompt, as for evaluate; REL shows them")
    add("--table", type=Path, metavar="FILE.csv", help="instead of folders: columns item, system, file, prompt")
    add("--kinds", nargs="+", default=["ovl", "rel"], metavar="KIND",
        help="ovl, rel, mushra, abx, preference; default: ovl rel")
    add("--key", type=Path, metavar="FILE.json", help="where the key goes; default: FOLDER-key.json")
    add("--seconds", type=float, help="most that is heard of each sound")
    add("--repeats", type=int, default=1, help="how often ABX and preference trials come; default: 1")
    add("--no-anchors", action="store_true", help="OVL without low-passed anchors")
    add("--title", default="Listening test")
    make.set_defaults(run=run_make)

    report = jobs.add_parser("report", parents=[common], help="means, intervals and tests from the listeners' files")
    add = report.add_argument
    add("results", nargs="+", type=Path, metavar="RESULTS", help="the listeners' JSON files, or folders of them")
    add("--key", type=Path, metavar="FILE.json", help="the test's key; without it the answers are only counted")
    add("--out", type=Path, metavar="FOLDER", help="write listening.json, listening.md and listening.png there")
    add("--seed", type=int, default=0, help="of the intervals; default: 0")
    report.set_defaults(run=run_report)


def run_make(args: argparse.Namespace) -> int:
    from ldm_lab.evaluation.listening import from_csv, from_folders, make_playlist, read_rows

    if bool(args.table) == bool(args.systems):
        raise OptionError("say where the sounds are: --systems ours=FOLDER ... or --table FILE.csv, and not both")
    if args.table:
        stimuli = from_csv(args.table)
    else:
        systems = dict(word.partition("=")[::2] for word in args.systems)
        if len(systems) < len(args.systems) or not all(name and folder for name, folder in systems.items()):
            raise OptionError(f"--systems: got {' '.join(args.systems)}, expected NAME=FOLDER, each name once")
        folders = {name: Path(folder) for name, folder in systems.items()}
        rows = read_rows(args.prompts, ("file", "prompt")) if args.prompts else []
        prompts = {Path(row["file"]).stem: row["prompt"] for row in rows}
        stimuli = from_folders(folders | ({"reference": args.reference} if args.reference else {}), prompts=prompts)
    playlist = make_playlist(stimuli, args.folder, kinds=args.kinds, key=args.key, anchors=not args.no_anchors,
                             repeats=args.repeats, seconds=args.seconds, title=args.title)
    if not args.quiet:
        key = args.key or args.folder.with_name(f"{args.folder.name}-key.json")
        print(f"{args.folder}: {len(playlist.trials)} trials, {playlist.minutes:.0f} minutes of sound; key: {key}")
    return 0


def run_report(args: argparse.Namespace) -> int:
    from ldm_lab.evaluation.listening import analyse, blind_summary, markdown, merge, read_key, write_report

    if args.key is None:
        if args.out:
            raise OptionError("a report needs the test's key: --key FILE.json")
        found = blind_summary(merge(args.results))
        print(f"{found['all']} listeners, {found['answers']} answers; --key opens the test")
        return 0
    key = read_key(args.key)
    values = analyse(merge(args.results, key.playlist), key, seed=args.seed)
    written = write_report(values, args.out) if args.out else []
    if not args.quiet:
        print("\n".join(map(str, written)) if written else markdown(values))
    return 0
