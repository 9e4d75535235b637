"""The page of results: a table of claims and, for each experiment, its picture and its figures. Pure text from JSON."""

from __future__ import annotations

_HEAD = """# Experiments

<!-- Written by `ldm-lab experiment --draw` from the JSON files beside it: change those, not this. -->

What the shipped model was asked, on held-out sounds, and what came out. Each row of the first table is a claim that
the code checked against its figures, whether it came out true or not. Square brackets hold 95 % bootstrap intervals.
`NAME.json` has every figure with n, seed and interval; `ldm-lab experiment NAME` measures again; settings are in
`recipes/experiments/`.
"""


def page(results: dict[str, dict]) -> str:
    """Markdown of {name: values}."""
    lines = [_HEAD, "| experiment | claim | holds | measured |", "|---|---|---|---|"]
    lines += [f"| [{name}](#{name}) | {claim['claim']} | {'yes' if claim['holds'] else '**no**'} | {claim['detail']} |"
              for name, values in results.items() for claim in values.get("claims", [])]
    for name, values in results.items():
        lines += ["", *_section(name, values)]
    return "\n".join(lines) + "\n"


def _section(name: str, values: dict) -> list[str]:
    settings = ", ".join(f"{key} {_short(value)}" for key, value in values["settings"].items())
    lines = [f"## {name}", "", values["question"], "", f"![{name}]({name}.png)", "", *figure_table(values)]
    lines += ["", *(f"- {note}" for note in values.get("notes", []))]
    return [*lines, "", f"Settings: {settings}. Took {values['seconds']:.0f} s."]


def figure_table(values: dict) -> list[str]:
    """Markdown table of ``values["figures"]``, {row: {column: figure}}; ``values["table"]`` orders it, with
    {rows: [..], columns: [[key, label], ..]}."""
    figures, order = values.get("figures", {}), values.get("table", {})
    rows = order.get("rows") or sorted(figures)
    columns = order.get("columns") or [[key, key] for key in sorted({key for row in figures.values() for key in row})]
    if not rows or not columns:
        return []
    lines = ["| | " + " | ".join(label for _, label in columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for row in rows:
        cells = [shown(figures[row][key]) if key in figures[row] else "" for key, _ in columns]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    counts = sorted({figure["n"] for row in rows for figure in figures[row].values()})
    return [*lines, "", f"n = {counts[0] if len(counts) == 1 else f'{counts[0]} to {counts[-1]}'}."]


def shown(figure: dict) -> str:
    """``0.319 [0.30, 0.33]``, with ``± 0.01`` for the spread between seeds where it was measured."""
    spread = f" ± {figure['seed_std']:.2g}" if "seed_std" in figure else ""
    return f"{number(figure['value'])}{spread} [{number(figure['low'])}, {number(figure['high'])}]"


def number(value: float) -> str:
    """Three digits, or all those before the point: 0.319, 12.4, 1240."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _short(value) -> str:
    return " / ".join(map(str, value)) if isinstance(value, list) else str(value)
