"""Statistics of a listening test against closed forms, scipy and published examples; the report from start to end.

All listeners here are simulated; their ids begin with L0000.
"""

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from ldm_lab.errors import ListeningError, OptionError
from ldm_lab.evaluation import listening
from ldm_lab.evaluation.listening import analysis
from ldm_lab.evaluation.listening.analysis import Rating
from ldm_lab.evaluation.listening.stimuli import Stimulus

RATE = 16000


def listener(number):
    return f"L0000{number:04x}"


# --- guessing --------------------------------------------------------------------------------------------------------


def test_binomial_p_is_exact():
    assert listening.binomial_p(9, 10) == 11 / 1024  # 10 of 10 and ten ways of 9
    assert listening.binomial_p(12, 16) == pytest.approx(0.0384, abs=5e-5)  # the table value of many ABX guides
    assert listening.binomial_p(0, 7) == 1.0 and listening.binomial_p(7, 7) == 1 / 128
    exact = sum(Fraction(math.comb(1000, k)) for k in range(540, 1001)) / 2**1000
    assert listening.binomial_p(540, 1000) == pytest.approx(float(exact), rel=1e-15)
    with pytest.raises(OptionError, match="expected 0 <= right"):
        listening.binomial_p(8, 7)


def test_sign_test_is_two_sided_and_symmetric():
    assert analysis.sign_test(5, 0) == analysis.sign_test(0, 5) == 2 / 32
    assert analysis.sign_test(3, 3) == analysis.sign_test(0, 0) == 1.0
    assert analysis.sign_test(9, 1) == 22 / 1024


def test_power_and_sample_size_agree_with_scipy():
    from scipy.stats import binom

    for trials in (5, 10, 16, 37, 200):
        needed = int(binom.isf(0.05, trials, 0.5)) + 1
        assert analysis.abx_needed(trials) == needed
        for share in (0.55, 0.75, 1.0):
            assert listening.abx_power(trials, share=share) == pytest.approx(
                binom.sf(needed - 1, trials, share), abs=1e-12
            )
    assert analysis.abx_needed(4) == 5  # 4 of 4 still has p = 0.0625
    for share in (0.65, 0.75, 0.9):
        trials = listening.abx_trials(share=share)
        assert listening.abx_power(trials, share=share) >= 0.8
        assert all(listening.abx_power(n, share=share) < 0.8 for n in range(1, trials))
    with pytest.raises(OptionError, match="more than 1000"):
        listening.abx_trials(share=0.51)
    with pytest.raises(OptionError, match="above 0.5"):
        listening.abx_power(10, share=0.5)


def test_the_exact_interval_is_that_of_scipy():
    from scipy.stats import binomtest

    for right, trials in ((0, 5), (5, 5), (7, 10), (36, 36), (300, 500)):
        theirs = binomtest(right, trials).proportion_ci(method="exact")
        assert analysis.exact_interval(right, trials) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


# --- agreement, t, Holm ----------------------------------------------------------------------------------------------


def test_alpha_of_the_published_example():
    """Krippendorff, "Computing Krippendorff's Alpha-Reliability", example D: 4 observers, 12 units, missing values."""
    units = [[1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4], [4, 4, 4, 4], [1, 1, 2, 1],
             [2, 2, 2, 2], [5, 5, 5], [1, 1], [3]]  # fmt: skip
    assert listening.krippendorff_alpha(units) == pytest.approx(0.849, abs=5e-4)


def test_alpha_at_its_ends():
    assert listening.krippendorff_alpha([[1, 1], [7, 7], [40, 40]]) == 1.0
    random = np.random.default_rng(0)
    assert abs(listening.krippendorff_alpha(random.integers(1, 101, (300, 5)))) < 0.05
    assert listening.krippendorff_alpha([[1], [2]]) is None and listening.krippendorff_alpha([[3, 3], [3, 3]]) is None


def test_t_agrees_with_scipy():
    from scipy import stats

    for degrees in (1, 2, 3, 4, 9, 10, 57):
        for t in (0.0, 0.3, 1.0, 2.5, 9.0):
            assert analysis.t_within(t, degrees) == pytest.approx(1 - 2 * stats.t.sf(t, degrees), abs=1e-12)
    values = np.random.default_rng(1).normal(0.4, size=9)
    ours, theirs = analysis.t_interval(values), stats.ttest_1samp(values, 0.0)
    assert (ours["low"], ours["high"]) == pytest.approx(tuple(theirs.confidence_interval()))
    assert ours["p"] == pytest.approx(theirs.pvalue) and analysis.t_interval([1.0]) is None


def test_holm_by_hand():
    assert analysis.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert analysis.holm([0.5, 0.6]) == pytest.approx([1.0, 1.0]) and analysis.holm([]) == []


# --- intervals over listeners and items ------------------------------------------------------------------------------


def crossed(people, items, spread_people, spread_items, noise, seed):
    random = np.random.default_rng(seed)
    grid = (random.normal(size=(people, 1)) * spread_people + random.normal(size=(1, items)) * spread_items
            + random.normal(size=(people, items)) * noise)  # fmt: skip
    who, what = np.meshgrid(range(people), range(items), indexing="ij")
    return grid.ravel(), who.ravel().astype(str), what.ravel().astype(str)


def test_the_interval_covers_the_truth_when_listeners_and_items_differ():
    inside = 0
    for seed in range(60):
        figure = analysis.crossed_mean(*crossed(20, 15, 1.0, 1.0, 1.0, seed), seed=seed)
        inside += figure.low <= 0.0 <= figure.high
    assert inside >= 53  # binomial: 95 % of 60 gives fewer than 53 in one case of 100


def test_the_interval_of_one_way_is_the_plain_one():
    from ldm_lab.evaluation import statistics

    values = np.random.default_rng(0).gamma(2.0, size=80)
    one = analysis.crossed_mean(values, ["L"] * 80, [str(i) for i in range(80)])
    plain = statistics.mean(values, seed=0)
    assert one.value == plain.value and one.n == 80
    assert (one.low, one.high) == pytest.approx((plain.low, plain.high), abs=0.1 * (plain.high - plain.low))
    with pytest.raises(ListeningError, match="no answers"):
        analysis.crossed_mean([], [], [])


def test_a_tendency_of_a_listener_to_rate_high_does_not_count_in_a_difference():
    random, rows = np.random.default_rng(0), []
    for number in range(8):
        mood = random.uniform(20, 60)
        for item in range(6):
            rows += [
                Rating(listener(number), "ovl", str(item), system, mood + gain + random.normal())
                for system, gain in (("a", 0.0), ("b", 10.0), ("anchor-low", -20.0))
            ]
    (row,) = analysis.compare(rows)
    assert (row["first"], row["second"]) == ("a", "b") and row["p_holm"] == row["p"] < 1e-6
    assert row["difference"]["low"] < -10.0 < row["difference"]["high"] < -9.0
    assert analysis.compare([r for r in rows if r.listener == listener(0)])[0]["p"] is None  # one person is no test
    assert analysis.compare([r for r in rows if (r.system == "a") == (r.item == "0")]) == []  # never rated side by side


# --- screening -------------------------------------------------------------------------------------------------------


def mushra(number, reference, mid, *, items=20):
    """A listener's MUSHRA ratings: the hidden reference and the mid anchor of each item."""
    value = lambda values, i: values[i] if i < len(values) else values[-1]
    return [
        Rating(listener(number), "mushra", str(i), system, value(values, i))
        for i in range(items)
        for system, values in (("reference", reference), ("anchor-mid", mid), ("ours", [50 + i]))
    ]


def test_the_rule_for_the_hidden_reference():
    rows = mushra(1, [80] * 3 + [90], [40]) + mushra(2, [80] * 4 + [100], [40])  # 3 of 20 are 15 %, 4 are more
    assert listening.screen(rows) == {listener(2): ["rated the hidden reference under 90 in 4 of 20 items"]}


def test_the_rule_for_the_mid_anchor_spares_items_whose_anchor_fools_many():
    good = [row for n in range(4) for row in mushra(n, [100], [40])]
    bad = mushra(9, [100], [95] * 4 + [40])
    assert listening.screen(good + bad) == {listener(9): ["rated the mid anchor over 90 in 4 of 20 items"]}
    fooled = [row for n in range(4) for row in mushra(n, [100], [95] * 4 + [40])]
    assert listening.screen(fooled + bad) == {}


def test_who_cannot_tell_the_anchor_or_gives_one_number_is_left_out():
    rows = [
        Rating(listener(n), "ovl", str(i), system, value + i)
        for i in range(4)
        for n, system, value in (
            (1, "reference", 80),
            (1, "anchor-low", 30),
            (2, "reference", 40),
            (2, "anchor-low", 60),
        )
    ]
    rows += [Rating(listener(3), "rel", str(i), "ours", 70.0) for i in range(5)]
    assert listening.screen(rows) == {
        listener(2): ["OVL: rated the 3.5 kHz anchor as good as the reference or better over 4 items"],
        listener(3): ["REL: gave 70 to all 5 sounds"],
    }


# --- from a test to its report ---------------------------------------------------------------------------------------

QUALITY = {"reference": 92, "ours": 70, "theirs": 50, "anchor-mid": 45, "anchor-low": 20}


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """A test taken by six simulated listeners who hear QUALITY, one who answers at random, and one who stops early."""
    folder = tmp_path_factory.mktemp("taken")
    random = np.random.default_rng(0)
    wav = lambda: random.normal(size=RATE // 4).astype(np.float32) * 0.1
    stimuli = [
        Stimulus(f"item-{i}", system, wav(), f"text {i}")
        for i in range(3)
        for system in ("reference", "ours", "theirs")
    ]
    playlist = listening.make_playlist(
        stimuli, folder / "test", kinds=tuple(listening.KINDS), repeats=2, title="A | test", seed=3
    )
    key = listening.read_key(folder / "test-key.json")
    for number in range(8):
        session = listening.Session(playlist, consent=True, listener=listener(number), folder=folder / "results")
        while (trial := session.next()) is not None and not (number == 7 and trial["number"] > 20):
            session.answer(trial["id"], simulate(trial, key, random, deaf=number == 6))
    return folder, key


def simulate(trial, key, random, *, deaf):
    hear = lambda sound: (
        random.uniform(1, 100) if deaf else np.clip(QUALITY[key.sounds[sound][1]] + random.normal() * 2, 1, 100)
    )
    sounds = [entry["sound"] for entry in trial["sounds"]]
    if trial["kind"] == "mushra":
        return {
            sound: float(100 if key.sounds[sound][1] == "reference" and not deaf else hear(sound)) for sound in sounds
        }
    if trial["kind"] == "abx":
        return next(s for s in sounds if key.sounds[s] == key.sounds[trial["x"]])
    return max(sounds, key=hear) if trial["kind"] == "preference" else float(hear(sounds[0]))


def test_the_report_says_what_the_listeners_heard(taken):
    folder, key = taken
    values = listening.analyse(listening.merge([folder / "results"], key.playlist), key)
    people = values["listeners"]
    assert (people["all"], people["kept"], list(people["excluded"])) == (8, 7, [listener(6)])
    assert people["partial"] == {listener(7): f"20 of {len(key.playlist.trials)}"}
    assert "hidden reference under 90" in " ".join(people["excluded"][listener(6)])
    systems = values["ratings"]["ovl"]["systems"]
    for system, quality in QUALITY.items():
        mean = systems[system]["mean"]
        assert mean["value"] == pytest.approx(quality, abs=2) and mean["low"] <= mean["value"] <= mean["high"]
        assert systems[system]["listeners"] == 7 and systems[system]["t_interval"]["n"] == 7
    assert list(systems) == ["reference", "ours", "theirs", "anchor-mid", "anchor-low"]
    row = values["ratings"]["ovl"]["comparisons"][0]
    assert (row["first"], row["second"]) == ("ours", "reference") and row["p"] < row["p_holm"] < 1e-4
    assert values["ratings"]["mushra"]["agreement"] > 0.95
    abx = values["choices"]["abx"][0]
    assert abx["share"]["value"] == abx["share"]["high"] == 1.0 and abx["share"]["low"] == pytest.approx(
        0.025 ** (1 / 36), abs=1e-5
    )
    assert abx["p"] == 0.5 ** abx["share"]["n"]
    assert abx["by_listener"][listener(0)] == {"right": 6, "of": 6, "p": 1 / 64}
    assert values["choices"]["preference"][0]["listeners"] == {"first": 6, "second": 0}
    assert values["choices"]["preference"][0]["p"] == 2 / 64
    assert json.loads(json.dumps(values)) == values


def test_abx_and_preference_are_scored_by_the_key(taken):
    """Against a count made here from the files alone."""
    folder, key = taken
    for path in sorted((folder / "results").iterdir()):
        results = listening.read_results(path)
        _, choices = analysis.unblind([results], key)
        abx = [a for t, a in results.answers.items() if key.playlist.trials[t].kind == "abx"]
        right = sum(key.sounds[a["value"]] == key.sounds[a["x"]] for a in abx)
        assert sum(c.score for c in choices if c.kind == "abx") == right
    results.answers.update(
        {t.id: {"value": None, "x": ""} for t in key.playlist.trials.values() if t.kind == "preference"}
    )
    _, choices = analysis.unblind([results], key)
    assert {c.score for c in choices if c.kind == "preference"} == {0.5}


def test_markdown_has_the_papers_table_and_the_picture_its_intervals(taken, tmp_path):
    folder, key = taken
    values = listening.analyse(listening.merge([folder / "results"], key.playlist), key)
    text = listening.markdown(values)
    assert "| system | OVL | REL | MUSHRA |" in text and text.count("\n| reference | 9") == 1
    assert f"- {listener(6)} is left out: " in text and f"- {listener(7)} stopped early: 20 of" in text
    assert values["consent"] in text and "no names" in text
    written = listening.write_report(values, tmp_path)
    assert [path.name for path in written] == ["listening.json", "listening.md", "listening.png"]
    figure = listening.draw(json.loads(written[0].read_text()))
    assert [axis.get_title() for axis in figure.axes] == [
        "OVL",
        "REL",
        "MUSHRA",
        "abx: share right",
        "preference: share for the first",
    ]
    axis, means = figure.axes[0], values["ratings"]["ovl"]["systems"]
    drawn = [segment[:, 0].tolist() for segment in axis.collections[0].get_segments()]
    assert drawn == [[s["mean"]["low"], s["mean"]["high"]] for s in means.values()]


def test_the_command_makes_a_test_and_reports_it(lab, tmp_path):
    import torch

    from ldm_lab.audio.io import save

    for k, system in enumerate(("real", "made")):
        for name in ("dog", "rain"):
            save(
                tmp_path / system / f"{name}.wav",
                torch.randn(RATE // 4, generator=torch.Generator().manual_seed(k)) * 0.1,
            )
    (tmp_path / "prompts.csv").write_text("file,prompt\ndog.wav,a dog barking\nrain.wav,rain on a roof\n")
    words = ("listening", "make", tmp_path / "test", "--systems", f"made={tmp_path / 'made'}")
    assert "REL shows it" in lab(*words).err
    done = lab(*words, "--reference", tmp_path / "real", "--prompts", tmp_path / "prompts.csv")
    assert done.code == 0 and "12 trials" in done.out, done.err
    assert "both" in lab("listening", "make", tmp_path / "other").err
    playlist = listening.read_playlist(tmp_path / "test")
    session = listening.Session(playlist, consent=True, listener=listener(1), folder=tmp_path / "results")
    for number, name in enumerate(session.order):
        session.answer(name, 40 + number)
    blind = lab("listening", "report", tmp_path / "results")
    assert blind.code == 0 and "1 listeners, 12 answers" in blind.out and "made" not in blind.out
    done = lab(
        "listening", "report", tmp_path / "results", "--key", tmp_path / "test-key.json", "--out", tmp_path / "report"
    )
    assert done.code == 0 and (tmp_path / "report" / "listening.png").stat().st_size > 5000, done.err
    done = lab("listening", "report", tmp_path / "results", "--key", tmp_path / "test-key.json")
    assert "| made |" in done.out
    assert (
        "no such file" in lab("listening", "report", tmp_path / "nowhere.json", "--key", tmp_path / "test-key.json").err
    )
