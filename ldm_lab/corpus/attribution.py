"""Who made the sounds: `ATTRIBUTION.md` (per file) and `LICENSE.md`, both generated from the table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from ldm_lab.corpus.table import Clip
from ldm_lab.files import write_text

LICENCES: dict[str, tuple[str, str]] = {
    "CC0-1.0": ("Creative Commons Zero 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC-BY-3.0": ("Creative Commons Attribution 3.0", "https://creativecommons.org/licenses/by/3.0/"),
    "CC-BY-4.0": ("Creative Commons Attribution 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "CC-BY-SA-3.0": ("Creative Commons Attribution-ShareAlike 3.0", "https://creativecommons.org/licenses/by-sa/3.0/"),
    "CC-BY-SA-3.0-or-later": ("Creative Commons Attribution-ShareAlike 3.0 or later", "https://creativecommons.org/licenses/by-sa/3.0/"),
    "CC-BY-SA-3.0-AU": ("Creative Commons Attribution-ShareAlike 3.0 Australia", "https://creativecommons.org/licenses/by-sa/3.0/au/"),
    "CC-BY-SA-3.0-US": ("Creative Commons Attribution-ShareAlike 3.0 United States", "https://creativecommons.org/licenses/by-sa/3.0/us/"),
    "CC-BY-SA-4.0": ("Creative Commons Attribution-ShareAlike 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "MIT": ("MIT licence", "https://spdx.org/licenses/MIT.html"),
    "BSD-3-Clause": ("BSD 3-clause licence", "https://spdx.org/licenses/BSD-3-Clause.html"),
    "LicenseRef-flite": ("BSD-like terms of CMU Flite", "debian/copyright of the package flite"),
    "LicenseRef-festvox-ru": ("BSD-like terms of the Russian Festvox voice", "debian/copyright of the package festvox-ru"),
    "LicenseRef-public-domain": ("dedicated to the public domain by its author", "debian/copyright of the package"),
}
"""Licences the corpus accepts: all allow redistribution and derivatives."""


def accepted(licence: str) -> bool:
    """Whether every part of a licence expression allows redistribution with derivatives."""
    return all(part in LICENCES for part in licence.split(" AND "))


def attribution(clips: Iterable[Clip]) -> str:
    """Markdown: per package and file in it, the author, the licence and the clips cut from it."""
    packages: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
    for clip in clips:
        if clip.kind == "recorded":
            packages[clip.package][clip.path_in_package].append(clip)
        elif clip.kind != "mixed":
            packages[clip.package][""].append(clip)
    lines = [
        "# Who made the sounds", "",
        "Generated from `clips.csv`. Recordings were cut to at most 10 s, trimmed, brought to 16 kHz mono, peak-normalised and encoded as Ogg Vorbis: that is",
        "every change. `path (licence; author): clips`. Mixes (clips named `_m`) carry the licences and authors of both sources; their rows in `clips.csv` name them.", "",
    ]  # fmt: skip
    for package in sorted(packages):
        lines += [f"## {package}", ""]
        for path in sorted(packages[package]):
            members = sorted(packages[package][path], key=lambda clip: clip.file)
            first = members[0]
            names = ", ".join(clip.file.split("/")[1].removesuffix(".ogg") for clip in members)
            what = f"`{path}`" if path else f"{len(members)} clips made with it"
            lines.append(f"- {what} ({first.licence}; {' '.join(first.copyright.split())[:200]})" + (f": {names}" if path else ""))
        lines.append("")
    return "\n".join(lines)


def licence_text(clips: Iterable[Clip]) -> str:
    """Markdown: what the corpus as a whole may be used for, and the licences in it."""
    counts: dict[str, int] = defaultdict(int)
    for clip in clips:
        for part in clip.licence.split(" AND "):
            counts[part] += 1
    lines = [
        "# Licences of the corpus", "",
        "The collection (selection, captions, table, splits) is under CC BY-SA 4.0. Each sound keeps the licence of its source: column `licence` of `clips.csv`,",
        "authors in `ATTRIBUTION.md`. Mixes that join ShareAlike sounds of several versions are under the latest of them, as those licences allow.", "",
        "| SPDX | licence | text | clips |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {name} | {LICENCES[name][0]} | {LICENCES[name][1]} | {counts[name]} |" for name in sorted(counts)]
    return "\n".join(lines) + "\n"


def write_attribution(clips: list[Clip], folder: Path) -> None:
    """Write `ATTRIBUTION.md` and `LICENSE.md` into the corpus folder."""
    write_text(folder / "ATTRIBUTION.md", attribution(clips))
    write_text(folder / "LICENSE.md", licence_text(clips))
