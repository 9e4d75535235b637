"""`ldm-lab measure` and `report`: how good the weights are, and the tables that say so."""

from __future__ import annotations

import argparse
from pathlib import Path

from ldm_lab.errors import OptionError


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    measure = commands.add_parser("measure", parents=[common], help="measure a model on the test sounds (takes long)")
    measure.add_argument("parts", nargs="*", metavar="PART", help="autoencoder, vocoder, clap, generation, speed; default: all")
    measure.add_argument("--model", default="lab", help="a shipped model or a folder of weights; default: lab")
    measure.add_argument("--out", type=Path, metavar="FILE.json", help="default: metrics.json in the model's folder")
    measure.add_argument("--prompts", type=int, default=300, help="sounds to generate; default: 300")
    measure.add_argument("--seed", type=int, default=0)
    measure.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the generated sounds there")
    measure.set_defaults(run=run_measure)

    report = commands.add_parser("report", parents=[common], help="write the tables of README and model card from metrics.json")
    report.add_argument("--model", default="lab", help="a shipped model or a folder of weights; default: lab")
    report.add_argument("--readme", type=Path, help="default: the README.md of the source tree")
    report.set_defaults(run=run_report)


def run_measure(args: argparse.Namespace) -> int:
    from ldm_lab.evaluation.lab import PARTS, measure
    from ldm_lab.evaluation.report import goals, metrics_table

    metrics = measure(args.model, args.out, args.parts or PARTS, prompts=args.prompts, seed=args.seed, keep=args.keep,
                      progress=not args.quiet)
    if not args.quiet:
        print(metrics_table(metrics))
        for goal in goals(metrics):
            print(goal)
    return 0


def run_report(args: argparse.Namespace) -> int:
    from ldm_lab.checkpoint import shipped
    from ldm_lab.evaluation.card import write_card
    from ldm_lab.evaluation.lab import read_metrics, stale
    from ldm_lab.evaluation.report import write_readme

    folder = shipped().get(args.model, Path(args.model))
    metrics = read_metrics(folder / "metrics.json")
    old = stale(metrics, folder)
    if old:
        raise OptionError(f"the figures of {', '.join(old)} belong to other weights; run: ldm-lab measure {' '.join(old)}")
    readme = args.readme or Path(__file__).resolve().parents[2] / "README.md"
    if not readme.is_file():
        raise OptionError(f"{readme}: no such file; name the README with --readme")
    write_readme(readme, metrics)
    write_card(folder)
    if not args.quiet:
        print(f"{readme} and {folder / 'README.md'} now say what {folder / 'metrics.json'} says")
    return 0
