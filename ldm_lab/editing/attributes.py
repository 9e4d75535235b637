"""Attribute control (AudioLDM, section 5.2): the same sound in another room, of another material, higher, slower, sadder.

AudioLDM controls attributes through the words of the prompt and nothing else. This table holds, for each attribute the
paper shows, a sentence pattern and words that fit it; with one seed for all prompts the attribute is what differs.
"""

from __future__ import annotations

from collections.abc import Sequence

from ldm_lab.errors import OptionError, unknown
from ldm_lab.options import clean_text

ATTRIBUTES: dict[str, tuple[str, tuple[str, ...]]] = {
    # attribute      pattern                       words
    "environment": ("{prompt} in {word}",         ("a small room", "a large hall", "a cave", "a forest", "the open air")),
    "material":    ("{prompt}, made of {word}",   ("wood", "metal", "glass", "stone", "plastic")),
    "pitch":       ("{prompt}, {word} pitch",     ("very low", "low", "high", "very high")),
    "tempo":       ("{prompt}, {word}",           ("very slow", "slow", "fast", "very fast")),
    "mood":        ("{prompt}, {word}",           ("calm", "happy", "sad", "frightening")),
    "order":       ("{prompt}, followed by {word}", ("a bell", "footsteps", "silence", "a dog barking")),
}  # fmt: skip


def attribute_prompts(prompt: str, attribute: str, words: Sequence[str] | None = None) -> list[str]:
    """The prompt once for each word of an attribute: ``generate(ldm, attribute_prompts("a drum", "pitch"), seed=3)``.

    attribute: a key of ATTRIBUTES; words: your own instead of the table's. Raises OptionError for an unknown attribute.
    """
    if attribute not in ATTRIBUTES:
        raise OptionError(unknown("attribute", attribute, ATTRIBUTES))
    pattern, usual = ATTRIBUTES[attribute]
    if isinstance(words, str) or (words is not None and len(words) == 0):
        raise OptionError(f"words: got {words!r}, expected a list of words such as {list(usual[:2])}")
    plain = clean_text(prompt).rstrip(".")
    if not plain:
        raise OptionError(f"prompt: got an empty one, expected words that {attribute} can be said of")
    return [pattern.format(prompt=plain, word=clean_text(word, "word")) for word in (usual if words is None else words)]
