"""Own synthesis: the plan of synthesised clips, each a maker of `synth_tones` or `synth_world` with exact numbers.

A family is a maker drawn several times with different numbers; the numbers come from a generator seeded by the family's
name, so the plan is the same on every machine. Captions say only what the numbers make true.
"""

from __future__ import annotations

import inspect
import random
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from ldm_lab.corpus import synth_tones, synth_world
from ldm_lab.corpus.table import Clip, draft

SOURCE = ("CC0-1.0", "LDM Lab contributors", "ldm-lab")
Family = Callable[[random.Random, int], tuple[dict, tuple[str, ...]]]

MAKERS = {
    name: maker
    for module in (synth_tones, synth_world)
    for name, maker in inspect.getmembers(module, inspect.isfunction)
    if maker.__module__ == module.__name__
    and inspect.signature(maker).parameters
    and all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in inspect.signature(maker).parameters.values())
}
COUNT_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def make(recipe: dict) -> np.ndarray:
    """Waveform (N,) of a recipe {"maker": name, ...numbers}."""
    return MAKERS[recipe["maker"]](**{key: value for key, value in recipe.items() if key != "maker"})


def _pick(draw: random.Random, low: float, high: float, digits: int = 2) -> float:
    return round(draw.uniform(low, high), digits)


def _freq(draw: random.Random, low: float, high: float) -> int:
    return round(low * (high / low) ** draw.random())


def _register(freq: float, low: float = 400, high: float = 1400) -> str:
    return "low" if freq < low else "high" if freq > high else "medium"


def _tone(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    shape, freq = ("sine", "square", "sawtooth", "triangle")[index % 4], _freq(draw, 110, 3000)
    words = f"A {_register(freq)} pitched {shape} wave tone", f"A steady {shape} tone at {freq} hertz"
    return {"maker": "tone", "shape": shape, "freq": freq, "seconds": _pick(draw, 1, 2)}, words


def _chirp(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    low, high, seconds = _freq(draw, 100, 500), _freq(draw, 1200, 5000), (0.4, 1.0, 2.2)[index % 3]
    rising, pace = index % 2 == 0, ("quickly", "", "slowly")[index % 3]
    start, end = (low, high) if rising else (high, low)
    way = "rising" if rising else "falling"
    words = f"A tone {way} {pace} in pitch".replace("  ", " "), f"An electronic sweep {'up' if rising else 'down'}"
    return {"maker": "chirp", "start": start, "end": end, "seconds": seconds, "shape": ("sine", "sawtooth")[index // 2 % 2]}, words


def _noise(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    name, slope = (("white", 0), ("pink", 1), ("brown", 2), ("blue", -1))[index % 4]
    words = f"Steady {name} noise", {"white": "A hiss of white noise", "pink": "Soft pink noise", "brown": "A deep rumble of brown noise", "blue": "A bright hiss of blue noise"}[name]
    return {"maker": "noise", "slope": slope, "seconds": _pick(draw, 1.5, 3), "seed": 100 + index}, words


def _sweep(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    up = index % 2 == 0
    low = _freq(draw, 150, 400) if up else _freq(draw, 1200, 2500)
    recipe = {"maker": "band_noise", "low": low, "high": low * 2, "end": 6.0 if up else 0.15, "seconds": _pick(draw, 0.6, 1.8), "seed": 150 + index}
    return recipe, (f"A {'rising' if up else 'falling'} whoosh of noise",)


def _warble(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    kind = index % 3
    recipe = {"maker": "warble", "freq": _freq(draw, 250, 900), "depth": (0.04, 0.35, 0.2)[kind], "rate": (5.5, 7.0, 3.0)[kind],
              "seconds": _pick(draw, 1.8, 3.0), "drift": (_pick(draw, 0.5, 2.0), 1.0, 2.5)[kind]}  # fmt: skip
    words = (("An eerie theremin tone with vibrato",), ("A flying saucer warbling", "A science fiction UFO sound"),
             ("A wobbling electronic tone rising in pitch",))[kind]  # fmt: skip
    return recipe, words


def _blips(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    recipe = {"maker": "blips", "seed": 200 + index, "count": draw.randrange(6, 16), "low": 200, "high": 3000,
              "length": _pick(draw, 0.06, 0.14), "shape": ("square", "sine", "triangle")[index % 3]}  # fmt: skip
    return recipe, ("Random computer blips", "A robot beeping quickly")


def _arpeggio(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    up, root = index % 2 == 0, _freq(draw, 200, 600)
    freqs = [round(root * 2 ** (step / 12), 1) for step in (0, 4, 7, 12, 16, 19)]
    recipe = {"maker": "tones", "freqs": freqs if up else freqs[::-1], "length": _pick(draw, 0.07, 0.12), "shape": "square"}
    return recipe, (("A video game power-up, rising arpeggio", "A chiptune jingle going up") if up else ("A video game falling arpeggio", "A chiptune jingle going down"))


def _zap(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "zap", "seed": 250 + index, "seconds": _pick(draw, 0.6, 2.0), "hum": (50, 60, 100, 120)[index % 4]}, ("Electricity sparking and buzzing", "An electric arc crackling")


def _hum(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    recipe = {"maker": "hum", "freq": _freq(draw, 50, 140), "seconds": _pick(draw, 2, 3), "rate": _pick(draw, 0.8, 5), "depth": _pick(draw, 0.2, 0.8)}
    return recipe, ("A low electric hum", "A humming force field")


def _fm(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "fm", "freq": _freq(draw, 200, 1400), "ratio": (1.4, 2.76, 3.5)[index % 3], "index": _pick(draw, 2, 8), "seconds": _pick(draw, 1, 2)}, ("A metallic synthesizer bell",)


def _beeps(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    count, freq, shape = index % 6 + 1, _freq(draw, 500, 2800), ("sine", "square")[index % 2]
    word, pitch = COUNT_WORDS[count], "high pitched" if freq > 1400 else "low pitched"
    ends = "beep" if count == 1 else "beeps"
    recipe = {"maker": "beeps", "freq": freq, "count": count, "length": _pick(draw, 0.1, 0.25), "gap": _pick(draw, 0.1, 0.3), "shape": shape}
    return recipe, (f"{word.capitalize()} {pitch} electronic {ends}", f"{word.capitalize()} short {ends}")


def _alarm(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    low, rate = _freq(draw, 500, 900), _pick(draw, 2, 8, 1)
    recipe = {"maker": "alarm", "low": low, "high": round(low * _pick(draw, 1.2, 1.7)), "rate": rate, "seconds": _pick(draw, 2, 3.5), "shape": ("square", "triangle")[index % 2]}
    return recipe, (f"A {'fast' if rate > 5 else 'slow'} two-tone alarm", "An electronic alarm sounding")


def _siren(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    kind = index % 3
    period = (_pick(draw, 3, 4.5), _pick(draw, 0.3, 0.45), _pick(draw, 1.2, 2.0))[kind]
    low = _freq(draw, 350, 700)
    recipe = {"maker": "siren", "low": low, "high": low * 2.2, "period": period, "seconds": (5.0, 3.0, 4.0)[kind], "shape": ("triangle", "sawtooth")[index % 2]}
    return recipe, (("A slow wailing siren", "An emergency siren rises and falls"), ("A fast yelping siren", "A police siren yelping"), ("A siren wailing", "An emergency siren"))[kind]


def _two_tone(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    low = _freq(draw, 380, 460)
    return {"maker": "alarm", "low": low, "high": round(low * 4 / 3), "rate": 1.6, "seconds": 4.0, "shape": "sawtooth"}, ("A two-tone ambulance siren", "An emergency vehicle siren, nee-naw")


def _dial(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    digits = "".join(draw.choice("0123456789") for _ in range(draw.randrange(4, 9)))
    return {"maker": "dtmf", "digits": digits}, ("Dialing a number with touch tones", "Telephone keypad tones")


def _line(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    name, freqs, on, off = (("dial", [350, 440], 9, 0), ("busy", [480, 620], 0.5, 0.5), ("ring-back", [440, 480], 2.0, 1.0), ("dial", [425], 9, 0), ("busy", [425], 0.25, 0.25))[index % 5]
    words = {"dial": "A telephone dial tone", "busy": "A telephone busy signal", "ring-back": "A telephone ring-back tone"}[name]
    return {"maker": "line_tone", "freqs": freqs, "on": on, "off": off, "seconds": 3.2 if name == "ring-back" else 2.5}, (words,)


def _morse(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    text = ("SOS", "TEST", "LAB", "SOUND", "RADIO", "CODE", "GRAIN", "MUSIC")[index % 8]
    return {"maker": "morse", "text": text, "freq": _freq(draw, 500, 1000), "unit": _pick(draw, 0.05, 0.09)}, ("Morse code beeps", f"Morse code spelling {text}")


def _ticks(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    rate = (1.0, 2.0, 4.0, 5.0)[index % 4]
    recipe = {"maker": "knocks", "rate": rate, "seconds": 4.0, "seed": 300 + index, "freq": _freq(draw, 1500, 3500), "decay": 0.006, "two": 0.8}
    return recipe, ("A clock ticking", f"A {'fast' if rate > 2 else 'slow'} tick tock")


def _hammer(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    metal, rate = index % 2 == 0, _pick(draw, 1.2, 3.5)
    recipe = {"maker": "knocks", "rate": rate, "seconds": _pick(draw, 2.5, 4), "seed": 320 + index, "freq": _freq(draw, 900, 2000) if metal else _freq(draw, 180, 420),
              "decay": 0.12 if metal else 0.025, "jitter": 0.02}  # fmt: skip
    return recipe, (("Hammering on metal", "Regular metallic hammer blows") if metal else ("Knocking on wood", "Regular wooden knocks"))


def _press(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "press", "seconds": 4.0, "period": _pick(draw, 0.7, 1.4), "seed": 340 + index}, ("A factory machine stamping metal with hisses of air", "A heavy industrial press working")


def _motor(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    top = _pick(draw, 25, 70, 1)
    curves, words = (([top, top], ("An electric motor running", "A machine whirring steadily")), ([1, top, top], ("An electric motor starting", "A machine spinning up")),
                     ([top, top, 1], ("An electric motor stopping", "A machine spinning down")), ([1, top, top, 1], ("A power drill used for a short time", "An electric drill whirring")))[index % 4]  # fmt: skip
    return {"maker": "motor", "freq": curves, "seconds": _pick(draw, 2.5, 4), "seed": 360 + index, "teeth": draw.choice((6, 8, 12))}, words


def _fan(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "fan", "blades": _pick(draw, 6, 40, 1), "seconds": _pick(draw, 3, 4), "seed": 380 + index, "high": _freq(draw, 1200, 4000)}, ("A fan blowing air", "An electric fan running")


def _clacks(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    rate = _pick(draw, 6, 14, 1)
    return {"maker": "knocks", "rate": rate, "seconds": 3.0, "seed": 400 + index, "freq": _freq(draw, 500, 1600), "decay": 0.008, "jitter": 0.003, "two": 1.3}, ("A machine rattling fast", "Rapid mechanical clicking")


def _engine(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    kind, cylinders = index % 5, draw.choice((2, 4, 6, 8))
    idle, top = draw.randrange(650, 950, 50), draw.randrange(2800, 5200, 100)
    curve, words = (
        ([idle, idle], ("An engine idling", "A motor idling steadily")), ([idle, top, idle], ("An engine revving up and down", "A car engine revs")),
        ([idle, top], ("An engine accelerating", "A vehicle speeding up")), ([top, idle], ("An engine slowing down", "A vehicle slowing down")),
        ([top, top], ("An engine running fast", "A racing engine at high speed")),
    )[kind]  # fmt: skip
    return {"maker": "engine", "rpm": curve, "cylinders": cylinders, "seconds": _pick(draw, 3, 4.5), "seed": 420 + index}, words


def _moped(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    low, high = draw.randrange(2500, 3500, 100), draw.randrange(6000, 8000, 100)
    return {"maker": "engine", "rpm": ([low, high], [high, low], [low, high, low])[index % 3], "cylinders": 2, "seconds": 3.5, "seed": 460 + index, "rough": 0.2}, ("A motorcycle engine revving", "A small motorbike engine")


def _chuffs(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    fast = _pick(draw, 5, 8, 1)
    rate, words = (([1.5, fast], ("A steam train departing", "A steam engine puffs faster and faster")), ([fast, fast], ("A steam train running", "A steam locomotive chugging")),
                   ([fast, 1.2], ("A steam train slowing down", "A steam engine puffs slower and slower")))[index % 3]  # fmt: skip
    return {"maker": "chuffs", "rate": rate, "seconds": 4.5, "seed": 480 + index}, words


def _horn(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    kind, shift = index % 3, _pick(draw, 0.9, 1.12)
    freqs, words, seconds = (([392, 494], ("A car horn honking", "A car honks its horn"), 0.8), ([277, 311, 370, 440], ("A train horn blowing", "A train blows its horn"), 2.0),
                             ([110, 138], ("A deep ship horn", "A ship sounds its horn"), 2.5))[kind]  # fmt: skip
    return {"maker": "horn", "freqs": [round(f * shift, 1) for f in freqs], "seconds": seconds, "seed": 500 + index}, words


def _jet(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    passing, whine = index % 2 == 0, _freq(draw, 1500, 3000)
    return {"maker": "jet", "seconds": 4.5, "seed": 520 + index, "whine": [whine, round(whine * 0.7)] if passing else [whine, whine], "pass_by": passing}, (("A jet plane flying past", "A jet passes overhead") if passing else ("A jet engine running", "The roar of a jet engine"))


def _rotor(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "rotor", "rate": _pick(draw, 10, 20, 1), "seconds": 4.0, "seed": 540 + index}, ("A helicopter flying", "Helicopter blades chopping the air")


def _heart(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    bpm = draw.randrange(50, 141, 5)
    return {"maker": "heart", "bpm": bpm, "seconds": 4.0}, (f"A {'fast' if bpm > 100 else 'slow' if bpm < 70 else 'calm'} heartbeat", "A heart beating")


def _breath(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    period = _pick(draw, 1.2, 3.6)
    return {"maker": "breathing", "period": period, "seconds": 4.5, "seed": 560 + index}, (("A person panting", "Fast breathing") if period < 2 else ("A person breathing", "Slow deep breathing"))


def _snore(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "breathing", "period": _pick(draw, 2.4, 3.4), "seconds": 4.8, "seed": 580 + index, "snore": _pick(draw, 28, 60, 0)}, ("A person snoring", "Somebody snores")


def _claps(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    people = (1, 3, 40, 120)[index % 4]
    words = {1: ("A single person clapping hands", "Hand claps"), 3: ("A few people clapping hands",), 40: ("A group of people applauding", "Applause"), 120: ("A large audience applauding", "Loud applause")}[people]
    return {"maker": "clapping", "people": people, "rate": _pick(draw, 2.5, 4.5), "seconds": _pick(draw, 3, 4), "seed": 600 + index}, words


def _whistle(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    if index % 2:
        glide = draw.choice((-9, 9))
        return {"maker": "whistle", "notes": [draw.randrange(80, 90)], "length": 0.9, "seed": 620 + index, "glide": glide}, (f"A person whistling a {'rising' if glide > 0 else 'falling'} note",)
    notes = [draw.choice((76, 78, 80, 81, 83, 85, 88)) for _ in range(draw.randrange(6, 10))]
    return {"maker": "whistle", "notes": notes, "length": _pick(draw, 0.25, 0.42), "seed": 620 + index}, ("A person whistling a tune", "Somebody whistles a melody")


def _bird(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    low = _freq(draw, 1800, 3200)
    return {"maker": "birdsong", "seed": 640 + index, "count": draw.randrange(5, 14), "low": low, "high": min(7000, low * 2), "length": _pick(draw, 0.08, 0.22), "gap": _pick(draw, 0.06, 0.25)}, ("A bird chirping", "A small bird sings")


def _cricket(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "cricket", "freq": _freq(draw, 3800, 5600), "rate": _pick(draw, 1.5, 4), "pulses": draw.randrange(3, 6), "seconds": 3.5}, ("A cricket chirping", "Crickets at night")


def _frog(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "croak", "pitch": _freq(draw, 45, 110), "rate": _pick(draw, 1.2, 2.5), "count": draw.randrange(2, 7), "seed": 680 + index, "formant": _freq(draw, 600, 1500)}, ("A frog croaking", "A frog croaks")


def _insect(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    mosquito = index % 2
    return {"maker": "buzz", "freq": _freq(draw, 450, 650) if mosquito else _freq(draw, 150, 250), "seconds": 3.0, "seed": 700 + index}, (("A mosquito whining", "A small insect flying close") if mosquito else ("A bee buzzing", "A big fly buzzes around"))


def _owl(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "hoot", "freq": _freq(draw, 330, 480), "pattern": draw.choice(([[0, 0.5], [0.9, 0.2], [1.15, 0.9]], [[0, 0.7], [1.2, 0.7]], [[0, 0.25], [0.35, 0.25], [0.8, 0.8]])), "seed": 720 + index}, ("An owl hooting", "An owl hoots at night")


def _wind(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    strong = index % 2 == 0
    return {"maker": "wind", "seconds": _pick(draw, 4, 5), "seed": 740 + index, "low": 120, "high": _freq(draw, 700, 1600) if strong else _freq(draw, 300, 500), "gust": 1.0 if strong else 0.4}, (("Strong gusts of wind", "Wind howling") if strong else ("A gentle wind blowing", "Soft wind"))


def _water(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    rate, low, high, bed, words = ((2.0, 700, 1800, 0.0, ("Water dripping", "Drops of water falling slowly")), (25, 250, 900, 0.0, ("Bubbles rising in water", "Bubbling water")),
                                   (140, 1500, 5500, 0.12, ("Rain falling", "Steady rain")), (300, 1200, 5500, 0.35, ("Heavy rain", "Pouring rain")), (60, 400, 1500, 0.08, ("A small stream of water", "Water trickling and gurgling")))[index % 5]  # fmt: skip
    return {"maker": "drops", "rate": rate, "seconds": 4.0, "seed": 760 + index, "low": low, "high": high, "bed": bed}, words


def _sea(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "waves", "seconds": 6.0, "period": _pick(draw, 2.8, 4.5), "seed": 780 + index}, ("Ocean waves", "Waves rolling in and out")


def _fire(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "crackle", "rate": _pick(draw, 15, 45), "seconds": 4.0, "seed": 800 + index, "bed": _pick(draw, 0.1, 0.35)}, ("A fire crackling", "A camp fire burns")


def _geiger(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    return {"maker": "crackle", "rate": _pick(draw, 5, 40), "seconds": 3.0, "seed": 820 + index, "bed": 0.0}, ("A Geiger counter clicking", "Random electric clicks")


def _laser(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    count = (1, 1, 3, 5)[index % 4]
    return {"maker": "laser", "start": _freq(draw, 2500, 5000), "end": _freq(draw, 150, 500), "length": _pick(draw, 0.2, 0.5), "count": count, "gap": 0.08, "shape": ("sawtooth", "square")[index // 4 % 2]}, (("A laser blast", "A laser gun fires once") if count == 1 else (f"A laser gun firing {COUNT_WORDS[count]} times", "Laser blasts"))


def _blast(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    decay = _pick(draw, 0.25, 0.9)
    return {"maker": "blast", "seconds": 3.0, "seed": 840 + index, "decay": decay, "low": _freq(draw, 50, 110)}, ("A big explosion" if decay > 0.5 else "A short explosion", "Something explodes")


def _guns(draw: random.Random, index: int) -> tuple[dict, tuple[str, ...]]:
    count = (1, 2, 3, 12)[index % 4]
    words = {1: ("A single gun shot",), 2: ("Two gun shots",), 3: ("Three gun shots",), 12: ("A machine gun firing", "A burst of automatic gun fire")}[count]
    return {"maker": "shots", "count": count, "rate": 9.0 if count == 12 else 1.8, "seed": 860 + index, "decay": _pick(draw, 0.03, 0.08, 3)}, words


# family: (category, how many, the drawing)
FAMILIES: dict[str, tuple[str, int, Family]] = {
    "tone": ("synth", 16, _tone), "chirp": ("synth", 18, _chirp), "noise": ("synth", 8, _noise), "sweep": ("synth", 10, _sweep),
    "warble": ("synth", 15, _warble), "blips": ("synth", 9, _blips), "arpeggio": ("synth", 10, _arpeggio), "zap": ("synth", 8, _zap),
    "hum": ("synth", 8, _hum), "fm": ("synth", 9, _fm), "beeps": ("bell_ui", 24, _beeps), "alarm": ("bell_ui", 12, _alarm),
    "siren": ("bell_ui", 15, _siren), "dial": ("bell_ui", 8, _dial), "line": ("bell_ui", 10, _line), "morse": ("bell_ui", 8, _morse),
    "two-tone": ("vehicle", 4, _two_tone), "ticks": ("machine", 8, _ticks), "hammer": ("machine", 10, _hammer), "press": ("machine", 8, _press),
    "motor": ("machine", 20, _motor), "fan": ("machine", 10, _fan), "clacks": ("machine", 8, _clacks), "geiger": ("machine", 6, _geiger),
    "engine": ("vehicle", 20, _engine), "moped": ("vehicle", 6, _moped), "chuffs": ("vehicle", 9, _chuffs), "horn": ("vehicle", 12, _horn),
    "jet": ("vehicle", 6, _jet), "rotor": ("vehicle", 6, _rotor), "heart": ("human", 10, _heart), "breath": ("human", 10, _breath),
    "snore": ("human", 8, _snore), "claps": ("human", 16, _claps), "whistle": ("human", 14, _whistle), "bird": ("animal", 16, _bird),
    "cricket": ("animal", 6, _cricket), "frog": ("animal", 8, _frog), "insect": ("animal", 8, _insect), "owl": ("animal", 6, _owl),
    "wind": ("nature", 8, _wind), "water": ("nature", 15, _water), "sea": ("nature", 3, _sea), "fire": ("nature", 4, _fire),
    "laser": ("weapon", 12, _laser), "blast": ("weapon", 6, _blast), "guns": ("weapon", 8, _guns),
}  # fmt: skip


def plan() -> Iterator[Clip]:
    """Every synthesised clip, in a fixed order."""
    for name, (category, count, family) in FAMILIES.items():
        draw = random.Random(zlib.crc32(name.encode()))
        for index in range(count):
            recipe, captions = family(draw, index)
            yield draft(category, captions, recipe, group=f"synth-{name}-{index}", kind="synthesised", source=SOURCE)
