"""One part's weights in one file: ``autoencoder.safetensors``, ``unet.safetensors``, ..."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from ldm_lab.checkpoint.files import read_tensors, write_tensors
from ldm_lab.errors import CheckpointError


def save_part(module: nn.Module, folder: Path, name: str, *, dtype: torch.dtype | None = None) -> Path:
    """Write ``folder/name.safetensors`` (and ``tokenizer.json`` for a part that has one)."""
    from ldm_lab.checkpoint.files import write_text

    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / f"{name}.safetensors", module.state_dict(), dtype=dtype)
    if getattr(module, "tokenizer_json", None):
        write_text(folder / "tokenizer.json", module.tokenizer_json)
    return folder / f"{name}.safetensors"


def load_part(module: nn.Module, folder: Path, name: str) -> None:
    """Fill `module` from ``folder/name.safetensors``; missing, extra and misshapen tensors raise an error with all of them."""
    path = Path(folder) / f"{name}.safetensors"
    tensors = read_tensors(path)
    wanted = module.state_dict()
    problems = [f"missing {k}" for k in wanted if k not in tensors]
    problems += [f"not expected {k}" for k in tensors if k not in wanted]
    problems += [f"{k}: got {tuple(tensors[k].shape)}, expected {tuple(wanted[k].shape)}"
                 for k in wanted if k in tensors and tensors[k].shape != wanted[k].shape]
    if problems:
        raise CheckpointError(f"{path} does not fit this model: {'; '.join(problems[:20])}"
                              + (f" and {len(problems) - 20} more" if len(problems) > 20 else ""))
    module.load_state_dict(tensors, strict=True)
    if hasattr(module, "set_tokenizer"):
        tokenizer = Path(folder) / "tokenizer.json"
        if tokenizer.is_file():
            module.set_tokenizer(tokenizer.read_text(encoding="utf-8"))
