"""Sound files out and in again."""

import os

import numpy as np
import pytest

from ldm_lab.audio.io import BLOCK, FORMATS, load, save


def noise(samples):
    return (np.random.default_rng(0).normal(size=samples) * 0.1).astype(np.float32)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_comes_back(tmp_path, ending):
    wav = noise(2 * BLOCK + 5)  # more than one block
    path = save(tmp_path / "deep" / f"x{ending}", wav, comment="how it was made")
    back = load(path)[0].numpy()
    if ending in (".wav", ".flac"):
        assert len(back) == len(wav) and np.abs(back - wav).max() < 2**-15
    else:
        length = min(len(wav), len(back))
        assert abs(len(back) - len(wav)) < 3000 and np.corrcoef(wav[:length], back[:length])[0, 1] > 0.5
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask  # others may read it, as any file the user writes
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_minutes_of_vorbis_do_not_crash_the_encoder(shell):
    """In a process of its own, for what went wrong here once was a segmentation fault; a small stack stands for minutes."""
    code = ("import threading, numpy as np; from ldm_lab.audio.io import encode; threading.stack_size(1 << 18); "
            "wav = np.random.default_rng(0).normal(size=40 * 16000) * 0.1; "
            "thread = threading.Thread(target=lambda: print(len(encode(wav, 16000, '.ogg')))); thread.start(); thread.join()")
    done = shell("-c", code)
    assert done.returncode == 0 and int(done.stdout) > 100000, done.stderr
