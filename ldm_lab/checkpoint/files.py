"""Files of weights on disk: written whole or not at all, and verified by SHA-256 before use.

safetensors carries no code, but a flipped bit in it loads without complaint; the manifest notices.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ldm_lab import files
from ldm_lab.errors import CheckpointError
from ldm_lab.files import sha256, write_bytes, write_json, write_text

__all__ = ["read_json", "read_manifest", "read_tensors", "sha256", "write_json", "write_manifest", "write_tensors",
           "write_text"]  # fmt: skip

MANIFEST = "manifest.json"


def read_json(path: Path) -> dict:
    return files.read_json(path, error=CheckpointError, missing="missing; the folder is not a complete model")


def write_tensors(path: Path, tensors: dict[str, Tensor], *, dtype: torch.dtype | None = None) -> None:
    """Write a safetensors file; floating tensors are stored as `dtype` if given."""
    from safetensors.torch import save

    def stored(tensor: Tensor) -> Tensor:
        tensor = tensor.detach().cpu()
        return (tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor).contiguous()

    write_bytes(path, save({name: stored(tensor) for name, tensor in tensors.items()}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; CheckpointError if it is missing, cut short or holds NaN or infinity."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(str(path))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file ({error}); fetch or make it again") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name!r} holds NaN or infinite values")
    return tensors


def write_manifest(folder: Path, names: list[str] | None = None) -> None:
    """Write `manifest.json`: SHA-256 of each file named (all other files of the folder if none are)."""
    names = names or sorted(p.name for p in folder.iterdir() if p.is_file() and p.name != MANIFEST)
    write_json(folder / MANIFEST, {"sha256": {name: sha256(folder / name) for name in names}})


def read_manifest(folder: Path) -> dict[str, str]:
    """Verify every file the manifest names and return {name: SHA-256}; CheckpointError names the damaged ones."""
    names = read_json(folder / MANIFEST).get("sha256")
    if not isinstance(names, dict) or not names:
        raise CheckpointError(f"{folder / MANIFEST}: lists no files; fetch or make the folder again")
    bad = []
    for name, want in names.items():
        if Path(name).name != name:
            raise CheckpointError(f"{folder / MANIFEST}: {name!r} is not a plain file name")
        path = folder / name
        if not path.is_file():
            bad.append(f"{name} is missing")
        elif sha256(path) != want:
            bad.append(f"{name} has changed since it was written")
    if bad:
        raise CheckpointError(f"{folder}: {'; '.join(bad)}; fetch or make the folder again")
    return names
