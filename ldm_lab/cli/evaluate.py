"""`ldm-lab evaluate`: two folders of sounds against each other."""

from __future__ import annotations

import argparse
from pathlib import Path

from ldm_lab.errors import OptionError

DESCRIPTION = """Measure the sounds in GENERATED against those in REFERENCE and write report.json, report.md and report.png.
Files pair by name without ending where a measure needs pairs (kl, lsd, psnr, ssim)."""


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    evaluate = commands.add_parser("evaluate", parents=[common], description=DESCRIPTION,
                                   help="measure a folder of sounds against another")
    evaluate.add_argument("generated", type=Path, metavar="GENERATED", help="folder of the sounds to be measured")
    evaluate.add_argument("reference", type=Path, metavar="REFERENCE", help="folder of real sounds")
    evaluate.add_argument("--backbone", nargs="+", default=["judge"], metavar="NAME",
                          help="judge, clap, cnn14, cnn14-32k, vggish, cdpam, cdpam-content; default: judge")
    evaluate.add_argument("--metrics", nargs="+", metavar="NAME",
                          help="fd (= fad), fd_inf, kad, kid, is, kl, kl_sigmoid, lsd, lsd_offset, psnr, ssim, clap; "
                               "default: what the folders allow")
    evaluate.add_argument("--prompts", type=Path, metavar="FILE.csv", help="columns file and prompt; adds the CLAP score")
    evaluate.add_argument("--model", default="lab", help="whose CLAP; default: lab")
    evaluate.add_argument("--weights", nargs="+", metavar="FILE",
                          help="of cnn14, vggish or cdpam, NAME=FILE for several; 'download' fetches the published ones")
    evaluate.add_argument("--sample-rate", type=int, default=16000, metavar="HZ", help="of lsd, psnr and ssim; default: 16000")
    evaluate.add_argument("--seed", type=int, default=0, help="of intervals and random halves; default: 0")
    evaluate.add_argument("--resamples", type=int, help="of each bootstrap; default: 1000, of costly measures fewer")
    evaluate.add_argument("--batch", type=int, default=16, help="sounds heard at a time; default: 16")
    evaluate.add_argument("--skip-broken", action="store_true", help="leave out files that cannot be read instead of stopping")
    evaluate.add_argument("--no-cache", action="store_true", help="hear every file anew")
    evaluate.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="default: the fastest")
    evaluate.add_argument("--out", type=Path, metavar="FOLDER", help="where the report goes; default: report")
    evaluate.set_defaults(run=run_evaluate)


def run_evaluate(args: argparse.Namespace) -> int:
    from ldm_lab.cli.jobs import best_device
    from ldm_lab.evaluation.folders import evaluate

    named = dict(item.partition("=")[::2] for item in args.weights or [] if item.split("=")[0] in args.backbone)
    weights = named or (args.weights[0] if args.weights and len(args.weights) == 1 else None)
    if args.weights and len(args.weights) != max(1, len(named)):
        raise OptionError(f"weights: got {' '.join(args.weights)}, expected one FILE, or NAME=FILE with names of --backbone")
    report = evaluate(args.generated, args.reference, backbone=args.backbone, metrics=args.metrics, prompts=args.prompts,
                      seed=args.seed, model=args.model, weights=weights, device=best_device(args.device),
                      sample_rate=args.sample_rate, batch=args.batch, resamples=args.resamples,
                      skip_broken=args.skip_broken, cache=not args.no_cache, progress=not args.quiet)
    folder = report.save(args.out or Path("report"))
    if not args.quiet:
        print(report.markdown())
        print(f"written to {folder}")
    return 0
