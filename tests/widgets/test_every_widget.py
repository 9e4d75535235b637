"""What holds for every widget: accessible in both themes, all by keyboard, quiet, gone when it goes, something left behind."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from browser_tools import accessible, settled
from test_modules import widget_classes

from ldm_lab import widgets

RATE = 16000
NOISE = (0.1 * np.random.default_rng(0).standard_normal(10240)).astype(np.float32)  # 0.64 s
TONE = (0.3 * np.sin(2 * np.pi * 700 * np.arange(10240) / RATE)).astype(np.float32)
QUICK = {"steps": 2, "seconds": 0.64}


def brush(ldm):
    made = widgets.InpaintBrush(ldm, NOISE, "rain", steps=2)
    made.box = [0.2, 0.5, 0.0, 8000.0]
    made.fill()
    return made


def listening(ldm):
    return widgets.listening_test({"reference": [NOISE], "other": [TONE]}, kinds=["mushra", "abx"], seconds=0.3)


def in_trial(ldm):
    """The same test, past consent and level check."""
    made = listening(ldm)
    made.agree()
    made.page = "trial"
    return made


def quiz(ldm):
    wrong = {"right": False, "feedback": "no, because of `b`"}
    choices = [{"text": "one", **wrong}, {"text": "two", "right": True, "feedback": "yes"}, {"text": "three", **wrong}]
    questions = [{"text": f"Which {what}?", "choices": choices} for what in ("`a`", "sign", "network")]
    return widgets.QuizPanel(questions, title="Quiz", answers=["one", "two", ""])


FACTORIES = {
    "SpectrogramPlayer": lambda ldm: widgets.player({"tone": TONE, "noise": NOISE}, title="two", box=[0.1, 0.3, 200.0, 4000.0]),
    "PipelineMap": lambda ldm: widgets.PipelineMap(ldm, "rain", selected="unet", progress=False, **QUICK),
    "DenoisingScrubber": lambda ldm: widgets.DenoisingScrubber(ldm, "rain", samplers=("ddim", "unipc"), progress=False, **QUICK),
    "GuidanceMatrix": lambda ldm: widgets.GuidanceMatrix(ldm, "rain", guidance=(1, 3), steps=(1, 2), seeds=(0,), seconds=0.64, fill=True,
                                                    progress=False),
    "InpaintBrush": brush,
    "TransferStrip": lambda ldm: widgets.TransferStrip(ldm, NOISE, "rain", strengths=(0.5, 1.0), steps=2),
    "LatentMixer": lambda ldm: widgets.LatentMixer(ldm, NOISE, title="noise"),
    "SimilarityBoard": lambda ldm: widgets.SimilarityBoard(ldm, {"tone": TONE, "noise": NOISE}, words="rain; a bell"),
    "ListeningTest": listening,
    "ListeningTest in a trial": in_trial,
    "Studio": lambda ldm: widgets.Studio(ldm, **QUICK),
    "QuizPanel": quiz,
    "BrowserCheck": lambda ldm: widgets.BrowserCheck(heard="two"),
}
FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]"
# What Tab must reach: everything enabled that is shown, but in a group with arrow keys (tabindex -1) only one member.
REACHABLE = """(selector) => [...document.querySelectorAll(`#root :is(${selector})`)].filter((node) => node.tabIndex >= 0
    && !node.matches(':disabled') && node.checkVisibility({ visibilityProperty: true }) && !(node.type === 'radio' && !node.checked
    && (document.querySelector(`input[name="${node.name}"]:checked`)
        || node !== document.querySelector(`input[name="${node.name}"]:enabled`))))
    .map((node, i) => (node.dataset.tab = String(i), node.outerHTML.slice(0, 120)))"""
FOCUSED = """() => { const node = document.activeElement; if (!node.dataset.tab) return null;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(node);
    return [node.dataset.tab, (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none'] }"""
UNNAMED = """() => [...document.querySelectorAll('#root button, #root input')].filter((node) =>
    !(node.ariaLabel || node.textContent.trim() || node.labels?.length)).map((node) => node.outerHTML.slice(0, 120))"""


@pytest.fixture(params=FACTORIES, ids=lambda name: name.replace(" ", "-"))
def widget(request, tiny):
    return FACTORIES[request.param](tiny)


def test_no_widget_is_left_out():
    assert {name.split()[0] for name in FACTORIES} == {one.__name__ for one in widget_classes()} - {"PromptStudio"}


def test_it_leaves_a_picture_and_words_where_no_widgets_run(widget):
    data, metadata = widget._repr_mimebundle_()
    if isinstance(widget, widgets.QuizPanel):  # a page says more than a picture of one
        assert "<details>" in data["text/html"] and len(data["text/plain"]) > 20 and "image/png" not in data
        return
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG\r\n")
    assert len(data["image/png"]) < 120_000
    assert len(data["text/plain"]) > 20 and "object at 0x" not in data["text/plain"]
    assert len(metadata["image/png"]["alt"]) > 20
    assert "text/html" not in data


@pytest.mark.browser
def test_it_is_accessible_by_keyboard_too_and_leaves_nothing(open_widget, widget):
    page = open_widget(widget, live=True, height=900)
    accessible(page)
    assert page.locator("[data-lm-suppress-shortcuts]").first.is_visible()
    every_control_is_reached(page)
    nothing_is_left(page)


@pytest.mark.browser
def test_it_is_accessible_in_the_dark(open_widget, widget):
    accessible(open_widget(widget, live=True, dark=True, height=900))


def every_control_is_reached(page) -> None:
    """Tab goes to every control in the page's order, each has a name, and the one with the focus shows it."""
    wanted = page.evaluate(REACHABLE, FOCUSABLE)
    assert wanted
    reached = {}
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            break
        reached[int(found[0])] = found[1]
    assert [text for i, text in enumerate(wanted) if i not in reached] == []
    assert list(reached) == sorted(reached), "the order of Tab is not the order on the page"
    assert [wanted[i] for i, seen in reached.items() if not seen] == []
    assert page.evaluate(UNNAMED) == []


def nothing_is_left(page) -> None:
    """After clean-up: no listener on the model, no element, no sound, and no answer to anything."""
    page.evaluate("cleanup()")
    assert page.evaluate("model.count()") == 0
    assert page.locator("#root *").count() == 0
    assert page.evaluate("globalThis.__ldmLab?.playing ?? null") is None
    sent = page.evaluate("model.saves + model.sent.length")
    page.evaluate("dispatchEvent(new Event('resize')); document.body.className = 'changed'")
    page.keyboard.press("Space")
    page.wait_for_timeout(100)
    settled(page)
    assert page.evaluate("model.saves + model.sent.length") == sent
