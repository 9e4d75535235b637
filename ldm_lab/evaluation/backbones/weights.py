"""Weights of listeners that others trained: where they are looked for, and how they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ldm_lab.checkpoint.files import read_tensors, sha256
from ldm_lab.corpus.reader import cache_folder
from ldm_lab.errors import CheckpointError

DOWNLOAD = "download"


@dataclass(frozen=True)
class Published:
    """A published file of weights: its name, its address, and the first digits of its SHA-256 where known."""

    file: str
    url: str
    sha256: str = ""

    def where(self) -> Path:
        return cache_folder() / "weights" / self.file

    def find(self, given: str | os.PathLike | None) -> Path:
        """`given`, else the file in the cache folder; with "download" it is fetched there first. CheckpointError if
        missing.
        """
        if given is not None and str(given) != DOWNLOAD:
            if not Path(given).is_file():
                raise CheckpointError(f"{given}: no such file; expected {self.file} from {self.url}, or a safetensors copy")
            return Path(given)
        place = self.where()
        if not place.is_file() and given is None:
            raise CheckpointError(f"{self.file} is not here. Get it from {self.url} and name it as weights, or put it at "
                                  f"{place}; weights='download' does that")
        if not place.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                torch.hub.download_url_to_file(self.url, str(place), hash_prefix=self.sha256 or None, progress=False)
            except (OSError, RuntimeError) as error:
                raise CheckpointError(f"{self.url} could not be fetched ({error}); fetch it by other means and name the "
                                      "file") from error
        if self.sha256 and not sha256(place).startswith(self.sha256):
            raise CheckpointError(f"{place}: its SHA-256 does not begin with {self.sha256}; delete it and fetch it again")
        return place


def read_weights(path: Path, *, key: str | None = None) -> dict[str, Tensor]:
    """Tensors of a safetensors or PyTorch file; `key`: the entry of a training state that holds them, if there is one.

    PyTorch files are read without running code; arrays of NumPy, as training states carry them, are allowed.
    Raises CheckpointError if the file is something else.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        with torch.serialization.safe_globals(_numpy_globals()):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever the damaged bytes make its reader raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: not a readable file of weights ({reason[:120]}); fetch it again, or convert it to "
                              "safetensors") from error
    state = state.get(key, state) if isinstance(state, Mapping) and key else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path}: expected a dictionary of tensors{f' (or one under {key!r})' if key else ''}")
    return dict(state)


def _numpy_globals() -> list:
    """What a pickled array names, in NumPy 1 and 2: the function that rebuilds it, and its type of numbers."""
    rebuild = np.zeros(0).__reduce__()[0]
    names = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
    kinds = [type(np.dtype(kind)) for kind in (np.int32, np.int64, np.float32, np.float64)]
    return [*((rebuild, name) for name in names), np.ndarray, np.dtype, *kinds]


def fill(module: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Load exactly: every weight of `module` and nothing else, of equal shape, or CheckpointError with a list."""
    want = module.state_dict()
    # a count of training batches that files older than PyTorch 0.4.1 lack, and that nothing reads
    optional = {name for name in want if name.endswith("num_batches_tracked")}
    problems = [f"{name} is missing" for name in sorted(set(want) - optional - set(tensors))]
    problems += [f"{name} is not part of it" for name in sorted(set(tensors) - set(want))]
    problems += [f"{name} is {tuple(tensors[name].shape)}, expected {tuple(value.shape)}"
                 for name, value in want.items() if name in tensors and tensors[name].shape != value.shape]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise CheckpointError(f"{source}: not weights of {type(module).__name__}: {'; '.join(problems[:5])}{more}")
    broken = [name for name, value in tensors.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if broken:
        raise CheckpointError(f"{source}: {broken[0]} holds NaN or infinite values; fetch the file again")
    module.load_state_dict({name: tensors.get(name, value) for name, value in want.items()})
