"""`ldm-lab corpus`: count the sounds, prove them, make them again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    corpus = commands.add_parser("corpus", help="count the sounds, prove them, make them again")
    jobs = corpus.add_subparsers(metavar="JOB", title="jobs", required=True)

    build = jobs.add_parser("build", parents=[common], help="make the pack again from its sources (Debian packages)")
    build.add_argument("--out", type=Path, default=Path("runs/corpus"), help="where to write; default: runs/corpus")
    build.add_argument("--only", metavar="NAME", help="one kind, category or package")
    build.add_argument("--workers", type=int, help="processes; default: one a core")
    build.set_defaults(run=run_build)

    verify = jobs.add_parser("verify", parents=[common], help="check every file's hash, and make a random sample again")
    verify.add_argument("--sample", type=int, default=50, help="clips to make again from their packages; default: 50")
    verify.add_argument("--seed", type=int, default=0, help="which sample; default: 0")
    verify.add_argument("--hashes-only", action="store_true", help="do not fetch packages; check the hashes alone")
    verify.add_argument("--report", type=Path, metavar="FILE.json", help="write the outcome of each clip")
    verify.set_defaults(run=run_verify)

    stats = jobs.add_parser("stats", parents=[common], help="clips, hours, categories, licences, share of silence")
    stats.add_argument("--json", action="store_true", help="everything, as JSON")
    stats.add_argument("--write", action="store_true", help="also write the datasheet and the attribution beside the corpus")
    stats.set_defaults(run=run_stats)


def run_build(args: argparse.Namespace) -> int:
    """Exit code 1 if some clips could not be made."""
    from ldm_lab.corpus import build

    report = build(args.out, only=args.only, workers=args.workers)
    if not args.quiet:
        print(report.summary())
    return 1 if report.failed else 0


def run_verify(args: argparse.Namespace) -> int:
    """Exit code 1 if a file is damaged or a clip could not be made again."""
    from ldm_lab.corpus import verify, verify_pack

    if args.hashes_only:
        pack = verify_pack()
        print(f"{pack.n} files checked, {len(pack.damaged)} damaged or missing, {len(pack.unlisted)} unlisted")
        for file, reason in pack.damaged.items():
            print(f"{file}: {reason}")
        return 0 if pack.ok else 1
    show = None if args.quiet else (lambda check: print(f"{check.status:<11} {check.file}", flush=True))
    report = verify(args.sample, args.seed, progress=show)
    if args.report is not None:
        report.save(args.report)
    print(report.summary())
    return 0 if report.ok else 1


def run_stats(args: argparse.Namespace) -> int:
    from ldm_lab.corpus import stats
    from ldm_lab.corpus.datasheet import write_documents

    counted = write_documents() if args.write else stats()
    if args.json:
        print(json.dumps(counted, indent=1))
        return 0
    silence = counted["silence"]
    print(f"{counted['clips']} clips, {counted['hours']:.2f} h, {counted['captions']} captions, {counted['megabytes']} MB")
    print(f"\n{'category':<12}{'clips':>8}{'minutes':>10}{'silent':>9}")
    for name, count in counted["category"].items():
        print(f"{name:<12}{count['clips']:>8}{count['seconds'] / 60:>10.1f}{silence[name]:>9.1%}")
    print(f"{'all':<12}{counted['clips']:>8}{60 * counted['hours']:>10.1f}{silence['share']:>9.1%}")
    for title in ("split", "kind", "licence"):
        print(f"\n{title}")
        for name, count in counted[title].items():
            print(f"  {name:<44}{count['clips']:>6}{count['seconds'] / 60:>9.1f} min")
    return 0
