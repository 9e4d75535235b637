"""`ldm-lab train` and `assemble`: from a recipe to weights, and from weights to a model."""

from __future__ import annotations

import argparse
from pathlib import Path

from ldm_lab.errors import OptionError

PARTS = ("autoencoder", "vocoder", "clap", "clap-text", "diffusion", "text-tower", "judge")


def add_commands(commands, common: argparse.ArgumentParser) -> None:
    train = commands.add_parser("train", parents=[common], help="train one part from a recipe")
    train.add_argument("part", choices=PARTS, help="what to train")
    train.add_argument("recipe", metavar="RECIPE", help="a TOML file, or the name of one in recipes/ (diffusion, ablations/base)")
    train.add_argument("--out", type=Path, help="folder of the run; default: runs/RECIPE")
    train.add_argument("--resume", action="store_true", help="go on from the newest state in the folder")
    train.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="default: the fastest")
    train.add_argument("--steps", type=int, help="stop at this step instead of the recipe's")
    train.add_argument("--seed", type=int, help="another seed than the recipe's, for a second run of it")
    train.set_defaults(run=run_train)

    assemble = commands.add_parser("assemble", parents=[common], help="put trained parts together into a model")
    for part in ("autoencoder", "vocoder", "clap", "unet"):
        assemble.add_argument(f"--{part}", type=Path, metavar="RUN", help=f"run folder (or its weights/) with the {part}")
    assemble.add_argument("--out", type=Path, required=True, help="folder of the model; parts not named stay as they are")
    assemble.add_argument("--model", default="lab", help="preset that gives the shapes; default: lab")
    assemble.set_defaults(run=run_assemble)


def run_train(args: argparse.Namespace) -> int:
    recipe = find_recipe(args.recipe)
    if args.part == "text-tower":
        return _distil(args, recipe)

    from ldm_lab.training.run import run

    out = args.out or Path("runs") / recipe.stem
    state = run(recipe, task=args.part, out=out, resume=args.resume, device=best_device(args.device), steps=args.steps,
                seed=args.seed, progress=not args.quiet)
    if not args.quiet:
        print(f"{out}: step {state.step}, {state.seconds / 60:.1f} minutes in all; weights in {out / 'weights'}")
    return 0


def _distil(args: argparse.Namespace, recipe: Path) -> int:
    from ldm_lab.training.distil import distil
    from ldm_lab.training.recipe import read_toml

    if args.resume or args.steps is not None or args.seed is not None:
        raise OptionError("text-tower: --resume, --steps and --seed are not offered; the distillation takes minutes, run it again")
    out = args.out or Path("runs") / recipe.stem
    facts = distil(read_toml(recipe), out)
    if not args.quiet:
        print(f"{out}: {', '.join(f'{name} {value}' for name, value in facts.items())}")
    return 0


def run_assemble(args: argparse.Namespace) -> int:
    from ldm_lab.checkpoint import assemble

    named = {part: getattr(args, part) for part in ("autoencoder", "vocoder", "clap", "unet")}
    parts = {part: run / "weights" if (run / "weights").is_dir() else run for part, run in named.items() if run is not None}
    if not parts:
        raise OptionError("assemble: name at least one part, for example --vocoder runs/vocoder")
    folder = assemble(parts, args.out, model=args.model)
    if not args.quiet:
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e6
        print(f"{folder}: {', '.join(parts)} put in place; weights of {size:.1f} MB in all")
    return 0


def best_device(name: str) -> str:
    """`name`, or for "auto" the fastest device of this machine."""
    from ldm_lab import checkpoint, system

    return str(checkpoint.best_device() if name == "auto" else system.check_device(name))


def find_recipe(name: str) -> Path:
    """A path as given, or the recipe called `name` in recipes/ of the source tree or of the installed package."""
    from ldm_lab.errors import ConfigError, unknown

    given = Path(name)
    if given.suffix == ".toml" or given.is_file():
        return given  # a missing file is reported by the reader, with the path
    package = Path(__file__).resolve().parents[1]
    folders = (package / "recipes", package.parent / "recipes")
    found = {path.relative_to(folder).with_suffix("").as_posix(): path for folder in folders for path in folder.rglob("*.toml")}
    if name not in found:
        raise ConfigError(unknown("recipe", name, sorted(found) or ["(none installed)"]))
    return found[name]
