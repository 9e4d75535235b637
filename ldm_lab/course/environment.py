"""The last cell of the environment check: one card from what Python found and what the page found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ldm_lab.course.check import Card

if TYPE_CHECKING:
    from ldm_lab.widgets.browser_check import BrowserCheck

FAIL, NOTE = "FAIL", "note"  # words of a check's status


def card(checks: Iterable, browser: BrowserCheck) -> Card:
    """Right: the course can begin. Not yet: something is missing, with what to do. To do: nobody has listened yet.

    checks: what `doctor.examine` yields (name, status, detail).
    """
    checks = list(checks)
    failed = [check for check in checks if check.status == FAIL]
    noted = [check for check in checks if check.status == NOTE]
    lines = [f"Python: {len(checks) - len(failed)} of {len(checks)} checks in order."]
    lines += [f"Mend {check.name}: {check.detail}" for check in failed]
    lines += [f"Worth knowing, {check.name}: {check.detail}" for check in noted]
    lines += browser.lines()
    state = "wrong" if failed or browser.well is False else "todo" if browser.well is None else "right"
    last = {"right": "Everything is in place: open 00_hear_it.ipynb.",
            "todo": "Play the test sound, count, and run this cell again.",
            "wrong": "guide/troubleshooting.md says what to do about each of these."}
    return Card("The course on this computer", state, (*lines, last[state]))
