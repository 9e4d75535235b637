"""How long a player takes to be there, and how long switching and scrubbing take: python benchmarks/widgets.py

Prints a table and writes benchmarks/widgets.json. Needs the requirements of `make test` and a Chromium. Three measurements:
the parts in a bare page (medians of RUNS), the whole way in a real JupyterLab, and switching and scrubbing.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "widgets")]

from browser_tools import as_json, kernel, settled  # noqa: E402
from lab_server import Notebook, server  # noqa: E402

import ldm_lab  # noqa: E402
from ldm_lab.widgets import DenoisingScrubber, player  # noqa: E402

RUNS, SECONDS, RATE = 9, 10.0, 16000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]
FAKE_MODEL = (ROOT / "tests" / "widgets" / "fake_model.js").read_text(encoding="utf-8")
# Bytes as a kernel sends them: one body, JSON first, then the buffers.
ARRIVE = """async (number) => {
    const marks = [performance.now()];
    const body = await (await fetch(`/state/${number}`)).arrayBuffer();
    const head = new DataView(body).getUint32(0, true);
    const { state, buffers } = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, head)));
    let at = 4 + head;
    for (const [path, size] of buffers) {
        path.slice(0, -1).reduce((item, key) => item[key], state)[path.at(-1)] = new DataView(body, at, size);
        at += size;
    }
    marks.push(performance.now());
    const address = URL.createObjectURL(new Blob([state._esm], { type: 'text/javascript' }));
    const widget = await import(address);
    marks.push(performance.now());
    const { FakeModel } = await import('/fake_model.js');
    const model = new FakeModel({});
    model.state = state;
    const root = document.getElementById('root');
    const from = performance.now();
    const cleanup = await widget.default.render({ model, el: root });
    while (!root.querySelector('.ldm-slider').style.width) await new Promise(requestAnimationFrame);
    const drawn = performance.now();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const shown = performance.now();
    cleanup();
    return [marks[1] - marks[0], marks[2] - marks[1], drawn - from, shown - drawn];
}"""
IN_LAB = """async (index) => {
    const { content } = jupyterapp.shell.currentWidget;
    const before = new Set(document.querySelectorAll('.ldm-slider'));
    const painted = new Promise((done) => {
        const look = () => {
            const fresh = [...document.querySelectorAll('.ldm-slider')].find((node) => !before.has(node) && node.style.width);
            if (fresh) setTimeout(() => done(Date.now() / 1000)); else requestAnimationFrame(look);
        };
        look();
    });
    content.activeCellIndex = index;
    await jupyterapp.commands.execute('notebook:run-cell');
    return painted;
}"""
EACH = """async ([selector, act]) => {
    const times = [];
    for (const node of document.querySelectorAll(selector)) {
        const from = performance.now();
        eval(act)(node);
        const handled = performance.now();
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push([handled - from, performance.now() - from]);
    }
    return times;
}"""


def noise(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """(N,) a sound with something in every cell of its picture."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    loud = np.interp(np.arange(count), np.linspace(0, count, 40), rng.uniform(0.01, 0.3, 40))
    return (loud * rng.standard_normal(count)).clip(-1, 1).astype(np.float32)


def median(values) -> float:
    return round(statistics.median(values), 1)


@contextmanager
def serving(bodies: dict[str, tuple[str, bytes]]) -> Iterator[str]:
    """A web server on this machine that knows `bodies` {path: (type, bytes)}."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = bodies.get(self.path, ("text/plain", b""))
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()


def message(widget) -> bytes:
    """The state of a widget as one body, the buffers behind the JSON."""
    from anywidget._util import remove_buffers

    state = {key: value for key, value in widget.get_state().items() if key not in ("layout", "tabbable", "tooltip")}
    plain, paths, buffers = remove_buffers(state)
    head = json.dumps({"state": plain, "buffers": [[path, len(one)] for path, one in zip(paths, buffers)]}).encode()
    return len(head).to_bytes(4, "little") + head + b"".join(map(bytes, buffers))


def measure_parts(browser) -> dict[str, float]:
    """Milliseconds of each part between `player(wav)` and a picture in a bare page; medians of RUNS."""
    names = ("python: sound, picture, words", "python: still picture", "page: state arrives", "page: module is read",
             "page: first drawing", "page: on the screen")
    page_of = {"/": ("text/html", b"<body style='width:720px'><div id=root></div>"),
               "/fake_model.js": ("text/javascript", FAKE_MODEL.encode())}
    rows = []
    with serving(page_of) as address:
        page = browser.new_page(viewport={"width": 760, "height": 480})
        page.goto(address)
        for number in range(RUNS + 1):
            wav = noise(number)
            began = time.perf_counter()
            shown = player(wav, title="ten seconds")
            made = time.perf_counter()
            shown._repr_mimebundle_()
            done = time.perf_counter()
            page_of[f"/state/{number}"] = ("application/octet-stream", message(shown))
            rows.append([1000 * (made - began), 1000 * (done - made), *page.evaluate(ARRIVE, number)])
        page.close()
    rows = rows[1:]  # the first one warms up torch and the page
    return {name: median(column) for name, column in zip(names, zip(*rows))} | {"all": median(map(sum, rows))}


def measure_in_jupyterlab(browser) -> dict[str, float]:
    """Milliseconds from the call of `player(wav)` in a cell to its picture on the page; median of RUNS, and the first one."""
    setup = ("import time, numpy as np, torch\nfrom ldm_lab.widgets import player\n"
             "torch.set_num_threads(2)\nwavs = np.load('wavs.npy')\nplayer(wavs[0])")
    cell = "began = time.time(); player(wavs[{0}], title='ten seconds')"
    with tempfile.TemporaryDirectory(prefix="ldm-widgets-") as top:
        home, folder = Path(top) / "home", Path(top) / "course"
        home.mkdir(), folder.mkdir()
        np.save(folder / "wavs.npy", np.stack([noise(number) for number in range(RUNS + 1)]))
        cells = [nbformat.v4.new_code_cell(source) for source in [setup, *(cell.format(i) for i in range(RUNS + 1))]]
        kernelspec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernelspec), folder / "players.ipynb")
        with server(folder, home) as address:
            context = browser.new_context(viewport={"width": 1100, "height": 900})
            notebook = Notebook(context.new_page(), address.format("players.ipynb"))
            spent = []
            for index in range(RUNS + 2):
                shown = notebook.page.evaluate(IN_LAB, index)
                spent.append(1000 * (shown - notebook.python("began")) if index else 0.0)
            context.close()
    return {"all": median(spent[2:]), "the first player of a page": round(spent[1], 1)}


def open_page(context, widget):
    """A page with `widget` in it and the real Python behind it."""
    page = context.new_page()
    files = {"/": ("text/html", f"<style>{widget._css}</style><div id=root></div>"),
             "/widget.js": ("text/javascript", widget._esm), "/fake_model.js": ("text/javascript", FAKE_MODEL)}

    def serve(route) -> None:
        kind, body = files["/" + route.request.url.split("/", 3)[3]]
        route.fulfill(status=200, content_type=kind, body=body)

    page.route("**/*", serve)
    page.expose_function("python", kernel(widget))
    page.goto("http://localhost/")
    keys = [key for key in widget.keys if not key.startswith("_") and key not in ("layout", "tooltip", "tabbable")]
    page.evaluate("""async (state) => {
        const { FakeModel } = await import('/fake_model.js');
        globalThis.model = new FakeModel(state);
        await (await import('/widget.js')).default.render({ model, el: document.getElementById('root') }) }""",
                  as_json({key: getattr(widget, key) for key in keys}))
    settled(page)
    return page


def measure_gestures(browser) -> dict[str, dict[str, float]]:
    """Milliseconds of a switch between versions and of a step of the scrubber: until handled, and until on the screen."""
    context = browser.new_context(viewport={"width": 760, "height": 900})
    page = open_page(context, player({name: noise(i) for i, name in enumerate("ABCD")}))
    radios, click = ".ldm-versions button", "(node) => node.click()"
    page.evaluate(EACH, [radios, click])  # each picture is painted when it is first looked at
    switches = [pair for _ in range(4) for pair in page.evaluate(EACH, [radios, click])]
    scrubber = DenoisingScrubber(ldm_lab.load("lab"), "a dog barking", samplers=("ddim", "unipc"), steps=10, progress=False)
    page = open_page(context, scrubber)
    slider = page.locator(".ldm-denoising .ldm-range input").first
    slider.focus()
    steps = []
    for lap in range(3):
        page.keyboard.press("Home")
        for _ in range(10):
            settled(page)
            move = "(node) => { node.stepUp(); node.dispatchEvent(new Event('input', { bubbles: true })) }"
            pairs = page.evaluate(EACH, [".ldm-denoising .ldm-range input", move])
            settled(page)
            steps += pairs if lap else []
    context.close()
    told = lambda pairs: {"handled": median(p[0] for p in pairs), "on the screen": median(p[1] for p in pairs)}
    return {"A/B switch": told(switches), "scrubber step, heard before": told(steps)}


def main() -> int:
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"])))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        load = [round(value, 2) for value in os.getloadavg()]
        found = {"machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Chromium {browser.version}, "
                            f"Python {platform.python_version()}, load before: {load[0]}",
                 "unit": f"milliseconds, medians of {RUNS}; clip of {SECONDS:g} s",
                 "player, by its parts": measure_parts(browser), "gestures": measure_gestures(browser),
                 "player in JupyterLab": measure_in_jupyterlab(browser)}
        browser.close()
    (ROOT / "benchmarks" / "widgets.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(found["machine"], found["unit"], sep="\n")
    for name, values in found.items():
        if isinstance(values, dict):
            print(f"\n{name}")
            for part, value in values.items():
                print(f"  {part:34} {value if isinstance(value, dict) else format(value, '8.1f')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
