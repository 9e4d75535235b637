"""The guidance matrix from Python: cells made once, costs counted, what is read back, bad input, the still picture."""

import io

import numpy as np
import pytest
import torch

from ldm_lab.errors import OptionError, PromptError
from ldm_lab.widgets import GuidanceMatrix
from ldm_lab.widgets.matrix_picture import colour, equal_cost, ink, matrix_picture, span

SMALL = {"guidance": (3, 1), "steps": (4, 2), "seeds": (0, 7), "seconds": 0.64, "sampler": "ddim"}


@pytest.fixture
def matrix(tiny):
    return GuidanceMatrix(tiny, "rain", **SMALL)


def test_nothing_is_made_before_it_is_asked_for(tiny, monkeypatch):
    monkeypatch.setattr(tiny, "denoiser", lambda **_: pytest.fail("work was done"))
    empty = GuidanceMatrix(tiny, "rain", **SMALL)
    assert (empty.guidance, empty.steps, empty.seeds) == ([1.0, 3.0], [2, 4], [0, 7])
    assert empty.passes == [[2, 4], [4, 8]]  # guidance asks twice
    assert empty.table == [[[None, None], [None, None]]] * 2
    assert (empty.cell, empty.scores, empty.versions, empty.seconds) == ((), {}, [], 0)
    assert empty.still().startswith(b"\x89PNG")


def test_a_chosen_cell_is_the_sound_that_generate_makes(tiny, matrix):
    matrix.choose((7, 4, 3))
    same = tiny.generate("rain", steps=4, guidance=3, seed=7, seconds=0.64, sampler="ddim", progress=False)
    assert matrix.cell == (7, 4, 3.0)
    assert torch.allclose(matrix.results[7, 4, 3].audio, same.audio, atol=1e-5)
    assert matrix.scores == {(7, 4, 3): pytest.approx(float(same.score[0]), abs=1e-5)}
    assert matrix.table[1][1][1] == pytest.approx(float(same.score[0]), abs=1e-4)
    assert np.abs(matrix.region() - same.audio[0].numpy()).max() < 1e-4
    assert matrix.transcript.startswith("Guidance 3, 4 steps, seed 7: 8 network passes, CLAP score ")
    assert matrix.progress == -1


def test_cells_are_made_once_and_seeds_in_one_batch(matrix, monkeypatch):
    from ldm_lab.widgets import matrix as module

    calls, plain = [], module.generate
    monkeypatch.setattr(module, "generate", lambda ldm, prompts, **o: calls.append((o["steps"], o["guidance"], o["seed"]))
                        or plain(ldm, prompts, **o))
    matrix.choose((0, 2, 1))
    progress = []
    matrix.observe(lambda change: progress.append(change["new"]), "progress")
    matrix.fill()
    assert calls == [(2, 1.0, [0]), (2, 1.0, [7]), (2, 3.0, [0, 7]), (4, 1.0, [0, 7]), (4, 3.0, [0, 7])]  # cheap first
    assert len(matrix.scores) == 8
    assert matrix.status == "all 8 cells are made"
    work = [value for value in progress if value > 0]
    assert work == sorted(work)
    assert work[-1] == pytest.approx(1.0)
    assert matrix.cell == (0, 2, 1.0)  # what was chosen stays
    matrix.fill()
    matrix.choose((7, 4, 3))
    assert len(calls) == 5


def test_the_page_fills_group_by_group_and_can_stop_between(matrix):
    assert [matrix.ask_next() for _ in range(5)] == [6, 4, 2, 0, 0]
    assert len(matrix.results) == 8


def test_pins_and_the_chosen_cell_are_compared(matrix):
    matrix.fill()
    cells = [tuple(cell) for cell in matrix.cells]
    matrix.cell = cells[0]
    matrix.pins = [list(cells[1]), cells[2]]
    assert matrix.pins == cells[1:3]
    assert matrix.compared == [cells[1], cells[2], cells[0]]
    assert (matrix.active, matrix.versions[2]["label"]) == (2, "2 steps, g 1, seed 0")
    assert np.abs(matrix.region() - matrix.results[cells[0]].audio[0].numpy()).max() < 1e-4
    matrix.pins = cells[1:5]
    assert matrix.compared == [cells[0]]  # four are pinned: the fifth is heard alone
    matrix.cell = cells[2]
    assert (matrix.compared, matrix.active) == (cells[1:5], 1)
    first = matrix.ask_sounds(cells[1:5])["sound"]
    assert matrix.ask_sounds([list(cell) for cell in cells[1:5]])["sound"] is first
    with pytest.raises(OptionError, match="at most 4"):
        matrix.pins = cells[:5]


def test_an_empty_prompt_costs_no_second_pass(tiny):
    assert GuidanceMatrix(tiny, "", **SMALL).passes == [[2, 2], [4, 4]]
    assert GuidanceMatrix(tiny, "rain", negative="rain", **SMALL).passes == [[2, 2], [4, 4]]
    assert GuidanceMatrix(tiny, "rain", **{**SMALL, "sampler": "heun"}).passes == [[3, 6], [7, 14]]


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"guidance": ()}, OptionError, "at least one"),
    ({"guidance": (1, "3")}, OptionError, "expected a number"),
    ({"guidance": (-1,)}, OptionError, "guidance: got -1"),
    ({"steps": (0, 5)}, OptionError, "steps: got 0"),
    ({"seeds": (-1,)}, OptionError, "seed"),
    ({"seeds": range(500)}, OptionError, "from 1 to 400; leave some values out"),
    ({"sampler": "unipx"}, OptionError, "did you mean 'unipc'"),
    ({"prompt": 3}, PromptError, "expected text"),
    ({"prompt": ["a", "b"]}, OptionError, "expected one"),
    ({"candidates": 3}, OptionError, "a cell is one sound"),
])
def test_mistakes_are_told_before_any_work(tiny, options, error, words):
    with pytest.raises(error, match=words):
        GuidanceMatrix(tiny, **{"prompt": "rain", "fill": True, **SMALL, **options})


def test_cells_that_are_not_there_are_refused(matrix):
    for cell in ((0, 3, 1), (0, 2), "ab", (0, 2, 1, 1)):
        with pytest.raises(OptionError, match="expected \\(seed, steps, guidance\\)"):
            matrix.choose(cell)
    with pytest.raises(OptionError, match="choose.* makes it"):
        matrix.cell = (0, 2, 1)
    with pytest.raises(OptionError, match="not made yet"):
        matrix.ask_sounds([[0, 2, 1]])
    assert matrix.cell == ()


def test_another_prompt_is_another_matrix_and_a_mistake_is_not(matrix):
    matrix.choose((0, 2, 1))
    assert matrix.ask_restart("x" * 100_001) is False
    assert "shorten it" in matrix.status
    assert matrix.cell == (0, 2, 1.0)
    assert matrix.ask_restart("a bell")
    assert (matrix.prompt, matrix.cell, matrix.results, matrix.sound, matrix.take) == ("a bell", (), {}, {}, 2)
    matrix.choose((0, 2, 1))
    assert matrix.results[0, 2, 1].prompts == ("a bell",)


def test_fill_at_once_chooses_the_best(tiny, capsys):
    full = GuidanceMatrix(tiny, "rain", fill=True, progress=False, **{**SMALL, "seeds": 3})
    assert capsys.readouterr().err == ""
    assert len(full.scores) == 4
    assert full.scores[full.cell] == max(full.scores.values())


def test_lines_join_equal_costs_by_column():
    assert equal_cost([[5, 10, 10], [10, 20, 20], [25, 50, 50]]) == {
        10: [(1, 0), (0, 1), (0, 2)], 20: [(1, 1), (1, 2)], 50: [(2, 1), (2, 2)]}
    assert equal_cost([[1]]) == {}


def test_colours_span_what_is_made():
    assert span([[[0.2, None], [0.5, 0.3]]]) == (0.2, 0.5)
    assert span([[[0.3]]]) == pytest.approx((0.25, 0.35))
    assert span([[[None]]]) == pytest.approx((-0.05, 0.05))
    assert (colour(-1), colour(1)) == ((0x44, 1, 0x54), (0xFD, 0xE7, 0x25))
    assert [ink(colour(share)) for share in (0, 0.25, 0.5, 1)] == ["white", "white", "black", "black"]


def test_without_a_front_end_there_is_the_grid_with_its_numbers(matrix):
    from PIL import Image

    matrix.fill()
    data, metadata = matrix._repr_mimebundle_()
    lines = data["text/plain"].splitlines()
    assert lines[0].startswith("CLAP scores of 'rain'")
    assert lines[2].split() == ["2", "steps", *(word for score, cost in zip(matrix.table[0][0], (2, 4))
                                               for word in (f"{score:.2f}", f"({cost})"))]
    assert "a cell's colour and number" in metadata["image/png"]["alt"]
    assert Image.open(io.BytesIO(matrix.still())).size[1] > 150


def test_the_still_picture_colours_the_cells_by_score():
    from PIL import Image

    drawn = matrix_picture("rain", [0], [2], [1, 3], [[2, 4]], [[[0.2, 0.9]]])
    sheet = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).astype(int)
    for column, share in enumerate((0.0, 1.0)):
        corner = sheet[45:48, 68 + 96 * column : 72 + 96 * column].reshape(-1, 3)  # inside the cell, beside its words
        assert np.abs(corner - colour(share)).max() < 30
