"""The datasheet of the corpus (`README.md`), written from the counts in `stats.json` so that no number is typed by hand.

Questions after Gebru et al., "Datasheets for Datasets" (2018).
"""

from __future__ import annotations

import json
from pathlib import Path

from ldm_lab.corpus.attribution import write_attribution
from ldm_lab.corpus.reader import Corpus, open_corpus
from ldm_lab.corpus.statistics import stats
from ldm_lab.corpus.table import CATEGORIES, KINDS, SPLITS
from ldm_lab.files import write_text

_HEAD = """# The corpus

Real and constructed sounds with captions, free to share and to change, from which this project's models are trained.
This page is generated from `stats.json`, which counts the files themselves.

{clips} clips, {hours} hours, {megabytes} MB; 16 kHz, mono, Ogg Vorbis, peak-normalised to 0.9, 0.1 to 10 s (median {median_seconds} s); {captions} captions, {different_captions} different ones;
{groups} groups (recordings). Silent 10 ms frames (RMS below {threshold_db:g} dB of full scale): {share:.1%}.
"""

_WHAT = """
## What is in it

| file | what |
|---|---|
| `<category>.zip` | the clips of a category |
| `clips.csv` | one row a clip: captions, split, group, kind, attributes, licence, author, source, sha256 |
| `sources.csv` | the Debian packages the recordings come from, with version and hash |
| `ATTRIBUTION.md`, `LICENSE.md` | who made each file, and under which terms |
| `stats.json` | the counts behind this page |

Kinds: **recorded** clips are cut from sound files inside Debian packages (games, sound themes, voices, drum kits). **rendered** ones are played from the FluidR3 General MIDI
soundfont: instrument, pitch, tempo, pattern are exact. **synthesised** ones are computed from formulas with known numbers (and {flite} are sentences spoken by the Flite
voices). **mixed** ones join two clips of the same split, one after the other or one over the other. For every kind but `recorded`, `attributes["recipe"]` holds all that is
needed to make the clip again.
"""

_HOW = """
## How captions came about

Captions of recordings were derived by rule from file and folder names and corrected by rule where a name misleads; nobody listened to each one. They are weak labels: expect some to be wrong or to claim too
much (`caption_source` tells `rule`, `lexicon`, `corrected` and `construction` apart). Captions of the other kinds say what was constructed; those of synthesised sounds name
what the formula imitates ("An engine idling"), and it is an imitation. "A person" is written where the source does not say who speaks. The second caption is a rewording by rule
that claims nothing more. Guitar strums, one style of game music and the Russian voice were thinned, because they are many and alike.

## Splits

Whole groups go to train, valid or test, drawn per category and kind by the hash of the group's name. A group is a recording (same folder and file name up to digits) joined with everything that a fingerprint
(log-spectrogram windows at any offset, confirmed by waveform correlation) finds to be the same sound, also across packages. Groups too large for their share stay in train. Mixes take
both sources from their own split. A stricter second comparison between the splits dropped the held-out clips that still had a copy on the other side; it cannot find copies at another speed or pitch. What this does not separate: rendered clips of different notes share an instrument of the soundfont, synthesised clips share formulas, and takes of
one library may share a microphone. Judge generalisation on the recorded clips: `open_corpus().split("test", kinds="recorded")`.

## Limits and proper use

Made for learning and small experiments. Speech is a few voices, much of it telephone band (4 kHz; `attributes["band"]`), and must not be used to imitate a speaker. "weapon" and cries of pain come from games. Sounds are short,
clean and close, unlike field recordings; music is mostly one game's soundtrack. Several clips were encoded lossily before they came here. Nothing in it was collected from private people.

## Use

```python
from ldm_lab.corpus import open_corpus

corpus = open_corpus()
clip = corpus.split("train")[0]
wav = corpus.read(clip)  # float32 (N,) in [-1, 1]
sound, offsets = corpus.read_all()  # int16, memory-mapped after the first call
```

`ldm-lab corpus stats` counts it, `ldm-lab corpus verify` checks every hash and rebuilds a random sample of recordings from their packages, `ldm-lab corpus build` makes the pack again.
"""


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)]) + "\n"


def _cell(counts: dict) -> str:
    return f"{counts['clips']} / {counts['seconds']:.0f}"


def datasheet(counted: dict) -> str:
    """The text of `README.md` from what `stats()` counted (with silence)."""
    silence = counted["silence"]
    categories = [
        (name, *(_cell(counted["category_split"][name][split]) for split in SPLITS), counted["test_recorded"][name]["clips"],
         *(_cell(counted["category_kind"][name][kind]) for kind in KINDS), f"{silence[name]:.1%}")
        for name in CATEGORIES
    ]  # fmt: skip
    total = ("all", *(_cell(counted["split"][split]) for split in SPLITS), sum(c["clips"] for c in counted["test_recorded"].values()),
             *(_cell(counted["kind"][kind]) for kind in KINDS), f"{silence['share']:.1%}")  # fmt: skip
    licences = [(name, counts["clips"], f"{counts['seconds']:.0f}") for name, counts in counted["licence"].items()]
    return "".join([
        _HEAD.format(**{**counted, **silence}),
        _WHAT.format(flite=counted["licence"]["LicenseRef-flite"]["clips"]),
        "\n## How much\n\nClips / seconds, per split and per kind.\n\n",
        _table(("category", *SPLITS, "test, recorded", *KINDS, "silence"), [*categories, total]),
        _HOW,
        "\n## Licences\n\nAll allow redistribution and derivatives. Mixes carry both licences of their sources.\n\n",
        _table(("SPDX", "clips", "seconds"), licences),
    ])  # fmt: skip


def write_documents(corpus: Corpus | None = None) -> dict:
    """Count the corpus and write `stats.json`, `README.md`, `ATTRIBUTION.md` and `LICENSE.md` into its folder; returns the counts."""
    corpus = corpus or open_corpus()
    counted = stats(corpus)
    folder = Path(corpus.folder)
    write_text(folder / "stats.json", json.dumps(counted, indent=1) + "\n")
    write_text(folder / "README.md", datasheet(counted))
    write_attribution(corpus.clips, folder)
    return counted
