"""Windows are pure functions of their key, never mostly silence, and batches cover every clip once an epoch."""

import numpy as np
import pytest
import torch

from ldm_lab.errors import TrainingError
from ldm_lab.training.data import Sounds, Windows, fixed_windows, folder_sounds, place


def sounds(*lengths):
    random = np.random.default_rng(0)
    parts = [(random.uniform(0.2, 0.9, n) * 32767).astype(np.int16) for n in lengths]
    return Sounds(np.concatenate(parts), np.concatenate([[0], np.cumsum(lengths)]), [f"clip{i}" for i in range(len(lengths))])


@pytest.mark.parametrize("length", [1, 200, 4000, 9000, 10000, 15999, 16000, 16001, 160000])
def test_place_fills_the_window(length):
    random = np.random.default_rng(1)
    shares = []
    for _ in range(20):
        window = place(np.ones(length, np.float32), 16000, random)
        assert window.shape == (16000,) and window.dtype == np.float32
        shares.append(float((window == 0).mean()))
    # Clicks are repeated about ten times a window at most: closer together they would be another sound.
    assert np.mean(shares) < (0.5 if length >= 4000 else 1.0)


def test_a_long_clip_is_cropped_where_it_sounds():
    clip = np.zeros(160000, np.float32)
    clip[64000:96000] = 1.0
    random = np.random.default_rng(0)
    loud = np.mean([place(clip, 16000, random).any() for _ in range(50)])
    assert loud > 0.55  # one crop alone would meet the sound with probability of about 0.33


def test_windows_depend_on_their_key_alone():
    first, second = Windows(sounds(5000, 40000), 1.0, seed=3), Windows(sounds(5000, 40000), 1.0, seed=3)
    second.batch(0, 4)  # whatever else was drawn
    a, clips_a = first.batch(7, 4)
    b, clips_b = second.batch(7, 4)
    assert torch.equal(a, b) and clips_a == clips_b
    assert not torch.equal(a, Windows(sounds(5000, 40000), 1.0, seed=4).batch(7, 4)[0])


def test_every_epoch_has_every_window_once():
    windows = Windows(sounds(8000, 30000, 160000), 1.0, seed=0)
    assert len(windows) == 1 + 2 + 4  # long clips count for at most four
    seen = [clip for step in range(7) for clip in windows.indices(step, 3)]  # 21 = three epochs
    assert sorted(seen) == sorted([0] * 3 + [1] * 6 + [2] * 12)
    assert sorted(seen[:7]) == [0, 1, 1, 2, 2, 2, 2]


def test_fixed_windows_never_change():
    a, clips = fixed_windows(sounds(8000, 30000, 50000), 1.0, count=2)
    b, again = fixed_windows(sounds(8000, 30000, 50000), 1.0, count=2)
    assert a.shape == (2, 16000) and torch.equal(a, b) and clips == again


def test_folder_errors(tmp_path):
    with pytest.raises(TrainingError, match="no sound files"):
        folder_sounds(tmp_path)
    (tmp_path / "bad.wav").write_text("not sound")
    with pytest.raises(TrainingError, match="bad.wav"):
        folder_sounds(tmp_path)
