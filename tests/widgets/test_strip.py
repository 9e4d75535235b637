"""The transfer strip from Python: one row, one place in it, similarities, and a Series that shows itself."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import ldm_lab.widgets  # sets how Series and Results are shown  # noqa: F401
from ldm_lab.editing import Series, transfer
from ldm_lab.errors import AudioInputError, OptionError, PromptError
from ldm_lab.rng import Rng
from ldm_lab.widgets import TransferStrip

RATE, SAMPLES = 16000, 10000
STRENGTHS = (0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def wav() -> torch.Tensor:
    return 0.2 * Rng(0).randn((SAMPLES,), "sound").clamp(-3, 3)


@pytest.fixture(scope="module")
def series(tiny, wav) -> Series:
    return transfer(tiny, wav, "a bell", strengths=STRENGTHS, steps=2, progress=False)


@pytest.fixture
def strip(tiny, wav) -> TransferStrip:
    return TransferStrip(tiny, wav, "a bell", strengths=STRENGTHS, steps=2)


def test_the_row_is_the_original_and_the_series(strip, series, wav):
    assert strip.labels == ["original", "strength 0", "strength 0.5", "strength 1"]
    for version, expected in zip(strip.versions, [wav, *(result.audio[0] for result in series)]):
        assert np.abs(np.frombuffer(version["pcm"], "<i2") / 32768 - expected.numpy()).max() < 1e-4
    assert all(torch.equal(made.audio, expected.audio) for made, expected in zip(strip.series, series))
    assert (strip.index, strip.strength, strip.result) == (0, None, None)
    assert strip.strengths == [0.0, 0.5, 1.0]


def test_index_strength_and_active_are_one_place(strip):
    strip.index = 2
    assert (strip.active, strip.strength, strip.result) == (2, 0.5, strip.series[1])
    strip.strength = 0.9
    assert (strip.index, strip.strength, strip.active) == (3, 1.0, 3)
    strip.active = 1
    assert (strip.index, strip.strength) == (1, 0.0)
    strip.index = 99
    assert (strip.index, strip.strength) == (3, 1.0)
    strip.strength = None
    assert (strip.index, strip.active) == (0, 0)
    assert np.abs(strip.region() - np.frombuffer(strip.versions[0]["pcm"], "<i2") / 32768).max() < 1e-6


def test_similarities_are_clap_cosines(strip, tiny, wav, series):
    with torch.no_grad():
        emb = torch.cat([tiny.clap.encode_audio(sound) for sound in [wav[None], *(result.audio for result in series)]])
        text = tiny.clap.encode_text(["a bell"])
    assert strip.similarity["to_prompt"] == pytest.approx((emb @ text[0]).tolist(), abs=1e-5)
    assert strip.similarity["to_source"] == pytest.approx((emb @ emb[0]).tolist(), abs=1e-5)
    assert strip.similarity["to_source"][0] == pytest.approx(1, abs=1e-5)
    assert strip.words(1) == (f"strength 0: CLAP similarity to the prompt {strip.similarity['to_prompt'][1]:.2f}, "
                              f"to the source {strip.similarity['to_source'][1]:.2f}")


def test_another_prompt_keeps_the_place_and_the_first_is_remembered(strip, monkeypatch):
    first, seen = strip.series, []
    strip.index, strip.position, strip.prompt = 2, 0.25, "thunder"
    strip.observe(lambda change: seen.append(change["new"]), "progress")
    assert strip.run() is strip.series
    assert strip.series is not first
    assert strip.series[0].prompts == ("thunder",)
    assert 'towards "thunder"' in strip.title
    assert (strip.index, strip.strength, strip.position) == (2, 0.5, 0.25)
    assert seen == sorted(seen[:-1]) + [-1.0] and 0 < seen[1] <= 1
    monkeypatch.setattr("ldm_lab.widgets.strip.transfer", None)  # nothing is made a second time
    strip.prompt = "a bell"
    assert strip.run() is first
    assert strip.status == "Made before, remembered."


def test_other_strengths_make_another_row(strip):
    strip.index, strip.strengths = 3, [0.3, 1]
    strip.run()
    assert strip.labels == ["original", "strength 0.3", "strength 1"]
    assert (strip.index, strip.strength) == (2, 1.0)


@pytest.mark.parametrize(("traits", "words"), [
    ({"strengths": []}, "strengths: got"),
    ({"strengths": [0.2, "x"]}, "strengths[1]: got 'x'"),
    ({"strengths": [2.0]}, "strengths[0]: got 2.0"),
    ({"strengths": [0.5] * 33}, "strengths: got 33, expected at most 32"),
    ({"seed": "one"}, "seed: got 'one'"),
    ({"options": {"steps": 0}}, "steps: got 0"),
])
def test_bad_values_are_said_and_the_row_stays(strip, traits, words):
    before = strip.series
    for name, value in traits.items():
        setattr(strip, name, value)
    assert strip.run() is None
    assert words in strip.status
    assert (strip.wrong, strip.series) == (True, before)


def test_bad_input_is_refused_at_once(tiny, wav):
    with pytest.raises(AudioInputError, match="got 2 sounds"):
        TransferStrip(tiny, torch.stack([wav, wav]), "a bell")
    with pytest.raises(OptionError, match="unknown option 'stepps'"):
        TransferStrip(tiny, wav, "a bell", stepps=2)
    with pytest.raises(PromptError):
        TransferStrip(tiny, wav, 3)


def test_a_ready_series_needs_no_model(series):
    strip = TransferStrip.of(series)
    assert not strip.editable
    assert strip.similarity == {"to_prompt": [None, *(float(result.score[0]) for result in series)], "to_source": []}
    assert strip.words(0) == "original"
    strip.strength = 1.0
    assert strip.result is strip.series[2]
    assert strip.run() is None
    assert "there is no model" in strip.status


def test_what_a_page_cannot_hold_is_refused(series, monkeypatch):
    monkeypatch.setattr("ldm_lab.widgets.picture.MAX_SECONDS", 2.0)
    with pytest.raises(OptionError, match="got 4 sounds of 1 s, a page holds 2 s in all"):
        TransferStrip.of(series)
    data, _ = series._repr_mimebundle_()  # a notebook still says what it is
    assert data["text/plain"].startswith("Series(strength 0")


def test_with_a_model_a_ready_series_can_go_on(series, tiny):
    strip = TransferStrip.of(series, ldm=tiny)
    assert strip.editable
    assert len(strip.similarity["to_source"]) == 4
    assert strip.options == {"steps": 2}  # as the series was made
    strip.prompt, strip.seed = "rain", np.int64(1)
    strip.run()
    assert (strip.series[0].prompts, strip.series[0].config["seeds"], strip.series[0].config["steps"]) == (("rain",), [1], 2)


def test_saving_writes_the_series(strip, tmp_path):
    paths = strip.save(tmp_path)
    assert [path.name for path in paths] == ["01-strength-0.wav", "02-strength-0.5.wav", "03-strength-1.wav"]


def test_without_a_front_end_the_row_is_drawn_and_told(strip):
    data, metadata = strip._repr_mimebundle_()
    lines = data["text/plain"].splitlines()
    assert lines[0] == 'sound of 0.62 s towards "a bell" | 0.62 s | 3 strengths'
    assert lines[3].startswith("  strength 0.5: CLAP similarity to the prompt 0.")
    assert "curves" in metadata["image/png"]["alt"]
    drawn = np.asarray(Image.open(io.BytesIO(strip.still())).convert("RGB")).astype(int)
    columns = np.split(drawn[24:108, 34:674], 4, axis=1)
    assert all(column.std() > 20 for column in columns)
    assert np.abs(columns[0] - columns[3]).mean() > 1  # not four times the same picture
    curves = drawn[130:]
    assert ((curves[..., 0] > curves[..., 1] + 60) & (curves[..., 2] > curves[..., 1] + 60)).sum() > 200  # the purple one


def test_a_series_shows_itself_as_a_strip(tiny, wav, series):
    data, metadata = series._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/plain"].startswith('sound of 0.62 s towards "a bell"')
    assert "strength 0.5" in metadata["image/png"]["alt"]
    two = transfer(tiny, torch.stack([wav, wav]), ["a bell", "rain"], strengths=(0.0, 1.0), steps=1, progress=False)
    data, _ = two._repr_mimebundle_()
    assert 'towards "a bell"' in data["text/plain"] and 'towards "rain"' in data["text/plain"]


def test_without_widgets_a_series_keeps_its_plain_players(series, monkeypatch):
    monkeypatch.setattr("ldm_lab.editing.series._display", None)
    data = series._repr_mimebundle_()
    assert data["text/html"].count("<audio") == 4
    assert data["text/plain"].startswith("Series(strength 0, strength 0.5, strength 1")


def test_an_edited_result_is_shown_before_and_after(series, wav):
    from ldm_lab.widgets.show import result_player

    shown = result_player(series[1])
    assert [v["label"] for v in shown.versions] == ["source", "edited"]
    assert shown.active == 1
    assert shown.transcript.startswith("Edited by transfer (seed 0, 2 steps")
    assert np.abs(np.frombuffer(shown.versions[0]["pcm"], "<i2") / 32768 - wav.numpy()).max() < 1e-4
    data, _ = series[1]._repr_mimebundle_()
    assert "source: Before the edit." in data["text/plain"]
