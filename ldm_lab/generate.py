"""Prompts to sounds: the journey of one tensor from words through noise to a waveform.

    prompts -> emb (B, E) -> x = noise -> sampler -> z (B, C, T/r, 64/r) -> mel (B, T, 64) -> wav (B, N) -> ranked Result
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ldm_lab.diffusion.denoiser import noise_to_x, x_to_z
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import SAMPLERS, Callback, Step
from ldm_lab.diffusion.schedule import grid
from ldm_lab.diffusion.windows import circular, wrap
from ldm_lab.errors import LabError, OptionError
from ldm_lab.options import Options, Prompt, check_options, check_prompts, check_start, whole
from ldm_lab.result import Result
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

__all__ = ["Item", "Result", "Seams", "generate"]


class Item(NamedTuple):
    """One sound to be made: candidate `candidate` of prompt number `prompt`, all its randomness keyed by `seed`."""

    prompt: int
    candidate: int
    seed: int

    def noise(self, shape: tuple[int, ...], name: str, *indices: int) -> Tensor:
        """Unit noise that depends on seed, candidate, name and indices only: not on batch, device or order."""
        return Rng(self.seed).randn(shape, name, self.candidate, *indices)


@dataclass(frozen=True)
class Seams:
    """Where an edit reaches into the journey, beside `start` and `project`; the empty one changes nothing.

    walk(run, denoise, x, sigmas, **options) -> x walks in place of the sampler's `run`, which it may call as often as it
    likes; passes: steps it takes for each step of the plan (for the progress bar). circular: latent frames by which both
    ends of the sound are continued with the other end, so that networks and decoders see a circle (0: a line).
    latent(z, items) -> z and sound(wav, items) -> wav have the last word on the latent and on the waveform, before the
    sounds are ranked. source (P, N): the sounds that were edited; note: entries for `Result.config["edit"]`.
    """

    walk: Callable[..., Tensor] | None = None
    passes: float = 1.0
    circular: int = 0
    latent: Callable[[Tensor, list[Item]], Tensor] | None = None
    sound: Callable[[Tensor, list[Item]], Tensor] | None = None
    source: Tensor | None = None
    note: dict = field(default_factory=dict)


@torch.no_grad()
def generate(ldm: AudioLDM, prompts, *, seconds: float | None = None, steps: int | None = None,
             sampler: str | None = None, guidance: float | None = None, negative="", candidates: int = 1, seed=0,
             eta: float | None = None, grid: str | None = None, rescale: float = 0.0,
             interval: tuple[float, float] | None = None, batch: int | None = None,
             start: tuple[Tensor, Tensor] | None = None,
             project: Callable[[Tensor, Tensor, list[Item]], Tensor] | None = None, seams: Seams = Seams(),
             callback: Callback | None = None, progress: bool = True) -> Result:
    """Sound from words.

    prompts: text or a list of texts ("" = any sound); a Path or a 16 kHz waveform in place of a text asks for a sound
    like that one (its CLAP embedding is the condition). Control characters count as spaces; what exceeds the text tower
    is cut with a warning.
    seconds: 0.1 to 600; cut to the sample. Beyond the length seen in training, overlapping windows are sampled together.
    steps, sampler, guidance: None = the model's defaults (`samplers.SAMPLERS` lists names; guidance 1 = none).
    negative: text to steer away from, one or one for each prompt. candidates: so many are made and ranked by CLAP.
    seed: one number or one for each prompt. A sound depends on its prompt, seed and candidate number, not on its company:
    alone or in a batch it is the same to rounding (latent near 1e-5, wave near 1e-4), and bit for bit with batch=1.
    eta: share of fresh noise of ddim (None: 0) and dpmpp_2m_sde (None: 1).
    grid, rescale, interval: step grid, guidance rescaling, sigma range with guidance.
    batch: sounds made at a time (None: 4 on a CPU, 16 on a GPU, fewer if they are long); changes speed and memory.
    start: (x, sigmas) to begin from instead of noise; project(x, sigma, items) is applied before each pass: the seams
    that editing uses. callback(Step) is called in each step of each batch; progress shows a bar.

    Raises PromptError, OptionError, AudioInputError before any work; LabError if the network gives NaN.
    """
    asked = check_prompts(prompts)
    options = check_options(ldm.config, len(asked), seconds=seconds, steps=steps, sampler=sampler, grid=grid,
                            guidance=guidance, negative=negative, candidates=candidates, seed=seed, eta=eta,
                            rescale=rescale, interval=interval)
    batch = default_batch(ldm, options.seconds) if batch is None else whole("batch", batch, 1, 4096)
    items = [Item(p, k, options.seeds[p]) for p in range(len(asked)) for k in range(options.candidates)]
    plan = _plan(ldm, options, items, start)
    clock = Clock(ldm.device)
    with clock("text"):
        emb = torch.cat([embed(ldm, prompt) for prompt in asked])  # (P, E)
        uncond = torch.cat([ldm.clap.encode_text([text]) for text in options.negative])  # (P, E)
    made = []
    with _bar(progress, round(len(items) * plan.steps * seams.passes)) as bar:
        for first in range(0, len(items), batch):
            group = slice(first, first + batch)
            rows = torch.tensor([item.prompt for item in items[group]], device=emb.device)
            watch = Watch(items[group], asked, callback, bar)
            with clock("sample"):
                z = _sample(ldm, plan, group, emb[rows], uncond[rows], options, project, seams, watch)
            made.append(_render(ldm, z, emb[rows], plan, group, seams, clock))
    columns = [torch.cat(column) for column in zip(*made)]
    edited = start is not None or project is not None or bool(seams.note)
    return _result(ldm, asked, options, *columns, timings=clock.spent(), edited=edited, seams=seams)


class Plan(NamedTuple):
    """Where sampling starts and stops: x or None (noise), sigmas, the latent's shape and the samples to keep."""

    items: list[Item]
    x: Tensor | None
    sigmas: Tensor
    shape: tuple[int, int, int]
    samples: int

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1


def _plan(ldm: AudioLDM, options: Options, items: list[Item], start) -> Plan:
    samples = max(1, round(options.seconds * ldm.sample_rate))
    shape = ldm.latent_shape(options.seconds)
    if start is None:
        return Plan(items, None, grid(ldm.schedule, options.steps, options.grid), shape, samples)
    x, sigmas = check_start(start, len(options.seeds), options.candidates, (shape[0], shape[2]))
    if x.shape[2] != shape[1]:
        raise OptionError(f"start: got x of {x.shape[2]} latent frames, but seconds = {options.seconds:g} needs {shape[1]}")
    return Plan(items, x, sigmas, shape, samples)


def default_batch(ldm: AudioLDM, seconds: float) -> int:
    windows = max(1.0, seconds / ldm.config.window_seconds)
    return max(1, int((4 if ldm.device.type == "cpu" else 16) / windows))


def embed(ldm: AudioLDM, prompt: Prompt) -> Tensor:
    """(1, E). One at a time, so that padding to a longer neighbour cannot change the last digits."""
    if prompt.emb is not None:
        return prompt.emb.to(ldm.device)
    if prompt.wav is not None:
        return ldm.clap.encode_audio(prompt.wav.to(ldm.device))
    return ldm.clap.encode_text([prompt.text])


def _sample(ldm: AudioLDM, plan: Plan, group: slice, emb: Tensor, uncond: Tensor, options: Options,
            project: Callable | None, seams: Seams, watch: Callback) -> Tensor:
    """z (b, C, T/r, 64/r) of the items in `group`."""
    items = plan.items[group]

    def noise(name: str, *indices: int) -> Tensor:
        return torch.stack([item.noise(plan.shape, name, *indices) for item in items]).to(ldm.device)

    x = noise_to_x(noise("start"), plan.sigmas[0]) if plan.x is None else plan.x[group].to(ldm.device)
    if plan.steps > 0:
        scale = 1.0 if torch.equal(emb, uncond) else options.guidance  # no difference to exaggerate: half of the passes
        denoise = guide(circular(ldm.denoiser(), seams.circular), emb, uncond, scale=scale, rescale=options.rescale,
                        interval=options.interval)
        hold = None if project is None else (lambda x, sigma: project(x, sigma, items))
        run = SAMPLERS[options.sampler].run
        walk = run if seams.walk is None else partial(seams.walk, run)
        x = walk(denoise, x, plan.sigmas, eta=options.eta, noise=lambda i: noise("step", i), project=hold, callback=watch)
    z = x_to_z(x, plan.sigmas[-1])
    return z if seams.latent is None else seams.latent(z, items)


def _render(ldm: AudioLDM, z: Tensor, emb: Tensor, plan: Plan, group: slice, seams: Seams,
            clock: Clock) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(z, mel, wav, score) on the CPU; score (b,) is the CLAP cosine between each sound and its condition."""
    ring = ldm.config.autoencoder.ratio * seams.circular  # mel frames of the other end on either side
    with clock("decode"):
        mel = ldm.latent_to_mel(wrap(z, seams.circular))
    with clock("vocode"):
        wav = ldm.mel_to_wav(mel)[:, ring * ldm.config.mel.hop_length :][:, : plan.samples].clamp(-1.0, 1.0)
    if not torch.isfinite(wav).all():
        raise LabError("the decoder or the vocoder gave NaN; use dtype='float32', or fewer steps of guidance")
    frames = -(-plan.samples // ldm.config.mel.hop_length)
    mel = mel[:, ring : ring + frames]
    if seams.sound is not None:
        with clock("paste"):
            wav = seams.sound(wav.float().cpu(), plan.items[group]).to(wav)
            mel = ldm.wav_to_mel(wav)[:, :frames]
    with clock("rank"):
        score = (ldm.clap.encode_audio(wav) * emb).sum(1)
    return z.float().cpu(), mel.float().cpu(), wav.float().cpu(), score.float().cpu()


class Watch:
    """Called in each step: moves the bar, stops at the first NaN with its item and step, then tells the caller."""

    def __init__(self, items: list[Item], prompts: list[Prompt], callback: Callback | None, bar) -> None:
        self.items, self.prompts, self.callback, self.bar = items, prompts, callback, bar

    def __call__(self, step: Step) -> None:
        finite = torch.isfinite(step.x0_hat).flatten(1).all(1)
        if not finite.all():
            item = self.items[int((~finite).nonzero()[0])]
            raise LabError(
                f"the network gave NaN or infinity for prompt {item.prompt} ({self.prompts[item.prompt].label!r:.60}), "
                f"candidate {item.candidate}, in step {step.index + 1} of {step.total} (sigma {step.sigma:.3g}); "
                "use dtype='float32', lower guidance, or check the weights"
            )
        self.bar.update(len(self.items))
        if self.callback is not None:
            self.callback(step)


class Clock:
    """Seconds spent under each name, the GPU's queue included."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.start, self.parts = device, time.perf_counter(), {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.parts[name] = self.parts.get(name, 0.0) + time.perf_counter() - begin

    def spent(self) -> dict[str, float]:
        return self.parts | {"total": time.perf_counter() - self.start}


def _bar(progress: bool, total: int):
    from tqdm.auto import tqdm

    return tqdm(total=total, disable=not progress, desc="sampling", unit="step", leave=False)


def _result(ldm: AudioLDM, prompts: list[Prompt], options: Options, z: Tensor, mel: Tensor, wav: Tensor, score: Tensor,
            *, timings: dict[str, float], edited: bool, seams: Seams) -> Result:
    """Fold the items (P K, ..) into prompts and candidates, best candidate first."""
    count, kept = len(prompts), options.candidates
    scores, order = score.reshape(count, kept).sort(dim=1, descending=True, stable=True)  # (P, K) each
    best = order[:, 0] + torch.arange(count) * kept  # row of each prompt's best item
    wavs = wav.reshape(count, kept, -1).gather(1, order[..., None].expand(-1, -1, wav.shape[-1]))
    labels = tuple(prompt.label for prompt in prompts)
    config = {
        "model": ldm.name, "prompts": list(labels), "seconds": options.seconds, "steps": options.steps,
        "sampler": options.sampler, "grid": options.grid, "guidance": options.guidance,
        "negative": list(options.negative), "candidates": kept, "seeds": list(options.seeds), "eta": options.eta,
        "rescale": options.rescale, "interval": list(options.interval) if options.interval else None,
        "dtype": str(ldm.dtype).removeprefix("torch."), "edited": edited,
    }  # fmt: skip
    config |= {"edit": seams.note} if seams.note else {}
    return Result(audio=wavs[:, 0], sample_rate=ldm.sample_rate, prompts=labels, mel=mel[best], latent=z[best],
                  score=scores[:, 0], candidates=wavs, scores=scores, config=config, timings=timings,
                  source=seams.source)
