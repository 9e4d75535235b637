"""One module a lesson: its exercises with their judges, its quiz, and helpers that would clutter the notebook."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType


def modules() -> Iterator[ModuleType]:
    """All lesson modules, by name."""
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        yield importlib.import_module(f"{__name__}.{found.name}")


def exercises() -> list:
    """All exercises of the course, by lesson and in the order in which a module names them."""
    from ldm_lab.course.exercise import Exercise

    found = {id(value): value for module in modules() for value in vars(module).values() if isinstance(value, Exercise)}
    return sorted(found.values(), key=lambda exercise: exercise.lesson)
