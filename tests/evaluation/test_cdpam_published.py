"""fadtk's published scores of its sample files, made again: CDPAM's real weights against real statistics.

Runs where the packages `cdpam` (weights), `fadtk` (sounds, statistics, scores; its other files are not used) and torchaudio lie on
the path, and where the environment says so: hearing the 23 files takes minutes.

    pip install --no-deps cdpam==0.0.6 fadtk==1.1.0
    LDM_LAB_SLOW=1 python -m pytest tests/evaluation/test_cdpam_published.py
"""

import csv
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ldm_lab.evaluation.backbones.cdpam import SAMPLE_RATE, load_cdpam
from ldm_lab.evaluation.distances import frechet_distance

NEEDED = ("cdpam", "fadtk", "torchaudio")
pytestmark = pytest.mark.skipif(
    not os.environ.get("LDM_LAB_SLOW") or not all(map(importlib.util.find_spec, NEEDED)),
    reason=f"takes minutes: set LDM_LAB_SLOW=1 and install {', '.join(NEEDED)}")


def package() -> Path:
    return Path(next(iter(importlib.util.find_spec("fadtk").submodule_search_locations)))


def as_fadtk_reads(path: Path) -> torch.Tensor:
    """(1, N) at 22050 Hz, in 16 bits: CDPAM hears the difference between resamplers, so its own has to be taken."""
    import soundfile
    from torchaudio.transforms import Resample

    wav, rate = soundfile.read(path, dtype="float32", always_2d=True)
    resample = Resample(rate, SAMPLE_RATE, lowpass_filter_width=64, rolloff=0.9475937167399596,
                        resampling_method="sinc_interp_kaiser", beta=14.769656459379492)
    return (resample(torch.from_numpy(wav.mean(axis=1))[None]) * 32768).round().clamp(-32768, 32767) / 32768


def rows_with(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(2 D, D) rows of exactly this mean and unbiased covariance."""
    values, vectors = np.linalg.eigh(covariance)
    away = (vectors * np.sqrt(np.maximum(values, 0) * (len(mean) - 0.5))).T
    return np.concatenate([mean + away, mean - away])


@pytest.mark.parametrize("part", ["acoustic", "content"])
def test_scores_of_fadtk(part):
    statistics = np.load(package() / "stats" / "fma_pop.npz")
    reference = rows_with(statistics[f"cdpam-{part}.mu"], statistics[f"cdpam-{part}.cov"])
    with open(package() / "test" / "samples_FAD_scores.csv", newline="") as file:
        published = {row["song_id"]: float(row[f"FAD_cdpam_{part}_fma_pop"]) for row in csv.DictReader(file)}
    listener, heard = load_cdpam(part=part), []
    for path in sorted((package() / "test" / "samples").glob("*.opus")):
        features = listener.features(as_fadtk_reads(path))["features"].half().numpy()  # fadtk keeps half precision
        heard.append(features)
        assert frechet_distance(features, reference, allow_singular=True) == pytest.approx(published[f"samples/{path.stem}"], rel=1e-3)
    assert len(heard) == 23
    assert frechet_distance(np.concatenate(heard), reference, allow_singular=True) == pytest.approx(published["samples/all"], rel=1e-3)
