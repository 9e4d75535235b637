"""Lesson 11, the workbench: sounds to measure, two listeners, a noise that pleases CLAP, and people who do not exist."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.checkpoint import assets_folder
from ldm_lab.corpus import open_corpus
from ldm_lab.evaluation.clips import Windows, choose, cut
from ldm_lab.evaluation.judging import judge_features, label_indices, load_judge
from ldm_lab.evaluation.lab import read_metrics
from ldm_lab.evaluation.listening.playlist import Key
from ldm_lab.evaluation.listening.session import Results, Session
from ldm_lab.evaluation.listening.stimuli import ANCHOR_LOW, ANCHOR_MID, REFERENCE
from ldm_lab.evaluation.parts import batched
from ldm_lab.files import write_json
from ldm_lab.models.clap import Clap
from ldm_lab.rng import Rng
from ldm_lab.system import AudioLDM

SAMPLES = 40960  # 2.56 s
SHIPPED = {
    "CLAP score, generated": "clap_score_generated",
    "CLAP score, real clips": "clap_score_real",
    "CLAP score, real clips with strangers' captions": "clap_score_real_wrong_caption",
    "judge is right, generated": "judge_top1_generated",
    "judge is right, real clips": "judge_top1_real",
    "Frechet, generated to test clips": "frechet_generated_to_test",
    "Frechet, training to test clips": "frechet_train_to_test",
}

# --- what is measured ------------------------------------------------------------------------------------------------


def real(split: str, count: int, *, seed: int = 0) -> Windows:
    """`count` real sounds of a split, evenly over categories and recordings, each 2.56 s: wav (count, 40960) and clips."""
    corpus = open_corpus()
    return cut(corpus, choose(corpus.split(split), count, seed=seed), SAMPLES, seed=seed)


class Ears:
    """Two listeners: the judge, which no part of the model ever met, and the model's own CLAP.

    ``ears(wav (B, N))`` -> {"features" (B, 64), "logits" (B, 14), "clap" (B, E)} as float64 arrays.
    """

    def __init__(self, ldm: AudioLDM) -> None:
        self.ldm, self.judge = ldm, load_judge()
        self.categories = self.judge.config.categories

    def __call__(self, wav: Tensor) -> dict[str, np.ndarray]:
        features, logits = judge_features(self.judge, wav)
        return {"features": features.double().numpy(), "logits": logits.double().numpy(), "clap": self.clap(wav)}

    def features(self, wav: Tensor) -> np.ndarray:
        """The judge's features (B, 64) alone."""
        return judge_features(self.judge, wav)[0].double().numpy()

    def clap(self, wav: Tensor) -> np.ndarray:
        """CLAP embeddings (B, E) of sounds."""
        return batched(self.ldm.clap.encode_audio, wav).double().numpy()

    def read(self, texts: list[str]) -> np.ndarray:
        """CLAP embeddings (B, E) of texts."""
        with torch.inference_mode():
            return torch.cat([self.ldm.clap.encode_text([text]) for text in texts]).double().numpy()

    def labels(self, windows: Windows) -> np.ndarray:
        """(N,) numbers of the windows' categories, in the judge's order."""
        return label_indices(windows.column("category"), self.judge)


def shipped() -> dict[str, dict]:
    """Figures of the shipped model, measured with 300 captions of test clips: {words: {value, low, high, n}}."""
    figures = read_metrics(assets_folder() / "checkpoints" / "lab" / "metrics.json")["parts"]["generation"]["figures"]
    return {words: figures[name] for words, name in SHIPPED.items()}


def please(clap: Clap, words: str, *, steps: int, seed: int = 0) -> Tensor:
    """A noise (N,) that was changed, a little in each step, so that `clap` finds it closer to `words`."""
    goal = clap.encode_text([words]).detach()
    wav = (0.05 * Rng(seed).randn((1, SAMPLES), "noise")).requires_grad_()
    optimiser = torch.optim.Adam([wav], lr=5e-3)
    for _ in range(steps):
        closeness = (clap.encode_audio(wav) * goal).sum()
        (wav.grad,) = torch.autograd.grad(-closeness, wav)
        optimiser.step()
    return wav.detach()[0].clamp(-1.0, 1.0)


def two_axes(*clouds: np.ndarray) -> list[np.ndarray]:
    """Clouds (N, D) seen from the side on which the first one is widest: each (N, 2)."""
    centre = clouds[0].mean(axis=0)
    _, _, axes = np.linalg.svd(clouds[0] - centre, full_matrices=False)
    return [(cloud - centre) @ axes[:2].T for cloud in clouds]


def spoil(wav: Tensor, *, seed: int = 0) -> dict[str, Tensor]:
    """The same sounds (B, N), each set changed in one way that ears find small or large."""
    level = wav.square().mean(dim=1, keepdim=True).sqrt()
    hiss = Rng(seed).randn(wav.shape, "hiss")
    return {"backwards": wav.flip(1), "20 dB quieter": 0.1 * wav, "faint hiss": wav + 0.1 * level * hiss}


# --- listeners who do not exist --------------------------------------------------------------------------------------

TRUTH = {  # invented: what an average honest listener would say of each system
    "ovl": {REFERENCE: 82.0, "model": 62.0, ANCHOR_MID: 66.0, ANCHOR_LOW: 45.0},
    "rel": {REFERENCE: 80.0, "model": 64.0},
}
CHEATS = ("always 50", "guesses", "upside down", "bored")


def simulate(key: Key, folder: str | Path, *, honest: int = 12, seed: int = 0) -> dict[str, str]:
    """Write the results of `honest` listeners and of four others into `folder`; returns {listener: what they are}.

    Honest ones differ in how kindly they rate and vary from sound to sound; one of them is harsh. The others: always 50; a
    random number each time; 100 minus the truth; honest for the first third, then asleep on 70.
    """
    kinds = {f"L{Rng(seed).key('listener', i) % 16**8:08x}": "honest" if i else "honest, harsh" for i in range(honest)}
    kinds |= {f"L{Rng(seed).key(cheat) % 16**8:08x}": cheat for cheat in CHEATS}
    hard = {item: Rng(seed).numpy(f"item {item}").normal(0, 6) for item in {entry[0] for entry in key.sounds.values()}}
    for name, kind in kinds.items():
        session = Session(key.playlist, consent=True, listener=name)
        random = Rng(seed).numpy(f"answers {name}")
        kindness = -35.0 if kind == "honest, harsh" else random.normal(0, 8)
        answers = {}
        for place, trial_id in enumerate(session.order):
            trial = key.playlist.trials[trial_id]
            item, system = key.sounds[trial.sounds[0]]
            truth = TRUTH[trial.kind][system] + hard[item]
            value = truth + kindness + random.normal(0, 10)
            value = {"always 50": 50.0, "guesses": random.uniform(1, 100), "upside down": 120.0 - value,
                     "bored": value if place < len(session.order) / 3 else 70.0}.get(kind, value)
            answers[trial_id] = {"value": int(np.clip(round(value), 1, 100)), "x": ""}
        write_json(Path(folder) / f"{name}.json", Results(key.playlist.hash, name, answers).as_dict())
    return kinds


def ovl_panel(results: list[Results], key: Key) -> dict[str, dict[str, dict[str, float]]]:
    """What each listener gave the reference and the low anchor of each item, OVL only."""
    panel: dict = {}
    for listener in results:
        for trial_id, answer in listener.answers.items():
            trial = key.playlist.trials[trial_id]
            item, system = key.sounds[trial.sounds[0]]
            if trial.kind == "ovl" and system in (REFERENCE, ANCHOR_LOW):
                panel.setdefault(listener.listener, {}).setdefault(item, {})[system] = answer["value"]
    return panel
