"""VGGish (Hershey et al. 2017, arXiv 1609.09430): the listener of published FAD, 128 numbers for each 0.96 s of sound.

As audioldm_eval has it by default: no PCA and no quantisation afterwards, and the last ReLU taken away. Names of
layers are those of the published PyTorch file.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn

from ldm_lab.errors import CheckpointError
from ldm_lab.evaluation.backbones import at_least, fingerprint
from ldm_lab.evaluation.backbones.weights import Published, fill, read_weights
from ldm_lab.shapes import check_shape

SAMPLE_RATE, WINDOW, HOP, N_FFT = 16000, 400, 160, 512
BANDS, FRAMES, FMIN, FMAX, OFFSET = 64, 96, 125.0, 7500.0, 0.01
LEAST_SECONDS = 2.0  # as audioldm_eval; one example needs 0.975 s
LAYERS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")
RELEASE = "https://github.com/harritaylor/torchvggish/releases/download/v0.1"
FILE = Published("vggish-10086976.pth", f"{RELEASE}/vggish-10086976.pth", sha256="10086976")
PCA_FILE = Published("vggish_pca_params-970ea276.pth", f"{RELEASE}/vggish_pca_params-970ea276.pth", sha256="970ea276")


def htk_filterbank() -> Tensor:
    """(257, 64) triangles that are linear on HTK's mel scale, 1127 ln(1 + f / 700), of peak 1; 0 Hz is left out."""
    mel = lambda hz: 1127.0 * torch.log1p(torch.as_tensor(hz, dtype=torch.float64) / 700.0)
    bins = mel(torch.linspace(0.0, SAMPLE_RATE / 2, N_FFT // 2 + 1, dtype=torch.float64))[:, None]
    edges = torch.linspace(mel(FMIN).item(), mel(FMAX).item(), BANDS + 2, dtype=torch.float64)
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    bank = torch.minimum(rise, fall).clamp(min=0.0)
    bank[0] = 0.0
    return bank


def examples(wav: Tensor) -> Tensor:
    """wav (B, N) at 16 kHz -> (B, n, 96, 64) log-mel pictures of 0.96 s, end to end; a rest at the end is dropped.

    Frames of 25 ms every 10 ms, magnitude (not power), log(mel + 0.01). In double precision, as the original.
    """
    check_shape(wav, "b n")
    frames = wav.double().unfold(1, WINDOW, HOP) * torch.hann_window(WINDOW, dtype=torch.float64, device=wav.device)
    magnitude = torch.fft.rfft(frames, n=N_FFT).abs()  # (B, T, 257)
    mel = torch.log(magnitude @ htk_filterbank().to(wav.device) + OFFSET)
    count = mel.shape[1] // FRAMES
    return mel[:, : count * FRAMES].reshape(len(mel), count, FRAMES, BANDS).float()


class VGGish(nn.Module):
    """``vggish(pictures (n, 1, 96, 64)) -> (n, 128)``; `relu`: keep the last ReLU, as the published network has it."""

    def __init__(self, *, relu: bool = False, width: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for layer in LAYERS:
            if layer == "pool":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, layer, 3, padding=1), nn.ReLU()]
                channels = layer
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(nn.Linear(channels * 6 * 4, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
                                        nn.Linear(width, 128), *([nn.ReLU()] if relu else []))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (n, 512, 6, 4)
        return self.embeddings(x.permute(0, 2, 3, 1).flatten(1))  # the dense layers read channels last


class VGGishBackbone:
    """VGGish as a listener: 128 features for each 0.96 s, no logits.

    `pca`: (matrix (128, 128), mean (128,)) to whiten and round to 0 ... 255 as AudioSet's released features are.
    """

    name, sample_rate = "vggish", SAMPLE_RATE

    def __init__(self, network: VGGish, *, pca: tuple[Tensor, Tensor] | None = None,
                 device: torch.device | str = "cpu") -> None:
        self.network, self.device = network.to(device).eval(), torch.device(device)
        self.pca = pca
        whitened = pca and [float(x.double().sum()) for x in pca]
        self.fingerprint = fingerprint(network, self.name, len(network.embeddings), LEAST_SECONDS, whitened)

    @torch.inference_mode()
    def features(self, wav: Tensor) -> dict[str, Tensor | None]:
        """wav (B, N) -> features (B * n, 128) with n = floor((N / 160 - 1.5) / 96) examples a sound."""
        wav = at_least(wav, round(LEAST_SECONDS * SAMPLE_RATE)).to(self.device)
        features = self.network(examples(wav).flatten(0, 1)[:, None]).cpu()  # of (B n, 1, 96, 64)
        return {"features": features if self.pca is None else quantise(features, *self.pca), "logits": None}


def quantise(features: Tensor, matrix: Tensor, mean: Tensor) -> Tensor:
    """(n, 128) -> whitened by PCA, clipped to [-2, 2] and rounded to 0 ... 255 (AudioSet's postprocessing)."""
    whitened = (features - mean.reshape(1, -1)) @ matrix.T
    return torch.round((whitened.clamp(-2.0, 2.0) + 2.0) * (255.0 / 4.0))


def load_vggish(weights: str | os.PathLike | None = None, *, relu: bool = False, pca: str | os.PathLike | bool = False,
                device: torch.device | str = "cpu") -> VGGishBackbone:
    """The published VGGish from `weights` (see `backbones.load_backbone`); `pca`: True or a file for the
    postprocessing.
    """
    path = FILE.find(weights)
    network = VGGish(relu=relu)
    fill(network, read_weights(path), path)
    if pca is False:
        return VGGishBackbone(network, device=device)
    path = PCA_FILE.find(None if pca is True else pca)
    params = {name: torch.as_tensor(value).float() for name, value in read_weights(path).items()}
    if {name: value.numel() for name, value in params.items()} != {"pca_eigen_vectors": 128 * 128, "pca_means": 128}:
        raise CheckpointError(f"{path}: expected pca_eigen_vectors (128, 128) and pca_means (128,), as in {PCA_FILE.file}")
    return VGGishBackbone(network, pca=(params["pca_eigen_vectors"], params["pca_means"].flatten()), device=device)
