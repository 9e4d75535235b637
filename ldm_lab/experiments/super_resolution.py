"""Super-resolution: test clips lose everything above a cut-off; who gives back a spectrum nearest to the lost one?

Only clips with sound above the highest cut-off are asked about (many recordings end below it, and there is nothing to
restore). They are brought down to twice the cut-off and back, as a file at that rate would have been. Before the
log-spectral distance is taken both sounds get the white noise of 16-bit files, as in `inpainting`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.io import resample
from ldm_lab.audio.mel import mel_frequencies
from ldm_lab.editing import super_resolve
from ldm_lab.errors import OptionError
from ldm_lab.evaluation import statistics
from ldm_lab.evaluation.clips import Windows, choose, cut
from ldm_lab.evaluation.parts import batched
from ldm_lab.evaluation.spectral import active_frames, log_spectral_distance
from ldm_lab.experiments import pictures
from ldm_lab.experiments.bench import CHUNK, Bench, claimed, dithered, figures, open_bench
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

PLAIN, CAPTION = "ours, no caption", "ours, with caption"
BASELINES = ("unprocessed", "mean envelope", "following envelope")
WAYS = (PLAIN, CAPTION, *BASELINES)
COLUMNS = (
    ("lsd", "LSD"), ("lsd_high", "LSD above the cut-off"), ("log_mel_l1_high", "log-mel L1 above the cut-off"),
    ("judge_agreement", "judge hears the same as in the original"),
)  # fmt: skip
N_FFT, HOP = 1024, 256  # of the mean envelope


@dataclass(frozen=True)
class Settings:
    """count: test clips. cutoffs in Hz. audible_db: least level above the highest cut-off, against the whole clip."""

    count: int = 112
    seed: int = 0
    cutoffs: tuple[int, ...] = (4000, 2000)
    audible_db: float = -40.0
    envelope_clips: int = 256  # of the training split
    sampler: str = "dpmpp_2m"
    steps: int = 20
    guidance: float = 1.0  # of the row with a caption; more exaggerates what the low band does not say


def run(ldm: AudioLDM, settings: Settings, *, progress: bool) -> dict:
    """Figures of every method at every cut-off, with paired differences to the baselines as claims."""
    bench = open_bench(ldm, "super_resolution", settings.count, seed=settings.seed,
                       keep=lambda windows: audible_above(windows, max(settings.cutoffs), settings.audible_db))
    original = bench.describe(bench.test.wav)["logits"].argmax(-1).numpy()
    mean = lambda values: statistics.mean(values, seed=settings.seed, groups=bench.groups)
    rows, claims = {}, []
    for cutoff in settings.cutoffs:
        low = low_passed(bench.test.wav, cutoff, ldm.sample_rate)
        seen = {}
        for way in WAYS:
            wav = restored(bench, settings, low, cutoff, way, progress=progress)
            seen[way] = measure(bench, wav, cutoff, settings) | {
                "judge_agreement": bench.describe(wav)["logits"].argmax(-1).numpy() == original}
            rows[f"{cutoff} Hz: {way}"] = {key: mean(seen[way][key]) for key, _ in COLUMNS}
        claims += [claimed(f"{cutoff} Hz: {way}: {label} is lower than that of {other}",
                           {other: mean(np.subtract(seen[way][key], seen[other][key]))}, below=True)
                   for way in (PLAIN, CAPTION) for key, label in COLUMNS[:2] for other in BASELINES]
    note = (f"Clips with at least {settings.audible_db:g} dB of their sound above {max(settings.cutoffs)} Hz. Mean "
            f"envelope: noise with the mean log-spectrum above the cut-off of up to {settings.envelope_clips} such "
            "training clips, taken relative to the octave below it, and that octave's level frame by frame.")
    return {"figures": figures(rows), "claims": claims, "notes": [note],
            "table": {"rows": list(rows), "columns": COLUMNS}}


def audible_above(windows: Windows, cutoff: float, least_db: float) -> np.ndarray:
    """(N,) booleans: has the clip at least `least_db` of its energy above `cutoff`?"""
    spectrum = torch.fft.rfft(windows.wav).abs().square()
    first = math.ceil(cutoff * windows.wav.shape[1] / 16000)
    share = spectrum[:, first:].sum(1) / spectrum.sum(1).clamp(min=1e-12)
    return (10.0 * share.clamp(min=1e-12).log10() >= least_db).numpy()


def low_passed(wav: Tensor, cutoff: int, sample_rate: int) -> Tensor:
    """wav (N, samples) as files at 2 * cutoff would hold it, brought back to `sample_rate`."""
    total = wav.shape[1]
    back = [resample(resample(row.numpy(), sample_rate, 2 * cutoff), 2 * cutoff, sample_rate) for row in wav]
    rows = [np.pad(row, (0, max(0, total - len(row))))[:total] for row in back]
    return torch.from_numpy(np.stack(rows)).clamp(-1.0, 1.0)


def restored(bench: Bench, settings: Settings, low: Tensor, cutoff: int, way: str, *, progress: bool) -> Tensor:
    """wav (N, samples): the clips of `low` with a high band made in `way`."""
    if way == "unprocessed":
        return low
    if way in BASELINES:
        follow = way == "following envelope"
        envelope = mean_envelope(bench, settings, cutoff, follow=follow)
        return with_envelope(low, envelope, cutoff, bench.ldm.sample_rate, seed=settings.seed, follow=follow)
    captions = bench.captions if way == CAPTION else [""] * len(low)
    seeds = bench.seeds("super_resolve", len(low))
    options = {"sampler": settings.sampler, "steps": settings.steps,
               "guidance": settings.guidance if way == CAPTION else 1.0, "batch": CHUNK}

    def make(items: list[int]) -> dict[str, Tensor]:
        made = super_resolve(bench.ldm, low[items], [captions[i] for i in items], cutoff_hz=cutoff,
                             seed=[seeds[i] for i in items], progress=False, **options)
        return {"wav": made.audio}

    keys = [[clip.file, caption] for clip, caption in zip(bench.test.clips, captions, strict=True)]
    what = {"way": "ours", "cutoff": cutoff, "seed": settings.seed, **options}
    return bench.cache.rows(what, keys, make, progress=progress)["wav"]


def measure(bench: Bench, wav: Tensor, cutoff: int, settings: Settings) -> dict[str, np.ndarray]:
    """Distances (N,) of each clip from its original."""
    real, own = dithered(bench.test.wav, settings.seed, "real"), dithered(wav, settings.seed, "own")
    mels = [batched(bench.ldm.wav_to_mel, sound) for sound in (bench.test.wav, wav)]
    high = mel_frequencies(bench.ldm.config.mel)[1:-1] > cutoff
    active = active_frames(mels[0]).float()
    error = (mels[0] - mels[1])[..., high].abs().mean(-1)  # (N, T)
    return {
        "lsd": log_spectral_distance(real, own).numpy(),
        "lsd_high": log_spectral_distance(real, own, low_hz=cutoff).numpy(),
        "log_mel_l1_high": ((error * active).sum(1) / active.sum(1)).numpy(),
    }


def _spectrum(wav: Tensor) -> Tensor:
    return torch.stft(wav, N_FFT, HOP, window=torch.hann_window(N_FFT), return_complex=True)  # (B, F, T)


def _octave_level(log_magnitude: Tensor, cutoff: float, sample_rate: int, *, follow: bool) -> Tensor:
    """(B, 1, T) mean log magnitude from half the cut-off to 0.9 of it, where the low-pass leaves the sound alone; of each
    frame if `follow`, else of the whole clip."""
    a, b = (round(share * cutoff * N_FFT / sample_rate) for share in (0.5, 0.9))
    level = log_magnitude[:, a:b].mean(1, keepdim=True)
    return level if follow else level.mean(-1, keepdim=True).expand_as(level)


def mean_envelope(bench: Bench, settings: Settings, cutoff: int, *, follow: bool) -> Tensor:
    """(bins above the cut-off,) mean log magnitude relative to the octave below, over the sounding frames of training
    clips that are audible there."""
    clips = choose(bench.corpus.split("train"), settings.envelope_clips, seed=settings.seed)
    train = cut(bench.corpus, clips, bench.test.wav.shape[1], seed=settings.seed)
    wav = train.wav[audible_above(train, max(settings.cutoffs), settings.audible_db)]
    if not len(wav):
        raise OptionError(f"none of {len(train)} training clips is audible above {max(settings.cutoffs)} Hz; take more")
    log_magnitude = _spectrum(wav).abs().clamp(min=1e-5).log()
    frames = _octave_level(log_magnitude, cutoff, bench.ldm.sample_rate, follow=True)
    level = _octave_level(log_magnitude, cutoff, bench.ldm.sample_rate, follow=follow)
    above = log_magnitude[:, math.ceil(cutoff * N_FFT / bench.ldm.sample_rate):] - level
    loud = (frames > frames.amax(-1, keepdim=True) - math.log(100.0)).float()  # within 40 dB of the clip's loudest frame
    return (above * loud).sum((0, 2)) / loud.sum()


def with_envelope(low: Tensor, envelope: Tensor, cutoff: int, sample_rate: int, *, seed: int,
                  follow: bool) -> Tensor:
    """`low` plus noise whose mean log magnitude above the cut-off is the octave's level (`_octave_level`) plus `envelope`."""
    spectrum = _spectrum(low)
    level = _octave_level(spectrum.abs().clamp(min=1e-5).log(), cutoff, sample_rate, follow=follow)  # (B, 1, T)
    noise = _spectrum(Rng(seed).randn(low.shape, "envelope")) / torch.hann_window(N_FFT).norm()  # E |noise|^2 = 1 a bin
    gain = (level + envelope[:, None] + 0.5 * float(np.euler_gamma)).exp()  # E log |noise| = -gamma / 2
    high = torch.zeros_like(spectrum)
    high[:, -len(envelope):] = noise[:, -len(envelope):] * gain
    made = torch.istft(high, N_FFT, HOP, window=torch.hann_window(N_FFT), length=low.shape[1])
    return (low + made).clamp(-1.0, 1.0)


def draw(values: dict):
    """Bars of LSD, whole and above the cut-off, log-mel L1 and agreement: one row of panels for each cut-off."""
    cutoffs = values["settings"]["cutoffs"]
    figure, axes = pictures.panels(4, len(cutoffs), width=3.1, height=2.1)
    for i, axis in enumerate(axes):
        cutoff, (key, label) = cutoffs[i // 4], COLUMNS[i % 4]
        items = [values["figures"][f"{cutoff} Hz: {way}"][key] for way in WAYS]
        colours = [pictures.BLUE, pictures.SKY, *[pictures.GREY] * len(BASELINES)]
        pictures.bars(axis, WAYS, items, colours=colours, label=label.replace("the cut-off", f"{cutoff} Hz")
                      .replace(" hears the same as in the original", " agrees with the original"))
        axis.set_yticklabels(WAYS if i % 4 == 0 else [])
        if i % 4 == 0:
            axis.set_title(f"cut-off {cutoff} Hz", loc="left", fontsize=10)
    pictures.caption(figure, values, "lower is better but for the judge")
    return figure
