"""What the tests of widgets in a page have in common."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


def as_json(value):
    """Widget state as JSON: bytes become {"bytes": base64}, which the fake model turns into a DataView."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value


def kernel(widget) -> Callable[[dict], list]:
    """A function that does with a page's message what a kernel does, and gives back what Python then sends."""
    answers: list = []

    def send(content, buffers=None) -> None:
        answers.append({"content": content, "buffers": [as_json(bytes(one)) for one in buffers or []]})

    wrote: dict = {}  # by the page in the message that is being handled: a front end ignores its own echo

    def changed(change) -> None:
        name = change["name"]
        if name in wrote and wrote[name] == change["new"]:
            return
        answers.append({"changes": {change["name"]: as_json(change["new"])}})

    widget.send = send
    widget.observe(changed, [key for key in widget.keys if not key.startswith("_")])

    def carry(message: dict) -> list:
        answers.clear()
        wrote.clear()
        wrote.update(message.get("changes", {}))
        if "changes" in message:
            widget.set_state(message["changes"])
        else:
            buffers = [memoryview(base64.b64decode(one)) for one in message["buffers"]]
            widget._handle_custom_msg(message["content"], buffers)
        return list(answers)

    return carry


def settled(page) -> None:
    """Wait until Python has answered everything that the page sent."""
    page.wait_for_function("model.waiting === 0", timeout=60_000)


def accessible(page) -> None:
    """Fails with axe's words if the page breaks a rule of WCAG 2.2 A or AA."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", exc_type=ImportError).Axe()
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = axe.run(page, context="#root", options=rules)
    assert found.response["violations"] == [], found.generate_report()
    assert len(found.response["passes"]) > 3  # it has looked at something


def screenshot(page, name: str) -> None:
    """A PNG of the widget in the folder LDM_LAB_SHOTS, where one is named."""
    if folder := os.environ.get("LDM_LAB_SHOTS"):
        page.locator("#root").screenshot(path=str(Path(folder) / f"{name}.png"))


def written(page, name: str) -> list:
    """What the page wrote into the trait `name`, in order."""
    return page.evaluate("name => model.written.filter(([n]) => n === name).map(([, v]) => v)", name)


def asked(page, name: str) -> list:
    """The values of every request `name` that the page has sent, in order."""
    return page.evaluate("name => model.sent.map(([m]) => m).filter((m) => m.ask === name).map((m) => m.with)", name)


def fits_its_cell(page, selector: str) -> None:
    """Fails if the widget is wider than the cell it is in."""
    wide = page.evaluate("s => [document.querySelector(s).scrollWidth, document.querySelector('#root').clientWidth]", selector)
    assert wide[0] <= wide[1]


def from_page(page, code: str, *arguments) -> bytes:
    """Bytes of the typed array that `code`, an (async) JavaScript function of `arguments`, gives back."""
    raw = page.evaluate("""async ([code, ...args]) => { const made = await eval(code)(...args);
        const bytes = new Uint8Array(made.buffer, made.byteOffset, made.byteLength); let text = '';
        for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
        return btoa(text) }""", [code, *arguments])
    return base64.b64decode(raw)


def pixels(page, x: int, y: int, width: int, height: int, *, selector: str = "canvas") -> np.ndarray:
    """RGB pixels (H, W, 3) of a part of a canvas, in its own coordinates."""
    raw = from_page(page, """([x, y, w, h], s) => document.querySelector(s).getContext('2d')
        .getImageData(x, y, w, h).data""", [x, y, width, height], selector)
    return np.frombuffer(raw, np.uint8).reshape(height, width, 4)[..., :3].astype(float)


def render_offline(page, sound: str = "model.get('sound')", *, samples: int, **options) -> np.ndarray:
    """What the page's sound code plays of `sound` (a JavaScript expression), rendered without a loudspeaker; (N,)."""
    raw = from_page(page, """async (sound, samples, options) => {
        const { versions, sample_rate } = eval(sound);
        const context = new OfflineAudioContext(1, samples, sample_rate);
        widget.schedule(context, versions.map(({ pcm }) => widget.decode(pcm)), sample_rate, options);
        return (await context.startRendering()).getChannelData(0) }""", sound, samples, options)
    return np.frombuffer(raw, dtype="<f4")
