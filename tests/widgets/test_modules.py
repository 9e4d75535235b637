"""The text of the ES modules and style sheets: whole when joined, self-contained, fit for Colab and VS Code's webview."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType, SimpleNamespace

import anywidget
import numpy as np
import pytest

from ldm_lab import widgets
from ldm_lab.widgets import player
from ldm_lab.widgets.esm import FOLDER, LOCAL_IMPORT, css, esm

FILES = sorted(FOLDER.glob("*.js"))
SHEETS = sorted(path for path in FOLDER.glob("*.css") if path.stem != "lab")
ENTRIES = [path.stem for path in FILES if "export default" in path.read_text(encoding="utf-8")]
VIEW = "application/vnd.jupyter.widget-view+json"
# What a webview with a strict content security policy refuses, and what would fetch something.
FORBIDDEN = {
    r"\beval\(": "eval", r"\bnew Function\(": "new Function", r"(?<!\.)\bfetch\((?![^)]*\) \{)": "fetch", r"XMLHttpRequest": "XMLHttpRequest",
    r"\bimport\(": "a dynamic import", r"data:audio": "data: audio", r"new Audio\(|<audio": "an audio element",
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write": "HTML from text", r"setAttribute\(\s*[\"']on": "an inline handler",
    r"""(?<![.\w])on\w+=["']""": "an inline handler", r"setTimeout\(\s*[\"'`]": "code in a text", r"localStorage|sessionStorage|"
    r"document\.cookie": "storage", r"console\.(log|debug)": "console output", r"https?://(?!www\.w3\.org/2000/svg)": "an address",
}


def widget_classes() -> list[type]:
    """Every widget class of the library that a notebook can show."""
    for path in sorted(FOLDER.parent.glob("*.py")):
        importlib.import_module(f"ldm_lab.widgets.{path.stem}".removesuffix(".__init__"))
    found, queue = [], [anywidget.AnyWidget]
    while queue:
        queue += (subclasses := queue.pop().__subclasses__())
        found += [one for one in subclasses if "_esm" in vars(one) and one.__module__.startswith("ldm_lab.")]
    return sorted(found, key=lambda one: one.__name__)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_module_asks_for_nothing_that_a_webview_forbids(path):
    text = path.read_text(encoding="utf-8")
    assert len(re.findall(r"^[ \t]*import\b", text, re.MULTILINE)) == len(LOCAL_IMPORT.findall(text))
    code = re.sub(r"^\s*(//|\*|/\*).*$", "", text, flags=re.MULTILINE)
    assert [name for pattern, name in FORBIDDEN.items() if re.search(pattern, code)] == []


@pytest.mark.browser
def test_every_joined_module_parses_and_has_a_render_function(browser):
    """A name that two files share would be a syntax error."""
    assert len(ENTRIES) >= 9
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(status=200, content_type="text/html", body="<title>modules</title>"))
    page.goto("http://localhost/")
    load = """async (text) => { const address = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
        try { return typeof (await import(address)).default?.render } catch (error) { return String(error) } }"""
    assert {name: page.evaluate(load, esm(name)) for name in ENTRIES} == dict.fromkeys(ENTRIES, "function")
    page.close()


def test_every_module_belongs_to_a_widget_and_every_widget_has_one():
    classes = widget_classes()
    texts = {one._esm.default_value if hasattr(one._esm, "default_value") else str(one._esm) for one in classes}
    assert {name for name in ENTRIES if esm(name) not in texts} == set()
    assert len(classes) >= len(ENTRIES)
    for one in classes:
        sheet = one._css.default_value if hasattr(one._css, "default_value") else str(one._css)
        assert css("lab") in sheet, one


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_a_style_sheet_reaches_only_its_own_widget(path):
    """Front ends put every widget's style sheet into the one page: a rule must begin with its widget's own class."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    selectors = [one.strip() for rule in re.findall(r"([^{}]+)\{", text) if not rule.strip().startswith("@")
                 for one in re.split(r",(?![^(]*\))", rule) if one.strip() not in ("from", "to")]
    assert selectors
    roots = {f".{root}" for root in roots_of(path.stem)}
    begins = {one: set(re.split(r",\s*", re.match(r":is\(([^)]*)\)|[^\s:>\[]+", one).group().removeprefix(":is(").rstrip(")")))
              for one in selectors}
    assert [one for one, first in begins.items() if not {re.match(r"\.[\w-]*", part).group() for part in first} <= roots] == []


def roots_of(sheet: str) -> set[str]:
    """Classes of the outermost elements of the widgets that use a style sheet; the sheet's own prefix if it is shared."""
    users = [path.stem for path in FOLDER.parent.rglob("*.py")
             if re.search(rf"""css\([^)]*["']{sheet}["']""", path.read_text(encoding="utf-8"))]
    assert users, f"{sheet}.css is used by no widget"
    found = {sheet: set()}
    for user in users:
        python = next(FOLDER.parent.rglob(f"{user}.py")).read_text(encoding="utf-8")
        for entry in re.findall(r"""esm\(["'](\w+)["']\)""", python):
            found[sheet] |= set(re.findall(r"""["'`]ldm-widget (ldm-[\w-]+)""", esm(entry)))
    return found[sheet]


def test_the_class_of_a_widget_is_no_part_of_another():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in FILES}
    roots = {root: stem for stem, text in texts.items() for root in re.findall(r"""["'`]ldm-widget (ldm-[\w-]+)""", text)}
    assert len(roots) >= 7
    shared = [(root, stem) for root, owner in roots.items() for stem, text in texts.items()
              if stem != owner and re.search(rf"\b{root}(?![\w-])", text)]
    assert shared == []


def test_colab_is_told_where_the_widget_manager_is(monkeypatch):
    called = []
    output = ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: called.append(True)
    output._widgets = SimpleNamespace(_installed_url="https://widgets.invalid/manager.js")
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    anywidget._util.enable_custom_widget_manager_once.cache_clear()
    try:
        data, metadata = player(np.zeros(1600, np.float32))._repr_mimebundle_()
    finally:
        anywidget._util.enable_custom_widget_manager_once.cache_clear()
    assert called == [True]
    assert metadata[VIEW] == {"colab": {"custom_widget_manager": {"url": "https://widgets.invalid/manager.js"}}}
    assert metadata["image/png"]["alt"]
    assert set(data) == {VIEW, "image/png", "text/plain"}
    assert isinstance(widgets.player(np.zeros(1600, np.float32)), anywidget.AnyWidget)
