"""How much a lesson computes: `fast` for automatic tests, `laptop` as it is meant, `gpu` for more of the same."""

from __future__ import annotations

import os
import sys

from ldm_lab.errors import OptionError, unknown

PROFILES = ("fast", "laptop", "gpu")
FAST_STEPS = 4  # sampling steps of `course.load` in the fast profile


def profile() -> str:
    """`fast`, `laptop` or `gpu`: what the environment variable COURSE_PROFILE says, else `gpu` where CUDA is."""
    named = os.environ.get("COURSE_PROFILE", "")
    if named:
        if named not in PROFILES:
            raise OptionError(unknown("COURSE_PROFILE", named, PROFILES))
        return named
    import torch

    return "gpu" if torch.cuda.is_available() else "laptop"


def pick(*, fast, laptop, gpu=None):
    """The value for this profile; without `gpu` the laptop's serves there too."""
    return {"fast": fast, "laptop": laptop, "gpu": laptop if gpu is None else gpu}[profile()]


def steps(count: int, title: str = "training"):
    """`range(count)` with a progress bar (tqdm); `bar.set_postfix(loss=...)` writes beside it.

    The bar is drawn twice a second at most, however often the postfix changes: a notebook keeps all that was ever drawn.
    """
    from tqdm import tqdm

    class Bar(tqdm):
        def set_postfix(self, ordered_dict=None, refresh=False, **values) -> None:
            super().set_postfix(ordered_dict, refresh, **values)

    return Bar(range(count), desc=title, file=sys.stdout, mininterval=0.5, ncols=88)
