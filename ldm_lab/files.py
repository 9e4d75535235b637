"""Small files on disk: written whole or not at all, read with a clear error, named by their SHA-256."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

from ldm_lab.errors import LabError


def assets_folder() -> Path:
    """Where shipped files lie: $LDM_LAB_ASSETS, the repository's `assets/`, or the installed package's."""
    named = os.environ.get("LDM_LAB_ASSETS")
    if named:
        return Path(named)
    package = Path(__file__).resolve().parent
    beside = package.parent / "assets"
    return beside if beside.is_dir() else package / "assets"


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Write beside the target, sync, rename: the file is whole or absent, whatever interrupts. Makes missing folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".saving-{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes files that only their owner may read
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | os.PathLike, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: str | os.PathLike, values: object) -> None:
    """Indented, keys sorted: equal values give equal bytes."""
    write_text(path, json.dumps(values, indent=1, sort_keys=True) + "\n")


def read_json(path: str | os.PathLike, *, error: type[LabError] = LabError, missing: str = "no such file") -> object:
    """The values of a JSON file; `error` says what is wrong with it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as cause:
        raise error(f"{path}: {missing}") from cause
    except (json.JSONDecodeError, UnicodeDecodeError, IsADirectoryError) as cause:
        raise error(f"{path}: not a JSON file ({cause}); fetch or make it again") from cause


def sha256(data: bytes | os.PathLike) -> str:
    """Hexadecimal SHA-256 of bytes, or of a file given as a path."""
    digest = hashlib.sha256()
    if isinstance(data, bytes):
        digest.update(data)
        return digest.hexdigest()
    with open(data, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
