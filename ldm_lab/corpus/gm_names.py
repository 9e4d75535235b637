"""What the presets of the General MIDI soundfont are called in captions, and the notes each one plays well."""

from __future__ import annotations

# program: (name with article, lowest key, highest key). Effects (119-127) are in `render.EFFECTS`.
INSTRUMENTS: dict[int, tuple[str, int, int]] = {
    0: ("a grand piano", 30, 96), 2: ("an electric piano", 36, 88), 3: ("a honky-tonk piano", 36, 92),
    4: ("a Rhodes electric piano", 36, 88), 6: ("a harpsichord", 36, 88), 7: ("a clavinet", 36, 84),
    8: ("a celesta", 60, 96), 9: ("a glockenspiel", 72, 100), 10: ("a music box", 60, 96),
    11: ("a vibraphone", 53, 88), 12: ("a marimba", 45, 84), 13: ("a xylophone", 65, 100),
    14: ("tubular bells", 60, 79), 15: ("a dulcimer", 48, 84), 16: ("a drawbar organ", 36, 88),
    18: ("a rock organ", 36, 88), 19: ("a church organ", 33, 90), 20: ("a reed organ", 40, 84),
    21: ("an accordion", 48, 86), 22: ("a harmonica", 58, 88), 23: ("a bandoneon", 48, 84),
    24: ("a nylon string guitar", 40, 80), 25: ("a steel string acoustic guitar", 40, 80),
    26: ("a jazz guitar", 40, 80), 27: ("a clean electric guitar", 40, 80), 28: ("a muted electric guitar", 40, 76),
    29: ("an overdriven electric guitar", 40, 80), 30: ("a distorted electric guitar", 40, 80),
    31: ("guitar harmonics", 52, 84), 32: ("an acoustic bass", 28, 55), 33: ("a fingered electric bass", 28, 55),
    34: ("a picked electric bass", 28, 55), 35: ("a fretless bass", 28, 55), 36: ("a slap bass", 28, 55),
    38: ("a synth bass", 28, 55), 40: ("a violin", 55, 93), 41: ("a viola", 48, 84), 42: ("a cello", 36, 74),
    43: ("a double bass", 28, 55), 44: ("tremolo strings", 40, 86), 45: ("pizzicato strings", 40, 86),
    46: ("a harp", 36, 92), 47: ("a timpani", 38, 57), 48: ("a string ensemble", 36, 88),
    50: ("synth strings", 36, 88), 52: ("a choir singing aah", 45, 79), 53: ("a choir singing ooh", 45, 79),
    54: ("a synth voice", 45, 79), 55: ("an orchestra hit", 48, 72), 56: ("a trumpet", 55, 84),
    57: ("a trombone", 40, 72), 58: ("a tuba", 28, 58), 59: ("a muted trumpet", 55, 82), 60: ("a french horn", 41, 76),
    61: ("a brass section", 40, 80), 62: ("a synth brass", 40, 80), 64: ("a soprano saxophone", 56, 86),
    65: ("an alto saxophone", 49, 80), 66: ("a tenor saxophone", 44, 75), 67: ("a baritone saxophone", 37, 68),
    68: ("an oboe", 58, 88), 69: ("an english horn", 52, 80), 70: ("a bassoon", 35, 70), 71: ("a clarinet", 50, 88),
    72: ("a piccolo", 74, 102), 73: ("a flute", 60, 94), 74: ("a recorder", 60, 90), 75: ("a pan flute", 58, 88),
    76: ("a blown bottle", 55, 84), 77: ("a shakuhachi flute", 55, 84), 78: ("a human whistle", 66, 94),
    79: ("an ocarina", 60, 88), 80: ("a square wave synth lead", 40, 88), 81: ("a sawtooth synth lead", 40, 88),
    88: ("a new age synth pad", 40, 84), 89: ("a warm synth pad", 40, 84), 93: ("a metallic synth pad", 40, 84),
    98: ("a crystal synth", 50, 90), 104: ("a sitar", 45, 79), 105: ("a banjo", 48, 80), 106: ("a shamisen", 48, 79),
    107: ("a koto", 48, 84), 108: ("a kalimba", 50, 84), 109: ("a bagpipe", 48, 76), 110: ("a fiddle", 55, 90),
    111: ("a shehnai", 55, 84), 112: ("a tinkle bell", 66, 94), 114: ("steel drums", 52, 84),
}  # fmt: skip

NOTE_NAMES = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")

KITS = {
    0: "an acoustic drum kit", 8: "an acoustic drum kit in a room", 16: "a power drum kit",
    24: "an electronic drum kit", 25: "an 808 drum machine", 32: "a jazz drum kit", 40: "a jazz drum kit with brushes",
}  # fmt: skip

# General MIDI percussion key: (name with article, length in seconds)
PIECES: dict[int, tuple[str, float]] = {
    36: ("a kick drum", 0.5), 38: ("a snare drum", 0.6), 37: ("a rim shot", 0.4), 39: ("a hand clap", 0.5),
    42: ("a closed hi-hat", 0.4), 44: ("a hi-hat closed with the pedal", 0.4), 46: ("an open hi-hat", 0.9),
    41: ("a low floor tom", 0.8), 45: ("a low tom", 0.8), 47: ("a mid tom", 0.8), 50: ("a high tom", 0.8),
    49: ("a crash cymbal", 1.6), 51: ("a ride cymbal", 1.4), 52: ("a china cymbal", 1.5), 53: ("a ride cymbal bell", 1.2),
    54: ("a tambourine", 0.5), 55: ("a splash cymbal", 1.2), 56: ("a cowbell", 0.5), 58: ("a vibraslap", 1.5),
    60: ("a high bongo", 0.4), 61: ("a low bongo", 0.5), 62: ("a muted conga", 0.4), 63: ("an open conga", 0.6),
    64: ("a low conga", 0.6), 65: ("a high timbale", 0.7), 66: ("a low timbale", 0.8), 67: ("a high agogo bell", 0.6),
    68: ("a low agogo bell", 0.6), 69: ("a cabasa", 0.4), 70: ("maracas", 0.3), 71: ("a short samba whistle", 0.5),
    72: ("a long samba whistle", 1.0), 73: ("a short guiro", 0.4), 74: ("a long guiro", 0.8), 75: ("claves", 0.4),
    76: ("a high woodblock", 0.4), 77: ("a low woodblock", 0.4), 80: ("a muted triangle", 0.4), 81: ("an open triangle", 1.5),
}  # fmt: skip

# Style: (piece key -> hits, as steps of a bar divided into `steps`), steps per bar, plain words
GROOVES: dict[str, tuple[dict[int, tuple[int, ...]], int]] = {
    "rock": ({36: (0, 8), 38: (4, 12), 42: (0, 2, 4, 6, 8, 10, 12, 14)}, 16),
    "disco": ({36: (0, 4, 8, 12), 38: (4, 12), 46: (2, 6, 10, 14), 42: (0, 4, 8, 12)}, 16),
    "house": ({36: (0, 4, 8, 12), 39: (4, 12), 46: (2, 6, 10, 14)}, 16),
    "hip hop": ({36: (0, 7, 10), 38: (4, 12), 42: (0, 2, 4, 6, 8, 10, 12, 14)}, 16),
    "funk": ({36: (0, 3, 6, 10), 38: (4, 7, 12, 15), 42: tuple(range(16))}, 16),
    "bossa nova": ({36: (0, 6, 8, 14), 37: (0, 3, 6, 10, 13), 70: tuple(range(0, 16, 2))}, 16),
    "reggae": ({36: (8,), 37: (8,), 42: (2, 6, 10, 14)}, 16),
    "latin": ({61: (4, 6, 12, 14), 60: (0, 2, 8, 10), 56: (0, 4, 8, 12), 75: (0, 3, 6, 10, 12)}, 16),
    "swing": ({51: (0, 3, 5, 6, 9, 11), 44: (3, 9), 36: (0,)}, 12),
    "waltz": ({36: (0,), 38: (4, 8), 42: (0, 4, 8)}, 12),
    "march": ({38: (0, 3, 4, 6, 7, 8, 11, 12, 13, 14, 15), 36: (0, 8)}, 16),
    "tom-tom": ({41: (0, 3, 6), 45: (8, 10), 50: (12, 14)}, 16),
}
