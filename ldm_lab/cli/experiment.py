"""`ldm-lab experiment`: ask the model a question and get figures, a picture and a table."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "experiment", parents=[common], help="run an experiment on held-out sounds (takes long); no name: list them",
        epilog="What has been made is kept in runs/experiments/NAME: an interrupted run goes on where it stopped.")
    add = command.add_argument
    add("names", nargs="*", metavar="NAME", help="inpainting, sampling, ...; several are run one after the other")
    add("--model", help="a shipped model, a folder of weights or tiny; default: the recipe's")
    add("--count", type=int, help="number of sounds instead of the recipe's, for a trial")
    add("--seeds", type=int, nargs="+", metavar="SEED", help="seeds instead of the recipe's")
    add("--out", type=Path, metavar="FOLDER",
        help="default: assets/experiments; a trial (--model, --count, --seeds) goes to runs/experiments instead")
    add("--draw", action="store_true", help="draw pictures and table again from the JSON files, without measuring")
    command.set_defaults(run=run_experiment)


def run_experiment(args: argparse.Namespace) -> int:
    from ldm_lab.experiments import framework

    if args.draw:
        written = framework.draw(args.out, args.names)
        if not args.quiet:
            print("\n".join(map(str, written)))
        return 0
    if not args.names:
        for name, question in framework.questions().items():
            print(f"{name:18}{question}")
        return 0
    chosen = [framework.find(name, model=args.model, count=args.count, seeds=args.seeds) for name in args.names]
    trial = any(option is not None for option in (args.model, args.count, args.seeds))
    out = args.out or (Path("runs") / "experiments" if trial else None)
    for experiment in chosen:
        values = framework.run(experiment, out, progress=not args.quiet)
        if not args.quiet:
            for claim in values["claims"]:
                print(f"{'holds' if claim['holds'] else 'FAILS'}: {claim['claim']}: {claim['detail']}")
    return 0
