"""The player from Python: traits, bytes, bad input, what is left where no front end runs."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ldm_lab.config import MelConfig
from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.widgets import SpectrogramPlayer, picture, player
from ldm_lab.widgets.esm import css, esm

RATE = 16000


@pytest.fixture
def tone() -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.float32)


def test_bytes_hold_the_sound(tone):
    shown = player(tone)
    heard = np.frombuffer(shown.versions[0]["pcm"], "<i2") / 32768
    assert np.abs(heard - tone).max() <= 0.5 / 32768 + 1e-7
    assert shown.seconds == 1.0


def test_bytes_hold_the_mel(tone):
    shown = player(tone)
    cells = np.frombuffer(shown.versions[0]["mel"], np.uint8).reshape(-1, 64)
    assert cells.shape == (100, 64)
    assert abs(shown.sound["band_hz"][cells[50].argmax()] - 1000) < 40
    assert cells.max() == 255
    assert shown.sound["frame_seconds"] == 0.01


@pytest.mark.parametrize("shape", [(RATE,), (1, RATE)])
@pytest.mark.parametrize("kind", [torch.from_numpy, np.asarray])
def test_tensors_and_arrays_are_alike(tone, shape, kind):
    assert player(kind(tone.reshape(shape))).versions == player(tone).versions


def test_silence_and_one_sample_are_sounds_too():
    for wav in (np.zeros(RATE, np.float32), np.zeros(1, np.float32)):
        shown = player(wav)
        assert set(shown.versions[0]["mel"]) == {0}
        assert shown.still().startswith(b"\x89PNG")


@pytest.mark.parametrize("wav", [
    np.zeros((2, 100), np.float32), np.zeros(0, np.float32), np.array([0.0, np.nan]), np.zeros(100, np.int16),
])
def test_what_is_no_sound_is_refused(wav):
    with pytest.raises(AudioInputError):
        player(wav)


def test_too_long_and_too_many_are_refused(tone):
    with pytest.raises(AudioInputError, match="show a part"):
        player(np.zeros(601 * RATE, np.float32))
    with pytest.raises(OptionError, match="1 to 4"):
        player({str(i): tone for i in range(5)})
    with pytest.raises(OptionError, match="1 to 4"):
        player({})


def test_other_sample_rates(tone):
    shown = player(tone, sample_rate=8000)
    assert shown.seconds == 2.0
    assert max(shown.sound["band_hz"]) < 4000
    with pytest.raises(AudioInputError, match="resample"):
        player(tone, sample_rate=8000, config=MelConfig())


def test_versions_share_one_scale(tone):
    shown = player({"loud": tone, "soft": tone * 0.01})
    loud, soft = (np.frombuffer(v["mel"], np.uint8).astype(int) for v in shown.versions)
    assert loud.max() == 255
    step = 255 * np.log(100) / picture.RANGE
    assert loud.max() - soft.max() == pytest.approx(step, abs=1)
    shown.active = 9
    assert shown.active == 1


def test_long_sounds_are_drawn_with_few_columns():
    rng = np.random.default_rng(0)
    wavs = {"long": rng.standard_normal(50 * RATE).astype(np.float32) * 0.1, "short": np.ones(RATE, np.float32) * 0.1}
    shown = player(wavs)
    columns = [len(v["mel"]) // 64 for v in shown.versions]
    frame = shown.sound["frame_seconds"]
    assert columns[0] <= picture.MAX_COLUMNS
    assert frame * columns[0] == pytest.approx(50, abs=frame)
    assert frame * columns[1] == pytest.approx(1, abs=frame)


def test_a_new_sound_keeps_or_changes_the_words(tone):
    shown = player(tone, title="a tone", transcript="It hums.")
    shown.position = 0.5
    shown.show(tone[:8000], title="half", transcript="It hums briefly.")
    assert (shown.title, shown.transcript, shown.position, shown.seconds) == ("half", "It hums briefly.", 0.0, 0.5)


def test_every_version_has_its_transcript_written_or_measured(tone):
    sounds = {"tone": tone, "silence": tone * 0}
    shown = player(sounds, title="two")
    assert "a tone near 1000 Hz" in shown.transcript
    shown.active = 1
    assert shown.transcript == "1.00 s of silence."
    assert shown.text().splitlines() == ["two | 1.00 s", *(f"  {v['label']}: {v['transcript']}" for v in shown.versions)]
    assert player(sounds, transcript={"tone": "hum", "silence": ""}).transcript == "hum"
    with pytest.raises(OptionError, match="one for each"):
        player(sounds, transcript={"tone": "hum"})


def test_the_bundle_has_a_picture_and_a_line_for_pages_without_widgets(tone):
    from PIL import Image

    data, metadata = player(tone, title="a tone", transcript="It hums at 1 kHz.")._repr_mimebundle_()
    assert data["text/plain"] == "a tone | 1.00 s | It hums at 1 kHz."
    assert "It hums" in metadata["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data
    shown = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    plot = np.asarray(shown)[-146:-34, 46:526].astype(int).sum(axis=2)
    centres = picture.band_centres(MelConfig())
    row = 112 * (1 - (np.interp(1000, centres, range(64)) + 0.5) / 64)
    assert plot.mean(axis=1).argmax() == pytest.approx(row, abs=3)
    assert len(data["image/png"]) < 60_000


def test_the_module_asks_for_nothing_from_outside():
    text = esm("player") + css("lab")
    assert "import " not in text.replace("no imports", "").replace("No imports", "")
    for word in ("http:", "https:", "data:audio", "fetch(", "@import"):
        assert word not in text.replace("http://www.w3.org/2000/svg", "")
    assert text.count("export class Transport") == 1


def test_the_first_message_to_a_front_end_holds_the_sound(tone, monkeypatch):
    sent = []
    monkeypatch.setattr("ipywidgets.widgets.widget.comm.create_comm",
                        lambda **kwargs: sent.append(kwargs) or SimpleNamespace(comm_id="1", on_msg=lambda handler: None, close=lambda: None,
                                                                               send=sent.append, kernel=None))
    shown = player(tone, title="a tone")
    opened = [message for message in sent if "sound" in message.get("data", {}).get("state", {})]
    assert opened == sent[-1:]
    assert opened[0]["data"]["state"]["title"] == "a tone"
    assert len(opened[0]["buffers"][0]) == 2 * RATE
    shown.close()


def test_traits_are_small_beside_the_sound(tone):
    state = player(tone).get_state()
    assert len(state["sound"]["versions"][0]["pcm"]) == 2 * RATE
    assert isinstance(SpectrogramPlayer(tone), SpectrogramPlayer)
