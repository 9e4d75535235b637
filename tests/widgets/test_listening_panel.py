"""The listening test from Python: consent, answers by letter, nothing that would unblind, files, report."""

import json
import re

import numpy as np
import pytest
import torch

from ldm_lab.errors import ListeningError, OptionError
from ldm_lab.evaluation import listening
from ldm_lab.widgets import ListeningTest, listening_test
from ldm_lab.widgets.listening import level_noise

RATE = 16000
KINDS = ("ovl", "rel", "mushra", "abx", "preference")
SYSTEMS = ("reference", "vocoder-x", "griffin-lim")


def noise(seed: int, seconds: float = 0.25) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=round(seconds * RATE)) * 0.1).astype(np.float32)


def sounds(count: int = 1) -> dict[str, list[np.ndarray]]:
    return {name: [noise(10 * i + k) for i in range(count)] for k, name in enumerate(SYSTEMS)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A playlist with every kind of trial, made once; its key lies beside it."""
    top = tmp_path_factory.mktemp("listening")
    stimuli = [listening.Stimulus(f"item-{i}", name, wav, f"text {i}") for name, wavs in sounds().items()
               for i, wav in enumerate(wavs)]
    listening.make_playlist(stimuli, top / "test", kinds=KINDS, seed=1)
    return top / "test"


def number_of(test: ListeningTest, kind: str) -> int:
    """The first trial of a kind."""
    return next(n for n in range(1, test.state["of"] + 1) if test.ask_trial(n)["kind"] == kind)


def some_answer(trial: dict) -> object:
    if trial["kind"] == "mushra":
        return {label: 50 for label in trial["rated"]}
    return 50 if trial["anchors"] else trial["rated"][0]


def answer_all(test: ListeningTest, choose=some_answer) -> ListeningTest:
    for number in range(1, test.state["of"] + 1):
        test.ask_answer(number, choose(test.ask_trial(number)))
    return test


def test_nothing_begins_before_consent(folder):
    test = ListeningTest(folder)
    test.page = "trial"
    test.trial = 3
    assert (test.page, test.trial, test.session, test.results) == ("consent", 0, None, None)
    for early in (lambda: test.ask_trial(1), lambda: test.answer(50), lambda: test.ask_file(), lambda: test.save("x")):
        with pytest.raises(ListeningError, match="not agreed yet"):
            early()
    assert test.ask_start()["of"] == test.state["of"] == len(test.session.order)
    assert (test.page, test.trial, test.state["answered"], test.state["next"]) == ("level", 1, 0, 1)
    assert re.fullmatch("L[0-9a-f]{8}", test.state["listener"])


def test_the_page_gets_letters_and_sounds_and_nothing_that_tells_more(folder):
    test = ListeningTest(folder, reveal=True)
    test.agree()
    seen = [test.ask_trial(number) for number in range(1, test.state["of"] + 1)]
    pcm = {bytes(one.pop("pcm")) for trial in seen for one in trial["sounds"]}
    told = json.dumps([seen, test.get_state()["about"], test.state, test.title, test.text()])
    for secret in (*SYSTEMS, "anchor-", "item-0", *test.playlist.values["sounds"], *test.playlist.trials):
        # the word "reference" is part of what MUSHRA asks
        assert secret == "reference" or secret not in told, secret
    labels = {trial["kind"]: [one["label"] for one in trial["sounds"]] for trial in seen}
    assert labels["ovl"] == labels["rel"] == ["A"]
    assert labels["mushra"] == ["Reference", "A", "B", "C", "D", "E"]
    assert labels["abx"] == ["A", "B", "X"]
    assert labels["preference"] == ["A", "B"]
    assert pcm == {test.playlist.pcm(name).tobytes() for name in test.playlist.values["sounds"]}


def test_the_letters_of_the_page_are_the_sounds_of_the_session(folder):
    test = ListeningTest(folder, listener="L00000001")
    test.agree()
    for number, name in enumerate(test.session.order, 1):
        shown, given = test.session.trial(name), test.ask_trial(number)
        of = {one["label"]: bytes(one["pcm"]) for one in given["sounds"]}
        for entry in shown["sounds"]:
            assert of[entry["label"]] == test.playlist.pcm(entry["sound"]).tobytes()
        if shown["x"]:
            assert of["X"] == test.playlist.pcm(shown["x"]).tobytes()
            assert of["X"] in (of["A"], of["B"])


@pytest.mark.parametrize("kind", KINDS)
def test_answers_by_letter_are_answers_by_sound(folder, kind):
    test = ListeningTest(folder)
    test.agree()
    test.trial, test.page = number_of(test, kind), "trial"
    assert test.page == "trial"
    shown = test.session.trial(test.session.order[test.trial - 1])
    names = {entry["label"]: entry["sound"] for entry in shown["sounds"]}
    assert test.ask_trial(test.trial)["answer"] is None
    value = {label: 10 * i for i, label in enumerate(names)} if kind == "mushra" else 72 if shown["scale"] else "B"
    test.answer(value)
    wanted = {names[k]: v for k, v in value.items()} if kind == "mushra" else 72 if shown["scale"] else names["B"]
    assert test.results.answers[shown["id"]]["value"] == wanted
    assert test.ask_trial(test.trial)["answer"] == {"value": value}
    assert test.state["answered"] == 1


def test_no_preference_is_an_answer(folder):
    test = ListeningTest(folder)
    test.agree()
    number = number_of(test, "preference")
    test.ask_answer(number, "none")
    assert list(test.results.answers.values()) == [{"value": None, "x": ""}]
    assert test.ask_trial(number)["answer"] == {"value": "none"}


@pytest.mark.parametrize(("kind", "value", "words"), [
    ("ovl", 101, "expected a number from 1 to 100"), ("ovl", "good", "expected a number"),
    ("mushra", {"A": 1}, "a rating for each of A, B, C, D, E"), ("mushra", 50, "a rating for each"),
    ("abx", "C", "expected one of A, B"), ("abx", None, "expected one of A, B"), ("preference", ["A"], "expected one of"),
])
def test_wrong_answers_are_refused_and_nothing_is_noted(folder, kind, value, words):
    test = ListeningTest(folder)
    test.agree()
    with pytest.raises(ListeningError, match=words):
        test.answer(value, number=number_of(test, kind))
    assert test.state["answered"] == 0


def test_wrong_places_playlists_keys_and_listeners_are_refused(folder, tmp_path):
    test = ListeningTest(folder)
    with pytest.raises(ListeningError, match="new_listener"):
        test.ask_start("Ann")
    assert test.page == "consent"
    test.agree()
    with pytest.raises(ListeningError, match="1 to"):
        test.ask_trial(99)
    with pytest.raises(OptionError, match="consent, level, trial, end"):
        test.page = "nowhere"
    test.trial = 99
    assert test.trial == test.state["of"]
    with pytest.raises(ListeningError, match="no such file"):
        ListeningTest(tmp_path / "none")
    with pytest.raises(ListeningError, match="without its key"):
        test.report()
    other = listening_test({"a": [noise(1)], "b": [noise(2)]}, kinds=("abx",))
    with pytest.raises(ListeningError, match="another playlist"):
        ListeningTest(folder, reveal=True, key=other.key)
    other.agree()
    with pytest.raises(ListeningError, match="at least one answer"):
        other.report()


def test_an_interrupted_session_goes_on_where_it_stopped(folder, tmp_path):
    first = ListeningTest(folder, folder=tmp_path)
    first.agree()
    for number in (1, 2, 3):
        first.answer(some_answer(first.ask_trial(number)), number=number)
    listener = first.state["listener"]
    assert [path.name for path in tmp_path.iterdir()] == [f"{listener}.json"]
    again = ListeningTest(folder, folder=tmp_path)
    again.ask_start(f" {listener} ")
    assert (again.trial, again.page, again.state["answered"]) == (4, "level", 3)
    assert again.ask_trial(2) == first.ask_trial(2)
    answer_all(again)
    assert again.state["complete"] and again.state["next"] == 0
    done = ListeningTest(folder, folder=tmp_path, listener=listener)
    done.agree()
    assert done.page == "end"


def test_without_a_folder_the_answers_are_handed_over(folder, tmp_path):
    test = ListeningTest(folder)
    test.agree()
    test.answer(some_answer(test.ask_trial(1)), number=1)
    handed = test.ask_file()
    path = test.save(tmp_path)
    assert path.name == handed["name"] == f"{test.state['listener']}.json"
    assert path.read_text(encoding="utf-8") == handed["text"]
    key = listening.read_key(folder.with_name("test-key.json"))
    merged = listening.merge([test.save(tmp_path / "mine.json")], key.playlist)
    assert merged[0].answers == test.results.answers


def test_the_report_is_the_librarys_and_ends_the_blindness(folder):
    test = ListeningTest(folder, reveal=True, listener="L00000002")
    test.agree()
    with pytest.raises(ListeningError, match="not agreed"):
        ListeningTest(folder, reveal=True).ask_reveal()
    key, best = listening.read_key(folder.with_name("test-key.json")), {}

    def by_system(trial: dict) -> object:  # a listener who knows: the reference is best, the low anchor worst
        shown = test.session.trial(test.session.order[trial["number"] - 1])
        worth = {"reference": 100, "vocoder-x": 70, "griffin-lim": 40, "anchor-mid": 20, "anchor-low": 10}
        value = {entry["label"]: worth[key.sounds[entry["sound"]][1]] for entry in shown["sounds"]}
        best.update(value)
        if trial["kind"] == "abx":
            wanted = key.sounds[shown["x"]][1]
            return next(entry["label"] for entry in shown["sounds"] if key.sounds[entry["sound"]][1] == wanted)
        if trial["kind"] == "preference":
            return max(value, key=value.get)
        return value if trial["kind"] == "mushra" else value["A"]

    answer_all(test, by_system)
    tables = {table["title"]: table for table in test.ask_reveal()}
    quality = {row["name"]: row["value"] for row in tables["Quality (OVL)"]["rows"]}
    assert quality == {"reference": 100, "vocoder-x": 70, "griffin-lim": 40, "anchor-mid": 20, "anchor-low": 10}
    abx = tables["Which one is X? (ABX)"]
    assert [row["value"] for row in abx["rows"]] == [1.0] * len(abx["rows"])
    assert "1 of 1 right; guessing gives that or more with probability 0.5: this may be luck" in abx["note"]
    preferred = tables["Preference"]["rows"][0]
    assert (preferred["name"], preferred["value"]) == ("griffin-lim / vocoder-x", 0.0)
    assert test.state["revealed"]
    with pytest.raises(ListeningError, match="not be blind"):
        test.answer(50, number=1)


def test_a_listener_who_would_be_left_out_is_told_why(folder):
    test = ListeningTest(folder, reveal=True)
    test.agree()
    number = number_of(test, "mushra")
    test.answer({label: 50 for label in "ABCDE"}, number=number)
    tables = test.ask_reveal()
    assert tables[0]["title"] == "Left out"
    assert "rated the hidden reference under 90 in 1 of 1 items" in tables[0]["note"]


def test_a_test_of_ones_own_sounds_in_one_call(tmp_path):
    made = {"griffin-lim": [noise(1), noise(2)], "vocoder": [torch.from_numpy(noise(3)), noise(4)]}
    test = listening_test(made, ["rain", "a bell"], kinds=("abx",), repeats=2, title="Which vocoder?")
    assert (test.title, test.state["of"], test.key is not None, test.folder) == ("Which vocoder?", 4, True, None)
    assert [entry["kind"] for entry in listening_test(made, ["rain", "a bell"]).about["kinds"]] == ["ovl", "rel"]
    assert [entry["kind"] for entry in listening_test(made).about["kinds"]] == ["ovl"]
    kept = listening_test(made, kinds=("preference",), folder=tmp_path / "mine")
    kept.agree()
    kept.answer("A")
    assert (tmp_path / "mine" / "results" / f"{kept.state['listener']}.json").is_file()
    for systems, prompts in (({"a": [noise(1)], "b": []}, None), ({}, None), (made, ["only one"])):
        with pytest.raises(ListeningError, match="equally many"):
            listening_test(systems, prompts)


def test_the_noise_of_the_level_check_is_as_loud_as_the_sounds(folder):
    noise_wav = level_noise(RATE)
    assert listening.loudness(noise_wav, RATE) == pytest.approx(-23.0, abs=0.1)
    assert abs(noise_wav[0] - noise_wav[-1]) < 0.1  # it loops
    test = ListeningTest(folder)
    heard = np.frombuffer(test.ask_level()["pcm"], "<i2") / 32767
    assert np.abs(heard - noise_wav).max() < 1e-4
    assert test.ask_level()["pcm"] is test.ask_level()["pcm"]


def test_without_a_front_end_it_is_a_picture_and_a_line(folder):
    test = ListeningTest(folder)
    data, metadata = test._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == test.text()
    assert data["text/plain"].startswith(f"Listening test: Listening test | {test.state['of']} trials, about ")
    assert "Preference: 1 | not begun" in data["text/plain"]
    assert len(data["image/png"]) < 40_000
    test.agree()
    test.answer(some_answer(test.ask_trial(1)), number=1)
    assert f"1 of {test.state['of']} answered by listener L" in repr(test)
