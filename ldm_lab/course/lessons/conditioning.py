"""Lesson 08: real latents with their CLAP embeddings, a judge by CLAP, a world for dropout, exercises and the quiz."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_lab.course import plots
from ldm_lab.course.data import Clips, clips
from ldm_lab.course.exercise import Exercise, choices, same_function
from ldm_lab.course.lessons.samplers import NOTES, SCHEDULE, SPREAD, starts
from ldm_lab.course.quiz import Question, quiz
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.losses import diffusion_loss
from ldm_lab.diffusion.samplers import sample_unipc
from ldm_lab.diffusion.schedule import exponential_grid
from ldm_lab.rng import Rng, seeded
from ldm_lab.system import AudioLDM

KINDS = ("drum", "bell_ui", "speech", "vehicle")
WORDS = {"drum": "a drum hit", "bell_ui": "a bell ringing", "speech": "a person speaking", "vehicle": "a car engine running"}


# --- sounds as the diffusion model sees them --------------------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """Sounds with what the frozen parts make of them: z (n, C, T/r, 64/r) and audio, text (n, E), unit vectors."""

    clips: Clips
    z: Tensor
    audio: Tensor
    text: Tensor

    @property
    def kind(self) -> Tensor:
        """(n,) number of each sound's kind in KINDS."""
        return torch.tensor([KINDS.index(name) for name in self.clips.categories])

    def __len__(self) -> int:
        return len(self.z)

    def __repr__(self) -> str:
        return f"{len(self)} sounds: z {tuple(self.z.shape)}, audio embeddings {tuple(self.audio.shape)}"


@torch.no_grad()
def hear(ldm: AudioLDM, count: int, *, split: str = "train", seed: int = 0, batch: int = 16) -> Heard:
    """`count` sounds of the four kinds, through the shipped autoencoder and CLAP. `text` are the captions' embeddings."""
    found = clips(count, split=split, category=KINDS, seed=seed)
    mels = [ldm.wav_to_mel(part) for part in found.wav.split(batch)]
    z = torch.cat([ldm.mel_to_latent(mel) for mel in mels])
    audio = torch.cat([ldm.clap.encode_mel(mel) for mel in mels])
    text = torch.cat([ldm.clap.encode_text([caption]) for caption in found.captions])
    return Heard(found, z, audio, text)


def centres(heard: Heard) -> Tensor:
    """(4, E) mean direction of the audio embeddings of each kind."""
    return F.normalize(torch.stack([heard.audio[heard.kind == k].mean(0) for k in range(len(KINDS))]), dim=1)


@torch.no_grad()
def judged(ldm: AudioLDM, z: Tensor, text: Tensor, kind: Tensor, middle: Tensor, *, batch: int = 16) -> dict[str, float | str]:
    """What CLAP hears in latents z (n, ..): the share nearest to the right kind, and the mean cosine to the captions.

    The autoencoder's decoder makes the mel, CLAP hears that: no vocoder is needed to be judged.
    """
    ears = torch.cat([ldm.clap.encode_mel(ldm.latent_to_mel(part)) for part in z.split(batch)])
    right = (ears @ middle.T).argmax(1) == kind
    return {"right kind": f"{100 * float(right.float().mean()):.0f} %", "CLAP score": round(float((ears * text).sum(1).mean()), 3)}


@torch.no_grad()
def told(ldm: AudioLDM, heard: Heard, conditions: dict[str, Tensor], *, steps: Sequence[int] = (500, 650),
         batch: int = 16) -> dict[str, Tensor]:
    """{name: (n,)} loss of the shipped UNet on every sound, told by each condition, with the same noise for all."""
    losses = {name: torch.zeros(len(heard)) for name in conditions}
    for t in steps:
        noise = Rng(0).randn(heard.z.shape, "told", t)
        for name, emb in conditions.items():
            parts = [diffusion_loss(ldm.unet, heard.z[i : i + batch], emb[i : i + batch], torch.full((len(heard.z[i : i + batch]),), t),
                                    noise[i : i + batch], ldm.schedule, prediction=ldm.config.diffusion.prediction)
                     for i in range(0, len(heard), batch)]
            losses[name] += torch.cat(parts) / len(steps)
    return losses


def plane(named: dict[str, Tensor]) -> dict[str, Tensor]:
    """Embeddings (n, E) seen from the two directions in which all of them together differ most (principal components)."""
    everything = torch.cat(list(named.values()))
    middle = everything.mean(0)
    _, _, axes = torch.linalg.svd(everything - middle, full_matrices=False)
    return {name: (emb - middle) @ axes[:2].T for name, emb in named.items()}


# --- a world with three words, for guidance and dropout ---------------------------------------------------------------

GROUPS = torch.tensor([0, 0, 1, 1, 2, 2])  # six notes of lesson 07; each pair has a word of its own


def exact_for(word: int | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The exact denoiser of the notes of one word, or of all notes (None)."""
    notes = NOTES if word is None else NOTES[word == GROUPS]

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        variance = (SPREAD**2 + sigma**2)[:, None]
        offset = x[:, None] - notes
        share = (-offset.square().sum(-1) / (2 * variance)).softmax(1)
        return (share[..., None] * (notes + (SPREAD**2 / variance)[..., None] * offset)).sum(1)

    return denoise


def clouds(named: dict[str, Tensor], word: int, *, alt: str):
    """Points side by side over the six notes; those of `word` are ringed."""
    figure, axes = plots.sheet(len(named), width=8.0, height=2.9)
    mine = NOTES[word == GROUPS]
    for ax, (label, points) in zip(axes[0], named.items()):
        ax.plot(*NOTES.T.numpy(), "k+", markersize=9)
        ax.plot(*mine.T.numpy(), "o", markersize=16, markerfacecolor="none", markeredgecolor="#2e7d32")
        ax.plot(*points[:256].T.numpy(), "o", markersize=3, alpha=0.45, color="#8c2981")
        ax.set(xlim=(-2.8, 2.8), ylim=(-2.1, 2.1), aspect="equal", xlabel="pitch")
        ax.set_title(label, fontsize=10)
    axes[0, 0].set_ylabel("brightness")
    return plots.show(figure, alt)


class WordGuesser(nn.Module):
    """A small conditional denoiser of the world: (x, sigma, emb (B, 4)) -> z; emb is one of three words or "no word"."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        sizes = (22, width, width, width, 2)
        parts = [part for a, b in zip(sizes, sizes[1:]) for part in (nn.Linear(a, b), nn.SiLU())]
        self.layers = nn.Sequential(*parts[:-1])
        self.register_buffer("waves", torch.logspace(-1, 0.8, 8))

    def forward(self, x: Tensor, sigma: Tensor, emb: Tensor) -> Tensor:
        x, sigma = x.float(), sigma.float()[:, None]
        c_in = (1 + sigma**2).rsqrt()
        turns = sigma.log() * self.waves
        v = self.layers(torch.cat([c_in * x, turns.sin(), turns.cos(), emb.float()], 1))
        return (c_in**2 * x - sigma * c_in * v).double()


def train_words(drop_probability: float, steps: int, *, batch: int = 256) -> WordGuesser:
    """A WordGuesser trained on points of the world with their words, of which a share is replaced by "no word"."""
    with seeded(0):
        net = WordGuesser()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    low, high = SCHEDULE.log_sigmas[0], SCHEDULE.log_sigmas[-1]
    for step in range(steps):
        random = Rng(step)
        note = torch.randint(len(NOTES), (batch,), generator=random.at("note"))
        z = NOTES[note] + SPREAD * random.randn((batch, 2), "spread", dtype=torch.float64)
        sigma = (low + (high - low) * torch.rand(batch, generator=random.at("sigma"))).exp()
        x = z + sigma[:, None] * random.randn((batch, 2), "noise", dtype=torch.float64)
        word = torch.where(torch.rand(batch, generator=random.at("drop")) < drop_probability, 3, GROUPS[note])
        error = net(x, sigma, F.one_hot(word, 4)) - z
        loss = ((1 + sigma**-2)[:, None] * error.square()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    return net.eval().requires_grad_(False)


def words_right(net: Callable, scale: float, count: int = 240) -> dict[str, float | str]:
    """The three words are asked for in turn with guidance: the share nearest to a note of their word (chance: a third), and
    how far the typical point lies from the nearest note."""
    asked = torch.arange(count) % 3
    emb, none = F.one_hot(asked, 4), F.one_hot(torch.tensor([3]), 4)
    ends = sample_unipc(guide(net, emb, none, scale=scale), starts(count), exponential_grid(SCHEDULE, 20))
    gaps, nearest = (ends[:, None] - NOTES).norm(dim=2).min(dim=1)
    right = float((GROUPS[nearest] == asked).double().mean())
    return {"right word": f"{100 * right:.0f} %", "distance to a note": round(float(gaps.median()), 2)}


# --- exercises --------------------------------------------------------------------------------------------------------


def _cfg_cases() -> list[tuple]:
    without, with_ = (Rng(1).randn((2, 3), name) for name in ("without", "with"))
    return [(without, with_, 3.0), (without, with_, 0.0), (without, with_, 1.0), (without, with_, 7.5)]


cfg = Exercise(
    "08", "cfg", "Classifier-free guidance",
    reference=lambda without, with_, scale: without + scale * (with_ - without),
    judge=same_function(_cfg_cases),
    right={"as a weighted sum": lambda without, with_, scale: scale * with_ + (1 - scale) * without},
    wrong={
        "the difference with its sign turned: it pushes away from the words": lambda without, with_, scale: without + scale * (without - with_),
        "Ho and Salimans' own w, which is our scale - 1: w = 0 means no guidance there": lambda without, with_, scale:
            with_ + scale * (with_ - without),
        "starting from the answer with words and stepping back to the one without": lambda without, with_, scale:
            with_ + scale * (without - with_),
        "only the difference: the sound itself is lost": lambda without, with_, scale: scale * (with_ - without),
    },
    then="scale 0 ignores the words, 1 takes them as they are, more exaggerates.",
)


def _drop(emb, uncond, u, p):
    return torch.where((u < p)[:, None], uncond, emb)


def _drop_loop(emb, uncond, u, p):
    return torch.stack([uncond[0] if float(one) < p else row for row, one in zip(emb, u)])


def _drop_cases() -> list[tuple]:
    emb, uncond = F.normalize(Rng(2).randn((8, 5), "emb"), dim=1), F.normalize(Rng(2).randn((1, 5), "uncond"), dim=1)
    u = torch.tensor([0.93, 0.04, 0.55, 0.31, 0.08, 0.77, 0.22, 0.61])
    return [(emb, uncond, u, 0.1), (emb, uncond, u, 0.5), (emb, uncond, u, 0.0), (emb, uncond, u, 1.0)]


drop = Exercise(
    "08", "drop", "Dropping the condition", reference=_drop, judge=same_function(_drop_cases),
    right={"row by row": _drop_loop},
    wrong={
        "zeros in place of the empty prompt's embedding: no sampler will ever ask with zeros": lambda emb, uncond, u, p:
            torch.where((u < p)[:, None], torch.zeros_like(uncond), emb),
        "the comparison the wrong way round: nine in ten are dropped": lambda emb, uncond, u, p: torch.where((u > p)[:, None], uncond, emb),
        "one throw for the whole batch: all or none are dropped": lambda emb, uncond, u, p: uncond.expand_as(emb) if u[0] < p else emb,
        "ordinary dropout, which scales what is kept": lambda emb, uncond, u, p: torch.where((u < p)[:, None], uncond, emb / max(1 - p, 1e-6)),
    },
    todo="Write `drop` in the cell above, run it, and run this one again.",
)


def moved(text: Tensor, mean_text: Tensor, mean_audio: Tensor) -> Tensor:
    """Text embeddings (n, E) moved so that their mean falls about where that of the sounds is; unit vectors again."""
    return F.normalize(text - mean_text + mean_audio, dim=1)


def _shift_by_hand(text, mean_text, mean_audio):
    there = text + (mean_audio - mean_text)
    return there / there.square().sum(dim=1, keepdim=True).sqrt()


def _shift_cases() -> list[tuple]:
    text, audio = (F.normalize(Rng(3).randn((6, 8), name) + mean, dim=1) for name, mean in (("text", 0.3), ("audio", -0.8)))
    return [(text, text.mean(0), audio.mean(0)), (audio, audio.mean(0), text.mean(0))]


shift = Exercise(
    "08", "shift", "Closing the gap", reference=moved, judge=same_function(_shift_cases),
    right={"by hand": _shift_by_hand},
    wrong={
        "a vector that is not of length 1: the UNet never saw one": lambda text, mean_text, mean_audio: text - mean_text + mean_audio,
        "the shift in the wrong direction": lambda text, mean_text, mean_audio: F.normalize(text + mean_text - mean_audio, dim=1),
        "taking the text's mean off without putting the audio's in": lambda text, mean_text, mean_audio: F.normalize(text - mean_text, dim=1),
        "one length for all: each row must have length 1": lambda text, mean_text, mean_audio:
            (text - mean_text + mean_audio) / (text - mean_text + mean_audio).norm(),
    },
)


def _ask_twice(denoiser, x, sigma, emb, negative, scale):
    both = torch.cat([negative.expand_as(emb), emb])
    without, with_ = denoiser(torch.cat([x, x]), torch.cat([sigma, sigma]), both).chunk(2)
    return without + scale * (with_ - without)


def _two_calls(denoiser, x, sigma, emb, negative, scale):
    without = denoiser(x, sigma, negative.expand_as(emb))
    return without + scale * (denoiser(x, sigma, emb) - without)


def _swapped(denoiser, x, sigma, emb, negative, scale):
    with_, without = denoiser(torch.cat([x, x]), torch.cat([sigma, sigma]), torch.cat([negative.expand_as(emb), emb])).chunk(2)
    return without + scale * (with_ - without)


def _minus(denoiser, x, sigma, emb, negative, scale):
    return denoiser(x, sigma, emb) - scale * denoiser(x, sigma, negative.expand_as(emb))


def _in_the_embedding(denoiser, x, sigma, emb, negative, scale):
    return denoiser(x, sigma, negative + scale * (emb - negative))


def _denoiser(x, sigma, emb):
    return x / (1 + sigma**2)[:, None] + (2 * emb).tanh() * emb.abs()


def _ask_cases() -> list[tuple]:
    x, emb, negative = Rng(4).randn((3, 4), "x"), F.normalize(Rng(4).randn((3, 4), "emb"), dim=1), F.normalize(Rng(4).randn((1, 4), "no"), dim=1)
    return [(_denoiser, x, torch.tensor([0.5, 1.0, 2.0]), emb, negative, 3.0), (_denoiser, x, torch.ones(3), emb, negative, 1.5)]


ask_twice = Exercise(
    "08", "ask_twice", "A negative prompt", reference=_ask_twice, judge=same_function(_ask_cases),
    right={"in two calls": _two_calls},
    wrong={
        "taking the halves of the batch in the wrong order: it runs away from the prompt": _swapped,
        "subtracting the negative's guess: what is left is no sound": _minus,
        "guiding the embedding in place of the guess: the network is not linear in it": _in_the_embedding,
        "pushing the embedding away from the negative's: guidance works on the two guesses": lambda denoiser, x, sigma, emb, negative, scale:
            denoiser(x, sigma, emb + scale * (emb - negative)),
    },
    then="The empty prompt is only a special negative prompt.",
)

EFFECTS = ("guidance has nothing to compare with", "works with and without guidance", "never hears the words")
NEEDED = {"p = 0": EFFECTS[0], "p = 0.1": EFFECTS[1], "p = 1": EFFECTS[2]}
_WHY = {
    EFFECTS[0]: "That needs a network that was never asked without words.",
    EFFECTS[1]: "That needs both: words most of the time, and no words some of the time.",
    EFFECTS[2]: "That needs a network from which every word was taken away in training.",
}
dropout = Exercise(
    "08", "dropout", "How much dropout?", reference=NEEDED,
    judge=choices(NEEDED, EFFECTS, {(q, c): _WHY[c] for q in NEEDED for c in EFFECTS}),
    right={"in another order": dict(reversed(NEEDED.items()))},
    wrong={
        "exchanging the ends": {"p = 0": EFFECTS[2], "p = 0.1": EFFECTS[1], "p = 1": EFFECTS[0]},
        "thinking that no dropout is best": {"p = 0": EFFECTS[1], "p = 0.1": EFFECTS[1], "p = 1": EFFECTS[2]},
        "leaving one open": {"p = 0": EFFECTS[0], "p = 1": EFFECTS[2]},
    },
)

QUIZ = quiz(
    "08",
    Question(
        "Why can a model that never saw a caption be driven by words?",
        right="A text embedding stands in for a sound's",
        because="CLAP puts words and sounds into one space. The UNet only ever meets directions in it and cannot "
                "tell which tower one came from.",
        others={
            "The UNet learns the language from the sounds": "No word ever reaches it. All the language is in CLAP, which was trained on captions.",
            "The captions are hidden in the audio files": "They are in a table that the training of the UNet never opens.",
            "Guidance translates the words": "Guidance only exaggerates a difference. Something must make the difference first.",
        }),
    Question(
        "What is the unconditional embedding in AudioLDM?",
        right="The CLAP text embedding of the empty prompt",
        because="It has length 1 like all others, and the same vector is used in training (one in ten) and in sampling.",
        others={
            "A vector of zeros": "Common elsewhere. Here it would be the only vector not of length 1.",
            "A vector that is learned with the UNet": "Some models do that; AudioLDM takes what CLAP says to the empty string.",
            "The mean of all audio embeddings": "A sensible idea, but not what the network was trained with.",
        }),
    Question(
        "Guidance scale 1 means ...",
        right="the plain answer with the prompt",
        because="without + 1 · (with - without) = with. One network call a step is enough; the other would be made "
                "for nothing.",
        others={
            "no prompt at all": "That is scale 0 in this form of the formula.",
            "twice the prompt": "That is scale 2. In Ho and Salimans' form, w = 1 would be our 2: check which form a paper uses.",
            "the strongest useful setting": "Most models are used between 2 and 7, ours at 3.",
        }),
    Question(
        "Moving all text embeddings by the difference of the means makes ...",
        right="the clouds overlap on average only",
        because="Single pairs hardly meet. The shift is the same for all; what a sound has and its caption does not "
                "tell is different for each.",
        others={
            "text as good as audio": "The measurement says otherwise: most of the loss is still there.",
            "every caption equal to its sound": "One vector cannot repair as many differences as there are pairs.",
            "guidance unnecessary": "Guidance exaggerates words; it does not care where they lie.",
        }),
    Question(
        "The condition is dropped with probability 0.1 in training. What if that stays on when sampling?",
        right="About one sound in ten ignores its prompt",
        because="It happened: the original AudioLDM code leaves it on, and nothing looks broken.",
        others={
            "Every sound is 10 % less like its prompt": "The drop is all or nothing for each item, not a mixture.",
            "Nothing: guidance corrects it": "With the condition replaced, both halves of the guidance are the same: no difference to exaggerate.",
            "The sampler becomes slower": "The work is the same. Only the result is not what was asked for.",
        }),
)
