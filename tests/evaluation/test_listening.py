"""Making and taking a listening test: equal sounds, names that say nothing, answers that fit one test only.

The listeners here are simulated; their ids begin with L0000.
"""

import json
import re
import wave

import numpy as np
import pytest
import torch

from ldm_lab.audio.io import save
from ldm_lab.audio.loudness import K_WEIGHTING
from ldm_lab.errors import ListeningError
from ldm_lab.evaluation import listening
from ldm_lab.evaluation.listening.stimuli import PEAK, TARGET, Stimulus, anchor_cutoffs, equalise, low_pass

RATE = 16000
SYSTEMS = ("reference", "ours", "theirs")
KINDS = tuple(listening.KINDS)


def noise(seconds=0.3, level=0.1, seed=0):
    return (np.random.default_rng(seed).normal(size=round(seconds * RATE)) * level).astype(np.float32)


def stimuli(items=2, systems=SYSTEMS):
    return [
        Stimulus(f"item-{i}", system, noise(0.25 + 0.05 * k, 0.02 * 2**k, seed=10 * i + k), f"text {i}")
        for i in range(items)
        for k, system in enumerate(systems)
    ]


def listener(number):
    return f"L0000{number:04x}"


@pytest.fixture(scope="module")
def whole_test(tmp_path_factory):
    """One playlist with every kind of trial: (playlist, key)."""
    folder = tmp_path_factory.mktemp("listening") / "test"
    playlist = listening.make_playlist(stimuli(), folder, kinds=KINDS, repeats=2, seed=1)
    return playlist, listening.read_key(folder.with_name("test-key.json"))


def a_value(trial):
    """Some valid answer to a trial as a panel sees it."""
    sounds = [entry["sound"] for entry in trial["sounds"]]
    if trial["scale"] is None:
        return sounds[0]
    return {sound: 50 for sound in sounds} if trial["kind"] == "mushra" else 50


def answer_all(session, choose=a_value, most=10**6):
    while most and (trial := session.next()) is not None:
        session.answer(trial["id"], choose(trial))
        most -= 1
    return session


# --- sounds ----------------------------------------------------------------------------------------------------------


def test_loudness_is_that_of_the_standard():
    t = np.arange(3 * RATE) / RATE
    sine = np.sin(2 * np.pi * 997 * t)
    assert listening.loudness(sine, RATE) == pytest.approx(-3.01, abs=0.02)  # BS.1770: 0 dB FS, 997 Hz, one channel
    assert listening.loudness(0.1 * sine, RATE) == pytest.approx(-23.01, abs=0.02)
    at_48 = np.sin(2 * np.pi * 997 * np.arange(3 * 48000) / 48000)
    assert listening.loudness(at_48, 48000) == pytest.approx(-3.01, abs=0.02)
    gated = np.concatenate([0.1 * sine, np.zeros(20 * RATE)])  # silence does not make a sound quieter
    assert listening.loudness(gated, RATE) == pytest.approx(-23.01, abs=0.3)
    assert listening.loudness(np.zeros(RATE), RATE) == -np.inf
    low, high = (listening.loudness(0.1 * np.sin(2 * np.pi * hz * t), RATE) for hz in (40, 4000))
    assert low < -26 and high > -20.5  # K-weighting: bass counts less, treble about 3.3 dB more


def test_k_weighting_agrees_with_the_filters_in_time():
    wav = np.random.default_rng(0).normal(size=24000) * 0.05  # 0.5 s of steady noise: gating takes nothing away
    filtered = wav
    for b0, b1, b2, a1, a2 in K_WEIGHTING:
        x1 = x2 = y1 = y2 = 0.0
        out = np.zeros(len(wav))
        for i, x in enumerate(filtered.tolist()):
            y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            x1, x2, y1, y2, out[i] = x, x1, y, y1, y
        filtered = out
    assert listening.loudness(wav, 48000) == pytest.approx(-0.691 + 10 * np.log10(np.mean(filtered**2)), abs=0.05)


def test_anchors_keep_to_the_mask_of_the_standard():
    t = np.arange(2 * RATE) / RATE
    level = lambda hz, cutoff: (
        20 * np.log10(np.sqrt(2) * low_pass(np.sin(2 * np.pi * hz * t), cutoff, RATE)[RATE // 2 : -RATE // 2].std())
    )
    for cutoff in anchor_cutoffs(RATE).values():
        assert abs(level(cutoff - 50, cutoff)) < 0.1
        assert level(cutoff + 500, cutoff) < -25 and level(cutoff + 1000, cutoff) < -50
    assert anchor_cutoffs(48000)["anchor-mid"] == 7000


def test_the_sounds_of_an_item_are_equally_long_and_loud_and_do_not_clip():
    wavs = {entry.system: entry.wav(RATE) for entry in stimuli(1)}
    click = np.zeros(RATE // 2)
    click[RATE // 8] = 1.0  # would need more than full scale for -23 LUFS
    out = equalise(wavs | {"click": click}, RATE, anchors=True)
    assert {len(wav) for wav in out.values()} == {RATE // 4}
    levels = [listening.loudness(wav, RATE) for wav in out.values()]
    assert max(levels) - min(levels) < 0.01 and max(levels) < TARGET
    assert max(np.abs(wav).max() for wav in out.values()) == pytest.approx(PEAK)
    assert all(
        listening.loudness(wav, RATE) == pytest.approx(TARGET, abs=0.01) for wav in equalise(wavs, RATE).values()
    )
    assert len(equalise(wavs, RATE, seconds=0.21)["ours"]) == round(0.21 * RATE)


def test_silence_is_a_sound_a_system_may_make_but_no_reference():
    wavs = {"reference": noise().astype(float), "ours": np.zeros(RATE)}
    assert not equalise(wavs, RATE)["ours"].any()
    with pytest.raises(ListeningError, match="reference is silent"):
        equalise({"reference": np.zeros(RATE), "ours": noise()}, RATE)
    with pytest.raises(ListeningError, match="too short"):
        equalise({"ours": noise(0.1)}, RATE)


# --- blinding --------------------------------------------------------------------------------------------------------


def test_what_listeners_get_names_no_system_and_no_item(whole_test):
    playlist, key = whole_test
    public = (playlist.folder / "playlist.json").read_text()
    told = re.findall("[a-z]+", json.dumps([list(trial.values()) for trial in json.loads(public)["trials"]]))
    assert not set(told) & {*SYSTEMS, "anchor", "low", "mid", "item"} and "text" in told
    assert set(json.loads(public)) == {
        "format",
        "title",
        "consent",
        "processing",
        "sample_rate",
        "kinds",
        "sounds",
        "trials",
    }
    files = sorted(
        path.relative_to(playlist.folder).as_posix() for path in playlist.folder.rglob("*") if path.is_file()
    )
    assert files == ["playlist.json", *(f"sounds/{name}.wav" for name in sorted(key.sounds))]
    assert all(re.fullmatch(r"[0-9a-f]{16}", name) for name in (*key.sounds, *playlist.trials))
    for name in key.sounds:  # nothing but the format and the samples
        data = playlist.wav_file(name)
        with wave.open(str(playlist.folder / "sounds" / f"{name}.wav")) as file:
            assert len(data) == 44 + 2 * file.getnframes()
    items = {}
    for name, (item, _) in key.sounds.items():
        items.setdefault(item, set()).add(len(playlist.wav_file(name)))
    assert all(len(sizes) == 1 for sizes in items.values())


def test_names_and_the_order_of_files_say_nothing_about_the_system(tmp_path):
    """Over many secrets each system comes first, second and third about equally often."""
    places = np.zeros((3, 3))
    for seed in range(60):
        playlist = listening.make_playlist(stimuli(1), tmp_path / str(seed), kinds=("rel",), seed=seed)
        key = listening.read_key(tmp_path / f"{seed}-key.json")
        for place, name in enumerate(sorted(playlist.values["sounds"])):
            places[SYSTEMS.index(key.sounds[name][1]), place] += 1
    assert (np.square(places - 20) / 20).sum() < 18.5  # chi-squared with 4 degrees of freedom, p = 0.001


def test_the_order_of_trials_sounds_and_x_is_each_listeners_own(whole_test):
    playlist, key = whole_test
    first = {kind: np.zeros(2) for kind in ("abx", "preference")}
    x_is_first_shown, places = [], []
    for number in range(100):
        session = listening.Session(playlist, consent=True, listener=listener(number))
        places.append(
            [session.order.index(name) for name in sorted(playlist.trials) if playlist.trials[name].kind == "ovl"]
        )
        for name in session.order:
            trial = session.trial(name)
            if trial["kind"] in first:
                first[trial["kind"]] += [trial["sounds"][0]["sound"] == sound for sound in playlist.trials[name].sounds]
            if trial["kind"] == "abx":
                x_is_first_shown.append(key.sounds[trial["x"]] == key.sounds[trial["sounds"][0]["sound"]])
        kinds = [playlist.trials[name].kind for name in session.order]
        assert [kind for i, kind in enumerate(kinds) if kind not in kinds[:i]] == list(KINDS)
        assert kinds == sorted(kinds, key=KINDS.index)  # blocks
    count = len(places[0])
    assert np.abs(np.mean(places, axis=0) - (count - 1) / 2).max() < 4 * count / np.sqrt(12 * 100)
    for counts in first.values():
        assert abs(counts[0] / counts.sum() - 0.5) < 0.05
    assert abs(np.mean(x_is_first_shown) - 0.5) < 0.06
    again = listening.Session(playlist, consent=True, listener=listener(7))
    assert again.trial(again.order[0]) == listening.Session(playlist, consent=True, listener=listener(7)).trial(
        again.order[0]
    )


def test_without_a_seed_the_names_are_new_each_time(tmp_path):
    one, two = (listening.make_playlist(stimuli(1), tmp_path / name, kinds=("ovl",)) for name in "ab")
    assert not set(one.values["sounds"]) & set(two.values["sounds"])
    three, four = (listening.make_playlist(stimuli(1), tmp_path / name, kinds=("ovl",), seed=5) for name in "cd")
    assert three.hash == four.hash != one.hash


def test_the_kinds_hold_what_they_need(whole_test):
    playlist, key = whole_test
    by_kind = {kind: [t for t in playlist.trials.values() if t.kind == kind] for kind in KINDS}
    assert {kind: len(trials) for kind, trials in by_kind.items()} == {
        "ovl": 10,
        "rel": 6,
        "mushra": 2,
        "abx": 8,
        "preference": 4,
    }
    systems = lambda names: sorted(key.sounds[name][1] for name in names)
    assert all(
        trial.prompt.startswith("text") == (kind in ("rel", "preference")) for kind in KINDS for trial in by_kind[kind]
    )
    for trial in by_kind["mushra"]:
        assert systems(trial.sounds) == ["anchor-low", "anchor-mid", "ours", "reference", "theirs"]
        assert systems([trial.reference]) == ["reference"] and trial.reference not in trial.sounds
    for trial in by_kind["abx"]:
        assert systems(trial.sounds) == systems(trial.hidden) and "reference" in systems(trial.sounds)
        assert not set(trial.sounds) & set(trial.hidden)
    assert all(systems(trial.sounds) == ["ours", "theirs"] for trial in by_kind["preference"])
    assert playlist.pcm(trial.sounds[0]).dtype == np.int16 and len(playlist.pcm(trial.sounds[0])) == RATE // 4


def test_a_changed_sound_is_noticed(tmp_path):
    playlist = listening.make_playlist(stimuli(1), tmp_path / "t", kinds=("ovl",))
    playlist.verify()
    path = next((tmp_path / "t" / "sounds").iterdir())
    path.write_bytes(path.read_bytes()[:-2] + b"\1\1")
    with pytest.raises(ListeningError, match="changed since"):
        playlist.verify()


# --- where sounds come from ------------------------------------------------------------------------------------------


def whole_tests_are_paired_by_name(tmp_path):
    for system in ("reference", "ours"):
        for name in ("dog", "rain"):
            save(tmp_path / system / f"{name}.wav", torch.from_numpy(noise()))
    folders = {system: tmp_path / system for system in ("reference", "ours")}
    found = listening.from_folders(folders, prompts={"dog": "a dog", "rain": "rain"})
    assert [(s.item, s.system, s.prompt) for s in found][:2] == [
        ("dog", "reference", "a dog"),
        ("dog", "ours", "a dog"),
    ]
    (tmp_path / "ours" / "rain.wav").unlink()
    with pytest.raises(ListeningError, match="missing in ours: rain"):
        listening.from_folders(folders)
    with pytest.raises(ListeningError, match="no such folder"):
        listening.from_folders({"ours": tmp_path / "nowhere"})


def test_tensors_and_tables(tmp_path):
    wavs = torch.from_numpy(np.stack([noise(), noise()]))
    found = listening.from_tensors({"ours": wavs, "theirs": wavs}, prompts=["a", "b"])
    assert [(s.item, s.system, s.prompt) for s in found] == [
        ("item-001", "ours", "a"),
        ("item-001", "theirs", "a"),
        ("item-002", "ours", "b"),
        ("item-002", "theirs", "b"),
    ]
    with pytest.raises(ListeningError, match="B = 3"):
        listening.from_tensors({"ours": wavs}, prompts=["a", "b", "c"])
    save(tmp_path / "x.wav", wavs[:1])
    (tmp_path / "t.csv").write_text("item,system,file,prompt\n1,ours,x.wav,rain\n1,theirs,x.wav,\n")
    found = listening.from_csv(tmp_path / "t.csv")
    assert found[0].prompt == "rain" and len(found[1].wav(RATE)) == 4800
    (tmp_path / "t.csv").write_text("item,file\n1,x.wav\n")
    with pytest.raises(ListeningError, match="check system"):
        listening.from_csv(tmp_path / "t.csv")


@pytest.mark.parametrize(("change", "words"), [
    (dict(kinds=("ovl", "smell")), "unknown kind of trial 'smell'"),
    (dict(kinds=()), "at least one"),
    (dict(stimuli=stimuli()[:-1]), "no sound of theirs"),
    (dict(stimuli=stimuli() + stimuli()[:1]), "given twice"),
    (dict(stimuli=[Stimulus("i", "anchor-low", noise(), "t")]), "kept for anchors"),
    (dict(stimuli=[Stimulus("i", "ours", noise())], kinds=("rel",)), "REL shows it"),
    (dict(stimuli=[Stimulus("i", "ours", noise(), "t")], kinds=("mushra",)), "MUSHRA compares"),
    (dict(stimuli=[Stimulus("i", "ours", noise(), "t")], kinds=("abx",)), "two different systems"),
    (dict(kinds=("abx",), pairs=[("ours", "nobody")]), "two different systems"),
    (dict(kinds=("abx",), repeats=0), "repeats 0"),
])  # fmt: skip
def test_what_cannot_be_a_test_is_said(tmp_path, change, words):
    with pytest.raises(ListeningError, match=words):
        listening.make_playlist(**({"stimuli": stimuli(), "folder": tmp_path / "t"} | change))
    assert not (tmp_path / "t").exists()


def test_the_key_stays_out_of_the_folder_and_nothing_is_overwritten(tmp_path):
    with pytest.raises(ListeningError, match="must not lie in the folder"):
        listening.make_playlist(stimuli(), tmp_path / "t", key=tmp_path / "t" / "key.json")
    silent = [Stimulus("quiet", system, np.zeros(RATE), "nothing") for system in SYSTEMS]
    with pytest.raises(ListeningError, match="item 'quiet': the reference is silent"):
        listening.make_playlist(stimuli() + silent, tmp_path / "t")
    assert not list(tmp_path.iterdir())  # a test is there whole or not at all
    (tmp_path / "t").mkdir()
    listening.make_playlist(stimuli(1), tmp_path / "t", kinds=("ovl",))
    with pytest.raises(ListeningError, match="there already"):
        listening.make_playlist(stimuli(1), tmp_path / "t", kinds=("ovl",))


# --- sessions and their files ----------------------------------------------------------------------------------------


def test_nobody_listens_without_consent_or_under_a_name(whole_test):
    playlist, _ = whole_test
    with pytest.raises(ListeningError, match="consent"):
        listening.Session(playlist, consent=False)
    for name in ("Alice", "alice@example.org", "L123", 7):
        with pytest.raises(ListeningError, match="names are not stored"):
            listening.Session(playlist, consent=True, listener=name)
    assert listening.new_listener() != listening.new_listener()


def test_a_session_is_saved_after_each_answer_and_resumed(whole_test, tmp_path):
    playlist, _ = whole_test
    session = answer_all(listening.Session(playlist, consent=True, folder=tmp_path), most=5)
    assert session.state()["answered"] == 5 and not session.state()["complete"]
    name = session.results.listener
    again = listening.Session(playlist, consent=True, listener=name, folder=tmp_path)
    assert again.order == session.order and again.next() == session.next() and again.next()["number"] == 6
    again.answer(again.order[0], 77)  # a change of mind
    answer_all(again)
    assert again.next() is None and again.state()["complete"] and again.trial(again.order[0])["answer"] == 77
    saved = json.loads((tmp_path / f"{name}.json").read_text())
    assert saved == again.results.as_dict() and set(saved) == {"format", "playlist", "listener", "consent", "answers"}
    assert json.loads(json.dumps(again.state())) == again.state()
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.json"]


@pytest.mark.parametrize(("kind", "value"), [
    ("ovl", 0), ("ovl", 101), ("ovl", "good"), ("ovl", True), ("ovl", float("nan")), ("ovl", None),
    ("mushra", 50), ("mushra", {}), ("abx", None), ("abx", "A"), ("preference", "B"),
])  # fmt: skip
def test_an_answer_must_fit_its_trial(whole_test, kind, value):
    playlist, _ = whole_test
    session = listening.Session(playlist, consent=True)
    name = next(trial.id for trial in playlist.trials.values() if trial.kind == kind)
    with pytest.raises(ListeningError, match="expected"):
        session.answer(name, value)
    assert not session.results.answers
    with pytest.raises(ListeningError, match="unknown trial"):
        session.answer("x", 50)


def results_of(playlist, number, folder, **options):
    return answer_all(
        listening.Session(playlist, consent=True, listener=listener(number), folder=folder), **options
    ).results.path


def test_copies_and_early_saves_of_a_listener_are_one(whole_test, tmp_path):
    playlist, _ = whole_test
    early = results_of(playlist, 1, tmp_path / "early", most=3)
    late = results_of(playlist, 1, tmp_path / "late")
    results_of(playlist, 2, tmp_path / "late", most=2)
    found = listening.merge([early, tmp_path / "late", late], playlist)
    assert [(r.listener, len(r.answers)) for r in found] == [(listener(1), len(playlist.trials)), (listener(2), 2)]
    assert listening.blind_summary(found, len(playlist.trials))["partial"] == {
        listener(2): f"2 of {len(playlist.trials)}"
    }


def test_files_that_do_not_belong_together_are_named(whole_test, tmp_path):
    playlist, _ = whole_test
    path = results_of(playlist, 1, tmp_path / "a", most=3)
    other = results_of(listening.make_playlist(stimuli(1), tmp_path / "t", kinds=("ovl",)), 2, tmp_path / "b")
    with pytest.raises(ListeningError, match="answers to another playlist"):
        listening.merge([path, other], playlist)
    with pytest.raises(ListeningError, match="different playlists"):
        listening.merge([path, other])
    twin = results_of(playlist, 1, tmp_path / "c", choose=lambda t: 51 if t["kind"] == "ovl" else a_value(t), most=3)
    with pytest.raises(ListeningError, match=f"{listener(1)} answered 3 trials in two ways"):
        listening.merge([path, twin], playlist)
    with pytest.raises(ListeningError, match="got no results"):
        listening.merge([])


@pytest.mark.parametrize(("change", "words"), [
    (dict(format="other"), "format 'other'"), (dict(consent=False), "did not consent"),
    (dict(listener="Bob"), "names are not stored"), (dict(answers=[]), "'answers' is list"), (dict(name="Bob"), "unknown field 'name'"),
    (dict(answers={"t": 5}), "value and x"),
    (dict(answers={"nowhere": {"value": 5, "x": ""}}), "unknown trial 'nowhere'"),
])  # fmt: skip
def test_a_damaged_file_is_refused(whole_test, tmp_path, change, words):
    playlist, _ = whole_test
    path = results_of(playlist, 1, tmp_path, most=1)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ListeningError, match=words):
        listening.merge([path], playlist)
    path.write_text("{")
    with pytest.raises(ListeningError, match="not a JSON file"):
        listening.read_results(path)


def test_damaged_playlists_and_keys_are_refused(whole_test, tmp_path):
    playlist, _ = whole_test
    with pytest.raises(ListeningError, match="give the folder of a playlist"):
        listening.read_playlist(tmp_path)
    values = json.loads((playlist.folder / "playlist.json").read_text())
    values["trials"][0]["sounds"] = ["gone"]
    (tmp_path / "playlist.json").write_text(json.dumps(values))
    with pytest.raises(ListeningError, match="is damaged"):
        listening.read_playlist(tmp_path)
    key = json.loads(playlist.folder.with_name("test-key.json").read_text())
    key["sounds"].popitem()
    (tmp_path / "key.json").write_text(json.dumps(key))
    with pytest.raises(ListeningError, match="not the key of one playlist"):
        listening.read_key(tmp_path / "key.json")
