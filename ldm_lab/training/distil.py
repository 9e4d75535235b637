"""Distil a sentence encoder into the CLAP text tower: same sentences in, same unit embeddings out.

The teacher (all-MiniLM-L6-v2: Wang et al. 2020 and Reimers & Gurevych 2019; Apache-2.0) reads each sentence once and
its embeddings are cached; the tower then learns to place the sentences where the teacher does. Run as
``python -m ldm_lab.training.distil --recipe recipes/text_tower.toml --out runs/text_tower``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_lab.checkpoint.files import read_tensors, write_json, write_tensors, write_text
from ldm_lab.config import ClapConfig, preset
from ldm_lab.errors import TrainingError
from ldm_lab.models.text_tower import TextTower
from ldm_lab.models.tokenizer import END, START, WordPieceTokenizer, tokenize
from ldm_lab.rng import Rng, seeded
from ldm_lab.training.sentences import TextSet, build_text
from ldm_lab.training.teacher import Teacher, pad_rows

log = logging.getLogger(__name__)


def embed_all(teacher: Teacher, rows: list[list[int]], cache: Path, *, batch: int = 128) -> np.ndarray:
    """Teacher embeddings (n, 384) in float16 of token rows, read from `cache` when it was made from the same rows."""
    key = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
    path = cache.with_name(f"{cache.name}-{key}.npy")
    if path.is_file():
        return np.load(path)
    out = np.empty((len(rows), 384), dtype=np.float16)
    order = np.argsort([len(row) for row in rows], kind="stable")  # equal lengths together: little padding
    started = time.monotonic()
    for start in range(0, len(rows), batch):
        part = order[start : start + batch]
        ids, mask = pad_rows([rows[i] for i in part])
        out[part] = teacher.embed(ids, mask).half().numpy()
        if start // batch % 100 == 0:
            log.info("teacher %d of %d sentences, %.0f s", start, len(rows), time.monotonic() - started)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npy")
    np.save(temporary, out)
    os.replace(temporary, path)
    return out


def single_tokens(vocabulary: list[str]) -> list[int]:
    """Numbers of the tokens that can be part of English text: words, word pieces, digits."""
    return [i for i, token in enumerate(vocabulary) if token.isascii() and token.removeprefix("##").isalnum()]


def new_tower(config: ClapConfig, seed: int) -> TextTower:
    """An untrained tower whose weights depend on nothing but `seed`."""
    with seeded(Rng(seed).key("init")):
        return TextTower(config)


@torch.no_grad()
def start_as_bag_of_words(tower: TextTower, table: Tensor, known: list[int], alone: Tensor) -> None:
    """Set `tower` to the best start that costs nothing: the mean of what the teacher says of each token.

    Its token table holds principal components of two views side by side: the token read as a sentence of its own
    (`alone`, (K, 384) for the tokens `known`: its meaning, also for tokens that no training sentence holds) and its row
    in the teacher's input `table` (V, 384), its use inside sentences. The last layer maps the components back to the
    teacher's space; the layers between start as the identity.
    """
    rows = F.normalize(table, dim=-1)
    meaning = alone.mean(0).repeat(len(rows), 1)
    meaning[known] = alone
    both = torch.cat([meaning - alone.mean(0), 0.5 * (rows - rows.mean(0))], dim=1)
    _, vectors = torch.linalg.eigh(both.T @ both)  # eigenvalues ascend
    token_dim, width = tower.tokens.embedding_dim, tower.widen.out_features
    basis = vectors[:, -token_dim:].flip(1)  # (768, token_dim)
    components = both @ basis
    spread = components.std()
    tower.tokens.weight.copy_(components / spread)
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(width, token_dim, generator=generator))[0]  # orthonormal columns: lossless into the wider space
    tower.widen.weight.copy_(turn)
    tower.widen.bias.zero_()
    pooled = turn @ (components[known] / spread).T  # (width, K): what the last layer sees of a single token
    scale = pooled.std(0).mean()
    tower.out.weight.copy_(basis[:384] @ turn.T * spread * scale)
    tower.out.bias.copy_(alone.mean(0) * 0.5)


def batches(lengths: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
    """Endless index batches; every epoch a new order, sentences of near-equal length together."""
    epoch = 0
    while True:
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(len(lengths))
        groups = []
        for start in range(0, len(order), size * 32):
            chunk = order[start : start + size * 32]
            chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
            groups += [chunk[i : i + size] for i in range(0, len(chunk) - size + 1, size)]
        for i in rng.permutation(len(groups)):
            yield groups[i]
        epoch += 1


def distil_loss(student: Tensor, target: Tensor) -> Tensor:
    """Mean of 1 - cosine over (B, 384) unit embeddings (half their squared distance)."""
    return 1.0 - (student * target).sum(-1).mean()


def order_loss(student: Tensor, target: Tensor) -> Tensor:
    """1 - cosine between what swapping the order does to student and teacher; rows 2i and 2i + 1 are twins."""
    moved, wanted = student[0::2] - student[1::2], target[0::2] - target[1::2]
    return 1.0 - F.cosine_similarity(moved, wanted, dim=-1, eps=1e-4).mean()


def distil(recipe: Mapping, out: Path, *, config: ClapConfig | None = None) -> dict:
    """Train a text tower by `recipe` (text_tower.toml as a dict) into folder `out`; returns held-out measurements.

    Writes text_tower.safetensors (float32), tokenizer.json and metrics.json, each by rename, also while training.
    Raises TrainingError if the teacher is missing or the loss is not finite.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    train, config = recipe["train"], config or preset("lab").clap
    torch.set_num_threads(int(train["threads"]))
    teacher = Teacher()
    text = build_text(recipe["text"], recipe["words"], vocabulary=teacher.vocabulary, seed=recipe["seed"])
    tokenizer = WordPieceTokenizer(teacher.tokenizer_json, config.text_vocab)
    rows, held = (_token_rows(tokenizer, part, config.max_tokens) for part in (text.sentences, text.held_out))
    known = single_tokens(teacher.vocabulary)
    alone = torch.from_numpy(embed_all(teacher, [[START, i, END] for i in known], out / "teacher-tokens"))
    log.info("%d sentences, %d order pairs, %d held out", len(rows), len(text.order_pairs), len(held))
    held_target = torch.from_numpy(embed_all(teacher, held, out / "teacher-held-out")).float()
    target = torch.from_numpy(embed_all(teacher, rows, out / "teacher-train"))
    tower = new_tower(config, recipe["seed"])
    start_as_bag_of_words(tower, teacher.model.get_input_embeddings().weight.detach(), known, alone.float())
    if recipe.get("start"):
        tower.load_state_dict(read_tensors(Path(recipe["start"]) / "text_tower.safetensors"), strict=True)
    log.info("held-out cosine at the start %.4f", held_out_cosine(tower, held, held_target))
    singles = int(recipe["text"]["single_words"])  # the vocabulary lists frequent words first
    rows += [[START, i, END] for i in known[:singles]]
    target = torch.cat([target, alone[:singles]])
    del teacher.model
    write_text(out / "tokenizer.json", teacher.tokenizer_json)
    _train(tower, train, rows, target, text, out, recipe["seed"])
    metrics = {"held_out_cosine": held_out_cosine(tower, held, held_target), "held_out": len(held), "sentences": len(rows)}
    write_json(out / "metrics.json", metrics)
    return metrics


def _token_rows(tokenizer: WordPieceTokenizer, sentences: list[str], max_tokens: int) -> list[list[int]]:
    rows = []
    for sentence in sentences:
        ids, _ = tokenize(tokenizer, [sentence], max_tokens=max_tokens)
        rows.append(ids[0].tolist())
    return rows


def _train(tower: TextTower, options: Mapping, rows: list[list[int]], target: Tensor, text: TextSet, out: Path, seed: int) -> None:
    """AdamW with warm-up and cosine decay over whichever ends first, steps or minutes."""
    slow = [tower.tokens.weight]
    fast = [p for p in tower.parameters() if p is not tower.tokens.weight]
    optimizer = torch.optim.AdamW(
        [{"params": fast, "peak": options["lr"]}, {"params": slow, "peak": options["lr_tokens"], "weight_decay": 0.0}],
        lr=options["lr"], betas=(0.9, 0.98), weight_decay=options["weight_decay"],
    )
    source = batches(np.array([len(row) for row in rows]), options["batch"], seed)
    rng = np.random.default_rng(seed)
    started = saved = time.monotonic()
    average = math.nan
    for step in range(options["steps"]):
        elapsed = time.monotonic() - started
        done = max(step / options["steps"], elapsed / (60 * options["minutes"]))
        if done >= 1:
            break
        for group in optimizer.param_groups:
            warm = min(1.0, (step + 1) / options["warmup"])
            group["lr"] = group["peak"] * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        loss = _step_loss(tower, options, rows, target, text, next(source), rng, with_order=step % 4 == 0)
        if not torch.isfinite(loss):
            raise TrainingError(f"text tower: loss {loss.item()} at step {step}; lower train.lr")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        average = loss.item() if math.isnan(average) else 0.98 * average + 0.02 * loss.item()
        if step % 25 == 0:
            log.info("step %d loss %.4f, %.0f s", step, average, elapsed)
        if time.monotonic() - saved > options["save_every_s"]:
            write_tensors(out / "text_tower.safetensors", tower.state_dict())
            saved = time.monotonic()
    write_tensors(out / "text_tower.safetensors", tower.state_dict())


def _step_loss(tower: TextTower, options: Mapping, rows: list[list[int]], target: Tensor, text: TextSet,
               chosen: np.ndarray, rng: np.random.Generator, *, with_order: bool) -> Tensor:
    ids, mask = pad_rows([rows[i] for i in chosen])
    loss = distil_loss(tower(ids, mask), target[torch.from_numpy(chosen)].float())
    if with_order and text.order_pairs:
        some = rng.choice(len(text.order_pairs), 12, replace=False)
        twins = [index for pair in some for index in text.order_pairs[pair]]
        ids, mask = pad_rows([rows[i] for i in twins])
        student, wanted = tower(ids, mask), target[twins].float()
        loss = loss + options["order_weight"] * order_loss(student, wanted)
    return loss


@torch.inference_mode()
def held_out_cosine(tower: TextTower, rows: list[list[int]], target: Tensor, *, batch: int = 128) -> float:
    """Mean cosine between tower and teacher over sentences that were never trained on."""
    order = np.argsort([len(row) for row in rows], kind="stable")
    total = 0.0
    for start in range(0, len(rows), batch):
        part = order[start : start + batch]
        student = tower(*pad_rows([rows[i] for i in part]))
        total += (student * target[torch.from_numpy(part)]).sum().item()
    return total / len(rows)


def main() -> None:
    """Command line of this module."""
    import argparse

    from ldm_lab.training.recipe import read_toml

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/text_tower.toml"))
    parser.add_argument("--out", type=Path, default=Path("runs/text_tower"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    log.info("%s", distil(read_toml(arguments.recipe), arguments.out))


if __name__ == "__main__":
    main()
