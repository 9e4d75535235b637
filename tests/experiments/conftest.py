"""Experiments on the untrained tiny model, a few clips and few resamples, with their cache in a temporary folder."""

import pytest

from ldm_lab.evaluation import statistics
from ldm_lab.experiments import bench


@pytest.fixture(autouse=True)
def small_and_apart(monkeypatch, tmp_path):
    monkeypatch.setattr(statistics, "RESAMPLES", 20)
    monkeypatch.setattr(bench, "RUNS", tmp_path / "cache")
