"""Learning the latent diffusion model, from audio alone (paper section 3.2 and 4.2).

The condition of a window is the CLAP embedding of the same window; one in ten is replaced by the empty prompt's, here and
nowhere else. Text is seen at sampling only. `condition = "text"` or `"both"` are kept for experiments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm_lab.checkpoint.parts import load_part
from ldm_lab.config import ModelConfig
from ldm_lab.diffusion.denoiser import Denoiser, noise_to_x
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.losses import diffusion_loss
from ldm_lab.diffusion.samplers import sample_ddim
from ldm_lab.diffusion.schedule import Schedule, grid
from ldm_lab.errors import ConfigError, unknown
from ldm_lab.models.autoencoder import Autoencoder
from ldm_lab.models.clap import Clap
from ldm_lab.models.unet import UNet
from ldm_lab.rng import Rng, seeded
from ldm_lab.training.data import corpus_sounds, folder_sounds
from ldm_lab.training.latents import Latents, cached_latents
from ldm_lab.training.plots import save_mels, save_sounds
from ldm_lab.training.recipe import TrainConfig

CONDITIONS = ("audio", "text", "both")
VALID_PROMPTS = ("a dog barking", "rain and thunder", "an engine running", "a bell ringing", "footsteps", "a flute")


@dataclass(frozen=True)
class DiffusionOptions:
    """`parts` is the folder with the trained autoencoder and CLAP; `rounds` windows are taken of every clip."""

    parts: str = "assets/checkpoints/lab"
    autoencoder: str = ""  # folder of another autoencoder than the one in `parts`
    rounds: int = 4
    mixup: float = 0.3  # share of mixed windows in all rounds after the first
    seconds: float = 2.56
    drop: float = 0.1  # share of conditions replaced by the empty prompt's embedding
    condition: str = "audio"
    min_snr: float = 5.0  # gamma of the min-SNR weights; 0 = the paper's plain mean squared error
    data: str = "corpus"  # or a folder of sound files
    data_seed: int = 0  # of the windows; apart from train.seed, so that runs with other seeds share the encoded windows
    cache: str = "runs/cache"
    start: str = ""  # folder of UNet weights to continue with a fresh optimiser


class DiffusionTask:
    def __init__(self, config: ModelConfig, train: TrainConfig, options: DiffusionOptions, device: str = "cpu") -> None:
        if options.condition not in CONDITIONS:
            raise ConfigError(unknown("condition", options.condition, CONDITIONS))
        self.config, self.train, self.options, self.rng = config, train, options, Rng(train.seed)
        self.autoencoder, self.clap = Autoencoder(config.autoencoder).eval(), Clap(config.clap).eval()
        load_part(self.autoencoder, Path(options.autoencoder or options.parts), "autoencoder")
        load_part(self.clap, Path(options.parts), "clap")
        with seeded(self.rng.key("init")):
            self.model = UNet(config.unet)
        if options.start:
            load_part(self.model, Path(options.start), "unet")
        self.modules: dict[str, nn.Module] = {"unet": self.model}
        self.schedule = Schedule.from_config(config.diffusion)
        self.train_latents, self.captions, self.names = self._latents("train", options.rounds, device)
        self.scale = self._scale_factor()
        self.meta = {"scale_factor": self.scale, "windows": len(self.train_latents)}
        self.uncond = self._embed_text([""])
        self.text = self._embed_captions() if options.condition != "audio" else None
        self.device_latents: tuple[str, Latents] | None = None

    def _latents(self, split: str, rounds: int, device: str) -> tuple[Latents, list, list]:
        options = self.options
        sounds = corpus_sounds(split) if options.data == "corpus" else folder_sounds(options.data)
        latents = cached_latents(Path(options.cache), sounds, self.autoencoder, self.clap, self.config.mel,
                                 seconds=options.seconds, rounds=rounds, mixup=options.mixup, seed=options.data_seed,
                                 device=device)
        return latents, list(sounds.captions), list(sounds.names)

    def _scale_factor(self) -> float:
        """1 / std of the latents (Rombach et al. 2022, appendix G), over all of the training windows."""
        mean, variance = self.train_latents.mean.float(), self.train_latents.logvar.float().exp()
        return round(float((mean.var() + variance.mean()).rsqrt()), 6)

    @torch.no_grad()
    def _embed_text(self, texts: list[str]) -> Tensor:
        return torch.cat([self.clap.encode_text(texts[i : i + 64]) for i in range(0, len(texts), 64)]).float().cpu()

    def _embed_captions(self) -> Tensor:
        if not self.captions:
            raise ConfigError("condition = text needs captions; a folder of sounds has none")
        return self._embed_text([captions[0] for captions in self.captions])

    def optimised(self) -> dict[str, list[nn.Parameter]]:
        return {"unet": list(self.model.parameters())}

    def batch(self, step: int) -> dict:
        """Indices, steps and noises of batch `step`; the latents themselves stay where they are."""
        size, count = self.train.batch, len(self.train_latents)
        generator = self.rng.at("batch", step)
        position = torch.arange(step * size, (step + 1) * size)
        index = torch.empty(size, dtype=torch.long)
        for epoch in position.div(count, rounding_mode="floor").unique().tolist():
            mine = position // count == epoch
            index[mine] = self._order(epoch)[position[mine] % count]
        # Stratified steps: one in each of `size` equal bands, so that every batch sees all noise levels.
        t = ((torch.arange(size) + torch.rand(size, generator=generator)) / size * len(self.schedule)).long()
        shape = (size, *self.train_latents.mean.shape[1:])
        clips = self.train_latents.clip[index].tolist()
        return {
            "index": index, "t": t,
            "posterior": torch.randn(shape, generator=generator), "noise": torch.randn(shape, generator=generator),
            "dropped": torch.rand(size, generator=generator) < self.options.drop,
            "use_text": torch.rand(size, generator=generator) < {"audio": 0.0, "text": 1.0, "both": 0.5}[self.options.condition],
            "names": [self.names[c] for c in clips],
        }

    def _order(self, epoch: int) -> Tensor:
        if getattr(self, "_cached", (None,))[0] != epoch:
            self._cached = (epoch, torch.randperm(len(self.train_latents), generator=self.rng.at("order", epoch)))
        return self._cached[1]

    def _latents_on(self, device: torch.device) -> Latents:
        if self.device_latents is None or self.device_latents[0] != str(device):
            latents = self.train_latents
            moved = Latents(*(x.to(device) for x in (latents.mean, latents.logvar, latents.emb, latents.clip)))
            self.device_latents = (str(device), moved)
        return self.device_latents[1]

    def losses(self, batch: dict, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        latents, index = self._latents_on(batch["noise"].device), batch["index"]
        z = latents.z(index, batch["posterior"]) * self.scale
        emb = latents.emb[index]
        if self.text is not None:
            text = self.text.to(emb.device)[latents.clip[index]]
            emb = torch.where(batch["use_text"][:, None], text, emb)
        emb = torch.where(batch["dropped"][:, None], self.uncond.to(emb.device), emb)
        loss = diffusion_loss(self.model, z, emb, batch["t"], batch["noise"], self.schedule,
                              prediction=self.config.diffusion.prediction, min_snr=self.options.min_snr or None).mean()
        yield "unet", loss, {"loss": loss.item()}

    def validate(self, folder: Path) -> dict[str, float]:
        """Loss on held-out windows at fixed steps and noise, CLAP score of a few prompts, and pictures of them."""
        device = next(self.model.parameters()).device
        split = "valid" if self.options.data == "corpus" else "train"
        latents, _, _ = self._latents(split, 1, str(device))
        count = min(256, len(latents))
        t = torch.linspace(0, len(self.schedule) - 1, count).long()
        losses = []
        for start in range(0, count, 32):
            index = torch.arange(start, min(start + 32, count))
            noise = self.rng.randn((len(index), *latents.mean.shape[1:]), "valid", start)
            z = latents.z(index, torch.zeros_like(noise)) * self.scale
            losses.append(diffusion_loss(self.model, z.to(device), latents.emb[index].to(device), t[index].to(device),
                                         noise.to(device), self.schedule, prediction=self.config.diffusion.prediction))
        mel = self._generate(list(VALID_PROMPTS), device)
        text = self._embed_text(list(VALID_PROMPTS))
        score = (self.clap.to(device).encode_mel(mel.to(device)).cpu() * text).sum(1).mean().item()
        save_mels(folder / "prompts.png", mel, rows=("generated",))
        save_sounds(folder, mel, self.config.mel, name="prompt")
        return {"valid_loss": torch.cat(losses).mean().item(), "clap_score": score}

    def _generate(self, prompts: list[str], device: torch.device) -> Tensor:
        """mel (B, T, M) of `prompts` by 20 DDIM steps at guidance 3: enough to see what has been learnt."""
        emb, uncond = self._embed_text(prompts).to(device), self.uncond.to(device)
        denoiser = Denoiser(self.model, self.schedule, prediction=self.config.diffusion.prediction)
        sigmas = grid(self.schedule, 20, "trailing")
        noise = self.rng.randn((len(prompts), *self.train_latents.mean.shape[1:]), "prompts", device=device)
        x = sample_ddim(guide(denoiser, emb, uncond, scale=3.0), noise_to_x(noise, sigmas[0]), sigmas)
        return self.autoencoder.to(device).decode(x / self.scale).cpu()
