"""The table of clips: one frozen `Clip` per row of `clips.csv`, and where the corpus lies."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from ldm_lab.errors import CorpusError, unknown
from ldm_lab.files import assets_folder

SAMPLE_RATE = 16000
CATEGORIES = (
    "ambience", "animal", "bell_ui", "drum", "human", "impact", "instrument",
    "machine", "music", "nature", "speech", "synth", "vehicle", "weapon",
)  # fmt: skip
SPLITS = ("train", "valid", "test")
KINDS = ("recorded", "rendered", "synthesised", "mixed")
BETWEEN_CAPTIONS = " | "


@dataclass(frozen=True)
class Clip:
    """One clip of the corpus: a row of `clips.csv`.

    `seconds` and `start_s` are seconds; `start_s` is where a recorded clip begins in `path_in_package`.
    `attributes` holds what is known beyond the caption; for every kind but ``recorded`` its key ``recipe``
    is all that `ldm_lab.corpus.make_clip` needs to make the clip again.
    """

    file: str
    category: str
    captions: tuple[str, ...]
    seconds: float
    split: str
    group: str
    kind: str
    attributes: dict
    licence: str
    copyright: str
    package: str
    path_in_package: str
    start_s: float
    caption_source: str
    transcript: str
    sha256: str

    @property
    def caption(self) -> str:
        """The first caption."""
        return self.captions[0]

    def with_(self, **changes: object) -> Clip:
        """A copy with some columns changed."""
        return replace(self, **changes)


COLUMNS = tuple(field.name for field in fields(Clip))


def to_row(clip: Clip) -> dict[str, str]:
    """A clip as the text cells of its row."""
    row = {name: getattr(clip, name) for name in COLUMNS}
    row["captions"] = BETWEEN_CAPTIONS.join(clip.captions)
    row["attributes"] = json.dumps(clip.attributes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    row["seconds"] = f"{clip.seconds:.3f}"
    row["start_s"] = f"{clip.start_s:.3f}"
    return row


def from_row(row: dict[str, str]) -> Clip:
    """A row of text cells as a clip; a missing column or a bad cell raises `CorpusError` naming the row."""
    try:
        cells = {name: row[name] for name in COLUMNS}
        return Clip(**{
            **cells,
            "captions": tuple(cells["captions"].split(BETWEEN_CAPTIONS)),
            "attributes": json.loads(cells["attributes"]),
            "seconds": float(cells["seconds"]),
            "start_s": float(cells["start_s"]),
        })
    except (KeyError, ValueError) as error:
        raise CorpusError(f"clips.csv: row {row.get('file')!r} cannot be read ({error!r}); restore the file") from error


def read_table(path: str | os.PathLike) -> list[Clip]:
    """All clips of a `clips.csv`, in the order of the file."""
    path = Path(path)
    if not path.is_file():
        raise CorpusError(
            f"no corpus at {path.parent}: clips.csv is missing. Set LDM_LAB_ASSETS to the folder that holds corpus/, "
            "or make it with `ldm-lab corpus build`"
        )
    with open(path, encoding="utf-8", newline="") as file:
        return [from_row(row) for row in csv.DictReader(file)]


def table_text(clips: Iterable[Clip]) -> str:
    """The text of `clips.csv`, sorted by file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(to_row(clip) for clip in sorted(clips, key=lambda clip: clip.file))
    return text.getvalue()


def check_clip(clip: Clip) -> None:
    """Raise `CorpusError` if a clip has a value outside the contract."""
    for kind, name, options in (
        ("category", clip.category, CATEGORIES), ("split", clip.split, SPLITS), ("kind", clip.kind, KINDS),
    ):  # fmt: skip
        if name not in options:
            raise CorpusError(f"{clip.file}: {unknown(kind, name, options)}")
    if not 1 <= len(clip.captions) <= 3 or not all(caption.strip() for caption in clip.captions):
        raise CorpusError(f"{clip.file}: expected 1-3 captions, got {clip.captions!r}")
    for name in ("group", "licence", "copyright", "package", "sha256"):
        if not getattr(clip, name):
            raise CorpusError(f"{clip.file}: column {name!r} is empty")
    if clip.kind != "recorded" and "recipe" not in clip.attributes:
        raise CorpusError(f"{clip.file}: a {clip.kind} clip needs attributes['recipe'] so that it can be made again")


def corpus_folder() -> Path:
    """The folder of the corpus among the shipped files."""
    return assets_folder() / "corpus"


def draft(
    category: str,
    captions: Iterable[str],
    recipe: dict,
    *,
    group: str,
    kind: str,
    source: tuple[str, str, str],
    transcript: str = "",
    **attributes: object,
) -> Clip:
    """A clip that is planned but not made yet: no file, length, split or hash. `source` is (licence, copyright, package)."""
    licence, owner, package = source
    return Clip(
        file="", category=category, captions=tuple(captions), seconds=0.0, split="", group=group, kind=kind,
        attributes={**attributes, "recipe": recipe}, licence=licence, copyright=owner, package=package,
        path_in_package="", start_s=0.0, caption_source="construction", transcript=transcript, sha256="",
    )  # fmt: skip
