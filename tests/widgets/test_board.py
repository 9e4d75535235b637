"""The similarity board from Python: queries, ranking, shares, bad input, what is left without a front end."""

import base64
import io

import numpy as np
import pytest
import torch

from ldm_lab.errors import AudioInputError, OptionError, PromptError
from ldm_lab.widgets import SimilarityBoard, board_sounds

RATE = 16000


def tone(hz: float, seconds: float = 0.5) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture
def sounds() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32)
    return {"low": tone(200), "high": tone(3000), "noise": 0.2 * noise, "[click; soft]": tone(900, 0.12)}


@pytest.fixture
def board(tiny, sounds):
    return SimilarityBoard(tiny, sounds)


def test_scores_are_the_cosines_of_the_two_towers(tiny, board, sounds):
    ranking = board.search("rain; a bell")
    texts = tiny.clap.encode_text(["rain", "a bell"]).detach()
    audio = torch.cat([tiny.clap.encode_audio(torch.from_numpy(wav)[None]) for wav in sounds.values()]).detach()
    assert board.scores.shape == (2, 4)
    assert torch.allclose(board.scores, texts @ audio.T, atol=1e-5)
    best = int(board.scores[0].argmax())
    assert ranking[0] == [board.labels[best], pytest.approx(float(board.scores[0, best]))]
    cosines = [cosine for _, cosine in ranking]
    assert cosines == sorted(cosines, reverse=True)
    assert sorted(label for label, _ in ranking) == sorted(board.labels)


def test_another_query_may_sort(board):
    board.search("rain; a bell")
    board.by = 1
    assert [cosine for _, cosine in board.ranking] == pytest.approx(sorted(board.scores[1].tolist(), reverse=True))
    assert "'a bell'" in board.status
    board.search("rain")
    assert board.by == 0


def test_shares_are_a_softmax_whose_temperature_sharpens(tiny, board):
    board.search("rain; a bell")
    learned = float((-tiny.clap.logit_scale).exp().detach())
    assert board.temperature == board.learned == pytest.approx(learned)
    assert torch.allclose(board.shares, (board.scores / learned).softmax(1))
    top = float(board.shares.max(1).values[0])
    board.temperature = 0.01
    assert float(board.shares.max(1).values[0]) > top
    assert torch.allclose(board.shares.sum(1), torch.ones(2))
    board.among = "queries"
    assert torch.allclose(board.shares.sum(0), torch.ones(4))
    board.temperature = 5.0
    assert board.temperature == 1.0


def test_a_sound_can_be_the_query(board):
    board.words = "[LOW]; rain"
    assert board.queries == ["[LOW]", "rain"]
    assert board.ranking[0] == ["low", pytest.approx(1.0, abs=1e-5)]
    assert [answer["sound"] for answer in board.answers] == [0, -1]


def test_names_lose_what_queries_are_written_with(board):
    assert board.labels[3] == "(click, soft)"
    board.search("[(click, soft)]")
    assert board.ranking[0][0] == "(click, soft)"


def test_no_words_no_ranking(board):
    board.search("rain")
    board.search(" ; ")
    assert board.answers == []
    assert board.scores.shape == (0, 4)
    assert [label for label, _ in board.ranking] == board.labels
    assert board.status == ""


def test_queries_are_embedded_once(tiny, board, monkeypatch):
    asked = []
    encode = tiny.clap.encode_text
    monkeypatch.setattr(tiny.clap, "encode_text", lambda prompts: asked.append(prompts) or encode(prompts))
    for words in ("rain", "a bell", "rain", "rain; a bell; rain"):
        board.search(words)
    assert asked == [["rain"], ["a bell"]]
    assert board.queries == ["rain", "a bell"]


def test_sounds_are_added_and_ranked(board):
    board.search("rain")
    board.add("middle", tone(1000), credit="made by a test")
    assert board.scores.shape == (1, 5)
    assert len(board.cards) == 5
    assert board.credits == "middle: made by a test"
    with pytest.raises(OptionError, match="no other sound"):
        board.add("middle", tone(1000))


def test_the_chosen_sound_is_the_one_in_the_panel(board, sounds):
    assert board.title == "low"
    board.choose("high")
    assert (board.chosen, board.title) == (1, "high")
    assert np.abs(board.region() - sounds["high"]).max() < 1e-4
    assert board.ask_sound(2)["sound"]["versions"][0]["label"] == "noise"
    assert board.chosen == 2
    with pytest.raises(OptionError, match="did you mean 'high'"):
        board.choose("hihg")
    with pytest.raises(OptionError, match="0 to 3"):
        board.choose(4)
    with pytest.raises(OptionError, match="then choose"):
        board.show(sounds["high"])


def test_mistakes_are_refused_and_shown(tiny, board):
    board.search("rain")
    with pytest.raises(OptionError, match="at most 4"):
        board.words = "a;b;c;d;e"
    with pytest.raises(PromptError):
        board.search(None)
    with pytest.raises(OptionError, match="temperature"):
        board.temperature = 0
    assert board.ask_search("[nobody]") == 1
    assert board.wrong
    assert "unknown sound 'nobody'" in board.status
    assert board.queries == ["rain"]
    board.ask_search("wind")
    assert not board.wrong
    for bad, error in (({}, OptionError), (7, OptionError), ([np.zeros(10, np.float32)], AudioInputError),
                       (["nowhere.wav"], AudioInputError)):
        with pytest.raises(error):
            SimilarityBoard(tiny, bad)


def test_a_list_is_named_and_files_are_read(tiny, tmp_path):
    from ldm_lab.audio.io import save

    path = save(tmp_path / "bell.wav", tone(800))
    board = SimilarityBoard(tiny, [path, tone(300), str(path)])
    assert board.labels == ["bell", "sound 2", "bell 3"]
    assert board.words == ""


def test_the_shipped_recordings(tiny):
    board = SimilarityBoard(tiny)
    assert len(board.labels) == len(board_sounds.CAPTIONS) == 24
    assert board.labels == list(board_sounds.recordings())
    assert len(board.credits.splitlines()) == 24
    assert all("Creative Commons" in line or "licence" in line or "public domain" in line for line in board.credits.splitlines())
    assert board.words == "rain falling"
    assert board.labels[board.chosen] == board.ranking[0][0]
    assert sum(len(card["mel"]) for card in board.cards) < 100_000  # the sounds themselves follow when they are wanted


def test_without_a_front_end_there_are_words_and_a_picture(board):
    from PIL import Image

    board.search("rain; a bell")
    data, metadata = board._repr_mimebundle_()
    lines = data["text/plain"].splitlines()
    assert lines[0] == f"Similarity board | 4 sounds | temperature {board.temperature:.3g}"
    assert lines[1].startswith(f"  rain: {board.ranking[0][0]} {board.ranking[0][1]:.2f} (")
    assert "rain:" in metadata["image/png"]["alt"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")).astype(int)
    assert shown.shape == (26 + 34 * 4, 640, 3)
    assert shown[30:150, 30:70].std() > 10  # the thumbnails
    empty = SimilarityBoard(board.ldm, {"low": tone(200)})
    assert "low" in empty.text()
    assert empty.still().startswith(b"\x89PNG")
