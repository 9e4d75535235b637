# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 04 · Words find their sound
#
# CLAP puts texts and sounds into one space, so that a caption lies near the sound it describes. Nobody tells it what a dog
# is; it only sees which caption came with which sound. In this lesson you build it, train it for a minute, and search
# sounds with words.
#
# **Afterwards you can** write a contrastive loss and say what its temperature does, train two towers, measure retrieval
# without fooling yourself, and find the pairs that such a loss gets wrong. **You need** lesson 01 (log-mel) and a little
# PyTorch: modules, a training loop. **Time:** 35 minutes to read and play, 40 for the exercises; {{minutes}}

# %% name="setup"
import torch
import torch.nn.functional as F
from torch import nn

from ldm_lab import course
from ldm_lab.audio.mel import log_mel
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import clap as lesson
from ldm_lab.evaluation.retrieval import retrieval
from ldm_lab.models.clap import contrastive_loss
from ldm_lab.rng import Rng
from ldm_lab.widgets import SimilarityBoard, player

ldm = course.load("lab")
rng = Rng(0)

# %% [markdown] name="hear-text"
# ## Hear it
#
# Below is a pool of sounds that no training has seen, and three searches in words that are no caption of it. For each, the
# nearest sound is played. **Predict:** will the words fit all the same?

# %% name="hear"
pool = lesson.pairs(pick(fast=60, laptop=200), "test", keep_wav=True)
with torch.no_grad():
    shipped_sounds = torch.cat([ldm.clap.encode_audio(part) for part in pool.wav.split(50)])  # (n, 256)

searches = ["someone converses in a foreign language", "artillery", "percussion solo"]
with torch.no_grad():
    nearest = (ldm.clap.encode_text(searches) @ shipped_sounds.T).argmax(1)
player({words: pool.wav[i] for words, i in zip(searches, nearest)}, title=f"Found among {len(pool)} sounds")

# %% name="hear-captions"
for words, i in zip(searches, nearest):
    print(f"{words!r} found {pool.captions[i]!r}")

# %% [markdown] name="where-text"
# **Explain.** The model compares a direction made from the words with a direction made from each sound. It never sees the
# captions of these sounds; we only print them to check. Put in searches of your own. Many fail: this CLAP is small, and you
# will soon measure how often it is right.
#
# ## Where we are

# %% name="where"
course.diagram(lit=("clap", "embedding"))

# %% [markdown] name="pairs-text"
# ## A table of cosines
#
# Four sounds, four captions, all embeddings of length 1: the table holds every cosine. **Predict:** where are the large
# numbers? How large is "large"?

# %% name="pairs"
four = ["a woman speaks in Russian", "a bird chirping", "an engine running fast", "a big explosion"]
with torch.no_grad():
    audio, text = ldm.clap.encode_audio(torch.stack([course.clip(words) for words in four])), ldm.clap.encode_text(four)
course.heat(audio @ text.T, rows=["Russian", "bird", "engine", "explosion"], columns=four,
            alt="Table of cosines between four sounds and four captions; the largest number of each row is on the diagonal.")

# %% [markdown] name="pairs-why"
# **Explain.** The diagonal is large (not 1, and the rest is not 0): sound $i$ with caption $i$. This is all that training asks
# for. Read a row as a
# multiple-choice question, *which of these texts belongs to this sound?*, and a column as *which of these sounds belongs to
# this text?* Each has one right answer and a softmax over the others:
#
# $$L=-\frac1{2B}\sum_i\left[\log\frac{e^{s\,a_i\cdot t_i}}{\sum_j e^{s\,a_i\cdot t_j}}
# +\log\frac{e^{s\,a_i\cdot t_i}}{\sum_j e^{s\,a_j\cdot t_i}}\right]\qquad\text{(Radford et al. 2021, figure 3; Wu et al. 2023, eq. 2)}$$
#
# $a_i$, $t_i$ are unit vectors and $s = 1/\tau$ is one over the **temperature**. The loss is called symmetric InfoNCE.
#
# ### Exercise 1 · InfoNCE, both ways
#
# ●●○ · 10 minutes. Write `info_nce(audio, text, scale)`: `audio` and `text` are (B, E) unit vectors, row $i$ of one belongs
# to row $i$ of the other. Use `log_softmax`, so that you see what `F.cross_entropy` does.

# %% name="nce-answer"
### BEGIN SOLUTION
def info_nce(audio, text, scale):
    logits = scale * audio @ text.T                       # (B, B): row = sound, column = text
    to_text = -logits.log_softmax(dim=1).diagonal().mean()   # each sound chooses among the texts
    to_audio = -logits.log_softmax(dim=0).diagonal().mean()  # each text chooses among the sounds
    return 0.5 * (to_text + to_audio)
### STUB
# def info_nce(audio, text, scale):
#     return course.OPEN
### END SOLUTION

# %% name="nce-check"
lesson.info_nce.check(info_nce)

# %% [markdown] name="nce-hints"
# <details><summary>Hint 1</summary>First the (B, B) table of cosines times scale. The right answers are on its diagonal.</details>
# <details><summary>Hint 2</summary>A softmax along each row, another along each column; the logarithm of both; minus.</details>
# <details><summary>Hint 3</summary><code>logits.log_softmax(dim=1).diagonal().mean()</code> is one of the two, without its
# sign.</details>
# {{solution}}

# %% name="nce-same"
info_nce = lesson.info_nce.use(info_nce)
a, t = F.normalize(rng.randn((8, 256), "a"), dim=1), F.normalize(rng.randn((8, 256), "t"), dim=1)
right = torch.arange(8)
by_torch = 0.5 * (F.cross_entropy(14 * a @ t.T, right) + F.cross_entropy(14 * t @ a.T, right))
assert_same((info_nce(a, t, 14.0), info_nce(a, t, 14.0)),
            (by_torch, contrastive_loss(a, t, torch.eye(8), torch.tensor(14.0))))

# %% [markdown] name="cold-text"
# ## Temperature
#
# Cosines lie between −1 and 1. **Predict:** with the shipped model's embeddings of 60 pairs, how does the loss change with
# the temperature? At temperature 1, can even a perfect model have a small loss?

# %% name="cold"
with torch.no_grad():
    batch_text = ldm.clap.encode_text(pool.captions[:60])
temperatures = torch.logspace(-2.3, 0.5, 30)
losses = [info_nce(shipped_sounds[:60], batch_text, 1 / tau) for tau in temperatures]
perfect = [info_nce(torch.eye(60), torch.eye(60), 1 / tau) for tau in temperatures]
course.lines({"shipped CLAP": (temperatures, losses), "perfect: 1 for pairs, 0 for strangers": (temperatures, perfect)},
             x="temperature", y="loss", logx=True, title=f"A guess costs log 60 = {torch.tensor(60.).log():.2f}",
             alt="The loss of the shipped model is lowest in the middle; both curves rise towards log 60 as it gets warm.")

# %% name="cold-best"
best = temperatures[torch.stack(losses).argmin()]
print(f"lowest at {best:.3f}; the shipped model ended its training with {(-ldm.clap.logit_scale).exp():.3f}")
print(f"a perfect model at temperature 1: {info_nce(torch.eye(60), torch.eye(60), 1.0):.2f}")

# %% [markdown] name="cold-why"
# **Explain.** At temperature 1 the best row a model can offer is one 1 among zeros, and a softmax of that is nearly flat: the
# loss stays above 3, where a guess costs 4.1, whatever the model knows. Too cold, and every mistake is punished as if the model had been
# certain. So the temperature is a weight like any other: training finds it. It was found on the training sounds, of which the
# model is probably surer than of these; so the best one here is warmer. It never changes which sound comes *first*.
#
# ## Two towers, from scratch
#
# The audio tower cuts the log-mel into squares, mixes them with cheap convolutions (each channel for itself, then all
# channels at each place), halves the picture between levels, and at the end takes mean and maximum over what is left. So
# any length of sound gives one vector. `BatchNorm` brings each channel to mean 0 and spread 1, `gelu` is a smooth ReLU.

# %% name="audio-bricks"
class SeparableBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False)  # each channel for itself
        self.norm = nn.BatchNorm2d(width)
        self.expand, self.project = nn.Conv2d(width, 2 * width, 1), nn.Conv2d(2 * width, width, 1)  # all channels, one place
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.5))

    def forward(self, h):
        return h + self.scale * self.project(F.gelu(self.expand(self.norm(self.depthwise(h)))))


class Halve(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.mix, self.norm = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)

    def forward(self, h):  # (B, W, T, F) -> (B, out, T/2, F/2)
        return self.norm(self.mix(F.avg_pool2d(h, 2, ceil_mode=True, count_include_pad=False)))

# %% name="audio-tower"
class AudioTower(nn.Module):
    def __init__(self, widths, blocks, patch=4):
        super().__init__()
        self.stem = nn.Conv2d(1, widths[0], patch + 1, stride=patch, padding=patch // 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        levels = [SeparableBlock(widths[0]) for _ in range(blocks[0])]
        for before, width, count in zip(widths, widths[1:], blocks[1:]):
            levels += [Halve(before, width), *(SeparableBlock(width) for _ in range(count))]
        self.levels = nn.Sequential(*levels)
        self.norm = nn.LayerNorm(2 * widths[-1])

    def forward(self, mel):  # (B, T, 64) -> (B, 2 W)
        h = ((mel + 5.5) / 3)[:, None]
        h = self.levels(F.gelu(self.stem_norm(self.stem(h))))
        return self.norm(torch.cat([h.mean((2, 3)), h.amax((2, 3))], dim=1))


class Projection(nn.Module):  # into the shared space, length 1
    def __init__(self, width, size):
        super().__init__()
        self.linear = nn.Linear(width, size)
        self.mlp = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * size, size))

    def forward(self, h):
        h = self.linear(h)
        return F.normalize(h + self.mlp(h), dim=-1)

# %% [markdown] name="same-text"
# The shipped weights in your classes, names and shapes checked by `strict=True`:

# %% name="same"
tower, projection = AudioTower((64, 128, 256, 384), (0, 1, 2, 2)), Projection(768, 256)
tower.load_state_dict(ldm.clap.audio_tower.state_dict(), strict=True)
projection.load_state_dict(ldm.clap.audio_projection.state_dict(), strict=True)
tower.eval(), projection.eval()  # batch norm and dropout behave differently in training

with torch.no_grad():
    card = assert_same(projection(tower(pool.mel[:8])), ldm.clap.encode_mel(pool.mel[:8]))
card

# %% [markdown] name="text-text"
# The text tower of the toy is the simplest there is, a *bag of words*: each word of the training captions owns a row of
# random numbers, and a text is the mean of its words' rows. It does not know letters, order or grammar. Whatever it will
# know about *barking*, it will have learnt from sounds.

# %% name="text-tower"
class BagOfWords(nn.Module):
    def __init__(self, captions, width):
        super().__init__()
        known = sorted({word for caption in captions for word in lesson.words(caption)})
        self.numbers = {word: number + 1 for number, word in enumerate(known)}  # 0 = a word never seen
        self.rows = nn.EmbeddingBag(len(known) + 1, width, mode="mean")

    def forward(self, texts):  # list of B strings -> (B, width)
        found = [[self.numbers.get(word, 0) for word in lesson.words(text)] or [0] for text in texts]
        starts = torch.tensor([0] + [len(row) for row in found[:-1]]).cumsum(0)
        return self.rows(torch.tensor([number for row in found for number in row]), starts)

# %% name="clap"
class Clap(nn.Module):
    def __init__(self, captions, size=128):
        super().__init__()
        self.audio_tower, self.audio_projection = AudioTower((24, 48, 64, 96), (0, 1, 1, 1)), Projection(192, size)
        self.text_tower, self.text_projection = BagOfWords(captions, 96), Projection(96, size)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))  # log(1 / 0.07)

    def encode_mel(self, mel):
        return self.audio_projection(self.audio_tower(mel))

    def encode_audio(self, wav):
        return self.encode_mel(log_mel(wav))

    def encode_text(self, texts):
        return self.text_projection(self.text_tower(texts))

# %% [markdown] name="double-text"
# ## Strangers that are not
#
# The loss treats every other pair of the batch as a stranger. But some sounds share a caption. `same` says which (capitals and
# a dot at the end do not count), and `contrastive_loss` of the library can share the target of a row among equals.
#
# **Predict:** we draw batches of 64. In how many of them do two sounds have the same caption? And will the loss be larger or
# smaller if the target is shared?

# %% name="double"
def same_captions(captions):  # (B, B): 1 where captions i and j are the same
    plain = [lesson.plain(caption) for caption in captions]
    return torch.tensor([[float(a == b) for b in plain] for a in plain])


train = lesson.pairs(pick(fast=160, laptop=1600), "train", seconds=pick(fast=1.28, laptop=1.92))


def batch_of(step):
    return torch.randperm(len(train), generator=rng.at("batch", step))[:64]

doubles = [64 - len({lesson.plain(train.captions[i]) for i in batch_of(step)}) for step in range(200)]
print(f"{sum(d > 0 for d in doubles) / 2:.0f} % of batches hold doubles, {sum(doubles) / 200:.1f} of 64 captions on average")

# %% name="double-loss"
captions = [train.captions[i] for i in batch_of(0)]
with torch.no_grad():
    audio, text = ldm.clap.encode_mel(train.mel[batch_of(0)]), ldm.clap.encode_text(captions)
scale = torch.tensor(14.0)
print(f"plain {contrastive_loss(audio, text, torch.eye(64), scale):.6f}, "
      f"shared {contrastive_loss(audio, text, same_captions(captions), scale):.6f}")

# %% [markdown] name="double-why"
# **Explain.** The same number! Equal captions have equal embeddings, hence equal cosines with every sound, and sharing a target
# among equal terms changes nothing. Equal captions do no harm to the gradient; they only keep the loss from reaching zero
# (exercise 5). What does harm is two captions that say the same in *different* words: there the loss pushes each sound away
# from a text that fits it. These are **false negatives**.
#
# ### Exercise 2 · Find the false negatives
#
# ●●○ · 8 minutes. Write `false_negatives(captions, text, alike)`: a (B, B) tensor of floats, 1 where captions $i$ and $j$ are
# *not* the same (use `same_captions`) but their embeddings `text` (B, E), of length 1, have a cosine above `alike`; else 0.

# %% name="double-answer"
### BEGIN SOLUTION
def false_negatives(captions, text, alike):
    near = (text @ text.T > alike).float()
    return near * (1 - same_captions(captions))
### STUB
# def false_negatives(captions, text, alike):
#     return course.OPEN
### END SOLUTION

# %% name="double-check"
lesson.false_negatives.check(false_negatives)

# %% [markdown] name="double-hints"
# <details><summary>Hint 1</summary>Two conditions for each pair. One is a table of cosines, the other is at hand.</details>
# <details><summary>Hint 2</summary><code>text @ text.T</code> holds all cosines. The diagonal is not wanted.</details>
# <details><summary>Hint 3</summary><code>(cosines &gt; alike).float() * (1 - same_captions(captions))</code></details>
# {{solution}}

# %% name="double-find"
false_negatives = lesson.false_negatives.use(false_negatives)
with torch.no_grad():
    texts = sorted({lesson.plain(caption) for caption in train.captions})
    found = false_negatives(texts, ldm.clap.text_tower(*ldm.clap.tokenize(texts)), 0.9).triu()
for i, j in found.nonzero()[:: max(1, int(found.sum()) // 8)][:8]:
    print(f"{texts[i]!r} and {texts[j]!r}")

# %% [markdown] name="double-cure"
# The cosine here is that of the shipped *text tower* alone, before any sound: what reads alike. Some of the pairs are false
# negatives, some only read alike (two chords of a guitar). So the shipped model was trained with half-hearted targets: a text
# that reads alike gets up to half a share (`ldm_lab.training.task_clap.agreement`). Your minute uses plain InfoNCE.

# %% [markdown] name="train-text"
# ## Train it
#
# Pairs of the training split, batches of 64, your `info_nce`, for about a minute.
#
# How good is it? **Retrieval**: each caption of the held-out pool searches all its sounds. *R@1* is the share of captions
# whose first hit is right, *R@10* the share with a right one among the first ten (`r1` and `r10` in the tables), and the
# *median rank* is the place of the first right hit in the middling search: half do better. **Predict:** R@1 before training,
# and after a minute?

# %% name="train-setup"
with lesson.seeded(0):
    clap = Clap(train.captions)


@torch.no_grad()
def measure(model):
    model.eval()
    sounds = torch.cat([model.encode_mel(part) for part in pool.mel.split(50)])
    texts = sorted(set(pool.captions))
    found = retrieval(sounds, model.encode_text(texts), [[caption] for caption in pool.captions], texts)
    return {name.removeprefix("text_to_audio_"): value for name, value in found.items() if "text_to_audio" in name}, sounds


before, sounds_before = measure(clap)
course.table([{"model": "before", **before}])

# %% name="train"
steps, frames = pick(fast=4, laptop=500, gpu=3000), 128
optimiser = torch.optim.AdamW(clap.parameters(), lr=3e-3, weight_decay=0.05)
curve, bar = [], course.steps(steps)
clap.train()
for step in bar:
    optimiser.param_groups[0]["lr"] = 3e-3 * min(1, (step + 1) / 20, 2 * (1 - step / steps) + 0.02)
    chosen = batch_of(step)
    start = torch.randint(train.mel.shape[1] - frames + 1, (1,), generator=rng.at("start", step)).item()
    audio = clap.encode_mel(train.mel[chosen, start : start + frames])
    text = clap.encode_text([train.captions[i] for i in chosen])
    loss = info_nce(audio, text, clap.logit_scale.exp())
    optimiser.zero_grad(), loss.backward(), optimiser.step()
    curve.append(loss.item())
    bar.set_postfix(loss=f"{loss:.2f}")

# %% name="train-curve"
after, sounds_after = measure(clap)
course.lines({"loss": (range(steps), curve), "pure guessing": ([0, steps - 1], [torch.tensor(64.).log()] * 2)}, x="step", y="loss",
             title="Symmetric InfoNCE in batches of 64", alt="The loss starts at the line of pure guessing and falls far below it.")

# %% name="train-table"
course.table([{"model": "before", **before}, {"model": "after", **after},
              {"model": "drawing lots", "r1": 1 / len(pool), "r10": 10 / len(pool), "median_rank": len(pool) / 2}])

# %% [markdown] name="find-text"
# And by ear: the same words, before and after.

# %% name="find"
query = "an explosion"
with torch.no_grad():
    one = clap.eval().encode_text([query])[0]
first = (sounds_after @ one).argsort(descending=True)[:2]
with lesson.seeded(0):
    untrained = Clap(train.captions).eval()
with torch.no_grad():
    lots = (sounds_before @ untrained.encode_text([query])[0]).argmax()
player({"before training": pool.wav[lots], "after: 1st": pool.wav[first[0]], "after: 2nd": pool.wav[first[1]]}, title=query)

# %% [markdown] name="find-more"
# More searches, with the captions of the first three found. **Predict:** which wrong sounds will it find, for rain, say, or for a
# dog?

# %% name="find-captions"
for text in ["an explosion", "a drum", "a woman speaks", "rain falling", "a dog barking"]:
    with torch.no_grad():
        hits = (sounds_after @ clap.encode_text([text])[0]).argsort(descending=True)[:3]
    print(f"{text:16} -> {' | '.join(pool.captions[i] for i in hits)}")

# %% [markdown] name="find-why"
# **Explain.** No class labels, no list of sounds, not even letters: pairs were enough. What decides is the company a word keeps.
# *Explosion* came with sounds that other captions did not come with, and its row moved to where those sounds are. Look at the
# mistakes, too: when this was written, rain was answered with noise and applause, which hiss like rain. It errs as an ear
# errs, not as a dictionary would. The first hit is right for about three captions of ten; the rest of them fail.

# %% [markdown] name="lane-text"
# ## The fast lane
#
# The shipped CLAP has a larger audio tower, and a text tower that had read sentences before it met any sound: it was
# distilled from a sentence encoder (all-MiniLM-L6-v2), so it starts with *hound* near *dog*. Its audio tower was then trained
# for 600 steps of 64 pairs (`recipes/clap.toml`), on all the training sounds and with all their captions.

# %% name="lane"
shipped, _ = measure(ldm.clap)
course.table([{"model": "yours", "weights": sum(p.numel() for p in clap.parameters()), **after},
              {"model": "shipped", "weights": sum(p.numel() for p in ldm.clap.parameters()), **shipped}])

# %% [markdown] name="strange-text"
# **Explain.** Twenty-four times the weights, and not so far ahead? Your model and this test speak one language: the first captions
# of one corpus. **Predict:** what happens with words of another?

# %% name="strange"
for text in ["artillery", "percussion solo", "a hound"]:
    unknown = [word for word in lesson.words(text) if word not in clap.text_tower.numbers]
    with torch.no_grad():
        mine = (sounds_after @ clap.encode_text([text])[0]).argmax()
        theirs = (shipped_sounds @ ldm.clap.encode_text([text])[0]).argmax()
    print(f"{text:13} unknown to yours: {unknown}; yours finds {pool.captions[mine]!r}, shipped {pool.captions[theirs]!r}")

# %% [markdown] name="lane-why"
# A word outside its captions is one and the same untrained row to your model, whatever the word. This is why text towers are
# trained on text first, in the published CLAP as well: its text tower is RoBERTa. But knowing a word is not knowing its
# sound: ask what the shipped one finds for *a hound*.
#
# ## Play: the similarity board
#
# Two dozen recordings, the shipped CLAP. Type words, several searches with semicolons between them; drag the temperature.
# **Try:** *swords clashing; a crowd*. Which temperature makes the first sound certain, and does the *order* ever change? Where
# does it fail (try *water*)? The button ≈ on a card searches with the sound itself.

# %% name="board"
board = SimilarityBoard(ldm, words="something metallic; a musical instrument")
board

# %% name="board-read"
for temperature in (0.01, 0.07, 1.0):
    board.temperature = temperature
    print(f"temperature {temperature:4}: first is {board.ranking[0][0]!r} with a share of {board.shares[0].max():.0%}")
board.temperature = board.learned

# %% [markdown] name="exercises"
# ## Exercises
#
# Two were above. Three more.
#
# ### Exercise 3 · R@1 computed right
#
# ●●○ · 10 minutes. Write `recall_at_1(scores, hits)`: `scores` (Q, N) of Q searches among N sounds, `hits` (Q, N) booleans
# that say which sounds are right for each search; at least one is, and there may be several. Give the share of searches for which a
# right sound scores *strictly* higher than every wrong one.

# %% name="recall-answer"
### BEGIN SOLUTION
def recall_at_1(scores, hits):
    best = scores.masked_fill(~hits, -torch.inf).amax(dim=1)   # the best right one
    rival = scores.masked_fill(hits, -torch.inf).amax(dim=1)   # the best wrong one
    return (best > rival).float().mean()                       # a tie is not a find
### STUB
# def recall_at_1(scores, hits):
#     return course.OPEN
### END SOLUTION

# %% name="recall-check"
lesson.recall_at_1.check(recall_at_1)

# %% [markdown] name="recall-hints"
# <details><summary>Hint 1</summary>Two numbers for each search: the best score among the right ones, the best among the wrong
# ones.</details>
# <details><summary>Hint 2</summary><code>scores.masked_fill(mask, -torch.inf)</code> takes some out of the race.</details>
# <details><summary>Hint 3</summary>Compare with <code>&gt;</code>, then <code>.float().mean()</code>.</details>
# {{solution}}

# %% name="recall-use"
recall_at_1 = lesson.recall_at_1.use(recall_at_1)
texts = sorted(set(pool.captions))
hits = torch.tensor([[caption == text for caption in pool.captions] for text in texts])
with torch.no_grad():
    scores = clap.encode_text(texts) @ sounds_after.T
print(f"yours {recall_at_1(scores, hits):.3f}, the library says {after['r1']:.3f}; "
      f"a model without any opinion: {recall_at_1(torch.zeros_like(scores), hits):.3f}")

# %% [markdown] name="temperature-task"
# ### Exercise 4 · How cold must it be?
#
# ●●○ · 8 minutes. The right sound has cosine $c$ with a text, `others` wrong ones all have $c-$`gap`. Write
# `temperature_for(share, gap, others)`: the temperature at which the softmax gives the right one `share` of the whole.

# %% name="temperature-answer"
### BEGIN SOLUTION
def temperature_for(share, gap, others):
    # share = 1 / (1 + others * exp(-gap / tau)), solved for tau
    return gap / torch.tensor(others * share / (1 - share)).log().item()
### STUB
# def temperature_for(share, gap, others):
#     return course.OPEN
### END SOLUTION

# %% name="temperature-check"
lesson.temperature.check(temperature_for)

# %% [markdown] name="temperature-hints"
# <details><summary>Hint 1</summary>Divide numerator and denominator of the softmax by the right one's exponential. What is
# left?</details>
# <details><summary>Hint 2</summary>share = 1 / (1 + others · exp(−gap / τ)). Solve for τ.</details>
# <details><summary>Hint 3</summary>gap / τ = log(others · share / (1 − share))</details>
# {{solution}}

# %% [markdown] name="floor-task"
# ### Exercise 5 · The loss that cannot reach zero
#
# ●●● · 10 minutes. Equal captions have equal embeddings, so a softmax over the texts must share between them. Write
# `lowest_loss(captions)`: the lowest value that InfoNCE can have for a batch with these captions, even with a perfect model
# and a temperature near 0. `same_captions` counts for you.

# %% name="floor-answer"
### BEGIN SOLUTION
def lowest_loss(captions):
    count = same_captions(captions).sum(dim=1)  # how many of the batch share caption i: the best share is 1 / count
    return count.log().mean().item()            # -log(1 / count), averaged; rows and columns give the same
### STUB
# def lowest_loss(captions):
#     return course.OPEN
### END SOLUTION

# %% name="floor-check"
lesson.lowest_loss.check(lowest_loss)

# %% [markdown] name="floor-hints"
# <details><summary>Hint 1</summary>Three equal captions: what is the largest share the softmax can give to the right one?</details>
# <details><summary>Hint 2</summary>The loss of that row is −log of the share. A caption that is alone costs nothing.</details>
# <details><summary>Hint 3</summary><code>same_captions(captions).sum(dim=1)</code> counts; then a logarithm and a mean.</details>
# {{solution}}

# %% name="floor-use"
lowest_loss = lesson.lowest_loss.use(lowest_loss)
floors = [lowest_loss([train.captions[i] for i in batch_of(step)]) for step in range(20)]
print(f"floor of 20 batches: {min(floors):.2f} to {max(floors):.2f}; your training ended near {sum(curve[-5:]) / 5:.2f}")

# %% [markdown] name="floor-why"
# So a loss of zero is not the goal, and the losses of two corpora, or of two batch sizes, cannot be compared: each has its own
# floor and its own price of guessing.
#
# ## What broke
#
# The published audio tower reads at most ten seconds. A longer sound is **cropped at random**, and AudioLDM's own sounds
# last 10.24 seconds: so the score of one and the same sound differs from call to call. A quarter of a second seldom matters. But
# the same code is used for files of any length, to rank and to edit, and nothing tells you. Here is a sound of 5 seconds, first an
# engine, then applause, and a model that reads a random 2.56 seconds of it:

# %% name="broke"
both = torch.cat([course.clip("an engine running fast", seconds=2.0), course.clip("an audience applauding", seconds=3.0)])
asked = ["an engine running fast", "an audience applauding"]
readings = {}
for call in range(6):
    start = torch.randint(len(both) - 40960, (1,), generator=rng.at("crop", call)).item()
    readings[f"call {call + 1}"] = both[start : start + 40960]
with torch.no_grad():
    words = ldm.clap.encode_text(asked)
    cropped = ldm.clap.encode_audio(torch.stack(list(readings.values()))) @ words.T
    whole = ldm.clap.encode_audio(both[None]) @ words.T
course.heat(torch.cat([cropped, whole]), rows=[*readings, "whole sound"], columns=asked,
            alt="Cosines of six calls and of the whole sound with two texts; the calls disagree with each other.")

# %% name="broke-hear"
order = cropped[:, 0].argsort()
names = list(readings)
player({"the whole sound": both, "heard by the call furthest from 'engine'": readings[names[order[0]]],
        "heard by the call nearest to it": readings[names[order[-1]]]}, title="One sound, two opinions")

# %% [markdown] name="broke-why"
# Our audio tower takes mean and maximum over any length, so it reads everything and says the same twice. If you use another
# CLAP: find out what it does with a sound that is too long, and score the same file twice before you believe a score.
#
# ## Quiz

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | Pairs alone are enough for words to find sounds, in a minute of training | that it understands sentences: a bag of words hears no difference between *a dog after rain* and *rain after a dog* |
# | R@1 and R@10 rise far above drawing lots, on sounds that were not trained on | that these numbers compare with other papers': pool, captions and duplicates decide them |
# | Equal captions raise the floor of the loss and harm nothing else; like captions in other words are false negatives | how much softer targets gain: for that, train with and without, several seeds each |
# | A text tower that has read before knows words that no caption holds | that text and sound embeddings fill the same region: they do not, see lesson 08 |
#
# **Next:** 05, noise. **Paper:** Liu et al. 2023, section 3.1 (CLAP as the condition); Wu et al. 2023,
# [arXiv 2211.06687](https://arxiv.org/abs/2211.06687); Radford et al. 2021,
# [arXiv 2103.00020](https://arxiv.org/abs/2103.00020), section 2.3. **Words:** [CLAP](guide/glossary.md#clap) ·
# [embedding](guide/glossary.md#embedding) · [contrastive loss](guide/glossary.md#contrastive-loss) ·
# [InfoNCE](guide/glossary.md#infonce) · [temperature](guide/glossary.md#temperature) ·
# [false negative](guide/glossary.md#false-negative) · [R@1](guide/glossary.md#recall-at-k) ·
# [bag of words](guide/glossary.md#bag-of-words)
