"""Editing real sounds without training: each edit is a choice of where to start, what to hold, and what to put back."""

from ldm_lab.editing.bandwidth import find_cutoff, super_resolve
from ldm_lab.editing.holes import extend, inpaint
from ldm_lab.editing.series import Series
from ldm_lab.editing.style import transfer, vary

__all__ = ["Series", "extend", "find_cutoff", "inpaint", "super_resolve", "transfer", "vary"]
