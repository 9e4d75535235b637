"""Text for distillation, and the tower's first steps, without the teacher's weights."""

import random

import numpy as np
import pytest
import torch

from ldm_lab.config import preset
from ldm_lab.errors import CorpusError
from ldm_lab.models.text_tower import TextTower
from ldm_lab.training.distil import batches, distil_loss, new_tower, order_loss, start_as_bag_of_words
from ldm_lab.training.recipe import read_toml
from ldm_lab.training.sentences import article, build_text, gerund, read_wordnet, third_person
from ldm_lab.training.teacher import pad_rows

NOUNS = """  1 licence text
00000001 05 n 02 dog 0 hound 0 000 | a domesticated animal that barks; "the dog barked all night"
00000002 06 n 01 bell_tower 0 000 | a tower with bells
00000003 15 n 01 harbor 0 000 | a sheltered port for ships
"""
INDEX = """  1 licence text
bell_tower n 1 0 1 0 00000002
dog n 1 0 1 1 00000001
harbor n 1 0 1 1 00000003
hound n 1 0 1 0 00000001
zyzzyva n 1 0 1 0 00000001
"""


@pytest.fixture
def wordnet(tmp_path):
    for part in ("noun", "verb", "adj"):
        (tmp_path / f"data.{part}").write_text(NOUNS if part == "noun" else "", "latin-1")
        (tmp_path / f"index.{part}").write_text(INDEX if part == "noun" else "", "latin-1")
    return tmp_path


def test_wordnet_keeps_common_words_by_class(wordnet):
    net = read_wordnet(wordnet, frozenset({"dog", "bell", "tower", "harbor"}))
    assert net.nouns["animal"] == ["dog"] and net.nouns["artifact"] == ["bell tower"] and net.nouns["place"] == ["harbor"]
    assert "dog, a domesticated animal that barks" in net.glosses


def test_missing_wordnet_says_what_to_install(tmp_path):
    with pytest.raises(CorpusError, match="wordnet-base"):
        read_wordnet(tmp_path, frozenset())


@pytest.mark.parametrize("verb, ing, s", [("bark", "barking", "barks"), ("whine", "whining", "whines"), ("chop", "chopping", "chops"),
                                          ("hiss", "hissing", "hisses"), ("cry", "crying", "cries"), ("play", "playing", "plays")])
def test_inflection(verb, ing, s):
    assert (gerund(verb), third_person(verb)) == (ing, s)


def test_article():
    assert article("owl") == "an owl" and article("dog") == "a dog"


def test_text_is_a_function_of_its_seed_and_held_out_stays_out(wordnet, tmp_path, root):
    captions = tmp_path / "clips.csv"
    captions.write_text("file,captions\na.ogg,A dog barking | Barking\nb.ogg,A bell ringing\n", "utf-8")
    recipe = read_toml(root / "recipes/text_tower.toml")
    options = {**recipe["text"], "wordnet": str(wordnet), "captions": str(captions), "templates": 400, "order_pairs": 20,
               "captions_mixed": 30, "held_out": 25}
    one, two = (build_text(options, recipe["words"], vocabulary=["dog", "harbor"], seed=5) for _ in range(2))
    assert one == two
    assert not set(one.held_out) & set(one.sentences) and len(one.held_out) == 25
    assert {"", "A dog barking", "Barking", "A bell ringing"} <= set(one.sentences)
    for i, j in one.order_pairs:
        assert sorted(one.sentences[i].split()) == sorted(one.sentences[j].split())


def test_batches_cover_an_epoch_once_and_keep_lengths_together():
    lengths = np.array([random.Random(i).randint(3, 40) for i in range(640)])
    source = batches(lengths, 16, seed=1)
    seen = [next(source) for _ in range(40)]
    assert sorted(np.concatenate(seen).tolist()) == list(range(640))
    assert np.mean([np.ptp(lengths[chosen]) for chosen in seen]) < 8


def test_losses_at_their_ends():
    one = torch.eye(4)
    assert distil_loss(one, one).item() == pytest.approx(0.0)
    assert order_loss(one, one).item() == pytest.approx(0.0, abs=1e-6)
    assert order_loss(one, one[[1, 0, 3, 2]]).item() == pytest.approx(2.0, abs=1e-6)  # moved the wrong way


def test_the_start_is_a_bag_of_the_teachers_words():
    """Before any step the tower puts a single token near where the teacher puts it."""
    config = preset("lab").clap
    tower = new_tower(config, 0)
    generator = torch.Generator().manual_seed(2)
    directions = torch.randn(40, 384, generator=generator)  # what the teacher says lies in 40 directions
    alone = torch.nn.functional.normalize(torch.randn(500, 40, generator=generator) @ directions, dim=1)
    table = torch.zeros(config.text_vocab, 384)
    table[:500] = alone
    start_as_bag_of_words(tower, table + 1e-3, list(range(500)), alone)
    ids, mask = pad_rows([[i] for i in range(500)])
    with torch.no_grad():
        cosine = (tower(ids, mask) * alone).sum(1)
    assert cosine.mean() > 0.9


def test_new_tower_depends_on_its_seed_alone():
    config = preset("tiny").clap
    torch.rand(3)
    one, two, other = new_tower(config, 1), new_tower(config, 1), new_tower(config, 2)
    assert isinstance(one, TextTower)
    assert torch.equal(one.out.weight, two.out.weight) and not torch.equal(one.out.weight, other.out.weight)
