"""Inpainting: a quarter of each test clip is lost; how near to the lost sound does each way of filling the hole come?

The damaged clip (zeros in the hole) is all that any method sees, so nothing of the lost sound can leak into the repair.
Holes lie where the clip sounds: of eight places drawn for each clip the loudest. Before the log-spectral distance is
taken both sounds get the white noise of 16-bit files, else digital silence would weigh more than every sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ldm_lab.editing import inpaint
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.parts import batched
from ldm_lab.evaluation.spectral import log_mel_l1, log_spectral_distance
from ldm_lab.experiments import pictures
from ldm_lab.experiments.bench import CHUNK, Bench, claimed, dithered, figures, frechet, open_bench
from ldm_lab.generate import generate
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

CAPTION, PLAIN = "ours, with caption", "ours, no caption"
BASELINES = ("silence", "mel interpolation", "unconditional filling")
ROWS = (CAPTION, PLAIN, *BASELINES, "autoencoder round trip")  # the last one knows the lost sound: the model's ceiling
COLUMNS = (
    ("lsd", "LSD in the hole"), ("log_mel_l1", "log-mel L1 in the hole"), ("fad_hole", "FAD of the hole"),
    ("fad_clip", "FAD of the clip"), ("seam_db", "level step at the seams (dB)"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """count: test clips. share: of the clip that is lost. fade_ms: cross-fade at the seams of
    the baselines, outside the hole (`inpaint` fades inside it)."""

    count: int = 112
    seed: int = 0
    share: float = 0.25
    margin_seconds: float = 0.16  # of sound left at both ends
    places: int = 8
    sampler: str = "dpmpp_2m"
    steps: int = 20
    guidance: float = 3.0
    jumps: int = 1  # RePaint's resampling, of our methods
    fade_ms: float = 10.0
    resamples: int = 300  # of the Frechet distances


def run(ldm: AudioLDM, settings: Settings, *, progress: bool) -> dict:
    """Figures of every method, with paired differences to the baselines as claims."""
    bench = open_bench(ldm, "inpainting", settings.count, seed=settings.seed)
    holes = choose_holes(bench, settings)
    sounds = {"real": bench.test.wav} | {way: repaired(bench, settings, holes, way, progress=progress) for way in ROWS}
    seen = {way: measure(bench, wav, holes, settings) for way, wav in sounds.items()}
    mean = lambda values: statistics.mean(values, seed=settings.seed, groups=bench.groups)
    clouds = {key: frechet({way: values[key] for way, values in seen.items()}, "real", seed=settings.seed,
                           groups=bench.groups, resamples=settings.resamples) for key in ("fad_hole", "fad_clip")}
    rows = {way: {key: mean(seen[way][key]) for key in ("lsd", "log_mel_l1", "seam_db")}
            | {key: cloud.distance(way) for key, cloud in clouds.items()} for way in ROWS}
    rows["real"] = {"seam_db": mean(seen["real"]["seam_db"])}

    def gap(way: str, other: str, key: str):
        if key in clouds:
            return clouds[key].difference(way, other)
        return statistics.difference(seen[way][key], seen[other][key], seed=settings.seed, groups=bench.groups)

    claims = [claimed(f"{way}: {label} is lower than that of {other}", {other: gap(way, other, key)}, below=True)
              for way in (CAPTION, PLAIN) for key, label in COLUMNS if key in ("lsd", "fad_hole") for other in BASELINES]
    note = ("FAD: Frechet distance in the judge's features, to the real clips. For the hole alone the lost piece and "
            "its repair are each repeated to the length of a window. The round trip has heard the lost sound: it is what "
            "autoencoder and vocoder lose.")
    return {"figures": figures(rows), "claims": claims, "notes": [note],
            "table": {"rows": [*ROWS, "real"], "columns": COLUMNS}}


def choose_holes(bench: Bench, settings: Settings) -> list[tuple[int, int]]:
    """(first, end) in samples for each clip, on mel frames; depends on the clip and the seed only."""
    hop, total = bench.ldm.config.mel.hop_length, bench.test.wav.shape[1]
    length = round(settings.share * total / hop) * hop
    margin = round(settings.margin_seconds * bench.ldm.sample_rate / hop) * hop
    found = []
    for wav, clip in zip(bench.test.wav, bench.test.clips, strict=True):
        random = Rng(settings.seed).numpy(f"hole {clip.file}")
        drawn = random.integers(margin // hop, (total - margin - length) // hop + 1, settings.places)
        starts = [int(frame) * hop for frame in drawn]
        first = max(starts, key=lambda s: float(wav[s : s + length].square().sum()))
        found.append((first, first + length))
    return found


def repaired(bench: Bench, settings: Settings, holes: list[tuple[int, int]], way: str, *, progress: bool) -> Tensor:
    """wav (N, samples): every clip with its hole filled in `way`."""
    fill = _WAYS[way]
    seeds = bench.seeds("inpaint", len(bench.test))
    damaged = bench.test.wav.clone()
    for wav, (first, end) in zip(damaged, holes, strict=True):
        wav[first:end] = 0.0

    def make(items: list[int]) -> dict[str, Tensor]:
        own = Damaged(bench.test.wav[items], damaged[items], [holes[i] for i in items],
                      [bench.captions[i] for i in items], [seeds[i] for i in items])
        return {"wav": fill(bench.ldm, own, settings)}

    keys = [[clip.file, *hole, caption] for clip, hole, caption in zip(bench.test.clips, holes, bench.captions)]
    own = {"jumps": settings.jumps} if way in (CAPTION, PLAIN) else {"fade_ms": settings.fade_ms}
    what = {"way": way, "seed": settings.seed, "share": settings.share, **own, **_options(settings)}
    return bench.cache.rows(what, keys, make, progress=progress)["wav"]


@dataclass(frozen=True)
class Damaged:
    """Some clips: real and damaged wav (B, N), and what belongs to each."""

    real: Tensor
    wav: Tensor
    holes: list[tuple[int, int]]
    captions: list[str]
    seeds: list[int]


def _options(settings: Settings) -> dict:
    return {"sampler": settings.sampler, "steps": settings.steps, "guidance": settings.guidance, "batch": CHUNK}


def _ours(ldm: AudioLDM, clips: Damaged, settings: Settings, captions: list[str] | None) -> Tensor:
    hop = ldm.config.mel.hop_length
    keep = torch.ones(len(clips.wav), -(-clips.wav.shape[1] // hop))
    for row, (first, end) in zip(keep, clips.holes, strict=True):
        row[first // hop : end // hop] = 0
    options = _options(settings)
    if captions is None:
        del options["guidance"]  # `inpaint` knows what is best when the rest of the sound is the prompt
    return inpaint(ldm, clips.wav, captions, keep=keep, seed=clips.seeds, jumps=settings.jumps, progress=False,
                   **options).audio


def _unconditional(ldm: AudioLDM, clips: Damaged, settings: Settings) -> Tensor:
    """A sound of any kind, made without knowledge of the clip, pasted into the hole."""
    options = _options(settings) | {"guidance": 1.0, "seconds": clips.wav.shape[1] / ldm.sample_rate}
    made = generate(ldm, [""] * len(clips.wav), seed=clips.seeds, progress=False, **options).audio
    return splice(clips, made, settings, ldm.sample_rate)


def _interpolated(ldm: AudioLDM, clips: Damaged, settings: Settings) -> Tensor:
    """Each mel band goes straight from its last value before the hole to its first one after it; then the vocoder."""
    config = ldm.config.mel
    mel = ldm.wav_to_mel(clips.wav)
    blind = -(-config.n_fft // 2 // config.hop_length)  # frames whose window reaches into the hole from outside
    for row, (first, end) in zip(mel, clips.holes, strict=True):
        a, b = first // config.hop_length - blind - 1, end // config.hop_length + blind
        weight = torch.linspace(0, 1, b - a + 1)[:, None]
        row[a : b + 1] = torch.lerp(row[a], row[b], weight)
    return splice(clips, ldm.mel_to_wav(mel), settings, ldm.sample_rate)


def _round_trip(ldm: AudioLDM, clips: Damaged, settings: Settings) -> Tensor:
    made = ldm.mel_to_wav(ldm.latent_to_mel(ldm.mel_to_latent(ldm.wav_to_mel(clips.real))))
    return splice(clips, made, settings, ldm.sample_rate)


_WAYS: dict[str, Callable[[AudioLDM, Damaged, Settings], Tensor]] = {
    CAPTION: lambda ldm, clips, settings: _ours(ldm, clips, settings, clips.captions),
    PLAIN: lambda ldm, clips, settings: _ours(ldm, clips, settings, None),
    "silence": lambda ldm, clips, settings: splice(clips, torch.zeros_like(clips.wav), settings, ldm.sample_rate),
    "mel interpolation": _interpolated,
    "unconditional filling": _unconditional,
    "autoencoder round trip": _round_trip,
}


def splice(clips: Damaged, made: Tensor, settings: Settings, sample_rate: int) -> Tensor:
    """The damaged clips with `made` (B, >= N) in their holes, faded over what lies beside the hole for `fade_ms`."""
    total, fade = clips.wav.shape[1], max(1, round(settings.fade_ms * sample_rate / 1000))
    made = torch.nn.functional.pad(made, (0, max(0, total - made.shape[1])))[:, :total]
    inside = torch.zeros_like(clips.wav)
    place = torch.arange(total)
    for row, (first, end) in zip(inside, clips.holes, strict=True):
        row[:] = torch.minimum((place - first + fade) / fade, (end + fade - place) / fade).clamp(0.0, 1.0)
    return (clips.wav * (1.0 - inside) + made * inside).clamp(-1.0, 1.0)


def measure(bench: Bench, wav: Tensor, holes: list[tuple[int, int]], settings: Settings) -> dict[str, np.ndarray]:
    """What is measured of each clip, {measure: (N,)}, and judge features of clips and holes, (N, D)."""
    hop, rows = bench.ldm.config.mel.hop_length, torch.arange(len(wav))[:, None]
    length = holes[0][1] - holes[0][0]
    samples = torch.tensor([first for first, _ in holes])[:, None] + torch.arange(length)
    frames = torch.tensor([first // hop for first, _ in holes])[:, None] + torch.arange(length // hop)
    real_mel, mel = (batched(bench.ldm.wav_to_mel, sound)[rows, frames] for sound in (bench.test.wav, wav))
    real, own = bench.test.wav[rows, samples], wav[rows, samples]  # (N, length): the holes alone
    repeats, noisy = -(-wav.shape[1] // length), lambda sound, name: dithered(sound, settings.seed, name)
    return {
        "lsd": log_spectral_distance(noisy(real, "real"), noisy(own, "own")).numpy(),
        "log_mel_l1": log_mel_l1(real_mel, mel).numpy(),
        "fad_hole": bench.describe(own.repeat(1, repeats)[:, : wav.shape[1]])["features"].numpy(),
        "fad_clip": bench.describe(wav)["features"].numpy(),
        "seam_db": seam_steps(wav, holes, bench.ldm.sample_rate),
    }


def seam_steps(wav: Tensor, holes: list[tuple[int, int]], sample_rate: int, *, seconds: float = 0.05) -> np.ndarray:
    """(N,) mean over both seams of |level inside - level outside| in dB, over `seconds` each, floor -70 dB."""
    width = round(seconds * sample_rate)
    level = lambda piece: 10.0 * np.log10(max(float(piece.square().mean()), 1e-7))
    steps = [[level(row[at - width : at]) - level(row[at : at + width]) for at in hole]
             for row, hole in zip(wav, holes, strict=True)]
    return np.abs(np.array(steps)).mean(axis=1)


def draw(values: dict):
    """Bars of LSD, log-mel L1 and both FADs, ours in colour, baselines in grey."""
    figure, axes = pictures.panels(2, 2, width=4.6, height=2.5)
    colours = [pictures.BLUE, pictures.SKY, *[pictures.GREY] * 3, pictures.YELLOW]
    for axis, (key, label) in zip(axes, COLUMNS[:4], strict=True):
        items = [values["figures"][way][key] for way in ROWS]
        pictures.bars(axis, ROWS, items, colours=colours, label=f"{label} (lower is better)")
    for axis in (axes[1], axes[3]):
        axis.set_yticklabels([])
    pictures.caption(figure, values, f"{100 * values['settings']['share']:.0f} % of each clip lost")
    return figure
