"""Fetch the Debian packages that the recorded clips come from, with the system's own `apt-get`.

`sources.csv` names each package with its version, suite and SHA-256. A package is looked for in the cache folder first, then
asked of apt in that version, then in the same version from the named suite (through package lists kept in the cache
folder, never the system's), and at last in whatever version apt offers: the sound inside is often the same, and the
comparison with the shipped clip tells.
"""

from __future__ import annotations

import csv
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ldm_lab.corpus.archives import deb_files, split_path
from ldm_lab.corpus.reader import cache_folder
from ldm_lab.corpus.table import corpus_folder
from ldm_lab.errors import CorpusError, unknown
from ldm_lab.files import sha256

log = logging.getLogger(__name__)
COLUMNS = ("package", "version", "suite", "deb_sha256", "deb_bytes")
APT_TIMEOUT_S = 3600.0
_KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")


class PackageUnavailable(CorpusError):
    """A package cannot be had here; the message says why."""


@dataclass(frozen=True)
class Source:
    """One row of `sources.csv`: a package as it was when the clips were cut. `deb_bytes` is the size of its file."""

    package: str
    version: str
    suite: str
    deb_sha256: str
    deb_bytes: int


@dataclass(frozen=True)
class Package:
    """A package file in the cache; `exact` when its SHA-256 is the one in `sources.csv`."""

    path: Path
    version: str
    exact: bool


def read_sources(path: str | os.PathLike | None = None) -> dict[str, Source]:
    """`sources.csv` (by default the one of the corpus) by package name."""
    path = Path(path) if path is not None else corpus_folder() / "sources.csv"
    if not path.is_file():
        raise CorpusError(f"{path} is missing: it names the packages of the corpus; restore it")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return {
            row["package"]: Source(**{**{name: row[name] for name in COLUMNS}, "deb_bytes": int(row["deb_bytes"])})
            for row in rows
        }
    except (KeyError, ValueError, TypeError) as error:
        raise CorpusError(f"{path} cannot be read ({error!r}); expected the columns {', '.join(COLUMNS)}") from error


def package_cache() -> Path:
    """Where packages are kept: `packages` in the cache folder (`$LDM_LAB_CACHE`, else the user's)."""
    return cache_folder() / "packages"


class Apt:
    """`apt-get download` and package lists of other suites, both without touching the system's state."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.tool = shutil.which("apt-get")
        self._suites: dict[str, list[str] | None] = {}

    def download(self, package: str, *, version: str | None, suite: str | None, folder: Path) -> tuple[Path | None, str]:
        """(the `.deb` in `folder`, "") or (None, what apt said). `version` None takes the newest one offered."""
        if self.tool is None:
            return None, "apt-get is not on this machine"
        options = [] if suite is None else self._suite_options(suite)
        if options is None:
            return None, f"apt offers no package lists of suite {suite}"
        wanted = package if version is None else f"{package}={version}"
        ok, said = self._run([*options, "download", "--", wanted], folder)
        found = sorted(folder.glob("*.deb"))
        return (found[0], "") if ok and found else (None, said)

    def _run(self, arguments: list[str], folder: Path) -> tuple[bool, str]:
        """Run apt-get in `folder`; (success, its error lines)."""
        try:
            done = subprocess.run(
                [self.tool, "-q", *arguments], cwd=folder, env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=APT_TIMEOUT_S,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return False, f"apt-get failed: {error}"
        errors = [line[3:] for line in done.stderr.splitlines() if line.startswith("E: ")]
        return done.returncode == 0, "; ".join(errors) or f"apt-get ended with code {done.returncode}"

    def _suite_options(self, suite: str) -> list[str] | None:
        """apt options that see `suite` of the archive the system already uses; None if there is no such suite."""
        if suite not in self._suites:
            self._suites[suite] = self._add_suite(suite)
        return self._suites[suite]

    def _add_suite(self, suite: str) -> list[str] | None:
        place = self.cache / "apt" / suite
        for name in ("lists/partial", "cache/archives/partial"):
            (place / name).mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [self.tool, "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)", "Created-By: Packages", "Origin: Debian"],
            capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        rows = [line.split() for line in done.stdout.splitlines()]
        sites = [row[0] for row in rows if len(row) == 3 and row[2] == "main" and "-" not in row[1]]
        if not sites:
            return None
        keyring = next((f"[signed-by={key}] " for key in _KEYRINGS if Path(key).is_file()), "")
        listing = place / "sources.list"
        listing.write_text(f"deb {keyring}{sites[0]} {suite} main\n", encoding="utf-8")
        options = [
            "-o", f"Dir::Etc::sourcelist={listing}", "-o", "Dir::Etc::sourceparts=/dev/null",
            "-o", f"Dir::State::lists={place / 'lists'}", "-o", f"Dir::Cache={place / 'cache'}",
        ]  # fmt: skip
        ok, said = self._run([*options, "-o", "APT::Update::Error-Mode=any", "update"], place)
        if not ok:
            log.warning("no package lists of suite %s: %s", suite, said)
        return options if ok else None


class PackageStore:
    """Packages and the files taken from them, kept in one cache folder.

    A package that failed once is not asked for again by the same store. Packages stay in the cache until the folder is
    deleted; nothing is installed.
    """

    def __init__(
        self, sources: dict[str, Source] | None = None, *, cache: str | os.PathLike | None = None, apt: Apt | None = None
    ) -> None:
        self.sources = read_sources() if sources is None else sources
        self.cache = Path(cache) if cache is not None else package_cache()
        self.apt = apt if apt is not None else Apt(self.cache)
        self._known: dict[str, Package | PackageUnavailable] = {}

    def package(self, name: str) -> Package:
        """The file of a package, fetched if need be; raises `PackageUnavailable`."""
        if name not in self._known:
            try:
                self._known[name] = self._find(name)
            except PackageUnavailable as error:
                self._known[name] = error
        found = self._known[name]
        if isinstance(found, PackageUnavailable):
            raise found
        return found

    def files(self, name: str, paths: Collection[str]) -> Iterator[tuple[str, Path]]:
        """(path in the package, file on disk) for each of `paths` that the package holds, unpacked into the cache.

        `paths` may carry members of archives (`a.zip.x/b.ogg`): the archive itself is unpacked, once.
        """
        package = self.package(name)
        place = self.cache / "files" / package.path.stem
        outer = {split_path(path)[0] for path in paths}
        missing = {path for path in outer if not (place / path).is_file()}
        if missing:
            log.info("%s: unpacking %d files", package.path.name, len(missing))
        for path, file in deb_files(package.path, missing) if missing else ():
            _store(file, place / path)
        for path in paths:
            target = place / split_path(path)[0]
            if target.is_file():
                yield path, target

    def _find(self, name: str) -> Package:
        if name not in self.sources:
            raise PackageUnavailable(f"{unknown('package', name, self.sources)} (sources.csv)")
        source = self.sources[name]
        folder = self.cache / "debs"
        folder.mkdir(parents=True, exist_ok=True)
        kept = sorted(folder.glob(f"{name}_*.deb"))
        for path in kept:
            if sha256(path) == source.deb_sha256:
                return Package(path, source.version, True)
        reasons = []
        tries = ((source.version, None), (source.version, source.suite), (None, None), (None, source.suite))
        for version, suite in tries:
            if version is None and kept:  # asked before, and another version was all there was
                return Package(kept[-1], _version_of(kept[-1]), False)
            found = self._fetch(source, version, suite, folder, reasons)
            if found is not None:
                return found
        raise PackageUnavailable(f"{name} {source.version} ({source.suite}): {'; '.join(dict.fromkeys(reasons))}")

    def _fetch(self, source: Source, version: str | None, suite: str | None, folder: Path, reasons: list[str]) -> Package | None:
        """One attempt; the reason of a failure is added to `reasons`."""
        with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
            os.chmod(new, 0o755)  # apt's own download user must be able to enter
            log.info("fetching %s %s (%.0f MB)", source.package, version or "in any version", source.deb_bytes / 1e6)
            path, said = self.apt.download(source.package, version=version, suite=suite, folder=Path(new))
            if path is None:
                reasons.append(said)
                return None
            exact = sha256(path) == source.deb_sha256
            if version is not None and not exact:
                reasons.append(f"version {version} is offered with another SHA-256 than sources.csv names: refused")
                return None
            target = folder / path.name
            os.replace(path, target)
        return Package(target, _version_of(target), exact)


def _version_of(deb: Path) -> str:
    """The version in a package's file name, `NAME_VERSION_ARCH.deb` with `:` written `%3a`."""
    parts = deb.stem.split("_")
    return unquote(parts[1]) if len(parts) == 3 else "unknown"


def _store(file, target: Path) -> None:
    """Copy an open file to `target`: whole or absent."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
