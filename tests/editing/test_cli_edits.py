"""The editing commands: what they write and what they refuse."""

from __future__ import annotations

import pytest
import soundfile

from ldm_lab.audio.io import save

FAST = ("--model", "tiny", "--steps", "1", "--device", "cpu", "-q")


@pytest.fixture
def file(wav, tmp_path):
    return save(tmp_path / "in.wav", wav[0])


def test_transfer_writes_one_file_or_a_numbered_series_with_a_picture(lab, file, tmp_path):
    done = lab("transfer", file, "rain", "-o", tmp_path / "out.flac", "--strength", "0.4", *FAST)
    assert done.code == 0, done.err
    assert soundfile.info(tmp_path / "out.flac").frames == 10000
    done = lab("transfer", file, "rain", "-o", tmp_path / "many.wav", "--strengths", "0", "0.5", "--plot", *FAST)
    assert done.code == 0, done.err
    assert {"many-01-strength-0.wav", "many-02-strength-0.5.wav", "many.png"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(("command", "samples"), [
    (("inpaint", "{file}", "--start", "0.2", "--end", "0.4", "--jumps", "2"), [10000]),
    (("inpaint", "{file}", "rain", "--low-hz", "3000", "--no-paste"), [10000]),
    (("super-resolve", "{file}", "--cutoff-hz", "3000"), [10000]),
    (("vary", "{file}", "--copies", "2"), [10000, 10000]),
    (("edit", "{file}", "noise", "rain", "--strength", "0.3"), [10000]),
    (("interpolate", "rain", "{file}", "--weights", "0", "1", "--seconds", "0.32"), [5120, 5120]),
    (("extend", "{file}", "--after", "0.1"), [11600]),
    (("loop", "rain", "--seconds", "0.3"), [5120]),
    (("loop", "--sound", "{file}", "--strength", "0.5"), [7680]),
])  # fmt: skip
def test_every_command_writes_its_sounds(lab, file, tmp_path, command, samples):
    done = lab(*[word.format(file=file) for word in command], "-o", tmp_path / "made.wav", *FAST)
    assert done.code == 0, done.err
    made = sorted(path for path in tmp_path.iterdir() if path.name.startswith("made"))
    assert [soundfile.info(path).frames for path in made] == samples


@pytest.mark.parametrize(("command", "words"), [
    (("transfer", "nowhere.wav", "rain"), "no such file"),
    (("transfer", "{file}", "rain", "--strength", "2"), "strength"),
    (("inpaint", "{file}"), "no hole"),
    (("super-resolve", "{file}"), "no cut-off"),
    (("vary", "{file}", "--copies", "0"), "--copies"),
    (("extend", "{file}", "-o", "out.xyz", "--after", "1"), "cannot write"),
])  # fmt: skip
def test_wrong_input_is_one_line_and_code_2(lab, file, command, words):
    done = lab(*[word.format(file=file) for word in command], *FAST)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err, done.err
