"""Two results laid side by side: where and by how much they differ, in words."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """What differs. `got` and `expected` are the tensors of the first difference, None if kinds or shapes differ."""

    words: tuple[str, ...]
    got: Tensor | None = None
    expected: Tensor | None = None


def as_tensor(value: object) -> Tensor | None:
    """Numbers, arrays and tensors as a float64 (or complex128) tensor; None for anything else."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    elif isinstance(value, (bool, int, float, complex, np.ndarray, np.number, np.bool_)):
        value = torch.from_numpy(np.array(value))  # a Python float stays a double
    else:
        return None
    return value.to(torch.complex128 if value.is_complex() else torch.float64)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """(path, leaf) of nested tuples, lists and mappings."""
    if isinstance(value, Mapping):
        for key in value:
            yield from leaves(value[key], f"{path}[{key!r}]")
    elif isinstance(value, (tuple, list)):
        for i, item in enumerate(value):
            yield from leaves(item, f"{path}[{i}]")
    else:
        yield path, value


def compare(got: object, expected: object, *, tolerance: float = 1e-5, relative: bool = False) -> Difference | None:
    """None if two results are equal; else the first difference.

    tolerance: the largest |got - expected| allowed, times the largest |expected| where that is above 1 (`relative`: always).
    Lists and tuples count as equal kinds, and a list of numbers equals a tensor of them.
    """
    whole = as_tensor(expected)
    if whole is not None and isinstance(got, (list, tuple)) and whole.ndim:
        try:
            got = torch.stack([as_tensor(item) for item in got])
        except (TypeError, RuntimeError):
            return Difference((f"Got {_kind(got)}, expected {_kind(expected)}.",))
    mine, theirs = list(leaves(got)), list(leaves(expected))
    if [path for path, _ in mine] != [path for path, _ in theirs]:
        return Difference((f"Got {_kind(got)}, expected {_kind(expected)}.",))
    for (path, left), (_, right) in zip(mine, theirs):
        found = _leaf(left, right, tolerance, relative)
        if found is not None:
            where = f"In {path}: " if path else ""
            return Difference((where + found.words[0], *found.words[1:]), found.got, found.expected)
    return None


def _leaf(got: object, expected: object, tolerance: float, relative: bool) -> Difference | None:
    left, right = as_tensor(got), as_tensor(expected)
    if left is None or right is None:
        same = type(got) is type(expected) and got == expected if left is None and right is None else False
        return None if same else Difference((f"Got {_kind(got)}, expected {_kind(expected)}.",))
    if left.shape != right.shape:
        return Difference((f"Got shape {tuple(left.shape)}, expected {tuple(right.shape)}.",))
    if left.numel() == 0:
        return None
    if not torch.isfinite(torch.view_as_real(left) if left.is_complex() else left).all() and torch.isfinite(right.abs()).all():
        return Difference((f"Got numbers that are not finite ({int((~torch.isfinite(left.abs())).sum())} of {left.numel()}): "
                           "a division by zero, or a logarithm of zero?",))
    size = float(right.abs().max())
    allowed = tolerance * (size if relative else max(1.0, size))
    error = (left - right).abs().nan_to_num(0.0)
    if float(error.max()) <= allowed:
        return None
    return _described(left, right, error, allowed)


def _described(left: Tensor, right: Tensor, error: Tensor, allowed: float) -> Difference:
    if left.ndim == 0:
        return Difference((f"Got {_number(left)}, expected {_number(right)}.",), left, right)
    index = tuple(int(i) for i in np.unravel_index(int(error.argmax()), tuple(error.shape)))
    share = float((error > allowed).double().mean())
    place = f"{index[0]}" if len(index) == 1 else f"{index}"
    words = (f"Got {_number(left[index])}, expected {_number(right[index])} at index {place}, where the difference is largest.",
             f"{share:.0%} of the {left.numel():,} numbers differ by more than {allowed:.1g}.")
    return Difference((*words, *_pattern(left, right)), left, right)


def _pattern(left: Tensor, right: Tensor) -> tuple[str, ...]:
    """Words for a difference of a simple kind: a factor, a shift, an order."""
    if left.is_complex() or right.is_complex():
        return ()
    scale = float(right.abs().max())
    near = lambda a, b: float((a - b).abs().max()) <= 1e-4 * max(scale, 1e-12)
    power = float((right * right).sum())
    factor = float((left * right).sum()) / power if power else 0.0
    shift = float((left - right).mean())
    if near(left, right):
        return (f"They are close: the largest difference is {float((left - right).abs().max()):.1e}.",)
    if abs(factor) > 1e-6 and near(left, factor * right):
        return (f"All your numbers are {factor:.4g} times the expected ones.",)
    if left.numel() > 1 and near(left, right + shift):
        return (f"All your numbers are the expected ones plus {shift:.4g}.",)
    if left.ndim and left.numel() > 1 and near(left.flip(0), right):
        return ("Your numbers are the expected ones in reverse order.",)
    return ()


def _number(value: Tensor) -> str:
    return f"{value.item():.6g}"


def _kind(value: object) -> str:
    tensor = as_tensor(value)
    if tensor is not None:
        return f"{tensor.item():.6g}" if tensor.ndim == 0 else f"a tensor of shape {tuple(tensor.shape)}"
    if isinstance(value, (tuple, list)):
        return f"{len(value)} values"
    if isinstance(value, Mapping):
        return f"a dict with {', '.join(map(repr, value)) or 'nothing'}"
    return repr(value) if isinstance(value, str) else f"{type(value).__name__}"


def largest(got: object, expected: object) -> float:
    """The largest difference between two results of equal shape."""
    pairs = [(as_tensor(a), as_tensor(b)) for (_, a), (_, b) in zip(leaves(got), leaves(expected))]
    return max((float((a - b).abs().nan_to_num(0.0).max()) for a, b in pairs if a is not None and a.numel() and b is not None
                and a.shape == b.shape), default=0.0)


def fresh(values: tuple) -> tuple:
    """A copy of arguments, so that a function that changes them in place spoils nothing."""
    return tuple(value.clone() if isinstance(value, Tensor) else copy.deepcopy(value) if isinstance(value, (list, dict, np.ndarray))
                 else value for value in values)
