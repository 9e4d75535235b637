"""Listeners: the published architectures against other implementations with the same random weights, and how weights load."""

import functools

import numpy as np
import pytest
import torch
from torch import nn

from ldm_lab.errors import CheckpointError, OptionError
from ldm_lab.evaluation.backbones import BACKBONES, cdpam, cnn14, load_backbone, vggish
from ldm_lab.evaluation.backbones.own import ClapBackbone, JudgeBackbone
from ldm_lab.evaluation.backbones.weights import read_weights


def noise(seconds, rate, sounds=1, seed=0):
    return 0.1 * torch.randn(sounds, round(seconds * rate), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def stir(network: nn.Module, seed=0) -> nn.Module:
    """Random running statistics and biases, so that every number of the network counts."""
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.copy_(0.1 * torch.randn(module.running_mean.shape, generator=random))
            module.running_var.copy_(0.5 + torch.rand(module.running_var.shape, generator=random))
            module.weight.copy_(0.5 + torch.rand(module.weight.shape, generator=random))
            module.bias.copy_(0.1 * torch.randn(module.bias.shape, generator=random))
    return network.eval()


def small_cnn14(rate=16000, seed=0) -> cnn14.Cnn14:
    return stir(cnn14.Cnn14(cnn14.FRONT_ENDS[rate], widths=(4, 4, 4, 8, 8, 8), classes=5), seed)


@pytest.mark.parametrize("rate", [16000, 32000])
def test_cnn14_front_end_equals_torchlibrosa(rate):
    stft = pytest.importorskip("torchlibrosa.stft")
    config = cnn14.FRONT_ENDS[rate]
    spectrogram = stft.Spectrogram(n_fft=config.n_fft, hop_length=config.hop_length, win_length=config.n_fft)
    mel = stft.LogmelFilterBank(sr=rate, n_fft=config.n_fft, n_mels=64, fmin=config.fmin, fmax=config.fmax, amin=1e-10, top_db=None)
    wav = noise(0.5, rate)
    network = small_cnn14(rate)
    want = mel(spectrogram(wav))[:, 0]
    assert torch.allclose(network.log_mel(wav), want, atol=2e-3)  # dB, of values around -10
    assert torch.allclose(network.filterbank, mel.melW, atol=1e-7)


def test_cnn14_equals_panns_inference(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # the package fetches the labels into the home folder when imported
    labels = tmp_path / "panns_data" / "class_labels_indices.csv"
    labels.parent.mkdir()
    labels.write_text("index,mid,display_name\n0,/m/0,Speech\n")
    panns = pytest.importorskip("panns_inference.models")
    with monkeypatch.context() as patch:  # its 80 million weights are given no values: narrow blocks take their place
        for name in ("kaiming_uniform_", "xavier_uniform_"):
            patch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
        theirs = panns.Cnn14(16000, 512, 160, 64, 50, 8000, 527)
    widths = tuple(width // 32 for width in cnn14.WIDTHS)
    for number, (before, after) in enumerate(zip((1, *widths), widths), start=1):
        setattr(theirs, f"conv_block{number}", panns.ConvBlock(before, after))
    theirs.fc1, theirs.fc_audioset = nn.Linear(64, 64), nn.Linear(64, 527)
    stir(theirs)
    ours = cnn14.Cnn14(widths=widths)
    state = {name: value for name, value in theirs.state_dict().items() if name not in cnn14.CONSTANTS}
    assert set(theirs.state_dict()) - set(state) == set(cnn14.CONSTANTS)
    ours.load_state_dict(state)
    wav = noise(0.7, 16000, sounds=2)
    with torch.no_grad():
        want = theirs(wav)
        embedding, logits = ours.eval()(wav)
    assert torch.allclose(embedding, want["embedding"], rtol=1e-4, atol=1e-5 * want["embedding"].abs().max().item())
    assert torch.allclose(logits.sigmoid(), want["clipwise_output"], atol=1e-5)


def test_vggish_equals_torchvggish(monkeypatch):
    pytest.importorskip("torchvggish")
    from torchvggish.torchvggish import VGG, make_layers
    from torchvggish.vggish_input import waveform_to_examples

    wav = noise(2.5, 16000)
    pictures = vggish.examples(wav)
    want = waveform_to_examples(wav[0].double().numpy(), 16000)  # (n, 1, 96, 64)
    assert pictures.shape == (1, 2, 96, 64)
    assert torch.allclose(pictures[0], want[:, 0], atol=1e-5)
    linear = nn.Linear  # 16 wide where the published one is 4096, or 67 million random numbers would be drawn
    monkeypatch.setattr(nn, "Linear", lambda a, b: linear(16 if a == 4096 else a, 16 if b == 4096 else b))
    theirs = VGG(make_layers(), postprocess=False)
    monkeypatch.undo()
    ours = vggish.VGGish(relu=True, width=16)
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert torch.allclose(ours(want), theirs(want), atol=1e-6)
        # without the last ReLU, as audioldm_eval takes the features, half of the numbers are negative
        bare = vggish.VGGish(width=16)
        bare.load_state_dict(ours.state_dict())
        raw = vggish.VGGishBackbone(bare).features(wav)["features"]
    assert (raw < 0).any() and torch.allclose(raw.relu(), ours(want), atol=1e-5)


def test_quantised_vggish_features_are_bytes():
    random = torch.Generator().manual_seed(0)
    features, mean = torch.randn(3, 128, generator=random), torch.randn(128, generator=random)
    out = vggish.quantise(features, torch.eye(128), mean)
    assert out.min() >= 0 and out.max() <= 255 and torch.equal(out, out.round())
    assert torch.equal(out, (((features - mean).clamp(-2, 2) + 2) * 63.75).round())


def test_one_sound_gives_the_same_features_alone_and_in_company(tiny):
    small = cdpam.CdpamEncoder(width=2)
    narrow = vggish.VGGish(width=8)
    listeners = [JudgeBackbone(), ClapBackbone(tiny), cnn14.Cnn14Backbone(small_cnn14()),
                 vggish.VGGishBackbone(narrow.eval()), cdpam.CdpamBackbone(stir(small))]
    for listener in listeners:
        wav = noise(1.3, listener.sample_rate, sounds=3)
        together, alone = listener.features(wav), listener.features(wav[1:2])
        for key, value in together.items():
            if value is not None:
                assert torch.allclose(value.chunk(3)[1], alone[key], atol=1e-4), listener.name
        short = listener.features(wav[:, :50])["features"]
        assert torch.isfinite(short).all(), listener.name


def test_cdpam_hears_each_second_and_halves_by_part():
    network = stir(cdpam.CdpamEncoder(width=2))
    wav = noise(2.2, 22050)
    acoustic, content = (cdpam.CdpamBackbone(network, part=part).features(wav)["features"] for part in cdpam.PARTS)
    assert acoustic.shape == content.shape == (3, 16)
    with torch.no_grad():
        second = network(torch.round(wav[:, 22050:44100] * 32768))[0]
    assert torch.allclose(acoustic[1], second[:16] / second[:16].norm(), atol=1e-6)
    assert torch.allclose(content[1], second[16:] / second[16:].norm(), atol=1e-6)


def test_a_training_state_with_numpy_arrays_loads_exactly(tmp_path, monkeypatch):
    network = small_cnn14()
    state = network.state_dict() | {cnn14.MEL_MATRIX: network.filterbank, **{name: torch.zeros(1) for name in cnn14.CONSTANTS[1:]}}
    path = tmp_path / "Cnn14_16k_mAP=0.438.pth"
    torch.save({"iteration": 1, "model": state, "sampler": {"indexes": np.arange(5), "pointer": 2}}, path)
    monkeypatch.setattr(cnn14, "Cnn14", functools.partial(cnn14.Cnn14, widths=(4, 4, 4, 8, 8, 8), classes=5))
    listener = cnn14.load_cnn14(path)
    wav = noise(2.0, 16000)
    with torch.no_grad():
        assert torch.equal(listener.features(wav)["logits"], network(wav)[1])
    with pytest.raises(CheckpointError, match=r"its mel matrix is not that of 32000 Hz; the file for it is Cnn14_mAP"):
        cnn14.load_cnn14(path, sample_rate=32000)


def test_other_weights_are_refused_with_a_list(tmp_path, monkeypatch):
    monkeypatch.setattr(vggish, "VGGish", functools.partial(vggish.VGGish, width=16))
    path = tmp_path / "other.pth"
    torch.save({"fc1.weight": torch.zeros(3, 3), "extra": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match=r"not weights of VGGish: .* is missing.* and \d+ more"):
        vggish.load_vggish(path)
    path.write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match="not a readable file of weights"):
        read_weights(path)
    torch.save({"odd": functools.partial(print)}, path)  # a pickle that asks for code
    with pytest.raises(CheckpointError, match="not a readable file of weights"):
        read_weights(path)


def test_missing_weights_say_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path))
    for name, file in (("cnn14", "Cnn14_16k_mAP=0.438.pth"), ("cnn14-32k", "Cnn14_mAP=0.431.pth"), ("vggish", "vggish-10086976.pth")):
        with pytest.raises(CheckpointError, match=f"{file} is not here. Get it from https"):
            load_backbone(name)
    with pytest.raises(CheckpointError, match="no such file; expected vggish"):
        load_backbone("vggish", weights=tmp_path / "nothing.pth")
    monkeypatch.setattr(cdpam.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="pip install --no-deps cdpam"):
        load_backbone("cdpam")


def test_a_damaged_published_file_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_CACHE", str(tmp_path))
    place = vggish.FILE.where()
    place.parent.mkdir(parents=True)
    place.write_bytes(b"half of it")
    with pytest.raises(CheckpointError, match="SHA-256 does not begin with 10086976"):
        load_backbone("vggish")


def test_names_of_listeners():
    with pytest.raises(OptionError, match="unknown backbone 'vgish'; did you mean 'vggish'"):
        load_backbone("vgish")
    with pytest.raises(OptionError, match="has its own"):
        load_backbone("judge", weights="file.pth")
    assert {"judge", "clap", "cdpam", "cnn14", "vggish"} <= set(BACKBONES)


def test_the_fingerprint_follows_weights_and_options():
    network = small_cnn14()
    first = cnn14.Cnn14Backbone(network).fingerprint
    with torch.no_grad():
        network.fc1.bias[0] += 1e-3
    assert cnn14.Cnn14Backbone(network).fingerprint != first
    encoder = stir(cdpam.CdpamEncoder(width=2))
    assert cdpam.CdpamBackbone(encoder).fingerprint != cdpam.CdpamBackbone(encoder, part="content").fingerprint
