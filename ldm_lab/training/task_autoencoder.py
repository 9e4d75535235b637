"""Learning the mel autoencoder: L1 + KL, later a patch discriminator with hinge loss (paper section 3.3).

With ``freeze_encoder`` only the decoder goes on learning, so that latents (and everything trained on them) stay valid
while the sound gets sharper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.audio.mel import MelFrontend
from ldm_lab.config import ModelConfig
from ldm_lab.models.autoencoder import Autoencoder
from ldm_lab.models.discriminators import PatchDiscriminator, hinge_d, hinge_g
from ldm_lab.rng import Rng, seeded
from ldm_lab.training.data import Windows, corpus_sounds, fixed_windows, folder_sounds
from ldm_lab.training.plots import save_mels, save_sounds
from ldm_lab.training.recipe import TrainConfig

PCA_CLIPS = 1500  # windows that the linear path is fitted to


@dataclass(frozen=True)
class AutoencoderOptions:
    """`seconds` of sound a training window; KL and adversarial weights; when the discriminator starts."""

    seconds: float = 1.28
    kl_weight: float = 0.01  # times the mean KL of a latent element
    gan_weight: float = 0.5  # times the adaptive weight |grad of L1| / |grad of adversarial| (Esser et al. 2021, eq. 7)
    gan_start: int = 10**9  # step from which the discriminator plays
    gan_width: int = 32
    freeze_encoder: bool = False
    valid_clips: int = 128
    data: str = "corpus"  # or a folder of sound files
    start: str = ""  # folder of weights to start from


class AutoencoderTask:
    def __init__(self, config: ModelConfig, train: TrainConfig, options: AutoencoderOptions) -> None:
        self.config, self.train, self.options, self.rng = config, train, options, Rng(train.seed)
        generator_seed = self.rng.key("init")
        with seeded(generator_seed):
            self.model = Autoencoder(config.autoencoder)
            self.discriminator = PatchDiscriminator(width=options.gan_width)
        if options.start:
            from ldm_lab.checkpoint.parts import load_part

            load_part(self.model, Path(options.start), "autoencoder")
        if options.freeze_encoder:
            self.model.encoder.requires_grad_(False)
            self.model.quant_conv.requires_grad_(False)
            if config.autoencoder.linear_path:
                self.model.linear_in.requires_grad_(False)
        self.modules: dict[str, nn.Module] = {"autoencoder": self.model}
        if options.gan_start < train.steps:
            self.modules["discriminator"] = self.discriminator
        self.meta: dict = {}
        self.front = MelFrontend(config.mel)
        sounds = corpus_sounds("train") if options.data == "corpus" else folder_sounds(options.data)
        self.windows = Windows(sounds, options.seconds, seed=train.seed, rate=config.mel.sample_rate)
        if config.autoencoder.linear_path and not options.start:
            wav, _ = fixed_windows(sounds, 2.56, count=PCA_CLIPS, rate=config.mel.sample_rate)
            self.model.start_from_pca(torch.cat([self.front(part) for part in wav.split(64)]))
        self.valid = None

    def optimised(self) -> dict[str, list[nn.Parameter]]:
        groups = {"autoencoder": [p for p in self.model.parameters() if p.requires_grad]}
        if "discriminator" in self.modules:
            groups["discriminator"] = list(self.discriminator.parameters())
        return groups

    def batch(self, step: int) -> dict:
        wav, clips = self.windows.batch(step, self.train.batch)
        mel = self.front(wav)
        frames = mel.shape[1] // self.config.autoencoder.ratio * self.config.autoencoder.ratio
        return {"mel": mel[:, :frames], "names": [self.windows.sounds.names[i] for i in clips]}

    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        mel, options = batch["mel"], self.options
        posterior = self.model.encode(mel)
        noise = self.rng.randn(posterior.mean.shape, "posterior", step, device=mel.device)
        rebuilt = self.model.decode(posterior.sample(noise))
        adversarial = step >= options.gan_start
        if adversarial:
            d_loss = hinge_d(self.discriminator(mel), self.discriminator(rebuilt.detach()))
            yield "discriminator", d_loss, {"d": d_loss.item()}
        l1, kl = F.l1_loss(rebuilt, mel), posterior.kl().mean()
        loss, logged = l1 + options.kl_weight * kl, {"l1": l1.item(), "kl": kl.item()}
        if adversarial:
            g_loss = hinge_g(self.discriminator(rebuilt))
            loss = loss + options.gan_weight * self._adaptive(l1, g_loss) * g_loss
            logged["g"] = g_loss.item()
        yield "autoencoder", loss, logged

    def _adaptive(self, l1: Tensor, g_loss: Tensor) -> Tensor:
        """Balance of the two gradients at the decoder's last layer."""
        last = self.model.decoder.conv_out.weight
        a = torch.autograd.grad(l1, last, retain_graph=True)[0].norm()
        b = torch.autograd.grad(g_loss, last, retain_graph=True)[0].norm()
        return (a / (b + 1e-4)).clamp(0.0, 1e4).detach()

    def validate(self, folder: Path) -> dict[str, float]:
        """Mean absolute log-mel error on held-out clips: over all frames, and over frames that are not silent."""
        if self.valid is None:
            split = "valid" if self.options.data == "corpus" else None
            sounds = corpus_sounds(split) if split else self.windows.sounds
            wav, _ = fixed_windows(sounds, 2.56, count=self.options.valid_clips, rate=self.config.mel.sample_rate)
            self.valid = self.front(wav)
        device = next(self.model.parameters()).device
        rebuilt, kl = [], []
        for mel in self.valid.split(16):
            posterior = self.model.encode(mel.to(device))
            rebuilt.append(self.model.decode(posterior.mean).cpu())
            kl.append(posterior.kl().mean().item())
        rebuilt = torch.cat(rebuilt)
        error = (rebuilt - self.valid).abs()
        loud = self.valid.amax(dim=-1) > -7.0  # a frame is silent if no mel exceeds e^-7 (about -61 dB)
        save_mels(folder / "mels.png", self.valid[:6], rebuilt[:6], rows=("real", "reconstructed"))
        save_sounds(folder, rebuilt[:3], self.config.mel, name="reconstructed")
        return {"valid_l1": error.mean().item(), "valid_l1_loud": error[loud].mean().item(),
                "valid_kl": sum(kl) / len(kl)}
