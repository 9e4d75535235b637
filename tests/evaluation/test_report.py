"""Tables and cards say what was measured, name what was not, and the shipped ones are those of the shipped figures."""

import json

import pytest

from ldm_lab.checkpoint.files import read_manifest
from ldm_lab.config import ModelConfig, from_dict, preset
from ldm_lab.errors import OptionError
from ldm_lab.evaluation.card import model_card, write_card
from ldm_lab.evaluation.lab import JUDGED, PARTS, read_metrics, stale
from ldm_lab.evaluation.report import END, START, Goal, between_markers, goals, metrics_table, write_readme


def entry(value, low=None, high=None):
    low, high = value - 0.01 if low is None else low, value + 0.01 if high is None else high
    return {"value": value, "low": low, "high": high, "n": 300, "seed": 0}


def example():
    """Figures of no model: enough of each part to fill its rows."""
    generation = {f"judge_top{k}_{who}": entry(v) for k in (1, 3) for who, v in (("generated", 0.4), ("real", 0.8))}
    generation |= {"judge_top1_ratio": entry(0.5, 0.45, 0.56), "clap_score_generated": entry(0.2), "clap_score_real": entry(0.36)}
    voices = {f"{way}_{m}": entry(v) for way, v in (("vocoder", 1.0), ("griffin_lim_32", 1.5), ("griffin_lim_320", 0.9))
              for m in ("stft", "log_mel_l1")}  # fmt: skip
    clips = {"2.56": {"wall": [1.5, 1.6, 1.7], "median": 1.6}, "10.24": {"wall": [7.0, 7.1, 7.2], "median": 7.1}}
    speed = {"threads": 2, "processor": "a processor", "steps": 20, "sampler": "ddim", "load_seconds": 1.0, "peak_mebibytes": 700.0,
             "clips": clips}
    categories = {"animal": {"n": 20, "generated": 0.5, "real": 0.8}, "drum": {"n": 22, "generated": 0.7, "real": 0.75}}
    return {"format": 1, "model": "lab", "parts": {
        "generation": {"weights": {}, "figures": generation, "facts": {"prompts": 300, "categories": categories}},
        "vocoder": {"weights": {}, "figures": voices, "facts": {"clips": 100}},
        "speed": {"weights": {}, "figures": {}, "facts": speed},
    }}  # fmt: skip


def test_the_table_has_what_was_measured_and_names_what_was_not():
    table = metrics_table(example())
    assert "| generation | judge top-1 of sounds made from test captions | 40 % [39, 41] | real clips 80 % [79, 81] |" in table
    assert "| top-1 as a share of the real clips' | 50 % [45, 56] | goal 80 % |" in table
    assert "1.60 s | goal 2 s" in table
    assert "Not measured yet: autoencoder, clap." in table
    assert "| autoencoder |" not in table


def test_every_row_has_four_cells():
    rows = [line for line in metrics_table(example()).splitlines() if line.startswith("|")]
    assert len(rows) > 10
    assert {row.count("|") for row in rows} == {5}


def test_goals_say_by_how_much_they_are_missed():
    told = [str(goal) for goal in goals(example())]
    assert any("share of the real clips'" in text and "measured 50 % (not reached; missed by 30 %)" in text for text in told)
    assert any("2.56 s" in text and text.endswith("(reached)") for text in told)
    assert any("10.24 s" in text and "missed by 1.1 s" in text for text in told)
    assert any("Griffin-Lim with 32" in text and "(reached)" in text for text in told)
    assert any("Griffin-Lim with 320" in text and "missed by 0.1" in text for text in told)


def test_a_goal_is_reached_at_its_target():
    assert Goal("share", 0.8, 0.8, True, "%").reached
    assert not Goal("time", 2.01, 2.0, False, "s").reached


def test_the_card_holds_licence_use_goals_and_categories():
    card = model_card(example(), preset("lab"), parameters={"unet": 12_500_000})
    for needed in ("license: cc-by-sa-4.0", "## Responsible use", "## Training data", "missed by 30 %", "12.50 M",
                   "| drum | 22 | 70 % | 75 % |", "Furthest behind real clips: animal, drum."):  # fmt: skip
        assert needed in card, needed


def test_markers(tmp_path):
    text = f"# Title\n{START}\nold\n{END}\nafter\n"
    filled = between_markers(text, "| new |\n")
    assert filled == f"# Title\n{START}\n| new |\n{END}\nafter\n"
    assert between_markers(filled, "| new |\n") == filled
    for bad in ("no markers", f"{END}\n{START}", text + text):
        with pytest.raises(OptionError, match="expected one line"):
            between_markers(bad, "x")
    readme = tmp_path / "README.md"
    readme.write_text(text)
    write_readme(readme, example())
    assert metrics_table(example()) in readme.read_text()


# --- the shipped figures ---------------------------------------------------------------------------------------------


@pytest.fixture
def lab_folder(root):
    folder = root / "assets" / "checkpoints" / "lab"
    if not (folder / "manifest.json").is_file():
        pytest.skip("no weights are shipped yet")
    return folder


def test_shipped_figures_belong_to_the_shipped_weights(lab_folder):
    metrics = read_metrics(lab_folder / "metrics.json")
    assert set(metrics["parts"]) == set(PARTS)
    assert stale(metrics, lab_folder) == [], "weights were replaced: run `ldm-lab measure` again"
    judge = read_manifest(lab_folder.parent / "judge")
    assert all(metrics["parts"][name]["judge"] == judge for name in JUDGED), "the judge was replaced: measure again"


def test_shipped_generation_was_measured_in_full(lab_folder):
    entry = read_metrics(lab_folder / "metrics.json")["parts"]["generation"]
    config = from_dict(ModelConfig, {k: v for k, v in json.loads((lab_folder / "config.json").read_text()).items() if k != "format"})
    assert entry["figures"]["judge_top1_generated"]["n"] >= 300
    assert entry["facts"]["settings"] == {"seconds": 2.56, "steps": config.default_steps, "guidance": config.default_guidance,
                                          "sampler": config.default_sampler}


def test_readme_and_card_are_those_of_the_shipped_figures(root, lab_folder, tmp_path):
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme == between_markers(readme, metrics_table(read_metrics(lab_folder / "metrics.json"))), "run `ldm-lab report`"
    shipped = (lab_folder / "README.md").read_text(encoding="utf-8")
    for path in lab_folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert shipped == write_card(tmp_path), "run `ldm-lab report`"


def test_the_shipped_judge_is_whole_and_small(root):
    from ldm_lab.evaluation.judging import load_judge

    folder = root / "assets" / "checkpoints" / "judge"
    if not (folder / "manifest.json").is_file():
        pytest.skip("no judge is shipped yet")
    judge = load_judge(folder)
    assert judge.config.categories[0] == "ambience"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4e6
