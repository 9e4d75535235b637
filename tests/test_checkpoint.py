"""Models on disk: what is saved loads equal, and every kind of damage is named before a wrong sound is made."""

import json

import pytest
import torch

from ldm_lab.checkpoint import assemble, load, save_model
from ldm_lab.checkpoint.files import read_tensors, write_manifest, write_tensors
from ldm_lab.errors import CheckpointError, OptionError
from ldm_lab.system import PARTS, AudioLDM


@pytest.fixture
def folder(tmp_path):
    return save_model(AudioLDM.from_preset("tiny"), tmp_path / "model", dtype=torch.float32)


def test_round_trip_is_bit_equal(folder):
    before, after = AudioLDM.from_preset("tiny"), load(folder, device="cpu")
    assert after.config == before.config
    for part in PARTS:
        ours, theirs = getattr(before, part).state_dict(), getattr(after, part).state_dict()
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_half_precision_is_half_the_size_and_close(tmp_path, folder):
    small = save_model(AudioLDM.from_preset("tiny"), tmp_path / "half")
    assert (small / "unet.safetensors").stat().st_size < 0.6 * (folder / "unet.safetensors").stat().st_size
    load(small, device="cpu")


@pytest.mark.parametrize("offset", [10, 5000, -1])
def test_a_flipped_bit_is_noticed(folder, offset):
    path = folder / "unet.safetensors"
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="unet.safetensors has changed"):
        load(folder, device="cpu")


def test_a_truncated_or_missing_file_is_named(folder):
    (folder / "vocoder.safetensors").write_bytes((folder / "vocoder.safetensors").read_bytes()[:100])
    (folder / "clap.safetensors").unlink()
    with pytest.raises(CheckpointError, match="clap.safetensors is missing; .*vocoder.safetensors has changed|"
                                              "vocoder.safetensors has changed.*clap.safetensors is missing"):
        load(folder, device="cpu")


def test_without_manifest_it_is_not_a_model(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="manifest.json: missing"):
        load(folder, device="cpu")


def test_tensors_that_do_not_fit_are_all_listed(folder):
    tensors = read_tensors(folder / "unet.safetensors")
    tensors["extra"] = torch.zeros(1)
    del tensors["film.bias"]
    tensors["conv_in.weight"] = torch.zeros(1, 2)
    write_tensors(folder / "unet.safetensors", tensors)
    write_manifest(folder)
    with pytest.raises(CheckpointError) as error:
        load(folder, device="cpu")
    assert all(word in str(error.value) for word in ("missing film.bias", "not expected extra", "conv_in.weight: got (1, 2)"))


def test_not_finite_weights_are_refused(folder):
    tensors = read_tensors(folder / "unet.safetensors")
    tensors["film.bias"][0] = float("nan")
    write_tensors(folder / "unet.safetensors", tensors)
    write_manifest(folder)
    with pytest.raises(CheckpointError, match="film.bias"):
        load(folder, device="cpu")


def test_unknown_configuration_key_and_format(folder):
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "windowseconds": 1}))
    write_manifest(folder)
    with pytest.raises(Exception, match="did you mean 'window_seconds'"):
        load(folder, device="cpu")
    (folder / "config.json").write_text(json.dumps({**values, "format": 99}))
    write_manifest(folder)
    with pytest.raises(CheckpointError, match="format"):
        load(folder, device="cpu")


def test_names(tmp_path):
    with pytest.raises(OptionError, match="did you mean 'tiny'"):
        load("tinny")
    with pytest.raises(CheckpointError, match="no weights here"):
        load("audioldm-s")
    with pytest.raises(OptionError, match="did you mean 'cpu'|choose one of: cpu"):
        load("tiny", device="gpu")


def test_assemble_replaces_one_part(folder, tmp_path):
    other = save_model(AudioLDM.from_preset("tiny", seed=1), tmp_path / "other", dtype=torch.float32)
    assemble({"autoencoder": other}, folder, model="tiny")
    mixed = load(folder, device="cpu")
    assert torch.equal(mixed.vocoder.state_dict()["conv_pre.bias"].half(),
                       AudioLDM.from_preset("tiny").vocoder.state_dict()["conv_pre.bias"].half())
    want = AudioLDM.from_preset("tiny", seed=1).autoencoder.state_dict()["quant_conv.weight"].half().float()
    assert torch.equal(mixed.autoencoder.state_dict()["quant_conv.weight"], want)
    with pytest.raises(OptionError, match="did you mean 'unet'"):
        assemble({"unett": other}, folder, model="tiny")
