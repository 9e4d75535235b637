"""A real headless Chromium and a fake widget model, so that the ES modules are tested as a front end runs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_tools import as_json, kernel, settled

FAKE_MODEL = (Path(__file__).parent / "fake_model.js").read_text(encoding="utf-8")
# Without the background flags Chromium looks for its own services; tests must not touch the network.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>widget</title>
<body style="margin:12px;width:{width}px;background:{background};color:{colour}"><style>{css}</style><div id="root"></div>
</body></html>"""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium. Where there is none the tests are skipped, but never unnoticed in continuous integration."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((path for path in map(shutil.which, filter(None, names)) if path), None)
    if path is None:
        reason = "no Chromium found (install one, or name it in the environment variable CHROMIUM)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def browser(chromium) -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_widget(browser) -> Iterator[Callable]:
    """``page = open_widget(widget)``: its ES module rendered with its state. Any error in the page fails the test.

    live: the widget itself answers, as behind a kernel; otherwise the page's messages are only noted.
    """
    opened = []

    def opener(widget, *, dark: bool = False, live: bool = False, width: int = 760, height: int = 480):
        context = browser.new_context(viewport={"width": width, "height": height},
                                      color_scheme="dark" if dark else "light", reduced_motion="reduce")
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        opened.append((context, errors))
        look = {"background": "#111", "colour": "#eee"} if dark else {"background": "#fff", "colour": "#111"}
        html = PAGE.format(css=widget._css, width=width - 40, **look)
        files = {"/": ("text/html", html), "/widget.js": ("text/javascript", widget._esm),
                 "/fake_model.js": ("text/javascript", FAKE_MODEL)}

        def serve(route) -> None:
            kind, body = files.get("/" + route.request.url.split("/", 3)[3], ("", ""))
            if kind:
                route.fulfill(status=200, content_type=kind, body=body)
            else:
                errors.append(f"the page asked for {route.request.url}")
                route.abort()

        page.route("**/*", serve)
        if live:
            carry = kernel(widget)
            page.expose_function("python", carry)
        page.goto("http://localhost/")
        keys = [key for key in widget.keys if not key.startswith("_") and key not in ("layout", "tooltip", "tabbable")]
        state = as_json({key: getattr(widget, key) for key in keys})
        page.evaluate("""async (state) => {
            const { FakeModel } = await import('/fake_model.js');
            globalThis.widget = await import('/widget.js');
            globalThis.model = new FakeModel(state);
            globalThis.cleanup = await widget.default.render({ model, el: document.getElementById('root') });
        }""", state)
        page.errors = errors
        if live:
            settled(page)
        return page

    yield opener
    for context, errors in opened:
        context.close()
        assert errors == []


@pytest.fixture
def receive() -> Callable:
    """``receive(page, position=1.0)``: the model gets new values, as when Python sets traits."""
    return lambda page, **changes: page.evaluate("state => model.receive(state)", as_json(changes))
