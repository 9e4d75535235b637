"""Recipes: a base and what differs, changes to a preset, and that every committed recipe can be built from."""

from pathlib import Path

import pytest

from ldm_lab.config import override, preset, to_dict
from ldm_lab.errors import ConfigError
from ldm_lab.training.recipe import read_recipe, read_tables

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
ABLATIONS = sorted(path for path in (RECIPES / "ablations").glob("*.toml") if path.stem != "base")


def test_a_recipe_says_only_what_differs_from_its_base(tmp_path):
    (tmp_path / "base.toml").write_text('task = "diffusion"\nmodel = "tiny"\n[train]\nsteps = 7\nlr = 1e-3\n[options]\ndrop = 0.2\n')
    (tmp_path / "other.toml").write_text('base = "base.toml"\ntrain.steps = 9\noptions.mixup = 0.5\nconfig.unet.widths = [8, 16]\n')
    base, other = read_recipe(tmp_path / "base.toml"), read_recipe(tmp_path / "other.toml")
    assert (base.train.steps, other.train.steps) == (7, 9)
    assert other.train.lr == base.train.lr == 1e-3 and other.model == "tiny"
    assert other.options == {"drop": 0.2, "mixup": 0.5} and base.options == {"drop": 0.2}
    assert other.config == {"unet": {"widths": [8, 16]}} and base.config == {}


def test_a_base_that_leads_back_is_refused(tmp_path):
    (tmp_path / "a.toml").write_text('base = "b.toml"\n')
    (tmp_path / "b.toml").write_text('base = "a.toml"\n')
    with pytest.raises(ConfigError, match="does not lead back"):
        read_recipe(tmp_path / "a.toml")
    (tmp_path / "c.toml").write_text("base = 3\n")
    with pytest.raises(ConfigError, match="base = 3"):
        read_recipe(tmp_path / "c.toml")
    (tmp_path / "d.toml").write_text('base = "missing.toml"\n')
    with pytest.raises(ConfigError, match="no such recipe"):
        read_recipe(tmp_path / "d.toml")


def test_override_reaches_into_tables_and_names_what_it_does_not_know():
    changed = override(preset("lab"), {"unet": {"widths": [96, 192, 288]}, "default_steps": 10})
    assert changed.unet.widths == (96, 192, 288) and changed.default_steps == 10
    assert changed.unet.head_channels == preset("lab").unet.head_channels and changed.vocoder == preset("lab").vocoder
    with pytest.raises(ConfigError, match="widhts.*widths"):
        override(preset("lab"), {"unet": {"widhts": [8]}})
    with pytest.raises(ConfigError, match="default_steps"):
        override(preset("lab"), {"default_steps": "many"})


@pytest.mark.parametrize("path", ABLATIONS, ids=lambda path: path.stem)
def test_an_ablation_changes_one_thing_and_fits_together(path):
    own = path.read_text(encoding="utf-8")
    lines = [line for line in own.splitlines() if line and not line.startswith(("#", "base", "options.autoencoder"))]
    assert len(lines) == 1, f"{path.name}: {lines}"
    base = RECIPES / ("autoencoder.toml" if path.stem.endswith("_autoencoder") else "ablations/base.toml")
    mine, common = read_tables(path), read_tables(base)
    assert mine != common
    assert mine["train"] == common["train"] and mine["task"] == common["task"], "equal budgets"
    recipe = read_recipe(path)
    config = override(preset(recipe.model), recipe.config)  # __post_init__ checks that autoencoder and UNet agree
    if recipe.config:
        assert to_dict(config) != to_dict(preset(recipe.model))
