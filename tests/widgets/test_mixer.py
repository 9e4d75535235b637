"""The latent mixer from Python: gains, solo and mute, what is decoded, bad input, what is left without a front end."""

import base64
import io

import numpy as np
import pytest
import torch

from ldm_lab.errors import AudioInputError, OptionError
from ldm_lab.widgets import LatentMixer
from ldm_lab.widgets.mixing import KEPT, applied_gains

RATE = 16000


@pytest.fixture
def wav() -> np.ndarray:
    seconds = np.arange(int(0.64 * RATE)) / RATE
    return (0.4 * np.sin(2 * np.pi * (300 + 900 * seconds) * seconds)).astype(np.float32)


@pytest.fixture
def mixer(tiny, wav):
    return LatentMixer(tiny, wav, title="chirp")


def decode(tiny, z: torch.Tensor, samples: int) -> torch.Tensor:
    return tiny.mel_to_wav(tiny.latent_to_mel(z[None]))[0, :samples]


def test_at_first_the_mix_is_the_decoded_latent(tiny, mixer, wav):
    z = tiny.mel_to_latent(tiny.wav_to_mel(torch.from_numpy(wav)[None]))[0]
    assert torch.equal(mixer.latent, z)
    assert mixer.latent.shape == tiny.latent_shape(0.64)
    assert torch.equal(mixer.wav, decode(tiny, z, len(wav)).clamp(-1, 1))
    assert [v["label"] for v in mixer.versions] == ["original", "decoded", "mix"]
    original, decoded, mix = (np.frombuffer(v["pcm"], "<i2") / 32768 for v in mixer.versions)
    assert np.abs(original - wav).max() < 1e-4
    assert np.array_equal(decoded, mix)
    assert mixer.active == 2
    assert mixer.difference == 0


def test_gains_mute_and_solo_shape_the_latent(tiny, mixer, wav):
    z, count = mixer.latent, len(mixer.gains)
    gains = [0.5 + 0.1 * i for i in range(count)]
    mixer.gains, mixer.muted = gains, [1]
    expected = z * torch.tensor([0.0 if i == 1 else g for i, g in enumerate(gains)])[:, None, None]
    assert torch.equal(mixer.latent, expected)
    assert torch.equal(mixer.wav, decode(tiny, expected, len(wav)).clamp(-1, 1))
    assert mixer.difference > 0
    mixer.solo = [0, 1]
    assert mixer.applied == [0.5, *[0.0] * (count - 1)]
    mixer.active = 2
    assert np.abs(mixer.region() - mixer.wav.numpy()).max() < 1e-4
    mixer.reset()
    assert torch.equal(mixer.latent, z)


def test_mute_wins_over_solo():
    assert applied_gains([1.0, 1.5, 2.0], [], []) == [1.0, 1.5, 2.0]
    assert applied_gains([1.0, 1.5, 2.0], [1], []) == [1.0, 0.0, 2.0]
    assert applied_gains([1.0, 1.5, 2.0], [1], [1, 2]) == [0.0, 0.0, 2.0]


def test_energy_and_the_strongest_channels(mixer):
    squares = mixer.latent.square().sum((1, 2))
    assert mixer.energy == pytest.approx((squares / squares.sum()).tolist(), rel=1e-4)
    best = int(squares.argmax())
    mixer.solo = [0]
    mixer.strongest(1)
    assert mixer.applied == [float(i == best) for i in range(len(mixer.gains))]
    mixer.strongest(len(mixer.gains))
    assert mixer.muted == []
    with pytest.raises(OptionError, match="1 to"):
        mixer.strongest(0)


def test_solo_walks_through_the_channels(mixer):
    last = len(mixer.gains) - 1
    mixer.solo_next()
    assert mixer.solo == [0]
    mixer.solo_next()
    assert mixer.solo == [1]
    mixer.solo = []
    mixer.solo_next(-1)
    assert mixer.solo == [last]
    mixer.solo_next()
    assert mixer.solo == []


def test_an_empty_latent_is_no_silence(tiny, mixer, wav):
    mixer.all_off()
    assert float(mixer.latent.abs().max()) == 0.0
    assert torch.equal(mixer.wav, decode(tiny, torch.zeros_like(mixer.latent), len(wav)).clamp(-1, 1))
    mixer.ask_mix()
    assert "not silence" in mixer.status


def test_each_mix_is_decoded_once(tiny, mixer, monkeypatch):
    calls = []
    vocoder = type(tiny).mel_to_wav
    monkeypatch.setattr(type(tiny), "mel_to_wav", lambda self, mel: calls.append(1) or vocoder(self, mel))
    for muted in ([0], [], [0], [1], [0]):
        mixer.muted = muted
        reply = mixer.ask_mix()
        assert reply["mix"]["pcm"] == mixer.versions[2]["pcm"]
    assert len(calls) == 2
    for step in range(KEPT + 3):
        mixer.gains = [0.05 * (step + 1) % 2.0] * len(mixer.gains)
        mixer.ask_mix()
    assert len(mixer._mixing._memo) == KEPT
    assert "decoded in" in mixer.status
    assert "another gain" in mixer.status


def test_the_page_sends_its_gains_with_the_question(mixer):
    gains = [0.5] * len(mixer.gains)
    reply = mixer.ask_mix(gains=gains, muted=[1], solo=[], match=False)
    assert (mixer.gains, mixer.muted) == (gains, [1])
    assert reply["mix"]["pcm"] == mixer.versions[2]["pcm"]
    assert mixer.ask_mix(gains=gains, muted=[], solo=[0], match=False, known=True) == {}
    assert mixer.solo == [0]


def test_what_each_channel_changes(tiny, mixer):
    plain = mixer.mel
    losses = mixer.measure()
    mixer.muted = [1]
    assert losses[1] == pytest.approx(float((mixer.mel - plain).abs().mean()) * 20 / np.log(10), rel=1e-4)
    assert mixer.difference == pytest.approx(losses[1], rel=1e-4)
    assert mixer.ask_measure() == len(mixer.gains) == len(mixer.losses)


def test_levels_are_matched_when_that_is_heard(mixer):
    mixer.gains = [0.3] * len(mixer.gains)
    assert mixer.ask_mix()["gains"] == [1.0] * 3
    mixer.match = True
    gains = mixer.ask_mix()["gains"]
    assert min(gains) < 1.0
    assert max(gains) == 1.0


def test_mistakes_are_refused(tiny, mixer, wav):
    for name, value in (("gains", [1.0]), ("gains", [3.0] * len(mixer.gains)), ("muted", [-1]), ("solo", [99]),
                        ("gains", [float("nan")] * len(mixer.gains))):
        with pytest.raises(OptionError, match=f"{name}: got"):
            setattr(mixer, name, value)
    assert mixer.applied == [1.0] * len(mixer.gains)
    with pytest.raises(OptionError, match="make another one"):
        mixer.show(wav)
    with pytest.raises(OptionError, match="solo: got channel 99"):
        LatentMixer(tiny, wav, solo=[99])
    with pytest.raises(AudioInputError, match="up to 30 s"):
        LatentMixer(tiny, np.zeros(31 * RATE, np.float32))
    with pytest.raises(AudioInputError):
        LatentMixer(tiny, "nowhere.wav")


def test_the_first_message_holds_the_mix_that_was_asked_for(tiny, wav):
    mixer = LatentMixer(tiny, wav, muted=[1, 0, 1])
    assert mixer.muted == [0, 1]
    assert mixer.sound["applied"] == mixer.applied
    heard = np.frombuffer(mixer.sound["versions"][2]["pcm"], "<i2") / 32768
    assert np.abs(heard - mixer.wav.numpy()).max() < 1e-4


def test_the_mix_as_a_result(tiny, mixer, tmp_path):
    mixer.muted = [0]
    result = mixer.result()
    assert torch.equal(result.audio[0], mixer.wav)
    assert torch.equal(result.latent[0], mixer.latent)
    assert result.config["edit"]["gains"] == [mixer.applied]
    assert -1.0 <= float(result.score[0]) <= 1.0
    assert result[0].save(tmp_path / "mix.wav")[0].is_file()
    assert "Edited by mix" in result._repr_mimebundle_()[0]["text/plain"]
    again = LatentMixer(tiny, result)
    assert again.title == "[sound of chirp]"
    assert np.abs(again.region() - again.wav.numpy()).max() < 1e-4


def test_without_a_front_end_there_are_words_and_a_picture(mixer):
    from PIL import Image

    mixer.muted = [0]
    data, metadata = mixer._repr_mimebundle_()
    lines = data["text/plain"].splitlines()
    assert lines[0].startswith("Latent mixer | chirp | 0.64 s | latent ")
    assert f"{len(mixer.gains) - 1} of {len(mixer.gains)} channels" in lines[1]
    assert "with the most energy" in metadata["image/png"]["alt"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")).astype(int)
    below = shown[-70:]
    assert ((below[..., 0] - below[..., 2]) > 60).any()  # red cells: values above zero
    assert ((below[..., 2] - below[..., 0]) > 60).any()  # blue cells: values below


def test_the_status_line_follows_what_python_asks(mixer):
    at_first = mixer.status
    mixer.all_off()
    assert mixer.status.startswith("An empty latent is not silence") and mixer.status in mixer.text()
    mixer.reset()
    assert mixer.status == at_first
    mixer.strongest(1)
    assert mixer.status.startswith(f"1 of {len(mixer.gains)} channels")
    mixer.reset()
    mixer.solo_next()
    assert mixer.status.startswith(f"1 of {len(mixer.gains)} channels") and mixer.status in mixer.text()
