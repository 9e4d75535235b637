"""The sounds of a similarity board: cards with embeddings, recordings of the corpus, and the still picture of a ranking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ldm_lab.corpus import open_corpus
from ldm_lab.corpus.attribution import LICENCES
from ldm_lab.corpus.table import Clip
from ldm_lab.editing.job import read_sounds
from ldm_lab.errors import OptionError
from ldm_lab.system import AudioLDM
from ldm_lab.widgets import picture
from ldm_lab.widgets.sounds import Pack, pack

THUMBNAIL = 48  # columns of a card's picture
SPLIT, SHORTEST, LONGEST = "test", 0.5, 5.0  # of the recordings
CAPTIONS = (  # unlike each other, and easy to name
    "A dog barking", "A frog croaking", "A horse neighing", "A sheep bleating", "An elephant trumpeting", "A bell ringing",
    "A snare drum hit", "A shaker", "An audience applauding", "A person singing a note", "Walking footsteps on sand",
    "Swords clashing with a metallic clang", "A mechanical door closing", "A piano note, G", "A tambura drone",
    "Typing on a keyboard", "A machine running", "Rain falling", "A waterfall", "A man speaks in Italian",
    "Electric sparking", "A steam train departing with a whistle", "An explosion", "A laser blast",
)  # fmt: skip
STILL_ROWS, ROW, WIDTH = 12, 34, 640  # of the still picture: rows, and pixels


@dataclass(frozen=True)
class Card:
    """One sound of the board: wav (N,) at `rate`, its CLAP embedding emb (E,), and who made it."""

    label: str
    wav: np.ndarray
    emb: Tensor
    credit: str
    rate: int

    @cached_property
    def pack(self) -> Pack:
        """The sound as the panel has it."""
        return pack({self.label: self.wav}, sample_rate=self.rate)

    @cached_property
    def cells(self) -> np.ndarray:
        """A small picture, uint8 (T, 64), on its own scale."""
        (mel,) = self.pack.mels.values()
        return picture.levels(picture.fold_columns(mel, picture.columns_per_cell(len(mel), THUMBNAIL)), float(mel.max()))

    def state(self) -> dict:
        """What the page draws; the sound itself follows when it is asked for."""
        return {"label": self.label, "credit": self.credit, "seconds": len(self.wav) / self.rate, "mel": self.cells.tobytes()}


def make_card(ldm: AudioLDM, label: str, sound, *, sample_rate: int = 16000, credit: str = "") -> Card:
    """A sound ((N,) or (channels, N) at `sample_rate`, or a file) listened to by the model."""
    wav, _ = read_sounds([sound], ldm.sample_rate, sample_rate=sample_rate)
    with torch.no_grad():
        emb = ldm.clap.encode_audio(wav.to(ldm.device))[0].float().cpu()
    return Card(label, wav[0].clamp(-1.0, 1.0).numpy(), emb, credit, ldm.sample_rate)


def named(sounds) -> dict[str, object]:
    """{label: sound} of a mapping, or of a list whose files are called by their names."""
    if isinstance(sounds, Mapping):
        return {str(label): sound for label, sound in sounds.items()}
    if not isinstance(sounds, (list, tuple)):
        raise OptionError(f"sounds: got {type(sounds).__name__}, expected {{label: wav or file}} or a list of those")
    found: dict[str, object] = {}
    for number, sound in enumerate(sounds, 1):
        label = Path(sound).stem if isinstance(sound, (str, os.PathLike)) else f"sound {number}"
        found[label if label not in found else f"{label} {number}"] = sound
    return found


def recordings() -> dict[str, tuple[np.ndarray, str]]:
    """{caption: (wav, credit)} of the corpus's recordings with the captions in CAPTIONS, the same ones each time."""
    corpus = open_corpus()
    found: dict[str, Clip] = {}
    for clip in sorted(corpus.split(SPLIT, kinds="recorded"), key=lambda clip: clip.sha256):
        if clip.caption in CAPTIONS and SHORTEST <= clip.seconds <= LONGEST:
            found.setdefault(clip.caption, clip)
    return {caption: (corpus.read(found[caption]), _credit(found[caption])) for caption in CAPTIONS if caption in found}


def _credit(clip: Clip) -> str:
    licence = " and ".join(LICENCES.get(part, (part, ""))[0] for part in clip.licence.split(" AND "))
    return f"{clip.copyright} ({licence}); {clip.file} of the corpus, from the package {clip.package}"


def still(cards: list[Card], order: list[int], heads: list[str], scores: Tensor, shares: Tensor) -> bytes:
    """PNG of the first dozen cards in `order`: picture, label, and for each query (`heads`) cosine (Q, S) and share (Q, S)."""
    from PIL import Image, ImageDraw, ImageFont

    shown, column = order[:STILL_ROWS], (WIDTH - 290) // max(1, len(heads))
    sheet = Image.new("RGB", (WIDTH, 26 + ROW * len(shown)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for q, head in enumerate(heads):
        room = max(6, column // 7)
        pen.text((290 + q * column, 20), head if len(head) <= room else head[: room - 3] + "...", "black", font, anchor="ls")
    for place, number in enumerate(shown):
        y, card = 26 + ROW * place, cards[number]
        mel = Image.fromarray(picture.colours(card.cells.T[::-1])).resize((52, ROW - 4), Image.Resampling.BOX)
        sheet.paste(mel, (26, y))
        label = card.label if len(card.label) <= 30 else card.label[:28] + "..."
        pen.text((20, y + ROW // 2), str(place + 1) if heads else "", "black", font, anchor="rm")
        pen.text((84, y + ROW // 2), label, "black", font, anchor="lm")
        for q in range(len(heads)):
            cosine, share = float(scores[q, number]), float(shares[q, number])
            x, long = 290 + q * column, column - 62
            for top, part, colour, text in ((y + 3, max(0.0, cosine), "#777777", f"{cosine:.2f}"),
                                            (y + 17, share, "#8c2981", f"{share:.0%}")):
                pen.rectangle((x, top, x + long, top + 9), fill="#e8e8e8")
                pen.rectangle((x, top, x + round(long * part), top + 9), fill=colour)
                pen.text((x + long + 46, top + 5), text, "black", font, anchor="rm")
    return picture.to_png(sheet)
