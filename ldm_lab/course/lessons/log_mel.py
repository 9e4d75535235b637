"""Lesson 01: exercises, quiz and pictures of sound to log-mel."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ldm_lab.audio.mel import hz_to_mel, mel_filterbank, stft
from ldm_lab.course.exercise import Exercise, choices, same_function
from ldm_lab.course.plots import Picture, sheet, show
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.evaluation.spectral import multi_resolution_stft
from ldm_lab.rng import Rng

RATE, N_FFT, HOP, BANDS, FLOOR = 16000, 1024, 160, 64, 1e-5

# --- exercise 1: how many frames -------------------------------------------------------------------------------------


def frame_count(samples: int, n_fft: int, hop: int, pad: int) -> int:
    """Frames that fit into `samples`, padded by `pad` on both sides: 1 for the first, one more for each hop."""
    return 1 + (samples + 2 * pad - n_fft) // hop


def _counted(samples: int, n_fft: int, hop: int, pad: int) -> int:
    """The same, by laying frames down one by one."""
    starts = range(0, samples + 2 * pad - n_fft + 1, hop)
    return len(starts)


frames = Exercise(
    "01", "frames", "How many frames?",
    reference=frame_count,
    judge=same_function([(40960, 1024, 160, 432), (40960, 1024, 160, 512), (40960, 1024, 160, 0), (16000, 400, 100, 0), (1024, 1024, 160, 0)]),
    right={"laying the frames down one by one": _counted, "numpy's floor": lambda n, w, h, p: int(np.floor((n + 2 * p - w) / h)) + 1},
    wrong={
        "forgetting the first frame (a fence of ten fields has eleven posts)": lambda n, w, h, p: (n + 2 * p - w) // h,
        "dividing the samples by the hop, which ignores the length of the window": lambda n, w, h, p: n // h,
        "padding one side only": lambda n, w, h, p: 1 + (n + p - w) // h,
        "rounding up: the last frame would stand over the end": lambda n, w, h, p: 1 + math.ceil((n + 2 * p - w) / h),
    },
    then="With a padding of 432 it is exactly samples / hop: that is why the front end has it. AudioLDM's editing code pads by 512 instead, "
         "which gives one frame more, and all of them half a hop off.",
)

# --- exercise 2: the mel scale ---------------------------------------------------------------------------------------


def _slaney_numpy(hz: Tensor) -> Tensor:
    """Slaney's scale with numpy."""
    f = np.asarray(hz, dtype=np.float64)
    return torch.from_numpy(np.where(f < 1000, 3 * f / 200, 15 + 27 * np.log(np.maximum(f, 1e-9) / 1000) / np.log(6.4)))


def htk_mel(hz: Tensor) -> Tensor:
    """HTK's mel scale: 2595 log10(1 + f / 700)."""
    return 2595.0 * torch.log10(1.0 + hz / 700.0)


def htk_hz(mel: Tensor) -> Tensor:
    """Inverse of `htk_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def _log_everywhere(hz: Tensor) -> Tensor:
    return 15.0 + torch.log(hz.clamp(min=1e-3) / 1000.0) * (27.0 / math.log(6.4))


def _natural_scale(hz: Tensor) -> Tensor:
    return torch.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + 27.0 * torch.log(hz.clamp(min=1000.0) / 1000.0))


def _ratio_not_log(hz: Tensor) -> Tensor:
    return torch.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + 27.0 * torch.log(hz.clamp(min=1000.0) / 1000.0) / 6.4)


mel_scale = Exercise(
    "01", "mel_scale", "Hertz to mel",
    reference=hz_to_mel,
    judge=same_function([(torch.tensor([0.0, 440.0, 1000.0, 2000.0, 8000.0]),), (torch.linspace(10.0, 8000.0, 50),)], tolerance=1e-4),
    right={"written with numpy": _slaney_numpy},
    wrong={
        "the HTK formula 2595 log10(1 + f / 700), which other libraries use": htk_mel,
        "the logarithm below 1 kHz too": _log_everywhere,
        "27 log(f / 1000) without the division by log 6.4": _natural_scale,
        "dividing by 6.4 itself; it is the logarithm of 6.4 that belongs there": _ratio_not_log,
        "the straight line above 1 kHz too": lambda hz: hz * 3.0 / 200.0,
    },
)

# --- exercise 3: the filterbank --------------------------------------------------------------------------------------


def triangles(edges: Tensor, bins: Tensor) -> Tensor:
    """(F, M) unit-area triangles over `bins` (F,) Hz with the corners `edges` (M + 2,) Hz."""
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    rise = (bins[:, None] - left) / (peak - left)
    fall = (right - bins[:, None]) / (right - peak)
    return torch.minimum(rise, fall).clamp(min=0.0) * 2.0 / (right - left)


def _by_loop(edges: Tensor, bins: Tensor) -> Tensor:
    bank = np.zeros((len(bins), len(edges) - 2))
    for m in range(bank.shape[1]):
        a, b, c = (float(edges[m + i]) for i in range(3))
        bank[:, m] = np.interp(bins.numpy(), [a, b, c], [0.0, 2.0 / (c - a), 0.0])
    return torch.from_numpy(bank)


def _no_area(edges: Tensor, bins: Tensor) -> Tensor:
    return triangles(edges, bins) * (edges[2:] - edges[:-2]) / 2.0


def _no_clamp(edges: Tensor, bins: Tensor) -> Tensor:
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    return torch.minimum((bins[:, None] - left) / (peak - left), (right - bins[:, None]) / (right - peak)) * 2.0 / (right - left)


def _sum_one(edges: Tensor, bins: Tensor) -> Tensor:
    bank = _no_area(edges, bins)
    return bank / bank.sum(0, keepdim=True)


def filterbank_case() -> tuple[Tensor, Tensor]:
    """(edges (66,), bins (513,)) in Hz of the library's front end, float64."""
    from ldm_lab.audio.mel import mel_frequencies

    return mel_frequencies(), torch.linspace(0, RATE / 2, N_FFT // 2 + 1, dtype=torch.float64)


filterbank = Exercise(
    "01", "filterbank", "The mel filterbank",
    reference=triangles,
    judge=same_function(lambda: [(torch.tensor([0.0, 100.0, 300.0, 600.0]).double(), torch.arange(0.0, 700.0, 50.0).double()),
                                 filterbank_case()], tolerance=1e-5),
    right={"one band at a time, by interpolation": _by_loop},
    wrong={
        "triangles of height 1: the division by their width (Slaney's norm) is missing": _no_area,
        "lines that go on below zero: the clamp is missing": _no_clamp,
        "columns that sum to 1 over the bins instead of unit area in Hz": _sum_one,
        "triangles of the wrong height, 1 / width instead of 2 / width": lambda e, b: triangles(e, b) / 2.0,
    },
    then="The same matrix as librosa's default, to 1e-5 and better: its entries sum to 4.09588.",
)

# --- exercise 4: what is wrong with this mel? ------------------------------------------------------------------------

FAULTS = ("nothing", "htk scale", "no area norm", "power", "log10")
KEY = {"A": "no area norm", "B": "htk scale", "C": "log10", "D": "power"}
_FEEDBACK = {
    ("A", "power"): "Power doubles every value, low bands as well as high ones. Here the error grows towards the high bands.",
    ("A", "log10"): "log10 shrinks every value by the same factor. Here something is ADDED, and more of it the higher the band.",
    ("A", "htk scale"): "The outlines are where they belong: nothing moved up or down. Only levels changed.",
    ("A", "nothing"): "Compare the averages of low and high bands with those of the right picture.",
    ("B", "log10"): "The range of values is the right one. It is the position that changed: follow one stripe.",
    ("B", "power"): "The range of values is the right one. It is the position that changed: follow one stripe.",
    ("B", "no area norm"): "The lowest stripes moved to other bands. A norm changes levels and moves nothing.",
    ("B", "nothing"): "Follow the lowest stripe: is it in the band where it belongs?",
    ("C", "power"): "Power stretches the range of values to twice its size. Here it shrank.",
    ("C", "no area norm"): "A norm adds something that depends on the band. Here every value shrank: divide the lowest by the right one's.",
    ("C", "htk scale"): "Nothing moved up or down. Look at the lowest value, beside the right one's.",
    ("C", "nothing"): "Look at the range of the values. ln(x) is 2.3 times log10(x).",
    ("D", "log10"): "log10 shrinks the range of values by 2.3. Here it grew.",
    ("D", "no area norm"): "The norm would add something that depends on the band only. Is it so, in loud and in quiet frames?",
    ("D", "htk scale"): "Nothing moved. Look at the range between loud and quiet.",
    ("D", "nothing"): "Look at the range between loud and quiet.",
}
diagnosis = Exercise(
    "01", "diagnosis", "What is wrong with these mels?",
    reference=KEY,
    judge=choices(KEY, FAULTS, _FEEDBACK),
    right={"the same, in another order": dict(reversed(list(KEY.items())))},
    wrong={
        "taking A and B for each other": {**KEY, "A": "htk scale", "B": "no area norm"},
        "taking C and D for each other": {**KEY, "C": "power", "D": "log10"},
        "finding nothing": dict.fromkeys(KEY, "nothing"),
        "answering three of four": {k: v for k, v in KEY.items() if k != "D"},
    },
)


def faulty(wav: Tensor, fault: str) -> Tensor:
    """Log-mel (T, 64) of `wav` (N,) from a front end with one fault of `FAULTS`."""
    magnitude = stft(wav[None].double())[0].abs()  # (T, F)
    bank = mel_filterbank().double()
    edges, bins = filterbank_case()
    if fault == "htk scale":
        ends = htk_mel(torch.tensor([0.0, RATE / 2], dtype=torch.float64))
        bank = triangles(htk_hz(torch.linspace(float(ends[0]), float(ends[1]), BANDS + 2, dtype=torch.float64)), bins)
    elif fault == "no area norm":
        bank = _no_area(edges, bins)
    elif fault == "power":
        magnitude = magnitude.square()
    mel = (magnitude @ bank).clamp(min=FLOOR)
    return (mel.log10() if fault == "log10" else mel.log()).float()


def patients(wav: Tensor) -> dict[str, Tensor]:
    """The four sick mels of exercise 4, (T, 64) each."""
    return {name: faulty(wav, fault) for name, fault in KEY.items()}


def profile_of(named: dict[str, Tensor]) -> list[dict]:
    """A row a mel (T, 64): lowest and highest value, averages of the lowest 16 and the highest 16 bands, and where it is strongest."""
    return [{"mel": name, "lowest": float(mel.min()), "highest": float(mel.max()), "mean of bands 0-15": float(mel[:, :16].mean()),
             "mean of bands 48-63": float(mel[:, 48:].mean()), "strongest band": int(mel.mean(0).argmax())} for name, mel in named.items()]


# --- pictures and sounds ---------------------------------------------------------------------------------------------


def draw_frames(wav: Tensor, window: Tensor, *, start: int = 8000, count: int = 4) -> Picture:
    """A piece of `wav` (N,) with `count` windows laid over it, a hop apart."""
    figure, axes = sheet(width=5.5, height=2.0)
    ax = axes[0, 0]
    stop = start + (count - 1) * HOP + len(window)
    time = torch.arange(start, stop) / RATE * 1000
    piece = wav[start:stop]
    scale = float(piece.abs().max()) or 1.0
    ax.plot(time, piece / scale, color="#bbbbbb", linewidth=0.5)
    for k in range(count):
        at = start + k * HOP
        ax.plot(torch.arange(at, at + len(window)) / RATE * 1000, window, linewidth=1.5)
    ax.set(xlabel="milliseconds", yticks=[], title=f"{count} windows of {len(window)} samples, {HOP} samples apart")
    return show(figure, f"A wave in grey and {count} bell-shaped windows over it, each shifted by a sixth of its length: they overlap a lot.")


def draw_bank(bank: Tensor) -> Picture:
    """Some triangles of a filterbank (F, M)."""
    figure, axes = sheet(height=2.6)
    hz = np.linspace(0, RATE / 2, len(bank))
    for band in range(0, bank.shape[1], 6):
        axes[0, 0].plot(hz, bank[:, band])
    axes[0, 0].set(xlabel="Hz", ylabel="weight", title="Every sixth band")
    return show(figure, "Triangles over frequency: narrow and high at low frequencies, ever wider and lower towards 8000 Hz.")


def draw_waves(named: dict[str, Tensor], *, start: float = 0.5, seconds: float = 0.01) -> Picture:
    """A few milliseconds of several waves (N,), one below the other."""
    figure, axes = sheet(rows=len(named), height=1.1 * len(named) + 0.6)
    first, last = round(start * RATE), round((start + seconds) * RATE)
    for ax, (label, wav) in zip(axes[:, 0], named.items()):
        ax.plot(np.arange(first, last) / RATE * 1000, wav[first:last].detach())
        ax.set(yticks=[], title=label)
    axes[-1, 0].set(xlabel="milliseconds")
    return show(figure, f"{seconds * 1000:.0f} ms of {', '.join(named)}: the shapes of the waves have nothing in common.")


def steps_of_pitch() -> dict[str, Tensor]:
    """Two pairs of tones (N,), both 100 Hz apart."""
    from ldm_lab.course import synth

    gap = torch.zeros(1600)
    fade = torch.linspace(0.0, 1.0, 800)
    shape = torch.cat([fade, torch.ones(8000), fade.flip(0)]) * 0.6  # soft ends: a hard one is a click
    pair = lambda low: torch.cat([shape * synth.tone(low, 0.6), gap, shape * synth.tone(low + 100, 0.6)])
    return {"200 then 300 Hz": pair(200), "4000 then 4100 Hz": pair(4000)}


def noise_start(samples: int, seed: int) -> Tensor:
    """Faint white noise (N,) from which a wave is fitted."""
    return 0.01 * Rng(seed).randn((samples,), "start")


@torch.no_grad()
def spectral(wav: Tensor, other: Tensor) -> float:
    """Multi-resolution STFT distance of two waves (N,)."""
    return float(multi_resolution_stft(wav[None], other[None]))


def correlation(a: Tensor, b: Tensor) -> float:
    """Correlation of two waves (N,): 1 the same, 0 unrelated, -1 upside down."""
    return float(torch.corrcoef(torch.stack([a.detach(), b.detach()]))[0, 1])


QUIZ = quiz(
    "01",
    Question(
        "Two clips have exactly the same log-mel. What follows?",
        right="Their waves may differ everywhere",
        because="Only the sums of magnitudes in each band and frame agree. Phases and the detail inside a band are "
                "free, and you heard two waves that used that freedom.",
        others={
            "They are the same clip": "You fitted a wave whose correlation with the original was near 0, with nearly the same mel.",
            "They differ at most in loudness": "Loudness is one of the things a log-mel keeps: twice as loud adds 0.69 everywhere.",
            "They differ at most in their sign": "The sign is one difference that leaves no trace. Every phase in every frame is another one.",
        },
    ),
    Question(
        "Why is a frame multiplied by a Hann window before the Fourier transform?",
        right="So that its ends do not act like clicks",
        because="Sharp ends look like many frequencies that are not in the sound. Cutting without a window is a "
                "window too, with hard edges, and it smears a pure tone over all bins.",
        others={
            "To make the transform faster": "The cost is the same: 1024 numbers go in either way.",
            "To remove the phase": "The spectrum after windowing is as complex as before. The phase goes when the magnitude is taken.",
            "To make all frames equally loud": "A window does not look at the level. It weighs the middle of each frame more than its ends.",
        },
    ),
    Question(
        "A sound is made ten times as loud. What happens to its natural-log mel?",
        right="2.3 is added everywhere above the floor",
        because="ln(10 x) = ln x + 2.3, whatever x was. A gain is a shift, and that is one reason for the logarithm.",
        others={
            "All values are multiplied by 10": "Before the logarithm, yes. The logarithm turns the factor into a sum.",
            "Nothing": "That would need a front end that normalises loudness. This one does not.",
            "20 is added everywhere above the floor": "20 dB would be right for decibels. This is the natural logarithm of magnitude.",
        },
    ),
    Question(
        "You feed a model, trained on Slaney mels, with HTK mels. What happens?",
        right="It runs, and sounds wrong in colour",
        because="Pitch and colour are wrong, and there is no error: both are (T, 64) numbers of the same range. No "
                "shape can catch it; only a known answer or an ear can.",
        others={
            "It stops with a shape error": "Both scales give 64 bands; the shapes are equal. That makes it so dangerous.",
            "Nothing to be heard: mel is mel": "Band 10 stands for other frequencies in the two scales. Exercise 4 played the result.",
            "Only the loudness changes": "Levels change a little, but above all the energy lands in other bands.",
        },
    ),
    Question(
        "You want shorter hops, 80 samples in place of 160, and keep the window. What do you gain?",
        right="More frames, but hardly finer detail in time",
        because="Twice as many frames, which overlap more. A frame still mixes 64 ms, the length of its window; the "
                "hop only says how often you look.",
        others={
            "Twice the resolution in time and the same in frequency": "The window sets both, one against the other. The hop sets neither.",
            "Twice the resolution in frequency": "The distance of bins is rate / n_fft, 15.6 Hz; the hop is not in it.",
            "Frames that no longer overlap": "They overlap even more. They would stop overlapping at a hop of 1024.",
        },
    ),
)
