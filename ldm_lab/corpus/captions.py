"""Captions by rule: corrections of captions that a file name misled, honest wording, and paraphrases."""

from __future__ import annotations

import re

# (pattern on the path in the package, caption or None to drop the clip, category or None to keep it)
CORRECTIONS: tuple[tuple[str, str | None, str | None], ...] = (
    (r"sfx_065\.wav", "A maglev train departing", "vehicle"), (r"sfx_071\.wav", "A monorail train departing", "vehicle"),
    (r"sfx_056\.wav", "A chainsaw cutting wood", "machine"), (r"rand-stream\.wav", "Random noise", "synth"),
    (r"samplv1/preset/wave-", "A synthesizer tone", "synth"), (r"tractor_beam", "A science fiction tractor beam humming", "synth"),
    (r"civ_dog_move", None, None), (r"card_flip", "A playing card being flipped", "impact"), (r"kick_11d", "A kick drum", "drum"),
    (r"aliens/\w+/(hurt|death)", "A creature crying out in pain", "animal"), (r"(snowogre|wasp|worm|giantjelly|pod)/hurt", "A creature crying out in pain", "animal"),
    (r"npc-blowing-idle", None, None), (r"wind_turbine", "A wind turbine turning", "machine"), (r"ion rain|ion impact", "A science fiction weapon hitting a target", "weapon"),
    (r"24-FX-VeeOneDrum|32-FX-VeeOneDrum", "An electronic drum sound effect", "drum"), (r"Chords_ElectricHit", "An electric chord hit", "synth"),
    (r"catapult_walk", "A wooden catapult rolling and creaking", "vehicle"), (r"(mechan|machine)_walk|machine_walk", "A walking machine", "machine"),
    (r"magic_building_fall", "A magical building collapsing", "impact"), (r"magic_click", "A short click", "bell_ui"),
    (r"laser_designator", "An electronic laser pointer beep", "bell_ui"), (r"laserCollide|sniper(Planet|Ship)Collide|pumpShipCollide", None, None),
    (r"toon/pump\.wav", None, None), (r"pistol_switch|chainsaw_switch", "A weapon being made ready", "weapon"), (r"grenade_pickup", "An item being picked up", "impact"),
    (r"bullet-bodyimpact", "A bullet hitting a body", "impact"), (r"sword-fly", "A sword swinging through the air", "impact"),
    (r"marshooter.*arrow_wall", None, None), (r"arrow_wall", "Arrows being shot", "weapon"), (r"underwater_tick", "A ticking sound", "machine"),
    (r"evil_dragon_fly", "A dragon flying and roaring", "animal"), (r"spaceship_engine|alien_engine|engine_alien", "A spaceship engine humming", "vehicle"),
    (r"steps/step_cloth", "Footsteps in soft shoes", None), (r"steps/step_leather", "Footsteps in leather shoes", None),
    (r"steps/step_metal", "Footsteps in metal armour", None), (r"water-impact", "A splash into water", "nature"), (r"flame_whoosh", "A whoosh of flames", "nature"),
    (r"crate-hit", "A crate being hit", None), (r"stone-hit", "A stone being hit", None), (r"nuke_alarm", "An alarm sounding", "bell_ui"),
    (r"skeleton_h\w*\.ogg", "A hit on bones", None), (r"explosion nuke", "A very big explosion", None), (r"explosions/bees", "A swarm of bees buzzing", None),
    (r"_enemies?\.wav|hit_enemy", "An impact hit", None), (r"thunder\.wav$", "Thunder rumbling", None), (r"orb-frog", None, None), (r"orb-teleport", "A teleport sound effect", None),
    (r"(bfg|spreadgun|vulcan)_hit", "A shot hitting a target", None), (r"shot-?gunmini", "A shotgun firing", "weapon"),
)  # fmt: skip

_GUNS = {
    "rifle": "A rifle firing", "smg": "A submachine gun firing", "chaingun": "A chain gun firing", "hmg": "A heavy machine gun firing",
    "pistol": "A pistol firing", "shotgun": "A shotgun firing", "shotgunmini": "A shotgun firing", "sniper": "A sniper rifle firing",
    "impact": "A bullet hitting something",
}  # fmt: skip
_RELOADS = {"nail": "nail gun", "smg": "submachine gun", "sniper": "sniper rifle", "laser": "laser gun", "rocket": "rocket launcher", "grenade": "grenade launcher"}
_NAMES_SEX = re.compile(r"_[fm]_|(fe)?male|(?<![a-z])(wo)?m[ae]n(?![a-z])|girl|boy|lady|guy", re.IGNORECASE)
_NAMED_SPEAKERS = ("festvox-ru",)
_VERBS = {
    "barking": "barks", "neighing": "neighs", "bleating": "bleats", "mooing": "moos", "buzzing": "buzzes", "croaking": "croaks",
    "clucking": "clucks", "roaring": "roars", "howling": "howls", "hooting": "hoots", "meowing": "meows", "crowing": "crows",
    "squealing": "squeals", "trumpeting": "trumpets", "galloping": "gallops", "honking": "honks", "quacking": "quacks",
    "cawing": "caws", "calling": "calls", "growling": "growls", "groaning": "groans", "chirping": "chirps", "ringing": "rings",
    "sounding": "sounds", "tolling": "tolls", "laughing": "laughs", "screaming": "screams", "sneezing": "sneezes", "coughing": "coughs",
    "burping": "burps", "slurping": "slurps", "crying": "cries", "grunting": "grunts", "singing": "sings", "cheering": "cheers",
    "applauding": "applauds", "beating": "beats", "closing": "closes", "opening": "opens", "creaking": "creaks", "breaking": "breaks",
    "hitting": "hits", "firing": "fires", "launching": "launches", "exploding": "explodes", "running": "runs", "idling": "idles",
    "driving": "drives", "taking": "takes", "starting": "starts", "stopping": "stops", "flying": "flies", "rolling": "rolls",
    "moving": "moves", "chopping": "chops", "cutting": "cuts", "sawing": "saws", "hammering": "hammers", "ticking": "ticks",
    "popping": "pops", "playing": "plays", "crackling": "crackles", "burning": "burns", "falling": "falls", "flowing": "flows",
    "dripping": "drips", "rumbling": "rumbles", "blowing": "blows", "humming": "hums", "departing": "departs", "collapsing": "collapses",
    "crashing": "crashes", "snoring": "snores", "breathing": "breathes", "whistling": "whistles", "turning": "turns", "dying": "dies",
    "clashing": "clash", "vocalizing": "vocalizes", "beatboxing": "beatboxes", "digging": "digs", "working": "works", "bouncing": "bounces",
    "jingling": "jingles", "throwing": "throws", "typing": "types",
}  # fmt: skip
_PLURAL_START = re.compile(r"^(Birds|Crickets|Frogs|Monkeys|Horses|Swords|Soldiers|Footsteps|Waves|Leaves|Church bells|Coins|Cattle|Cicadas|Fingers)\b")
MATERIALS = ("wood", "wooden", "metal", "metallic", "stone", "glass", "grass", "snow", "sand", "gravel", "dirt", "ice", "concrete", "carpet", "tile", "water", "steel", "rock", "leaves")
PLACES = ("forest", "market", "harbor", "city", "farm", "cave", "coffee shop", "town square", "barracks", "warehouse", "tunnel", "sauna", "stable", "field", "pond", "shower", "shore")
LANGUAGES = ("English", "French", "Spanish", "Italian", "Russian", "German")


def correct(caption: str, category: str, path: str, package: str) -> tuple[str, str] | None:
    """The caption and category that the path supports, or None where the clip should be dropped."""
    for pattern, better, home in CORRECTIONS:
        if re.search(pattern, path):
            return None if better is None else (better, home or category)
    gun = re.fullmatch(r"(\w+) gun fire", caption)
    if gun:
        caption = _GUNS.get(gun[1].lower(), "A futuristic gun firing")
    reload = re.fullmatch(r"An? (\w+) being reloaded", caption)
    if reload:
        caption = f"A {_RELOADS.get(reload[1], reload[1])} being reloaded"
    caption = re.sub(r"^(The) (british|swedish|french|portuguese|russian)", lambda m: f"{m[1]} {m[2].title()}", caption)
    caption = caption.replace("A guitar strum, ", "A guitar strumming a ").replace("strumming a A", "strumming an A").replace("strumming a E", "strumming an E").replace("strumming a F", "strumming an F")
    if re.match(r"A (wo)?man |A male ", caption) and package not in _NAMED_SPEAKERS and not _NAMES_SEX.search(path):
        caption = re.sub(r"^A (wo)?man |^A male announcer ", lambda m: "An announcer " if "announcer" in m[0] else "A person ", caption)
    caption = caption.replace(", telephone voice prompt", " over the telephone")
    return caption, category


def simple_present(caption: str) -> str | None:
    """"A dog barking" -> "A dog barks"; None where no rule fits."""
    match = re.match(r"^(An? .+?|The .+?|Rain|Wind|Water|Thunder|Glass|Wood|Metal|Lava|Fire) (\w+ing)\b(.*)$", caption)
    if not match or match[2] not in _VERBS or "," in match[1] or _PLURAL_START.match(caption) or " of " in match[1]:
        return None
    if re.search(r"\b(and|with|being|sound|effect)\b", match[1]) or re.match(r"^ (sound|drum|bell|field|machine|glass|crossing|instrument)", match[3]):
        return None
    rest = re.sub(r"^ and (\w+ing)\b", lambda m: f" and {_VERBS[m[1]]}" if m[1] in _VERBS else m[0], match[3])
    return None if re.match(r"^ and \w+ing\b", rest) else f"{match[1]} {_VERBS[match[2]]}{rest}"


def paraphrases(caption: str) -> tuple[str, ...]:
    """The caption and one other wording that claims nothing more."""
    other = simple_present(caption)
    if other is None:
        if re.search(r"\b(sound|effect|noise|ambience|music|loop|melody|jingle|says|speaks|sings|shouts)\b", caption):
            return (caption,)
        other = f"The sound of {caption[0].lower()}{caption[1:]}"
    return (caption, other)


def attributes_of(caption: str, category: str, package: str) -> dict:
    """What a caption says in words a program can use: material, place, language, pitch, instrument, band."""
    words, out = caption.lower(), {}
    if category in ("impact", "weapon", "machine"):
        found = [material for material in MATERIALS if re.search(rf"\b{material}\b", words)]
        if found:
            out["material"] = {"wooden": "wood", "metallic": "metal", "steel": "metal", "rock": "stone"}.get(found[0], found[0])
    place = next((place for place in PLACES if re.search(rf"\b{place}\b", words)), None)
    if place and category in ("ambience", "nature", "animal", "vehicle"):
        out["place"] = place
    language = next((language for language in LANGUAGES if language in caption), None)
    if language:
        out["language"] = language
    if package.startswith("asterisk"):
        out["band"] = "telephone, 4 kHz"
    chord = re.match(r"A guitar strumming an? (.+) chord$", caption)
    note = re.match(r"A piano note, (.+)$", caption)
    if chord:
        out.update(instrument="guitar", chord=chord[1])
    if note:
        out.update(instrument="piano", pitch=note[1])
    return out


_PIECE = {"CC0": "CC0-1.0", "BSD-3-clause": "BSD-3-Clause", "Creative Commons Zero 1.0": "CC0-1.0", "Creative Commons Attribution 3.0 Unported": "CC-BY-3.0",
          "Creative Commons Attribution-ShareAlike 3.0 Unported": "CC-BY-SA-3.0", "CC-BY-SA-3": "CC-BY-SA-3.0", "CC-BY-SA-3.0+": "CC-BY-SA-3.0-or-later",
          "CC-BY-SA-3.0-us": "CC-BY-SA-3.0-US", "Expat": "MIT", "public-domain": "LicenseRef-public-domain", "Public-Domain": "LicenseRef-public-domain",
          "Public Domain": "LicenseRef-public-domain", "BSD-like": "LicenseRef-festvox-ru",
          "Creative Commons Attribution 3.0 Unported. Original is Public Domain": "CC-BY-3.0"}  # fmt: skip


def spdx(licence: str) -> str:
    """The SPDX expression of a licence as Debian's copyright files name it."""
    parts = sorted(_PIECE.get(part.strip(), part.strip()) for part in licence.split(" and "))
    return " AND ".join(parts)
