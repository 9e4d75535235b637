"""CLAP: unit vectors, any length, any text, and a loss that does not punish equal captions."""

import json
import logging

import pytest
import torch

from ldm_lab.config import preset
from ldm_lab.errors import AudioInputError, CheckpointError, PromptError
from ldm_lab.models.clap import Clap, contrastive_loss
from ldm_lab.models.tokenizer import END, START, HashTokenizer, WordPieceTokenizer, tokenize


@pytest.fixture(scope="module")
def clap() -> Clap:
    generator = torch.Generator().manual_seed(0)
    model = Clap(preset("tiny").clap)
    for parameter in model.parameters():  # zero-initialised layers would hide mistakes
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return model.eval()


def sound(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def wordpiece(words: list[str]) -> str:
    """A tokenizer.json with BERT's lower-casing and the given whole words."""
    special = {"[PAD]": 0, "[UNK]": 1, "[CLS]": START, "[SEP]": END}
    vocab = special | {word: 200 + i for i, word in enumerate(words)}
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                  "lowercase": True}
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
             "max_input_chars_per_word": 100, "vocab": vocab}
    return json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
                       "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None, "decoder": None, "model": model})


@pytest.mark.parametrize("samples", [1, 159, 1600, 16000, 40961, 163840])
def test_sound_of_any_length_gives_unit_vectors(clap, samples):
    with torch.no_grad():
        emb = clap.encode_audio(sound(2, samples))
    assert emb.shape == (2, 32)
    torch.testing.assert_close(emb.norm(dim=1), torch.ones(2))


def test_an_item_is_the_same_alone_and_in_company(clap):
    wav, prompts = sound(3, 20000), ["a dog", "a very long prompt about rain on a tin roof in the night", ""]
    with torch.no_grad():
        torch.testing.assert_close(clap.encode_audio(wav[1:2])[0], clap.encode_audio(wav)[1], atol=1e-5, rtol=0)
        together = clap.encode_text(prompts)
        for i, prompt in enumerate(prompts):
            torch.testing.assert_close(clap.encode_text([prompt])[0], together[i], atol=1e-5, rtol=0)


def test_encode_audio_is_encode_mel_of_the_front_end(clap):
    wav = sound(1, 16000)
    with torch.no_grad():
        torch.testing.assert_close(clap.encode_audio(wav), clap.encode_mel(clap.mel(wav)))


def test_silence_and_very_loud_sound_stay_finite(clap):
    with torch.no_grad():
        assert torch.isfinite(clap.encode_audio(torch.zeros(1, 16000))).all()
        assert torch.isfinite(clap.encode_audio(torch.ones(1, 16000))).all()


@pytest.mark.parametrize("wav", [torch.zeros(16000), torch.zeros(1, 0), torch.zeros(1, 1, 16000)])
def test_wrong_waveform_shape_says_what_was_got(clap, wav):
    with pytest.raises(AudioInputError, match="expected \\(B, N\\)"):
        clap.encode_audio(wav)


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "😀🎺", "\x00\x07\x1b[31m", "дождь идёт", "雨が降る", "\ud800 broken",
                                    "café", "a" * 10_000, "word " * 2000, "'\"\\ %s {} <b>"])
def test_any_text_is_read(clap, prompt):
    with torch.no_grad():
        emb = clap.encode_text([prompt])
    assert emb.shape == (1, 32) and torch.isfinite(emb).all()
    torch.testing.assert_close(emb.norm(dim=1), torch.ones(1))


def test_no_prompts_at_all_is_an_empty_batch():
    ids, mask = tokenize(HashTokenizer(64), [], max_tokens=8)
    assert ids.shape == mask.shape == (0, 2)


def test_a_long_prompt_is_cut_with_a_warning(clap, caplog):
    limit = clap.config.max_tokens - 2
    head = " ".join(f"w{i}" for i in range(limit))
    with caplog.at_level(logging.WARNING), torch.no_grad():
        long, short = clap.encode_text([head + " and much more"]), clap.encode_text([head])
    torch.testing.assert_close(long, short)
    assert f"cut to the {limit}" in caplog.text


@pytest.mark.parametrize("prompts", ["a dog", [1], [None], [b"dog"]])
def test_prompts_that_are_no_list_of_strings(clap, prompts):
    with pytest.raises(PromptError):
        clap.encode_text(prompts)


def test_word_order_and_case(clap):
    with torch.no_grad():
        one, two, upper = clap.encode_text(["a dog then a bell", "a bell then a dog", "A DOG THEN A BELL"])
    assert (one - two).norm() > 1e-3
    torch.testing.assert_close(one, upper)


def test_wordpiece_tokenizer_from_json():
    model = Clap(preset("tiny").clap, tokenizer_json=wordpiece(["a", "dog"])).eval()
    ids, mask = model.tokenize(["A Dog", "dog"])
    assert ids.tolist() == [[START, 200, 201, END], [START, 201, END, 0]]
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert json.loads(model.tokenizer_json)["model"]["type"] == "WordPiece"


@pytest.mark.parametrize("text", ["", "{", "{}", "not json"])
def test_a_damaged_tokenizer_is_refused(text):
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        WordPieceTokenizer(text, 1000)


def test_a_vocabulary_too_large_for_the_tower_is_refused():
    with pytest.raises(CheckpointError, match="different models"):
        WordPieceTokenizer(wordpiece([f"w{i}" for i in range(100)]), 50)


def pairs(count: int = 6, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    audio, text = sound(count, 8, seed=seed), sound(count, 8, seed=seed + 1)
    return torch.nn.functional.normalize(audio, dim=1), torch.nn.functional.normalize(text, dim=1)


def test_loss_with_distinct_captions_is_symmetric_cross_entropy():
    audio, text = pairs()
    logits, labels = 7.0 * audio @ text.T, torch.arange(6)
    wanted = (torch.nn.functional.cross_entropy(logits, labels) + torch.nn.functional.cross_entropy(logits.T, labels)) / 2
    torch.testing.assert_close(contrastive_loss(audio, text, torch.eye(6), torch.tensor(7.0)), wanted)


def test_loss_with_equal_captions_by_brute_force():
    audio, text = pairs()
    captions = ["rain", "dog", "rain", "bell", "dog", "rain"]
    same = torch.tensor([[float(a == b) for b in captions] for a in captions])
    total = 0.0
    for rows, columns in ((audio, text), (text, audio)):
        for i, row in enumerate(rows):
            scores = [5.0 * float(row @ column) for column in columns]
            log_sum = torch.tensor(scores).logsumexp(0).item()
            friends = [j for j, caption in enumerate(captions) if caption == captions[i]]
            total += -sum(scores[j] - log_sum for j in friends) / len(friends)
    got = contrastive_loss(audio, text, same, torch.tensor(5.0)).item()
    assert got == pytest.approx(total / 12, abs=1e-5)


def test_a_duplicate_caption_is_not_pushed_away():
    """With two sounds of one caption, the gradient of the best possible embedding is zero."""
    audio = torch.tensor([[1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    text = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    contrastive_loss(audio, text, torch.ones(2, 2), torch.tensor(10.0)).backward()
    assert audio.grad.abs().max() < 1e-6
    audio.grad = None
    contrastive_loss(audio, torch.eye(2), torch.eye(2), torch.tensor(10.0)).backward()
    assert audio.grad.abs().max() > 1e-2


def test_lab_text_tower_fits_its_budget():
    """The issue asks for a tower of at most 12 MB in float16, token table included."""
    model = Clap(preset("lab").clap)
    assert sum(p.numel() for p in model.text_tower.parameters()) * 2 <= 12e6
