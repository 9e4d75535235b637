"""A real JupyterLab with its own home, no network and one notebook, and the few things a test asks of it."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
RUN_ALL = """async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.revealed; await panel.sessionContext.ready;
    await jupyterapp.commands.execute('notebook:run-all-cells');
}"""
REWRITE = """async ([index, code]) => {
    const book = jupyterapp.shell.currentWidget.content;
    book.activeCellIndex = index;
    book.deselectAll();
    if (code !== null) book.activeCell.model.sharedModel.setSource(code);
    await jupyterapp.commands.execute('notebook:run-cell');
}"""
ASK = """async (code) => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const options = { code: '', store_history: false, user_expressions: { value: code } };
    return (await kernel.requestExecute(options).done).content.user_expressions?.value;
}"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home: Path) -> dict[str, str]:
    """Nothing of the user's own Jupyter; the quick model; a kernel that finds this source tree."""
    own = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                                                       "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    model = os.environ.get("LDM_LAB_MODEL") or "tiny"
    return {**os.environ, **own, "HOME": str(home), "PYTHONPATH": path, "LDM_LAB_MODEL": model, "OMP_NUM_THREADS": "1",
            "JUPYTER_PREFER_ENV_PATH": "1"}


@contextlib.contextmanager
def server(folder: Path, home: Path) -> Iterator[str]:
    """Address (with token) of a JupyterLab that serves `folder`; it ends with the block."""
    port, token = free_port(), secrets.token_hex(16)
    settings = home / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
               "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={token}",
               f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly"]
    with open(home / "server.log", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=home, env=environment(home), stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_up(f"http://127.0.0.1:{port}/api/status?token={token}", process, home / "server.log")
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_up(address: str, process: subprocess.Popen, log: Path, *, seconds: float = 60.0) -> None:
    for _ in range(int(seconds / 0.1)):
        if process.poll() is not None:
            break
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


class Notebook:
    """A notebook open in JupyterLab in `page`."""

    def __init__(self, page, address: str) -> None:
        self.page = page
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.wait_for_function("() => globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel")
        page.evaluate("() => jupyterapp.shell.collapseLeft()")  # room for the notebook

    def run_all(self) -> None:
        """Run all cells, and wait until the kernel has run the last one."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")

    def rerun(self, index: int, code: str | None = None) -> None:
        """Run a cell, with other code in it if there is some."""
        self.page.evaluate(REWRITE, [index, code])

    def python(self, expression: str):
        """The value (a Python literal) of an expression in the notebook's kernel."""
        answer = self.page.evaluate(ASK, expression)
        assert answer and answer["status"] == "ok", (expression, answer)
        return ast.literal_eval(answer["data"]["text/plain"])

    def until(self, expression: str, expected, *, seconds: float = 30.0) -> None:
        """Wait until Python says `expected` (messages of the page are handled beside the cells, not between them)."""
        deadline = time.monotonic() + seconds
        while (found := self.python(expression)) != expected:
            assert time.monotonic() < deadline, f"{expression}: got {found!r}, expected {expected!r}"
            self.page.wait_for_timeout(50)

    def cell(self, index: int):
        """The cell with this number, from 0, scrolled into view."""
        found = self.page.locator(".jp-Notebook .jp-Cell").nth(index)
        found.scroll_into_view_if_needed()
        return found

    def theme(self, name: str) -> None:
        self.page.evaluate("async (theme) => { await jupyterapp.commands.execute('apputils:change-theme', { theme }) }", name)
        self.page.wait_for_function("dark => document.body.dataset.jpThemeLight === String(!dark)", arg="Dark" in name)

    def save(self, path: Path) -> dict:
        """Save, and read back what is on the disk."""
        self.page.evaluate("async () => { await jupyterapp.shell.currentWidget.context.save() }")
        return json.loads(path.read_text(encoding="utf-8"))
