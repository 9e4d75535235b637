"""Shared by all tests: one thread a worker, no network, and helpers to call the command line."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: results of 1 and 2 threads differ in the last bit
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("LDM_LAB_PASSPORT", "off")  # a test solves exercises; its user has not

import ipaddress
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return ROOT


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A test that reaches for the network fails: everything it needs is in the repository."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple):
            host = str(address[0])
            local = host == "localhost" or ((host[0].isdigit() or ":" in host) and ipaddress.ip_address(host).is_loopback)
            assert local, f"a test tried to connect to {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def lab(capsys):
    """``lab("generate", "rain", "-o", path)`` runs the command in this process and returns its Outcome."""
    from ldm_lab.cli import main

    def run(*words) -> Outcome:
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:  # argparse leaves this way
            code = stop.code if isinstance(stop.code, int) else 1
        seen = capsys.readouterr()
        return Outcome(code, seen.out, seen.err)

    return run


@pytest.fixture(scope="session")
def shell():
    """``shell("-c", code)`` runs a fresh Python at the top of the source tree; keywords become environment variables."""

    def run(*words, timeout: float = 120, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
        command = [sys.executable, *map(str, words)]
        env = {**os.environ, **environment}
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, env=env)

    return run


@pytest.fixture(scope="session")
def tiny():
    """The untrained tiny model: every part, at toy widths."""
    import ldm_lab

    return ldm_lab.load("tiny")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; tests that need one are skipped where there is none."""
    found = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found
