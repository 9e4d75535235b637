"""The studio from code: tasks, shelf, comparison, files, mistakes."""

import io
import json
import zipfile

import numpy as np
import pytest
import soundfile
import torch

from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.generate import generate
from ldm_lab.widgets import PromptStudio, Studio

RATE = 16000


@pytest.fixture
def studio(tiny):
    return Studio(tiny, prompt="rain", steps=2, seconds=0.64)


def test_what_it_makes_is_what_generate_makes(studio, tiny):
    same = generate(tiny, "rain", steps=2, seconds=0.64, seed=0, progress=False)
    assert torch.equal(studio.wav, same.audio[0])
    assert studio.result.prompts == ("rain",)
    assert studio.status.startswith("Made in")
    assert (studio.wrong, studio.progress) == (False, -1.0)
    assert studio.shelf == [{"id": 1, "name": "rain", "made": "generate, seed 0", "seconds": 0.64}]


@pytest.mark.parametrize("task, form", [
    ("transfer", {"prompt": "a bell", "strength": 0.5}), ("vary", {"strength": 0.8}), ("extend", {"after": 0.32}),
    ("super_resolve", {"cutoff_hz": 2000}), ("inpaint", {"prompt": ""}),
])  # fmt: skip
def test_every_edit_works_on_the_sound_that_is_heard(studio, task, form):
    before = studio.wav
    studio.box = [0.2, 0.4, 0.0, 8000.0] if task == "inpaint" else []
    result = studio.run(task, **form)
    assert studio.wrong is False, studio.status
    assert torch.equal(result.source[0, : len(before)], before) or task == "extend"
    assert (studio.shown, studio.heard) == ([1, 2], 2)
    assert studio.shelf[0]["made"] == f"{task.replace('_', '-')}, seed 0, of 1"
    assert torch.equal(studio.wav, result.audio[0])
    if task == "inpaint":
        assert torch.equal(studio.wav[: int(0.2 * RATE)], before[: int(0.2 * RATE)])
        assert not torch.equal(studio.wav, before)


def test_loop_needs_no_sound(tiny):
    studio = Studio(tiny, steps=2, first=False)
    assert studio.run("loop", prompt="a motor", seconds=0.64).config["edit"]["name"] == "loop"
    assert studio.shown == [1]


def test_an_edit_without_a_sound_or_a_box_says_so(tiny, studio):
    empty = Studio(tiny, first=False)
    assert empty.run("transfer") is None
    assert empty.wrong is True
    assert "generate one or bring a file" in empty.status
    assert studio.run("inpaint") is None
    assert "no box yet" in studio.status
    assert studio.run("generate", steps=0) is None
    assert "steps: got 0" in studio.status
    studio.form = {**studio.form, "steps": 2}
    for field in ("candidates", "strength"):
        assert studio.run("vary", **{field: "x"}) is None
        assert f"{field}: got 'x'" in studio.status
        studio.form = {**studio.form, field: None}
    assert len(studio.shelf) == 1


def test_unknown_tasks_and_fields_are_refused(tiny):
    with pytest.raises(OptionError, match="transfer"):
        Studio(tiny, tasks=("transfr",))
    with pytest.raises(OptionError, match="field"):
        Studio(tiny, loudness=3)
    with pytest.raises(OptionError, match="none"):
        Studio(tiny, tasks=())
    assert Studio(tiny, tasks=("generate",), first=False).run("transfer") is None


def test_up_to_four_sounds_are_compared(studio):
    for seed in range(1, 5):
        studio.run("generate", seed=seed)
    studio.choose(1, 2, 3, 5, hear=3)
    assert [v["label"] for v in studio.versions] == ["1 · rain", "2 · rain", "3 · rain", "5 · rain"]
    assert studio.heard == 3
    with pytest.raises(OptionError, match="1 to 4"):
        studio.choose(1, 2, 3, 4, 5)
    with pytest.raises(OptionError, match="not on the shelf"):
        studio.choose(9)


def test_sounds_are_taken_away(studio):
    studio.run("generate", seed=1)
    studio.remove(2)
    assert (studio.shown, [row["id"] for row in studio.shelf]) == ([1], [1])
    studio.remove(1)
    assert (studio.shown, studio.sound, studio.wav, studio.heard) == ([], {}, None, None)
    assert studio.still() == b""
    with pytest.raises(OptionError, match="nothing yet"):
        studio.remove(1)


def test_own_sounds_come_to_the_shelf(studio, tmp_path):
    wav = np.sin(np.arange(RATE) / 20).astype(np.float32) * 0.5
    assert studio.add(wav, name="a tone") == 2
    assert torch.equal(studio.wav, torch.from_numpy(wav))
    assert studio.result is None
    path = tmp_path / "other.flac"
    soundfile.write(path, wav, RATE)
    studio.ask_add("my tone.flac", path.read_bytes())
    assert studio.shelf[0]["name"] == "my tone"
    assert np.abs(studio.wav.numpy() - wav).max() < 1e-3
    studio.ask_add("broken.wav", b"no sound at all")
    assert studio.wrong is True
    assert "broken.wav" in studio.status
    assert "/tmp" not in studio.status


def test_files_hold_the_sound_and_its_settings(studio, tmp_path):
    studio.run("transfer", prompt="a bell / 2", strength=0.5)
    name, data = studio.file(2, ".flac")
    assert name == "02-a-bell-2.flac"
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert json.loads(file.comment)["prompt"] == "a bell / 2"
        assert np.abs(file.read(dtype="float32") - studio.wav.numpy()).max() < 1e-3
    paths = studio.save(tmp_path)
    assert sorted(path.name for path in paths) == sorted(path.name for path in tmp_path.iterdir())
    with zipfile.ZipFile(io.BytesIO(studio.ask_zip(".wav")["data"])) as archive:
        assert archive.namelist() == ["01-rain.wav", "02-a-bell-2.wav", "sounds.json"]
        assert json.loads(archive.read("sounds.json"))[1]["settings"]["prompt"] == "a bell / 2"
    with pytest.raises(AudioInputError, match="wav"):
        studio.file(1, ".wave")


def test_a_page_without_widgets_shows_picture_and_shelf(studio):
    data, metadata = studio._repr_mimebundle_()
    assert "1 sound on the shelf" in data["text/plain"]
    assert "1. rain: generate, seed 0, 0.64 s" in metadata["image/png"]["alt"]
    assert len(data["image/png"]) > 1000


def test_the_prompt_studio_makes_the_first_sound_at_once(tiny):
    studio = PromptStudio(tiny, prompt="rain", steps=2, seconds=0.64, seed=3)
    assert studio.result.prompts == ("rain",)
    assert studio.form["seed"] == 3
    assert [task["name"] for task in studio.spec["tasks"]] == ["generate"]
