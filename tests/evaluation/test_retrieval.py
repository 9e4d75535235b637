"""Retrieval measures against rankings worked out by hand."""

import csv
import re

import pytest
import torch

from ldm_lab.evaluation.retrieval import (
    CATEGORY_PROMPTS,
    first_hit_rank,
    modality_gap,
    paraphrase_scores,
    rank_summary,
    relevance,
    retrieval,
    zero_shot,
)

STOP = {"a", "an", "the", "of", "in", "on", "at", "by", "with", "and", "is", "to", "my", "his", "its",
        "your", "you", "me", "it", "up", "down", "off", "out", "into", "onto", "from", "someone", "somebody", "something"}


def test_rank_of_the_best_hit_and_ties():
    scores = torch.tensor([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.2, 0.2, 0.2], [0.1, 0.2, 0.3]])
    hits = torch.tensor([[True, False, False], [False, True, True], [True, False, False], [False, False, False]])
    assert first_hit_rank(scores, hits).tolist() == [1, 2, 3]  # the tie counts against; no hit at all is left out


def test_summary():
    summary = rank_summary(torch.tensor([1, 1, 5, 20]))
    assert summary == {"r1": 0.5, "r10": 0.75, "median_rank": 3.0}


def test_sounds_that_share_a_caption_all_count():
    hits = relevance([("rain", "it rains"), ("rain",), ("dog",)], ["rain", "it rains", "dog", "cat"])
    assert hits.tolist() == [[True, True, False, False], [True, False, False, False], [False, False, True, False]]


def test_perfect_and_opposite_embeddings():
    audio, captions, texts = torch.eye(4), [("a",), ("b",), ("c",), ("d",)], ["a", "b", "c", "d"]
    perfect = retrieval(audio, torch.eye(4), captions, texts)
    assert perfect["text_to_audio_r1"] == perfect["audio_to_text_r1"] == 1.0
    worst = retrieval(audio, -torch.eye(4), captions, texts)
    assert worst["text_to_audio_r1"] == 0.0 and worst["audio_to_text_median_rank"] == 4.0


def test_zero_shot_balances_categories():
    audio = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    scores = zero_shot(audio, ["x", "x", "x", "y"], {"x": torch.tensor([[1.0, 0.0]]), "y": torch.tensor([[0.0, 1.0]])})
    assert scores == {"accuracy": 0.75, "balanced_accuracy": 0.5, "chance": 0.5}


def test_paraphrases():
    scores = paraphrase_scores(torch.eye(3), ["x", "y", "y"], torch.tensor([[0.9, 0.1, 0.0], [0.9, 0.8, 0.7]]), ["x", "y"], top=2)
    assert scores["hit1"] == 0.5 and scores["precision"] == 0.5 and scores["any_hit"] == 1.0
    assert scores["chance"] == pytest.approx((1 / 3 + 2 / 3) / 2)


def test_modality_gap_of_two_cones():
    audio, text = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    gap = modality_gap(audio, text)
    assert gap["pair_cosine"] == 0.0 and gap["centroid_distance"] == pytest.approx(2**0.5)


def test_the_shipped_paraphrases_hold_words_no_caption_has(root):
    with open(root / "assets/corpus/clips.csv", newline="", encoding="utf-8") as file:
        clips = list(csv.DictReader(file))
    captions = {text for clip in clips for text in clip["captions"].split(" | ")}
    known = {word for text in captions for word in re.findall(r"[a-z0-9]+", text.lower())}
    with open(root / "assets/paraphrases.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 100 and len({row["prompt"] for row in rows}) == len(rows)
    assert {row["category"] for row in rows} == set(CATEGORY_PROMPTS)
    for row in rows:
        words = set(re.findall(r"[a-z0-9]+", row["prompt"].lower())) - STOP
        assert words - known, f"{row['prompt']!r}: a caption holds each of its words"
        assert not row["caption"] or row["caption"] in captions, f"{row['caption']!r} is no caption"
