"""From recipe to page: settings, the JSON, its picture and table, and whether shipped results still belong to the weights."""

import json

import pytest
from PIL import Image

from ldm_lab.checkpoint.files import write_json
from ldm_lab.config import from_dict
from ldm_lab.errors import CheckpointError, ConfigError, OptionError
from ldm_lab.experiments import EXPERIMENTS, framework
from ldm_lab.experiments.bench import Cache, fingerprint
from ldm_lab.experiments.page import figure_table, page
from ldm_lab.system import AudioLDM

RECIPES = sorted(path.stem for path in framework.recipes_folder().glob("*.toml"))
SHIPPED = framework.results()


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_complete(name):
    experiment = framework.find(name)
    assert experiment.question.endswith("?")
    assert callable(experiment.module.run) and callable(experiment.module.draw)


def test_overrides_hit_settings_that_exist():
    assert framework.find("inpainting", count=4).settings.count == 4
    assert framework.find("sampling", seeds=[5]).settings.seeds == (5,)
    with pytest.raises(OptionError, match="inpainting has no such setting"):
        framework.find("inpainting", seeds=[1])
    with pytest.raises(OptionError, match="did you mean 'transfer'"):
        framework.find("transfr")


def test_wrong_recipes_are_refused(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('question = "?"\n[setings]\n')
    with pytest.raises(ConfigError, match="did you mean 'settings'"):
        framework._recipe(path)
    path.write_text("[settings]\n")
    with pytest.raises(ConfigError, match="no `question`"):
        framework._recipe(path)
    with pytest.raises(ConfigError, match="did you mean 'count'"):
        from_dict(framework.find("inpainting").module.Settings, {"cuont": 3}, where="settings")


def test_an_experiment_is_written_and_drawn_from_what_was_written(lab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = lab("experiment", "inpainting", "--model", "tiny", "--count", 2, "--quiet")
    assert done.code == 0, done.err
    out = tmp_path / "runs" / "experiments"  # a trial: not among the shipped results
    values = framework.read(out / "inpainting.json")
    assert values["model"] == "tiny" and values["settings"]["count"] == 2 and values["weights"] == {"untrained": "tiny"}
    assert framework.stale(values) == []
    before = (out / "inpainting.png").read_bytes(), (out / "README.md").read_text()
    assert Image.open(out / "inpainting.png").info["Source"] == framework.digest(values)
    (out / "inpainting.png").unlink()
    assert lab("experiment", "--draw", "--out", out).code == 0
    assert ((out / "inpainting.png").read_bytes(), (out / "README.md").read_text()) == before
    assert "| ours, with caption |" in before[1] and values["claims"][0]["detail"] in before[1]


def test_without_a_name_the_questions_are_listed(lab):
    out = lab("experiment").out
    assert all(name in out for name in RECIPES)
    assert "unknown experiment" in lab("experiment", "nonsense").err
    assert "holds no results" in lab("experiment", "--draw", "--out", "tests").err


def test_a_result_of_something_else_is_refused(tmp_path):
    write_json(tmp_path / "inpainting.json", {"format": 99})
    with pytest.raises(CheckpointError, match="not the result of an experiment"):
        framework.results(tmp_path)


def test_the_cache_knows_weights_and_settings(tmp_path):
    made = []
    cache = Cache(tmp_path, fingerprint(AudioLDM.from_preset("tiny")))

    def make(items):
        import torch

        made.append(items)
        return {"x": torch.tensor([[float(i)] for i in items])}

    first = cache.rows({"steps": 1}, ["a", "b", "c"], make, chunk=2)["x"]
    assert made == [[0, 1], [2]]
    assert cache.rows({"steps": 1}, ["a", "b", "c"], make, chunk=2)["x"].equal(first)
    assert len(made) == 2
    cache.rows({"steps": 2}, ["a", "b"], make, chunk=2)
    cache.rows({"steps": 1}, ["a", "x"], make, chunk=2)
    Cache(tmp_path, fingerprint(AudioLDM.from_preset("tiny", seed=1))).rows({"steps": 1}, ["a", "b"], make, chunk=2)
    assert len(made) == 5
    next(tmp_path.glob("*.safetensors")).write_bytes(b"cut short")
    cache.rows({"steps": 1}, ["a", "b", "c"], make, chunk=2)
    cache.rows({"steps": 2}, ["a", "b"], make, chunk=2)
    assert len(made) <= 6


def test_the_table_shows_value_interval_and_spread():
    figure = {"value": 0.5, "low": 0.4, "high": 0.61, "n": 9, "seed": 0}
    values = {"figures": {"b": {"x": figure}, "a": {"y": {**figure, "seed_std": 0.021, "value": 1234.5}}},
              "table": {"rows": ["b", "a"], "columns": [["y", "why"], ["x", "ex"]]}}
    assert figure_table(values) == ["| | why | ex |", "|---|---|---|", "| b |  | 0.5 [0.4, 0.61] |",
                                    "| a | 1234 ± 0.021 [0.4, 0.61] |  |", "", "n = 9."]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_results_belong_to_the_shipped_weights(name):
    values = SHIPPED[name]
    assert framework.stale(values) == [], f"run again: ldm-lab experiment {name}"
    assert set(values["settings"]) == {*vars(framework.find(name).settings)}
    assert values["claims"]
    for row in values["figures"].values():
        for key, figure in row.items():
            assert {"n", "seed", "low", "high"} <= set(figure), key
    picture = framework.results_folder() / f"{name}.png"
    assert picture.stat().st_size <= 100_000
    assert Image.open(picture).info["Source"] == framework.digest(values), "draw it again: ldm-lab experiment --draw"


def test_the_shipped_page_is_made_from_the_shipped_results():
    folder = framework.results_folder()
    if not SHIPPED:
        pytest.skip("no results are shipped yet")
    assert (folder / "README.md").read_text(encoding="utf-8") == page(SHIPPED), "write it again: ldm-lab experiment --draw"
    assert {path.stem for path in folder.glob("*.json")} == set(SHIPPED) <= set(EXPERIMENTS)
    assert {path.stem for path in folder.glob("*.png")} == set(SHIPPED)
    assert json.loads((folder / f"{next(iter(SHIPPED))}.json").read_text())["format"] == framework.FORMAT
