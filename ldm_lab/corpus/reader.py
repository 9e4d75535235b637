"""Read the packed corpus: `open_corpus()` gives clips, splits and waveforms; decoded sound is cached on disk."""

from __future__ import annotations

import logging
import os
import sys
import zipfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from ldm_lab.corpus.pack import decode_ogg
from ldm_lab.corpus.table import CATEGORIES, KINDS, SPLITS, Clip, corpus_folder, read_table
from ldm_lab.errors import CorpusError, unknown
from ldm_lab.files import sha256, write_bytes

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where decoded sound is kept: `$LDM_LAB_CACHE`, else the user's cache folder of this system."""
    if override := os.environ.get("LDM_LAB_CACHE"):
        return Path(override)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "ldm-lab"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ldm-lab"


class Corpus:
    """The clips of a corpus folder and their sound.

    `clips` is the whole table; `read` decodes one clip from its zip; `read_all` gives every clip as one int16 array.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips: list[Clip] = read_table(folder / "clips.csv")
        self._index = {clip.file: number for number, clip in enumerate(self.clips)}
        self._zips: dict[str, tuple[int, zipfile.ZipFile]] = {}

    def __repr__(self) -> str:
        return f"Corpus({len(self.clips)} clips, {sum(clip.seconds for clip in self.clips) / 3600:.2f} h)"

    @cached_property
    def digest(self) -> str:
        """Sha256 of `clips.csv`: it names every sound's hash, so it stands for the whole corpus."""
        return sha256(self.folder / "clips.csv")

    def split(self, name: str, *, kinds: Iterable[str] = KINDS) -> list[Clip]:
        """Clips of ``train``, ``valid`` or ``test``, only of the given kinds."""
        if name not in SPLITS:
            raise CorpusError(unknown("split", name, SPLITS))
        kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        for kind in kinds:
            if kind not in KINDS:
                raise CorpusError(unknown("kind", kind, KINDS))
        return [clip for clip in self.clips if clip.split == name and clip.kind in kinds]

    def find(self, file: str) -> Clip:
        """The clip of a file name such as ``animal/animal_00084.ogg``."""
        if file not in self._index:
            raise CorpusError(unknown("clip", file, self._index) if len(self._index) < 50 else f"no clip {file!r} in {self.folder}")
        return self.clips[self._index[file]]

    def _zip(self, category: str) -> zipfile.ZipFile:
        process, archive = self._zips.get(category, (0, None))
        if archive is None or process != os.getpid():  # a forked worker must not share the file position
            path = self.folder / f"{category}.zip"
            try:
                archive = zipfile.ZipFile(path)
            except (OSError, zipfile.BadZipFile) as error:
                raise CorpusError(f"{path} is missing or damaged ({error}); restore it or run `ldm-lab corpus build`") from error
            self._zips[category] = (os.getpid(), archive)
        return archive

    def ogg(self, clip: Clip, *, check: bool = False) -> bytes:
        """The packed bytes of a clip; with `check` their sha256 must be the table's."""
        try:
            data = self._zip(clip.category).read(clip.file.split("/", 1)[1])
        except (KeyError, zipfile.BadZipFile) as error:
            raise CorpusError(f"{clip.file} is missing from {clip.category}.zip or damaged ({error}); restore the pack") from error
        if check and sha256(data) != clip.sha256:
            raise CorpusError(f"{clip.file}: sha256 {sha256(data)[:12]}..., expected {clip.sha256[:12]}...; restore {clip.category}.zip")
        return data

    def read(self, clip: Clip) -> np.ndarray:
        """Waveform (N,) float32 in [-1, 1] at 16 kHz, decoded from the pack."""
        return np.clip(decode_ogg(self.ogg(clip)), -1, 1)  # the codec overshoots on noise

    def read_all(self) -> tuple[np.ndarray, np.ndarray]:
        """All sound as int16 (S,) and offsets (clips + 1,) int64: clip i is `sound[offsets[i] : offsets[i + 1]]`, / 32767.

        The first call decodes, checks every sha256 and writes the cache; later calls map that file into memory.
        """
        folder = cache_folder() / "corpus" / self.digest[:16]
        sound, offsets = folder / "sound.npy", folder / "offsets.npy"
        try:
            whole, starts = np.load(sound, mmap_mode="r"), np.load(offsets)
        except (OSError, ValueError, EOFError):
            return self._decode_all(sound, offsets)
        if len(starts) != len(self.clips) + 1 or starts[-1] != len(whole):
            return self._decode_all(sound, offsets)
        return whole, starts

    def _decode_all(self, sound: Path, offsets: Path) -> tuple[np.ndarray, np.ndarray]:
        parts = [np.round(np.clip(decode_ogg(self.ogg(clip, check=True)), -1, 1) * 32767).astype(np.int16) for clip in self.clips]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
        whole = np.concatenate(parts)
        try:
            write_bytes(offsets, _npy(starts))
            write_bytes(sound, _npy(whole))  # last: a reader that finds it finds both
            return np.load(sound, mmap_mode="r"), starts
        except OSError as error:
            _log.warning("the cache folder %s cannot be written (%s); decoded sound stays in memory", sound.parent, error)
            return whole, starts


def _npy(array: np.ndarray) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def open_corpus(folder: str | os.PathLike | None = None) -> Corpus:
    """The shipped corpus, or the one in `folder`; raises `CorpusError` if clips.csv or a zip is missing."""
    folder = Path(folder) if folder is not None else corpus_folder()
    corpus = Corpus(folder)
    missing = [name for name in CATEGORIES if not (folder / f"{name}.zip").is_file() and any(clip.category == name for clip in corpus.clips)]
    if missing:
        raise CorpusError(f"{folder} lacks {', '.join(name + '.zip' for name in missing)}; restore the pack or run `ldm-lab corpus build`")
    return corpus
