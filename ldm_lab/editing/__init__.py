"""Editing real sounds without training: each edit is a choice of where to start, what to hold, and what to put back."""

from ldm_lab.editing.attributes import ATTRIBUTES, attribute_prompts
from ldm_lab.editing.bandwidth import find_cutoff, super_resolve
from ldm_lab.editing.holes import extend, inpaint
from ldm_lab.editing.inversion import edit, interpolate, invert, slerp
from ldm_lab.editing.loops import loop, seam
from ldm_lab.editing.series import Series
from ldm_lab.editing.style import transfer, vary

__all__ = ["ATTRIBUTES", "Series", "attribute_prompts", "edit", "extend", "find_cutoff", "inpaint", "interpolate", "invert",
           "loop", "seam", "slerp", "super_resolve", "transfer", "vary"]
