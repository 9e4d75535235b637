"""Sounds from the FluidR3 General MIDI soundfont (MIT): notes, scales, chords, melodies, drums, loops, effects.

Each maker turns a recipe (kept in `attributes["recipe"]`) into a waveform; each plan lists recipes with captions that
are true by construction. The soundfont is Debian's `fluid-soundfont-gm`; the player is `tinysoundfont`.
"""

from __future__ import annotations

import functools
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ldm_lab.corpus.gm_names import GROOVES, INSTRUMENTS, KITS, NOTE_NAMES, PIECES
from ldm_lab.corpus.table import SAMPLE_RATE, Clip, draft
from ldm_lab.errors import CorpusError

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SOURCE = ("MIT", "2000-2013 Frank Wen and others (FluidR3)", "fluid-soundfont-gm")
_RATE = 48000  # the player does not low-pass when it steps over samples, so play high and resample
DRUM_BANK = 128
SCALE = (0, 2, 4, 5, 7, 9, 11, 12)
CHORDS = {
    "major chord": (0, 4, 7), "minor chord": (0, 3, 7), "diminished chord": (0, 3, 6),
    "dominant seventh chord": (0, 4, 7, 10), "minor seventh chord": (0, 3, 7, 10), "suspended chord": (0, 5, 7),
}  # fmt: skip
# name: (bank, program, key, seconds, category, captions)
EFFECTS: dict[str, tuple[int, int, tuple[int, ...], float, str, tuple[str, str]]] = {
    "telephone": (0, 124, (57, 60, 64), 3.0, "bell_ui", ("An old telephone ringing", "A telephone rings")),
    "helicopter": (0, 125, (48, 55, 60, 64), 5.0, "vehicle", ("A helicopter flying", "A helicopter hovers overhead")),
    "applause": (0, 126, (52, 57, 60, 64), 5.0, "human", ("An audience applauding", "A crowd claps and cheers")),
    "gunshot": (0, 127, (50, 55, 60, 66), 1.5, "weapon", ("A gun shot", "A gun is fired once")),
    "bird": (0, 123, (55, 60, 64, 69), 3.0, "animal", ("A bird tweeting", "A bird sings")),
    "seashore": (0, 122, (55, 60, 65), 6.0, "nature", ("Waves at the sea shore", "Sea waves roll onto a beach")),
    "breath": (0, 121, (55, 60, 65), 1.5, "human", ("A short breath noise", "Somebody breathes out sharply")),
    "fret": (0, 120, (55, 60, 65), 1.0, "instrument", ("A guitar fret squeak", "Fingers squeak on guitar strings")),
    "church bell": (8, 14, (48, 53, 60, 65), 4.0, "bell_ui", ("A church bell ringing", "A large bell tolls once")),
    "castanets": (8, 115, (60, 66), 0.8, "drum", ("Castanets", "Castanets click")),
    "concert bass drum": (8, 116, (48, 55), 1.5, "drum", ("A concert bass drum", "A deep orchestral drum hit")),
    "reverse cymbal": (0, 119, (55, 60), 2.0, "drum", ("A reversed cymbal", "A cymbal swells in reverse")),
    "taiko": (0, 116, (48, 55, 60), 1.6, "drum", ("A taiko drum hit", "A big Japanese drum is struck")),
    "synth drum": (0, 118, (50, 57, 64), 0.8, "drum", ("A synth drum hit", "An electronic tom drum falls in pitch")),
    "agogo": (0, 113, (60, 67), 0.8, "drum", ("An agogo bell", "An agogo bell is struck")),
    "woodblock": (0, 115, (60, 67, 74), 0.5, "drum", ("A woodblock", "A woodblock is struck")),
}


@functools.lru_cache(maxsize=1)
def _player() -> tuple[object, int]:
    if not SOUNDFONT.is_file():
        raise CorpusError(f"the soundfont {SOUNDFONT} is missing; install the Debian package fluid-soundfont-gm")
    try:
        import tinysoundfont
    except ImportError as error:
        raise CorpusError("rendering needs tinysoundfont; `pip install --no-deps tinysoundfont`") from error
    synth = tinysoundfont.Synth(gain=0, samplerate=_RATE)
    return synth, synth.sfload(str(SOUNDFONT))


def play(events: list, *, bank: int, program: int, seconds: float) -> np.ndarray:
    """Waveform (N,) at 16 kHz of events [start_s, length_s, key, velocity] on one preset of the soundfont."""
    import soxr

    synth, font = _player()
    drums = bank == DRUM_BANK
    channel = 9 if drums else 0
    synth.program_select(channel, font, bank, program, drums)
    changes = [(int(start * _RATE), 1, key, velocity) for start, _, key, velocity in events]
    changes += [(int((start + length) * _RATE), 0, key, 0) for start, length, key, _ in events]
    parts, now, end = [], 0, int(seconds * _RATE)
    for when, on, key, velocity in sorted(changes):
        if when >= end:
            break
        if when > now:
            parts.append(np.frombuffer(synth.generate(when - now), np.float32).copy())
            now = when
        if on:
            synth.noteon(channel, key, velocity)
        else:
            synth.noteoff(channel, key)
    parts.append(np.frombuffer(synth.generate(end - now), np.float32).copy())
    synth.sounds_off(channel)
    synth.generate(_RATE)  # let the last voices die, so that a clip does not depend on the clip before
    stereo = np.concatenate(parts).reshape(-1, 2)
    return soxr.resample(stereo.mean(axis=1).astype(np.float64), _RATE, SAMPLE_RATE, quality="VHQ")


def make_notes(recipe: dict) -> np.ndarray:
    """Recipe: bank, program, seconds, events [[start_s, length_s, key, velocity], ...]."""
    return play(recipe["events"], bank=recipe["bank"], program=recipe["program"], seconds=recipe["seconds"])


def make_drum_loop(recipe: dict) -> np.ndarray:
    """Recipe: kit, style (of `GROOVES`), tempo (beats per minute), bars."""
    pattern, steps = GROOVES[recipe["style"]]
    beats = 3 if recipe["style"] == "waltz" else 4
    bar = 60.0 / recipe["tempo"] * beats
    events = [
        [round(bar * (number + step / steps), 6), 0.2, key, 118 if step % (steps // beats) == 0 else 92]
        for number in range(recipe["bars"]) for key, hits in pattern.items() for step in hits
    ]  # fmt: skip
    return play(events, bank=DRUM_BANK, program=recipe["kit"], seconds=bar * recipe["bars"] + 0.3)


MAKERS = {"notes": make_notes, "drum_loop": make_drum_loop}


def _draw(*words: object) -> random.Random:
    return random.Random(zlib.crc32(" ".join(map(str, words)).encode()))


def _notes(program: int, events: list, seconds: float, bank: int = 0) -> dict:
    return {"maker": "notes", "bank": bank, "program": program, "events": events, "seconds": seconds}


def _say(text: str) -> str:
    return text[0].upper() + text[1:]


def plan_notes() -> Iterator[Clip]:
    """Two held notes per instrument, one low, one high, with the note's name."""
    for program, (name, low, high) in INSTRUMENTS.items():
        draw = _draw("note", program)
        third = (high - low) // 3
        for register, key in (("low", low + draw.randrange(third)), ("high", high - draw.randrange(third))):
            note, length = NOTE_NAMES[key % 12], draw.choice((1.2, 1.6))
            captions = (f"{_say(name)} playing a {register} note, {note}", f"A {register} {note} on {name}")
            yield draft(
                "instrument", captions, _notes(program, [[0, length, key, 104]], length + 0.5),
                group=f"sf-{program}-{key}", kind="rendered", source=SOURCE,
                instrument=name, pitch=note, midi=key, register=register,
            )  # fmt: skip


def plan_scales() -> Iterator[Clip]:
    """One scale per instrument: up or down, slow or fast."""
    for index, (program, (name, low, high)) in enumerate(INSTRUMENTS.items()):
        draw = _draw("scale", program)
        up, fast = index % 2 == 0, index % 4 < 2
        step = 0.18 if fast else 0.36
        root = (low + high) // 2 - 6 + draw.randrange(-3, 4)
        keys = [root + offset for offset in (SCALE if up else SCALE[::-1])]
        events = [[round(number * step, 3), step * 0.95, key, 102] for number, key in enumerate(keys)]
        way, pace = "ascending" if up else "descending", "fast" if fast else "slow"
        captions = (f"{_say(name)} playing a {pace} {way} major scale", f"A {way} scale on {name}, {pace}")
        yield draft(
            "instrument", captions, _notes(program, events, step * 8 + 0.5), group=f"sf-scale-{program}",
            kind="rendered", source=SOURCE, instrument=name, order=way, tempo=round(60 / step), key=NOTE_NAMES[root % 12],
        )  # fmt: skip


def plan_chords() -> Iterator[Clip]:
    """Chords on instruments that play them."""
    for program in (0, 4, 6, 16, 19, 21, 24, 25, 30, 46, 48, 61):
        name = INSTRUMENTS[program][0]
        draw = _draw("chord", program)
        for chord in draw.sample(sorted(CHORDS), 4):
            root = 48 + draw.randrange(12)
            spread = 0.02 if program in (24, 25, 46) else 0.0
            events = [[round(n * spread, 3), 1.5, root + step, 100] for n, step in enumerate((*CHORDS[chord], 12))]
            note = NOTE_NAMES[root % 12]
            captions = (f"{_say(name)} playing a {note} {chord}", f"A {note} {chord} on {name}")
            yield draft(
                "instrument", captions, _notes(program, events, 2.0), group=f"sf-chord-{program}-{root}",
                kind="rendered", source=SOURCE, instrument=name, chord=chord, pitch=note,
            )  # fmt: skip


def plan_melodies() -> Iterator[Clip]:
    """Short melodies: a random walk on a major or minor scale at a known tempo."""
    minor = (0, 2, 3, 5, 7, 8, 10, 12)
    for index, (program, (name, low, high)) in enumerate(list(INSTRUMENTS.items())[::2]):
        draw = _draw("melody", program)
        sad, fast = index % 2 == 0, index % 4 < 2
        tempo = draw.randrange(140, 181, 5) if fast else draw.randrange(70, 101, 5)
        root, degree, at, events = (low + high) // 2 - 6, 0, 0.0, []
        while at < 4.2:
            length = 60 / tempo * draw.choice((0.5, 0.5, 1, 1, 2))
            events.append([round(at, 3), round(length * 0.95, 3), root + (minor if sad else SCALE)[degree], 100])
            degree = min(7, max(0, degree + draw.choice((-2, -1, 1, 1, 2))))
            at += length
        pace, mood = "fast" if fast else "slow", "sad minor" if sad else "cheerful major"
        captions = (f"{_say(name)} playing a {pace} {mood} melody", f"A {pace} {mood} melody on {name}")
        yield draft(
            "music", captions, _notes(program, events, min(5.5, at + 0.5)), group=f"sf-melody-{program}",
            kind="rendered", source=SOURCE, instrument=name, tempo=tempo, mode="minor" if sad else "major",
        )  # fmt: skip


def plan_drum_hits() -> Iterator[Clip]:
    """Single hits: the main pieces of several kits, every hand percussion piece once; some as rolls of a known count."""
    main = (36, 38, 42, 46, 45, 50, 49, 51)
    for kit in KITS:
        for key in main if kit else PIECES:
            name, length = PIECES[key]
            captions = (f"{_say(name)}", f"{_say(name)} of {KITS[kit]}") if key in main else (_say(name), f"{_say(name)} being played")
            yield draft(
                "drum", captions, _notes(kit, [[0, 0.2, key, 112]], length, DRUM_BANK), group=f"sf-drum-{kit}-{key}",
                kind="rendered", source=SOURCE, instrument=name, kit=KITS[kit],
            )  # fmt: skip
    for key in (36, 38, 42, 39, 56, 60, 76, 54):
        draw = _draw("repeat", key)
        count, gap = draw.choice((2, 3, 4)), draw.choice((0.2, 0.35, 0.5))
        events = [[round(n * gap, 3), 0.1, key, 110] for n in range(count)]
        words = {2: "twice", 3: "three times", 4: "four times"}[count]
        yield draft(
            "drum", (f"{_say(PIECES[key][0])} {words}",), _notes(0, events, gap * count + 0.4, DRUM_BANK),
            group=f"sf-drum-repeat-{key}", kind="rendered", source=SOURCE, instrument=PIECES[key][0], count=count,
        )  # fmt: skip


def plan_drum_loops() -> Iterator[Clip]:
    """Loops of a known style and tempo on five kits each."""
    for style in GROOVES:
        draw = _draw("loop", style)
        for kit in draw.sample(sorted(KITS), 5):
            tempo = draw.randrange(70, 171, 5)
            bars = 2 if tempo > 95 else 1
            pace = "fast" if tempo >= 135 else "slow" if tempo <= 90 else "medium tempo"
            captions = (f"A {pace} {style} drum beat", f"A {style} drum loop at {tempo} beats per minute on {KITS[kit]}")
            yield draft(
                "drum", captions, {"maker": "drum_loop", "kit": kit, "style": style, "tempo": tempo, "bars": bars},
                group=f"sf-loop-{style}-{kit}", kind="rendered", source=SOURCE, tempo=tempo, style=style, kit=KITS[kit],
            )  # fmt: skip


def plan_effects() -> Iterator[Clip]:
    """The sound effects of the General MIDI set at several speeds (keys)."""
    for name, (bank, program, keys, seconds, category, captions) in EFFECTS.items():
        for key in keys:
            yield draft(
                category, captions, _notes(program, [[0, seconds - 0.3, key, 112]], seconds, bank),
                group=f"sf-effect-{program}-{key}", kind="rendered", source=SOURCE, effect=name, midi=key,
            )  # fmt: skip


def plan_bells() -> Iterator[Clip]:
    """Bell strokes of a known number, and two-tone chimes with the direction known."""
    for program, name in ((14, "a tubular bell"), (9, "a glockenspiel chime"), (112, "a small bell"), (10, "a music box chime")):
        draw = _draw("bell", program)
        low = 62 if program == 14 else 76
        for count, words in ((1, "once"), (2, "twice"), (3, "three times")):
            key = low + draw.randrange(12)
            events = [[round(n * 0.7, 3), 0.7, key, 110] for n in range(count)]
            yield draft(
                "bell_ui", (f"{_say(name)} ringing {words}", f"{_say(name)} rings {words}"),
                _notes(program, events, 0.7 * count + 0.9), group=f"sf-bell-{program}-{key}", kind="rendered",
                source=SOURCE, instrument=name, count=count, pitch=NOTE_NAMES[key % 12],
            )  # fmt: skip
        for way, step in (("rising", 5), ("falling", -5), ("doorbell", -4)):
            key = low + 6 + draw.randrange(8)
            events = [[0, 0.45, key, 110], [0.4, 0.9, key + step, 110]]
            first = "A two-tone doorbell, ding dong" if way == "doorbell" else f"A {way} two-tone chime"
            yield draft(
                "bell_ui", (first,), _notes(program, events, 1.7), group=f"sf-chime-{program}-{key}",
                kind="rendered", source=SOURCE, instrument=name, order="falling" if step < 0 else "rising",
            )  # fmt: skip


def plan() -> list[Clip]:
    """Every rendered clip, in a fixed order."""
    plans = (plan_notes, plan_scales, plan_chords, plan_melodies, plan_drum_hits, plan_drum_loops, plan_effects, plan_bells)
    return [clip for one in plans for clip in one()]
