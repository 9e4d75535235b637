"""One ES module a widget, joined from the files in `js/` without a bundler.

A front end loads a widget's module from a text, so it cannot import a neighbour. Each file in `js/` is a proper module
that says what it needs (``import { draw } from "./picture.js";``); `esm` puts those files before it and leaves the
import lines out.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "js"
LOCAL_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


def esm(name: str) -> str:
    """Text of the ES module of widget `name`: `js/<name>.js` after everything it imports, each file once."""
    parts: dict[str, str] = {}

    def add(stem: str) -> None:
        if stem in parts:
            return
        text = (FOLDER / f"{stem}.js").read_text(encoding="utf-8")
        for needed in LOCAL_IMPORT.findall(text):
            add(needed)
        parts[stem] = LOCAL_IMPORT.sub("", text)

    add(name)
    return "\n".join(parts.values())


def css(*names: str) -> str:
    """Text of `js/<name>.css` of each name, joined."""
    return "\n".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in names)
