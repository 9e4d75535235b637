"""What a listening test says: values for JSON, and from these Markdown with the paper's table, and a picture."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ldm_lab.evaluation.listening import analysis
from ldm_lab.evaluation.listening.playlist import KINDS, Key
from ldm_lab.evaluation.listening.session import Results
from ldm_lab.evaluation.listening.stimuli import ANCHOR_LOW, ANCHOR_MID, REFERENCE
from ldm_lab.evaluation.report import plain
from ldm_lab.files import write_json, write_text

METHOD = (
    "Value [95 % interval]; listeners and items drawn again independently (pigeonhole bootstrap); shares: the wider of "
    "this and the exact binomial interval. p: paired t test over listeners' means, corrected by Holm over the pairs of "
    "one kind. ABX: exact binomial test against guessing, one-sided; X was drawn anew for every listener and trial. "
    "Preference: exact two-sided sign test over listeners, by which each preferred more often. Agreement: "
    "Krippendorff's alpha, interval scale, anchors aside."
)
ETHICS = (
    "All listeners consented to the text below. They are known by random numbers; no names, addresses or times were "
    "stored. Listeners left out are named above with the reasons; the rules were fixed before anyone listened."
)


def analyse(results: Sequence[Results], key: Key, *, seed: int = 0) -> dict:
    """Everything about a test as JSON values. `results` come from `merge(paths, key.playlist)`.

    Partial answers count and are named; listeners that `screen` finds are left out of everything, with the reasons.
    """
    ratings, choices = analysis.unblind(results, key)
    excluded = analysis.screen(ratings)
    ratings = [r for r in ratings if r.listener not in excluded]
    choices = [c for c in choices if c.listener not in excluded]
    rated = {kind: [r for r in ratings if r.kind == kind] for kind in key.playlist.kinds}
    chosen = {kind: [c for c in choices if c.kind == kind] for kind in key.playlist.kinds}
    return {
        "title": key.playlist.values["title"], "playlist": key.playlist.hash, "seed": seed, "method": METHOD,
        "consent": key.playlist.values["consent"], "processing": key.playlist.values["processing"],
        "listeners": {**blind_summary(results, len(key.playlist.trials)), "excluded": excluded,
                      "kept": len({r.listener for r in results} - set(excluded))},
        "ratings": {kind: {"systems": _means(rows, seed), "comparisons": analysis.compare(rows, seed=seed),
                           "agreement": analysis.agreement(rows)} for kind, rows in rated.items() if rows},
        "choices": {kind: _pairs(kind, rows, seed) for kind, rows in chosen.items() if rows},
    }  # fmt: skip


def blind_summary(results: Sequence[Results], trials: int | None = None) -> dict:
    """How many listeners and answers there are; with the number of `trials`, who stopped early. Needs no key."""
    answered = {entry.listener: len(entry.answers) for entry in results}
    partial = {name: f"{count} of {trials}" for name, count in answered.items() if trials and count < trials}
    return {"all": len(answered), "answers": sum(answered.values()), "partial": partial}


def _means(rows, seed: int) -> dict:
    found = {}
    for system in _in_order({r.system for r in rows}):
        own = [r for r in rows if r.system == system]
        values, listeners, items = [r.value for r in own], [r.listener for r in own], [r.item for r in own]
        figure = analysis.crossed_mean(values, listeners, items, seed=seed)
        found[system] = {"mean": figure.as_dict(), "listeners": len(set(listeners)), "items": len(set(items)),
                         "t_interval": analysis.t_interval(analysis.per_listener(own, values))}
    return found


def _in_order(names: Iterable[str]) -> list[str]:
    """Kinds as in KINDS; systems with the reference first and the anchors last (JSON files do not keep an order)."""
    places = {REFERENCE: -2, ANCHOR_MID: 1, ANCHOR_LOW: 2} | {kind: place - 9 for place, kind in enumerate(KINDS)}
    return sorted(names, key=lambda name: (places.get(name, 0), name))


def _pairs(kind: str, rows: Sequence[analysis.Choice], seed: int) -> list[dict]:
    """ABX: share of right answers and p, over all and for each listener. Preference: share for the first, sign test."""
    found = []
    for pair in sorted({c.pair for c in rows}):
        own = [c for c in rows if c.pair == pair]
        scores = [c.score for c in own]
        share = analysis.crossed_mean(scores, [c.listener for c in own], [c.item for c in own], seed=seed)
        low, high = (analysis.exact_interval(whole(sum(scores)), len(scores)) for whole in (math.floor, math.ceil))
        share = replace(share, low=min(share.low, low[0]), high=max(share.high, high[1]))
        entry = {"first": pair[0], "second": pair[1], "share": share.as_dict()}
        if kind == "abx":
            people = sorted({c.listener for c in own})
            entry |= _guessed(scores) | {
                "by_listener": {name: _guessed([c.score for c in own if c.listener == name]) for name in people}}
        else:
            people = analysis.per_listener(own, scores)
            count = lambda values: {"first": sum(v > 0.5 for v in values), "second": sum(v < 0.5 for v in values)}
            entry |= {"trials": count(scores), "listeners": count(people),
                      "p": analysis.sign_test(*count(people).values())}
        found.append(entry)
    return analysis.with_holm(found)


def _guessed(scores: Sequence[float]) -> dict:
    right = int(sum(scores))
    return {"right": right, "of": len(scores), "p": analysis.binomial_p(right, len(scores))}


# --- words and pictures ----------------------------------------------------------------------------------------------


def markdown(values: dict) -> str:
    """The report as Markdown, from the values of `analyse`."""
    people = values["listeners"]
    lines = [f"# {values['title']}", "", f"{people['all']} listeners, {people['answers']} answers; {people['kept']} "
             f"listeners are counted below. Playlist {values['playlist'][:12]}.", ""]
    lines += [f"- {name} stopped early: {text} trials." for name, text in people["partial"].items()]
    lines += [f"- {name} is left out: {'; '.join(reasons)}." for name, reasons in people["excluded"].items()]
    if values["ratings"]:
        kinds = _in_order(values["ratings"])
        systems = {system for kind in kinds for system in values["ratings"][kind]["systems"]}
        lines += ["", f"| system | {' | '.join(map(str.upper, kinds))} |", "|---|" + "---|" * len(kinds)]
        for system in _in_order(systems):
            cells = [values["ratings"][kind]["systems"].get(system) for kind in kinds]
            lines.append(f"| {system} | {' | '.join('' if c is None else plain(c['mean']) for c in cells)} |")
    for kind in _in_order(values["ratings"]):
        entry = values["ratings"][kind]
        alpha = "not defined" if entry["agreement"] is None else f"{entry['agreement']:.2f}"
        lines += ["", f"## {kind.upper()}: differences", "", f"Agreement of the listeners: {alpha}.", ""]
        lines += _rows("first - second", "difference", entry["comparisons"])
    for kind in _in_order(values["choices"]):
        rows = values["choices"][kind]
        title, what = ("ABX", "share of right answers") if kind == "abx" else ("Preference", "share for the first")
        lines += ["", f"## {title}", "", *_rows(what, "share", rows)]
    lines += ["", f"Sounds: {values['processing']}", "", f"Statistics: {values['method']}", "", f"People: {ETHICS}", "",
              f"> {values['consent']}"]
    return "\n".join(lines) + "\n"


def _rows(what: str, name: str, entries: Sequence[dict]) -> list[str]:
    """A table of pairs; `what` heads the column of the figure called `name`."""
    head = [f"| first | second | {what} | answers | p | p (Holm) |", "|---|---|---|---|---|---|"]
    return head + [f"| {row['first']} | {row['second']} | {plain(row[name])} | {row[name]['n']} | {_p(row['p'])} | "
                   f"{_p(row['p_holm'])} |" for row in entries]


def _p(p: float | None) -> str:
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def draw(values: dict):
    """A matplotlib Figure of the values of `analyse`: means and shares with 95 % intervals, a panel for each kind."""
    from matplotlib.figure import Figure

    panels = []
    for kind in _in_order(values["ratings"]):
        systems = values["ratings"][kind]["systems"]
        means = {name: systems[name]["mean"] for name in _in_order(systems)}
        panels.append((kind.upper(), means, KINDS[kind].scale, None))
    for kind in _in_order(values["choices"]):
        shares = {f"{row['first']} / {row['second']}": row["share"] for row in values["choices"][kind]}
        panels.append((f"{kind}: share {'right' if kind == 'abx' else 'for the first'}", shares, (0, 1), 0.5))
    rows = max((len(panel[1]) for panel in panels), default=1)
    figure = Figure(figsize=(4.2 * max(1, len(panels)), 1.2 + 0.4 * rows), layout="constrained")
    for axis, (title, entries, scale, chance) in zip(figure.subplots(1, max(1, len(panels)), squeeze=False)[0], panels):
        means, at = np.array([[e["value"], e["low"], e["high"]] for e in entries.values()]).T, np.arange(len(entries))
        axis.barh(at, means[0], color="0.85", height=0.6)
        axis.hlines(at, means[1], means[2], color="C0", linewidth=2, clip_on=False)
        axis.plot(means[0], at, "o", color="C0", clip_on=False)
        axis.set_yticks(at, labels=list(entries))
        axis.set_ylim(rows - 0.5, -0.5)
        axis.set_xlim(*scale)
        axis.set_title(title)
        if chance is not None:
            axis.axvline(chance, color="0.4", linestyle=":")
    figure.suptitle(f"{values['title']}: {values['listeners']['kept']} listeners, 95 % intervals", fontsize="medium")
    return figure


def write_report(values: dict, folder: str | os.PathLike, *, picture: bool = True) -> list[Path]:
    """listening.json, listening.md and (with matplotlib) listening.png in `folder`; returns their paths."""
    paths = [Path(folder) / f"listening.{ending}" for ending in ("json", "md", "png")[: 3 if picture else 2]]
    write_json(paths[0], values)
    write_text(paths[1], markdown(values))
    if picture:
        draw(values).savefig(paths[2], dpi=100)
    return paths
