"""What a listening test says: its instructions, its still picture, and at the end what was what."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from ldm_lab.evaluation.listening.playlist import KINDS
from ldm_lab.evaluation.report import plain
from ldm_lab.widgets import picture

TITLES = {"ovl": "Quality (OVL)", "rel": "Fit to the text (REL)", "mushra": "Quality beside a reference (MUSHRA)",
          "abx": "Which one is X? (ABX)", "preference": "Preference"}
QUALITY = ["bad", "poor", "fair", "good", "excellent"]
ANCHORS = {"ovl": QUALITY, "mushra": QUALITY, "rel": ["not at all", "a little", "partly", "mostly", "perfectly"]}
"""Words for the fifths of a scale; those of quality are the ones of ITU-R BS.1534-3."""
HOW = {
    "ovl": "Judge the sound alone: is it clear and natural, or noisy, muffled, broken?",
    "rel": "Judge only whether the sound is what the text says; a clean sound of something else fits badly.",
    "mushra": "Switch between the sounds while they play. One of the letters is the reference itself: rate it 100. "
              "Compare the others with the reference and with each other.",
    "abx": "X is a copy of A or of B. Switch between the three while they play, then decide; if you hear no "
           "difference, guess.",
    "preference": "Switch between the two while they play. Nothing is wrong: what do you like better?",
}


def kinds(counts: Mapping[str, int]) -> list[dict]:
    """What a page says about each kind of trial: {kind, title, how, count}."""
    return [{"kind": kind, "title": TITLES[kind], "how": HOW[kind], "count": count} for kind, count in counts.items()]


def length(once: float, trials: int) -> str:
    """How much there is to do, in words; `once`: minutes to hear every sound once (they are heard about twice)."""
    minutes = max(1, round(2.5 * once + trials / 12))
    return f"{trials} trial{'s' * (trials != 1)}, about {minutes} minute{'s' * (minutes != 1)}"


def progress(state: dict) -> str:
    if not state["listener"]:
        return "not begun"
    return f"{state['answered']} of {state['of']} answered by listener {state['listener']}"


def text(title: str, about: dict, state: dict) -> str:
    """The test in one line."""
    blocks = ", ".join(f"{entry['title']}: {entry['count']}" for entry in about["kinds"])
    return f"Listening test: {title} | {about['length']} | {blocks} | {progress(state)}"


def still(title: str, about: dict, state: dict) -> bytes:
    """PNG: what is asked and on which scale. Says nothing about any sound."""
    from PIL import Image, ImageDraw, ImageFont

    entries = [(entry["title"], entry["count"], entry["kind"],
                textwrap.wrap(KINDS[entry["kind"]].question, 78, max_lines=2)) for entry in about["kinds"]]
    line, width = picture.LINE, 560
    sheet = Image.new("RGB", (width, 74 + sum(78 + line * len(question) for *_, question in entries)), "white")
    pen, font, big = ImageDraw.Draw(sheet), ImageFont.load_default(12), ImageFont.load_default(16)
    pen.text((16, 12), textwrap.shorten(title, 60), "black", big)
    pen.text((16, 36), f"{about['length']}; {progress(state)}", "black", font)
    y = 64
    for name, count, kind, question in entries:
        pen.line((16, y, width - 16, y), fill="#bbbbbb")
        pen.text((16, y + 8), f"{name}, {count} trial{'s' * (count != 1)}", "#8c2981", font)
        pen.multiline_text((16, y + 8 + line), "\n".join(question), "black", font, spacing=3)
        _scale(pen, font, kind, y + 22 + line * (1 + len(question)), width)
        y += 78 + line * len(question)
    return picture.to_png(sheet)


def _scale(pen, font, kind: str, y: int, width: int) -> None:
    """A slider with its words, or the buttons of a choice."""
    if kind in ANCHORS:
        left, right = 24, width - 24
        pen.line((left, y, right, y), fill="#555555", width=3)
        pen.ellipse((width // 2 - 7, y - 7, width // 2 + 7, y + 7), fill="#8c2981")
        for i, word in enumerate(ANCHORS[kind]):
            pen.text((left + (i + 0.5) * (right - left) / 5, y + 12), word, "black", font, anchor="mt")
        return
    options = ("X is A", "X is B") if kind == "abx" else ("A", "B", "no preference")
    for i, word in enumerate(options):
        pen.rounded_rectangle((24 + 130 * i, y - 10, 144 + 130 * i, y + 16), 6, outline="#555555")
        pen.text((84 + 130 * i, y + 3), word, "black", font, anchor="mm")


# --- what was what ---------------------------------------------------------------------------------------------------


def tables(report: dict) -> list[dict]:
    """Tables for the end page, from the values of `listening.analyse` of one listener.

    Each: title, note, scale [low, high], rows [{name, value, low, high, text}]; the first may hold only a note.
    """
    excluded = [reason for reasons in report["listeners"]["excluded"].values() for reason in reasons]
    found = []
    if excluded:
        found.append({"title": "Left out", "scale": [0, 1], "rows": [],
                      "note": f"A report would leave these answers out: {'; '.join(excluded)}."})
    for kind, entry in report["ratings"].items():
        rows = [_row(name, values["mean"]) for name, values in entry["systems"].items()]
        found.append({"title": TITLES[kind], "rows": rows, "scale": list(KINDS[kind].scale),
                      "note": "Mean of your ratings with its 95 % interval over the items."})
    for kind, pairs in report["choices"].items():
        rows = [_row(f"{pair['first']} / {pair['second']}", pair["share"]) for pair in pairs]
        if kind == "abx":
            note = "Share of right answers; 0.5 is guessing. " + " ".join(map(_luck, pairs))
        else:
            note = "Share of trials in which you preferred the first of the two; 0.5 is no preference."
        found.append({"title": TITLES[kind], "rows": rows, "scale": [0, 1], "note": note})
    return found


def _row(name: str, figure: dict) -> dict:
    return {"name": name, "text": f"{plain(figure)}, n = {figure['n']}",
            **{part: figure[part] for part in ("value", "low", "high")}}


def _luck(pair: dict) -> str:
    """The binomial test in words."""
    p, right, of = pair["p"], pair["right"], pair["of"]
    verdict = "you heard the difference" if p < 0.05 else "this may be luck, and shows no difference"
    return (f"{pair['first']} / {pair['second']}: {right} of {of} right; guessing gives that or more with probability "
            f"{p:.2g}: {verdict}.")
