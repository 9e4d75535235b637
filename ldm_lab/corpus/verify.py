"""Prove the corpus: every shipped file against its hash, and a random sample of recordings against their packages."""

from __future__ import annotations

import json
import logging
import os
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

from ldm_lab.corpus.extract import rebuild, recorded_ogg
from ldm_lab.corpus.pack import decode_ogg, encode_recording
from ldm_lab.corpus.packages import PackageStore, PackageUnavailable, read_sources
from ldm_lab.corpus.reader import Corpus, open_corpus
from ldm_lab.corpus.table import CATEGORIES, SAMPLE_RATE, Clip
from ldm_lab.errors import CorpusError, OptionError
from ldm_lab.files import write_text

log = logging.getLogger(__name__)
LEAST_CORRELATION = 0.95
"""A rebuilt clip matches if the peak of its normalised cross-correlation with the shipped one is at least this,"""
MOST_LAG_S = 0.01
"""at a shift of at most this many seconds,"""
MOST_LENGTH_S = 0.02
"""and if their lengths differ by at most this many seconds."""
IDENTICAL, MATCH, MISMATCH, UNAVAILABLE = "identical", "match", "mismatch", "unavailable"


@dataclass(frozen=True)
class ClipCheck:
    """One recorded clip, rebuilt from its package and compared with the shipped one.

    `status`: ``identical`` (every sample equal), ``match``, ``mismatch`` or ``unavailable`` (the package cannot be had;
    `reason` says why). `version` is the package version used, `lag` the shift in samples at the best correlation, `sha256`
    the shipped file that was compared: a report stays true of later packs as far as they hold the same files.
    """

    file: str
    package: str
    status: str
    version: str = ""
    correlation: float | None = None
    lag: int | None = None
    reason: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class PackReport:
    """Hashes of all shipped files: how many were checked, which are missing or damaged, and which the table lacks."""

    n: int
    damaged: dict[str, str] = field(default_factory=dict)
    unlisted: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.damaged and not self.unlisted


@dataclass(frozen=True)
class VerifyReport:
    """A random sample of recordings made again from their packages, and the hashes of the whole pack."""

    seed: int
    recorded: int
    checks: tuple[ClipCheck, ...]
    pack: PackReport

    @property
    def n(self) -> int:
        """Clips in the sample."""
        return len(self.checks)

    def count(self, *status: str) -> int:
        """Clips of the sample with one of these statuses."""
        return sum(check.status in status for check in self.checks)

    @property
    def matched(self) -> int:
        """Clips that were made again, identical ones included."""
        return self.count(IDENTICAL, MATCH)

    @property
    def worst_correlation(self) -> float | None:
        """The lowest correlation of the clips that could be made; None if there were none."""
        return min((check.correlation for check in self.checks if check.correlation is not None), default=None)

    @property
    def ok(self) -> bool:
        """Nothing contradicts the table: the pack is whole, at least one clip was made again and none mismatched."""
        return self.pack.ok and self.matched > 0 and self.count(MISMATCH) == 0

    def to_dict(self) -> dict:
        """What `verify.json` holds."""
        missing = sorted({check.package for check in self.checks if check.status == UNAVAILABLE})
        return {
            "n": self.n, "seed": self.seed, "recorded_clips": self.recorded, "matched": self.matched,
            "identical": self.count(IDENTICAL), "mismatched": self.count(MISMATCH), "unavailable": self.count(UNAVAILABLE),
            "worst_correlation": self.worst_correlation, "packages": len({check.package for check in self.checks}),
            "unavailable_packages": missing,
            "criterion": {"correlation": LEAST_CORRELATION, "lag_s": MOST_LAG_S, "length_s": MOST_LENGTH_S},
            "pack": {"files": self.pack.n, "damaged": self.pack.damaged, "unlisted": list(self.pack.unlisted)},
            "clips": [{name: cell for name, cell in asdict(check).items() if cell not in ("", None)} for check in self.checks],
        }  # fmt: skip

    def summary(self) -> str:
        """The result in a few lines, for people."""
        lines = [
            f"pack: {self.pack.n} files checked, {len(self.pack.damaged)} damaged or missing, {len(self.pack.unlisted)} unlisted",
            f"sample: {self.n} of {self.recorded} recordings (seed {self.seed}), {self.matched} made again "
            f"({self.count(IDENTICAL)} identical sample for sample), {self.count(MISMATCH)} mismatched, "
            f"{self.count(UNAVAILABLE)} unavailable",
        ]
        if self.worst_correlation is not None:
            lines.append(f"worst correlation: {self.worst_correlation:.4f} (at least {LEAST_CORRELATION} is a match)")
        lines += [f"{file}: {reason}" for file, reason in self.pack.damaged.items()]
        lines += [f"{check.file}: {check.status}: {check.reason}" for check in self.checks if check.status in (MISMATCH, UNAVAILABLE)]
        return "\n".join(lines)

    def save(self, path: str | os.PathLike) -> None:
        """Write the report as JSON, whole or not at all."""
        write_text(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n")


def verify_pack(folder: str | os.PathLike | None = None) -> PackReport:
    """Check the sha256 of every clip of the pack in `folder` (default: the shipped one) against `clips.csv`. No network."""
    corpus = open_corpus(folder)
    damaged = {}
    for clip in corpus.clips:
        try:
            corpus.ogg(clip, check=True)
        except CorpusError as error:
            damaged[clip.file] = str(error)
    listed = {clip.file for clip in corpus.clips}
    unlisted = sorted(_packed_names(corpus) - listed)
    return PackReport(len(corpus.clips), damaged, tuple(unlisted))


def _packed_names(corpus: Corpus) -> set[str]:
    names = set()
    for category in CATEGORIES:
        path = corpus.folder / f"{category}.zip"
        if path.is_file():
            with zipfile.ZipFile(path) as archive:
                names.update(f"{category}/{name}" for name in archive.namelist())
    return names


def compare(shipped: np.ndarray, rebuilt: np.ndarray) -> tuple[float, int]:
    """(peak of the normalised cross-correlation of two waveforms (N,) and (M,), samples by which `rebuilt` comes later)."""
    size = 1 << (len(shipped) + len(rebuilt) - 1).bit_length()
    product = np.fft.rfft(rebuilt.astype(np.float64), size) * np.conj(np.fft.rfft(shipped.astype(np.float64), size))
    correlation = np.fft.irfft(product, size)
    energy = float(np.sqrt(np.sum(np.square(shipped, dtype=np.float64)) * np.sum(np.square(rebuilt, dtype=np.float64))))
    best = int(np.argmax(correlation))
    lag = best if best < size // 2 else best - size
    return (float(correlation[best]) / energy if energy > 0 else 0.0), lag


def check_clip(clip: Clip, shipped: np.ndarray, made: np.ndarray | CorpusError, *, version: str = "") -> ClipCheck:
    """Compare one clip's shipped waveform with the one made again (N,), or with the error that making it gave."""
    known = {"file": clip.file, "package": clip.package, "version": version, "sha256": clip.sha256}
    if isinstance(made, CorpusError):
        status = UNAVAILABLE if isinstance(made, PackageUnavailable) else MISMATCH
        return ClipCheck(status=status, reason=str(made), **known)
    rebuilt = np.clip(decode_ogg(encode_recording(recorded_ogg(made), clip.category)), -1, 1)  # as `Corpus.read` gives it
    if np.array_equal(shipped, rebuilt):
        return ClipCheck(status=IDENTICAL, correlation=1.0, lag=0, **known)
    correlation, lag = compare(shipped, rebuilt)
    longer = len(rebuilt) - len(shipped)
    reasons = []
    if correlation < LEAST_CORRELATION:
        reasons.append(f"correlation {correlation:.3f}")
    if abs(lag) > MOST_LAG_S * SAMPLE_RATE:
        reasons.append(f"shifted by {lag} samples")
    if abs(longer) > MOST_LENGTH_S * SAMPLE_RATE:
        reasons.append(f"{longer:+d} samples long")
    status = MISMATCH if reasons else MATCH
    return ClipCheck(status=status, correlation=round(correlation, 6), lag=lag, reason="; ".join(reasons), **known)


def verify(
    sample: int = 50,
    seed: int = 0,
    folder: str | os.PathLike | None = None,
    *,
    store: PackageStore | None = None,
    cache: str | os.PathLike | None = None,
    progress: Callable[[ClipCheck], None] | None = None,
) -> VerifyReport:
    """Make a random sample of the recorded clips again from their packages, and check the hashes of the whole pack.

    The sample is drawn without replacement with `seed`, every recording equally likely. Packages come through
    `apt-get download` into `cache` (hundreds of megabytes for 50 clips); one that cannot be had is named in the report.
    `progress` is called after each clip. Raises `OptionError` for a sample below 1.
    """
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise OptionError(f"sample: got {sample!r}, expected a whole number of clips from 1 up")
    pack = verify_pack(folder)
    corpus = open_corpus(folder)
    recorded = [clip for clip in corpus.clips if clip.kind == "recorded" and clip.file not in pack.damaged]
    chosen = random.Random(seed).sample(recorded, min(sample, len(recorded)))
    if store is None:
        store = PackageStore(read_sources(corpus.folder / "sources.csv"), cache=cache)
    checks = []
    for clip, made in rebuild(chosen, store):
        version = "" if isinstance(made, PackageUnavailable) else _version(store, clip.package)
        checks.append(check_clip(clip, corpus.read(clip), made, version=version))
        log.info("%s: %s", clip.file, checks[-1].status)
        if progress is not None:
            progress(checks[-1])
    report = VerifyReport(seed, len(recorded), tuple(sorted(checks, key=lambda check: check.file)), pack)
    log.info("verify: %s", dict(Counter(check.status for check in checks)))
    return report


def _version(store: PackageStore, package: str) -> str:
    try:
        return store.package(package).version
    except PackageUnavailable:
        return ""
