# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 11 · Evaluation
#
# Which of two models is better? A number would be nice. In this lesson you build the numbers that papers report, find
# out what each of them cannot hear, and then ask people, the right way.
#
# **Afterwards you can** compute a Frechet distance, an inception score and a CLAP score, put an interval on each, say
# what fools them, set up a blind listening test and analyse its answers. **You need** lesson 00; means, variances and
# a matrix product. **Time:** 40 minutes to read and play, 45 for the exercises; {{minutes}}.

# %% name="setup"
import numpy as np
import torch

from ldm_lab import course, evaluation
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import evaluation as lesson
from ldm_lab.course.lessons import evaluation_bench as bench
from ldm_lab.rng import Rng
from ldm_lab.widgets import player

ldm = course.load("lab")
ears = bench.Ears(ldm)  # two listeners: the judge (a classifier) and CLAP

# %% [markdown] name="hear-text"
# ## Hear it
#
# Three sounds for *a dog barking*: a recording, one that the model made, and X. CLAP gives each a score: the cosine
# between the sound's embedding and that of the words.
#
# **Predict:** listen, then put the three in the order that you expect of the CLAP score.

# %% name="hear"
words = "a dog barking"
trio = {"recording": course.clip("animal/animal_00212.ogg"),
        "model": ldm.generate(words, seed=0, progress=False).audio[0],
        "X": bench.please(ldm.clap, words, steps=pick(fast=6, laptop=30))}

player(trio, title=words)

# %% name="hear-scores"
for name, wav in trio.items():
    score = evaluation.clap_score(ears.read([words]), ears.clap(wav[None]))
    print(f"{name:10} CLAP score {score[0]:.2f}")

# %% [markdown] name="hear-why"
# **Explain.** X, which no ear takes for a dog, gets more than both others. It was a white noise; thirty times it was
# changed a little so that CLAP liked it better, and nobody asked whether it sounds like a dog. A metric is a measuring *network*, and it can be pleased without the thing it stands
# for. So nothing below is simply "higher is better". Of every number we ask: what does it hear, what can it not hear,
# and how sure is it?

# %% [markdown] name="where-text"
# ## Where we are
#
# At the very end of the map, where the sound comes out; CLAP listens there as well.

# %% name="where"
course.diagram(lit=("sound", "clap"))

# %% [markdown] name="cloud-text"
# ## A set of sounds is a cloud
#
# The judge is a small classifier of 14 kinds of sound. Before its last layer, each sound is a list of 64 numbers, its
# *features*. Sounds that it finds alike have features close together, so that a set of sounds is a cloud of points.
#
# **Predict:** the cell measures two sets of different real recordings, and the first set once more with everything
# above 2000 Hz cut off. You see the clouds from their widest side. Which two will overlap?

# %% name="cloud"
n = pick(fast=20, laptop=200, gpu=400)
test, other = bench.real("test", n), bench.real("train", n)
spectrum = torch.fft.rfft(test.wav)
dull = torch.fft.irfft(spectrum * (torch.arange(spectrum.shape[1]) < 2000 * 2.56), n=test.wav.shape[1])

seen = {"test clips": ears(test.wav), "training clips": ears(other.wav), "test clips, dull": ears(dull)}
flat = bench.two_axes(*(found["features"] for found in seen.values()))
course.points(dict(zip(seen, flat)), x="widest axis", y="second axis",
              alt="Three clouds of points: test and training clips overlap, the dull ones crowd to one side.")

# %% [markdown] name="cloud-why"
# **Explain.** Two draws from the same world give nearly the same cloud, though no recording is in both. The dull ones
# moved away and became more alike. What we want is one number for how far two clouds are apart.

# %% [markdown] name="one-text"
# ## The distance of two bell curves
#
# First with one feature only. Describe each set by a mean $\mu$ and a spread $\sigma$, as if it were a bell curve.
# The Frechet distance of two bell curves is
#
# $$d^2 = (\mu_a - \mu_b)^2 + (\sigma_a - \sigma_b)^2.$$
#
# (Dowson & Landau 1982, for one dimension. The literature says *distance* and means the square.)

# %% name="one"
def frechet_1d(a, b):
    """a (n,), b (m,) -> squared Frechet distance of the bell curves fitted to them."""
    between = (a.mean() - b.mean()) ** 2           # (mu_a - mu_b)^2
    shape = (a.std(ddof=1) - b.std(ddof=1)) ** 2   # (sigma_a - sigma_b)^2
    return between + shape


real, dulled = seen["test clips"]["features"], seen["test clips, dull"]["features"]
assert_same(frechet_1d(real[:, 0], dulled[:, 0]), evaluation.frechet_distance(real[:, :1], dulled[:, :1]))

# %% [markdown] name="many-text"
# With 64 features there are 64 means, and a *covariance matrix* $C$ instead of one $\sigma^2$, because features vary
# together. The formula keeps its shape (Dowson & Landau 1982; Heusel et al. 2017, equation 6, for images):
#
# $$d^2 = |\mu_a - \mu_b|^2 + \mathrm{tr}\left(C_a + C_b - 2\,(C_a C_b)^{1/2}\right).$$
#
# Exercise 1 builds it. In papers the features come from the network *PANNs* (then they write FD) or *VGGish* (FAD).
#
# **Predict:** if we forget that features vary together and add up the 64 distances of one feature each, do we get
# more or less than the real thing?

# %% name="many"
apart = sum(frechet_1d(real[:, i], dulled[:, i]) for i in range(real.shape[1]))
together = evaluation.frechet_distance(real, dulled, allow_singular=True)
print(f"features taken one by one {apart:.0f}, with covariances {together:.0f}")

# %% [markdown] name="many-why"
# **Explain.** Less. Two clouds can agree in every single feature and still be turned against each other: loud *and*
# high against loud *or* high. Only the covariances see that, and it adds to the distance.

# %% [markdown] name="bias-text"
# ## Fifty sounds lie
#
# Test and training clips come from the same collection. Their distance should be close to 0.
#
# **Predict:** we measure the same two sets again and again, with 10 sounds of each, then 20 ... up to all. Will the
# distance wobble around one value, rise or fall?

# %% name="bias"
def at(count, measure, draws=8):
    """Mean of `measure` over draws of `count` random test clips and `count` random training clips."""
    found = []
    for i in range(draws):
        random = Rng(i).numpy("at", count)
        a, b = (x[random.permutation(n)[:count]] for x in (real, seen["training clips"]["features"]))
        found.append(measure(a, b))
    return float(np.mean(found))


frechet_of = lambda a, b: evaluation.frechet_distance(a, b, allow_singular=True)
ns = sorted({max(4, round(n * share)) for share in (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1)})
distances = [at(count, frechet_of) for count in ns]
course.lines({"real against real": (ns, distances), "real against dull, all sounds": (ns, [together] * len(ns))},
             x="sounds in each set", y="Frechet distance", alt="The distance of real to real sounds falls with n.")

# %% [markdown] name="bias-why"
# **Explain.** It falls, and it does so for every pair of sets: a cloud of few points lies by chance off the cloud it
# was drawn from, in 64 directions at once, and all of these accidents add up. A handful of real recordings measures
# worse than all the dull ones. The excess is about $c/n$ once $n$ is several times the number of features. So a model
# can "win" by being measured with more sounds: compare figures of equal $n$ only, and print $n$ beside each.
#
# Two ways out. Exercise 2 follows the curve to infinitely many sounds. The other is a measure without this bias: the
# *kernel audio distance* KAD (Chung et al. 2025) compares how alike sounds of one set are to each other and to those
# of the other set. Equal clouds give 0 on average, whatever $n$:

# %% name="kad"
kad = evaluation.kernel_audio_distance
course.table([{"n": count, "Frechet": f"{distance:.0f}", "KAD": f"{at(count, kad):.2f}",
               "KAD, dull": f"{kad(real[:count], dulled[:count]):.1f}"} for count, distance in zip(ns, distances)])

# %% [markdown] name="scores-text"
# ## Three more numbers
#
# The judge's last layer gives probabilities $p(y|x)$ of its 14 classes. Two measures use them, one uses CLAP:
#
# - **Inception score** (Salimans et al. 2016): $\exp\,\mathbb{E}_x\,\mathrm{KL}(p(y|x)\,\|\,p(y))$. High if each
#   sound is clearly something and the set holds many things. It needs no real sounds at all.
# - **KL** of pairs: is the made sound heard as the same thing as the real one with the same caption? 0 = yes.
# - **CLAP score**: the cosine of the sound's and its caption's embedding.

# %% name="scores"
def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def inception(logits):
    log_p = log_softmax(logits)                              # log p(y|x)
    p = np.exp(log_p)
    kl = (p * (log_p - np.log(p.mean(axis=0)))).sum(axis=1)  # KL(p(y|x) || p(y)) of each sound
    return np.exp(kl.mean())


def kl_pairs(real_logits, made_logits):
    log_r, log_m = log_softmax(real_logits), log_softmax(made_logits)
    return (np.exp(log_r) * (log_r - log_m)).sum(axis=1)     # KL(real || made), one a pair

# %% name="scores-agree"
a, b = seen["test clips"]["logits"], seen["test clips, dull"]["logits"]
assert_same((inception(a), kl_pairs(a, b)), (evaluation.inception_score(a, splits=1, shuffle_seed=None).mean,
                                             evaluation.kl_divergence(a, b)), tolerance=1e-3)

# %% [markdown] name="scores-note"
# The difference that is left is the library's: it adds $10^{-6}$ inside the logarithm, because the evaluation code of
# the field does, and published figures are made with it. Small print of this kind is why figures of two papers seldom
# compare.

# %% [markdown] name="fool-text"
# ## What can they not hear?
#
# Four things done to the same real test clips: played **backwards**; **20 dB quieter**, which a volume knob undoes;
# with a **faint hiss** added, 20 dB below the sound; and all **captions shuffled**, so that dogs belong to *rain*.
#
# **Predict:** listen to one clip. Rank the four by how bad *you* find them. Then guess which row gets the largest
# Frechet distance and which the smallest.

# %% name="fool-hear"
spoilt = bench.spoil(test.wav)
voice = test.column("category").index("speech")
player({"original": test.wav[voice], **{name: wav[voice] for name, wav in spoilt.items()}},
       title=test.clips[voice].captions[0])

# %% name="fool"
captions = [clip.captions[0] for clip in test.clips]
text = ears.read(captions)
heard = {"other real clips": seen["training clips"], **{name: ears(wav) for name, wav in spoilt.items()}}
mixed = Rng(0).numpy("mix").permutation(n)
heard["captions shuffled"] = {name: value[mixed] for name, value in seen["test clips"].items()}

rows = []
for name, found in {"original": seen["test clips"], **heard}.items():
    strangers = name == "other real clips"  # they have captions and categories of their own
    rows.append({"set": name, "Frechet": f"{abs(frechet_of(real, found['features'])):.1f}",
                 "inception": inception(found["logits"]),
                 "judge right": "-" if strangers else f"{(found['logits'].argmax(1) == ears.labels(test)).mean():.0%}",
                 "CLAP score": "-" if strangers else evaluation.clap_score(text, found["clap"]).mean()})
course.table(rows)

# %% [markdown] name="fool-why"
# **Explain.** Compare the rows with your ears.
#
# - *Captions shuffled* has the distance 0: the Frechet distance sees a set, never a text. Neither does the inception
#   score. The CLAP score falls to that of strangers.
# - *20 dB quieter* is called a disaster, though a volume knob repairs it and the judge names the sounds nearly as
#   well as before. Its 64 numbers have moved, mostly in one direction; its decisions hardly. The Frechet distance sees numbers.
# - *Backwards* costs much less than the faint hiss. The judge takes the mean and the maximum of everything over time,
#   and neither knows an order. The hiss fills the silent parts, and silence is what it has learnt to expect there.
# - *Other real clips* are the floor: what perfect sounds would get at this $n$. (A dash: they have captions of their
#   own.)

# %% [markdown] name="shipped-text"
# ### The fast lane: the shipped model, measured once with 300 sounds
#
# Making 300 sounds takes minutes, so the figures of the model in this package come with it, in `metrics.json`: 300
# captions, 25 steps, 95 % intervals over recordings.
#
# **Predict:** whose CLAP score is higher, that of real test clips with their captions or that of the generated ones?

# %% name="shipped"
figures = bench.shipped()
course.table([{"measure": name, "value": f["value"], "95 %": f"{f['low']:.3g} to {f['high']:.3g}", "n": f["n"]}
              for name, f in figures.items()])

# %% [markdown] name="shipped-why"
# **Explain.** The generated ones, and the intervals do not overlap. The model does not sound better than reality: the
# judge, whom it has never met, recognises the made sounds less often than the real ones, and the Frechet distance
# agrees. But the model was *conditioned by this very CLAP*: it was built to please it. Never let the ear that steered
# a model be its only judge.

# %% [markdown] name="probe-text"
# ## A judge of your own
#
# Nothing is generated in this lesson, but something is trained: a judge. CLAP was trained on captions, never on the
# names of our 14 categories. Is the category in its 256 numbers all the same? A *linear probe* tells: one matrix,
# trained on the embeddings of real training clips, tested on test clips. What a single matrix can read out was there.
#
# **Predict:** chance is 7 %. What will the probe reach on sounds it has never heard: 20, 40, 60, 80 %?

# %% name="probe"
more = bench.real("train", pick(fast=56, laptop=700))
x, y = torch.tensor(ears.clap(more.wav)), torch.tensor(ears.labels(more))
x_test, y_test = torch.tensor(seen["test clips"]["clap"]), torch.tensor(ears.labels(test))

probe = torch.nn.Linear(x.shape[1], 14, dtype=x.dtype)
torch.nn.init.zeros_(probe.weight), torch.nn.init.zeros_(probe.bias)
optimiser = torch.optim.AdamW(probe.parameters(), lr=0.05, weight_decay=0.05)
accuracy = lambda: (probe(x_test).argmax(1) == y_test).double().mean().item()
before, curve = accuracy(), []
for _ in course.steps(pick(fast=100, laptop=300)):
    loss = torch.nn.functional.cross_entropy(probe(x), y)
    optimiser.zero_grad(), loss.backward(), optimiser.step()
    curve.append(loss.item())
print(f"right on test clips: {before:.0%} before, {accuracy():.0%} after; loss {curve[0]:.2f} -> {curve[-1]:.2f}")

# %% name="probe-curve"
course.lines({"training loss": (range(len(curve)), curve)}, x="step", y="cross-entropy",
             alt="The training loss of the probe falls quickly and then ever more slowly.")

# %% [markdown] name="probe-hear-text"
# Who is right where the probe is wrong, it or the label? Four test clips that it is surest and wrong about. Before
# you look at the names: what would *you* call each of them?

# %% name="probe-hear"
sure = probe(x_test).softmax(1).max(1)
wrong = [i for i in sure.values.argsort(descending=True).tolist() if sure.indices[i] != y_test[i]][:4]
player({f"{k + 1}: label {test.clips[i].category}, probe {ears.categories[sure.indices[i]]}": test.wav[i]
        for k, i in enumerate(wrong)}, title="The probe's surest mistakes")

# %% [markdown] name="probe-why"
# **Explain.** With 700 clips the probe reached about 46 %, more than six times chance: much of the category is in
# CLAP's numbers, though nobody ever told it one. Some of the mistakes are quarrels about words. Is a horn a vehicle or an instrument, a single hit an
# impact or a drum? The labels of this corpus were made by rule from file names; real sounds do not come in 14
# drawers. The shipped judge gets about 60 % of real test clips right (the table above), so "45 % for made sounds" has
# to be read against 60, not against 100.

# %% [markdown] name="people-text"
# ## Ask people
#
# The AudioLDM paper asked listeners two questions (section 5.1): **OVL**, how good is the sound, and **REL**, how
# well does it fit the text, both from 1 to 100. Doing it right means: nobody sees which system made a sound, all
# sounds are equally loud, a *hidden reference* and *anchors* (muffled copies of it, at 3.5 and 5.3 kHz) are among
# them to tell attentive listeners from others, and nobody takes part without consent. The widget does all of it.
#
# **Try:** press *Start* and rate the sounds. At the end it tells what was what. (Other kinds are `"mushra"`: all
# versions of one sound side by side, the open reference beside them; and `"abx"`: is X equal to A or to B?)

# %% name="people"
from ldm_lab.widgets import listening_test

chosen = [trial for trial in range(n) if test.clips[trial].kind == "recorded"][:pick(fast=2, laptop=6)]
prompts = [captions[i] for i in chosen]
made = ldm.generate(prompts, seed=0, progress=False).audio
panel = listening_test({"reference": [test.wav[i] for i in chosen], "model": list(made)}, prompts,
                       kinds=("ovl", "rel"), title="Real or made?")
panel

# %% [markdown] name="simulate-text"
# ## Read their answers
#
# A class of sixteen would give sixteen JSON files. Here a computer plays the class, **invented people** whose truth
# we know: twelve are honest (one of them harsh), four are not. We invented that the reference is worth 82, the model
# 62. Does the analysis find that back?
#
# **Predict:** of the four (one always says 50, one guesses, one turns the scale upside down, one falls asleep after a
# third), which will the rules for screening catch?

# %% name="simulate"
import tempfile
from pathlib import Path

from ldm_lab.evaluation import listening

folder = tempfile.TemporaryDirectory()
kinds = bench.simulate(panel.key, folder.name)
results = listening.merge([folder.name], panel.key.playlist)
report = listening.analyse(results, panel.key)
print(len(list(Path(folder.name).glob("*.json"))), "files read;", report["listeners"]["kept"], "listeners kept")
for name, reasons in report["listeners"]["excluded"].items():
    print(f"{name} ({kinds[name]}): {'; '.join(reasons)}")

# %% name="simulate-table"
means = {system: row["mean"] for system, row in report["ratings"]["ovl"]["systems"].items()}
course.table([{"system": name, "invented": bench.TRUTH["ovl"][name], "OVL": m["value"],
               "95 %": f"{m['low']:.0f} to {m['high']:.0f}", "answers": m["n"]} for name, m in means.items()])

# %% [markdown] name="simulate-why"
# **Explain.** The one that always says 50 is found for certain, and the one that turns the scale around as soon as
# there are some trials to go by. Who guesses has about an even chance to get through: of two random numbers, the first
# is larger half of the time. Who falls asleep is found only where a whole question was slept through. The harsh listener stays, and has to: he pulls every mean down by a few points, the differences stay. The intervals are wide
# although there are many answers: both people and sounds are drawn again, and there are few sounds. More listeners
# would not help much; more *sounds* would.
#
# How many answers does a question need? In an ABX test (is X equal to A or B?) guessing is right half of the time:

# %% name="abx"
print(f"12 of 16 right: p = {listening.binomial_p(12, 16):.3f};  8 of 16: p = {listening.binomial_p(8, 16):.2f}")
for share in (0.9, 0.75, 0.6):
    print(f"a difference that gives {share:.0%} right answers: {listening.abx_trials(share=share)} trials to show it")

# %% [markdown] name="exercises"
# ## Exercises
#
# ### Exercise 1 · The Frechet distance of two Gaussians
#
# ●●○ · 12 minutes. Write `frechet(mean_a, cov_a, mean_b, cov_b)` (tensors of shape (D,), (D, D), (D,), (D, D), in
# float64) with the formula above. The root of a matrix is awkward, but only its *trace* is needed, and that is the
# sum of the square roots of the eigenvalues of $C_a C_b$. They are real and not negative, up to rounding.

# %% name="frechet-answer"
### BEGIN SOLUTION
def frechet(mean_a, cov_a, mean_b, cov_b):
    eigenvalues = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0)  # of C_a C_b
    root_trace = eigenvalues.sqrt().sum()                                # tr (C_a C_b)^(1/2)
    between = (mean_a - mean_b).square().sum()
    return between + cov_a.trace() + cov_b.trace() - 2 * root_trace
### STUB
# def frechet(mean_a, cov_a, mean_b, cov_b):
#     return course.OPEN
### END SOLUTION

# %% name="frechet-check"
lesson.frechet.check(frechet)

# %% [markdown] name="frechet-hints"
# <details><summary>Hint 1</summary>Four terms: one from the means, three from the covariances. Start with the ones that need no root.</details>
# <details><summary>Hint 2</summary><code>torch.linalg.eigvals</code> gives complex numbers: take <code>.real</code>, and <code>.clamp(min=0)</code> against rounding.</details>
# <details><summary>Hint 3</summary><code>root_trace = torch.linalg.eigvals(cov_a @ cov_b).real.clamp(min=0).sqrt().sum()</code>; the trace of a matrix is <code>cov_a.trace()</code>.</details>
# {{solution}}

# %% name="frechet-agree"
frechet = lesson.frechet.use(frechet)
a, b = torch.tensor(real), torch.tensor(dulled)
assert_same(frechet(a.mean(0), a.T.cov(), b.mean(0), b.T.cov()), together, tolerance=1e-5)

# %% [markdown] name="endless-task"
# ### Exercise 2 · What infinitely many sounds would say
#
# ●●○ · 8 minutes. The bias is about $c/n$: `distance = truth + c / n`. Write `endless(ns, distances)` that fits this
# line and returns the truth. (FAD-infinity: Chong & Forsyth 2020 for images, Gui et al. 2023 for sound.)

# %% name="endless-answer"
### BEGIN SOLUTION
def endless(ns, distances):
    _, truth = np.polyfit(1 / np.array(ns), distances, 1)
    return truth
### STUB
# def endless(ns, distances):
#     return course.OPEN
### END SOLUTION

# %% name="endless-check"
lesson.endless.check(endless)

# %% [markdown] name="endless-hints"
# <details><summary>Hint 1</summary>With x = 1/n this is a straight line. Where is n = infinity on the x axis?</details>
# <details><summary>Hint 2</summary><code>np.polyfit(x, y, 1)</code> gives slope and intercept, in this order.</details>
# <details><summary>Hint 3</summary><code>_, truth = np.polyfit(1 / np.array(ns), distances, 1)</code></details>
# {{solution}}

# %% name="endless-see"
endless = lesson.endless.use(endless)
ends = endless(ns[-4:], distances[-4:])
print(f"all {n} sounds: {distances[-1]:.0f};  a line through the last four points ends at {ends:.0f}")

# %% [markdown] name="endless-note"
# The end of the line may well lie below 0, which no distance can: with fewer than 2 to 4 times 64 sounds the law
# $c/n$ does not hold yet, and the line over-corrects. The library refuses to draw it then.

# %% [markdown] name="interval-task"
# ### Exercise 3 · A bootstrap interval
#
# ●●○ · 10 minutes. Draw $n$ of your $n$ scores *with replacement*, take the mean, do it again many times: the middle
# 95 % of these means is an interval for the mean (Efron & Tibshirani 1993, chapter 13). Write `interval(values,
# draws)`: `values` (n,), `draws` (R, n) the drawn indices, one resample a row; return `(low, high)` as two floats.

# %% name="interval-answer"
### BEGIN SOLUTION
def interval(values, draws):
    means = values[draws].mean(dim=1)  # (R, n) -> (R,)
    return means.quantile(0.025).item(), means.quantile(0.975).item()
### STUB
# def interval(values, draws):
#     return course.OPEN
### END SOLUTION

# %% name="interval-check"
lesson.interval.check(interval)

# %% [markdown] name="interval-hints"
# <details><summary>Hint 1</summary>An index tensor of shape (R, n) gives all resamples at once.</details>
# <details><summary>Hint 2</summary><code>values[draws]</code> is (R, n). Over which axis is the mean of one resample?</details>
# <details><summary>Hint 3</summary><code>means = values[draws].mean(dim=1)</code>, then <code>means.quantile(0.025)</code> and <code>means.quantile(0.975)</code>.</details>
# {{solution}}

# %% name="interval-see"
interval = lesson.interval.use(interval)
scores = torch.tensor(evaluation.clap_score(text, seen["test clips"]["clap"]))
for count in (10, n // 2, n):
    low, high = interval(scores[:count], lesson.draws_of(count, 1000))
    print(f"{count:4} real clips: CLAP score {scores[:count].mean():.3f}, 95 % interval {low:.3f} to {high:.3f}")

# %% [markdown] name="fooled-task"
# ### Exercise 4 · Which metric was fooled?
#
# ●○○ · 4 minutes. For each of three cases: was the Frechet distance fooled (`"frechet"`), the CLAP score (`"clap"`),
# `"both"` or `"neither"`? *Fooled* means: it said something that your ears, or the captions, contradict.

# %% name="fooled-answer"
### BEGIN SOLUTION
fooled = {"captions shuffled": "frechet", "noise made for CLAP": "clap", "20 dB quieter": "frechet"}
### STUB
# fooled = {"captions shuffled": course.OPEN, "noise made for CLAP": course.OPEN, "20 dB quieter": course.OPEN}
### END SOLUTION
lesson.fooled.check(fooled)

# %% [markdown] name="fooled-hints"
# <details><summary>Hint 1</summary>The table under <i>What can they not hear?</i> has two of them, the first player the third.</details>
# <details><summary>Hint 2</summary>Ask of each measure: what does it get to see? Only sounds? Sounds and captions?</details>
# <details><summary>Hint 3</summary>A distance of 0 for a set whose captions are all wrong; a high score for a noise; a disaster that a volume knob repairs.</details>
# {{solution}}

# %% [markdown] name="suspects-task"
# ### Exercise 5 · Spot the cheater
#
# ●●○ · 10 minutes. A panel is `{listener: {item: {"reference": number, "anchor-low": number}}}`. Write
# `suspects(panel)` that returns, in alphabetical order, the listeners to leave out: those who find the muffled copy
# (`"anchor-low"`), *averaged over all items*, at least as good as the original. Harsh, kind and unusual listeners
# stay.

# %% name="suspects-answer"
### BEGIN SOLUTION
def suspects(panel):
    found = []
    for name, items in panel.items():
        differences = [row["reference"] - row["anchor-low"] for row in items.values()]
        if sum(differences) <= 0:
            found.append(name)
    return sorted(found)
### STUB
# def suspects(panel):
#     return course.OPEN
### END SOLUTION

# %% name="suspects-check"
lesson.suspects.check(suspects)

# %% [markdown] name="suspects-hints"
# <details><summary>Hint 1</summary>Compare each listener with nobody but themselves.</details>
# <details><summary>Hint 2</summary>One slip is human: sum or average over the items first. What about someone who gives 50 to everything?</details>
# <details><summary>Hint 3</summary><code>if sum(row["reference"] - row["anchor-low"] for row in items.values()) <= 0: found.append(name)</code></details>
# {{solution}}

# %% name="suspects-see"
suspects = lesson.suspects.use(suspects)
print("left out:", ", ".join(f"{name} ({kinds[name]})" for name in suspects(bench.ovl_panel(results, panel.key))))

# %% [markdown] name="broke-text"
# ## What broke
#
# A true story. The evaluation code of the field keeps the features of a folder in a file beside it, under the
# folder's name, to save time. Someone improves the model, generates into the *same folder*, measures again and gets
# the same score: the cache of yesterday was read. It works the other way round, too. Below, the features of good
# sounds are cached, then the folder is filled with noise.

# %% name="broke"
cache = {}


def cached_features(folder_name, wav):
    if folder_name not in cache:  # the bug: the name stays, the sounds change
        cache[folder_name] = ears.features(wav)
    return cache[folder_name]


monday, tuesday = other.wav[:10], 0.1 * Rng(0).randn((10, 40960), "tuesday")
for day, wav in {"monday": monday, "tuesday": tuesday}.items():
    distance = frechet_of(real, cached_features("results", wav))
    honest = frechet_of(real, ears.features(wav))
    print(f"{day:8} reported {distance:6.0f}, true {honest:6.0f}")
player({"monday": monday[0], "tuesday": tuesday[0]}, title="One folder, one score")

# %% [markdown] name="broke-why"
# Tuesday's noise is reported with Monday's score, to the last digit. Two numbers that are *exactly* equal are the
# alarm: nothing measured twice ever is. This project's cache is named by the SHA-256 of each sound and of the
# listener's weights. The same code has a sister bug: where the file names of two folders do not pair up, it returns
# **-1 as the KL**, which a leaderboard that sorts by "lower is better" will gladly put first.

# %% [markdown] name="quiz-text"
# ## Quiz

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | How to compute FD, IS, KL and CLAP score, and that mine equal the library's | published figures: they need PANNs and VGGish, other networks than our judge |
# | The Frechet distance falls as sounds are added, for equal models | which $n$ is enough: it depends on features and sets; print it |
# | Each measure is deaf to something that anyone hears | a measure that is deaf to nothing; none is known |
# | A blind test with hidden references finds careless people | what real people say of this model: the sixteen were invented |
#
# **Next:** 12, what a thousand times the compute buys, and what you owe those whose sounds you use. **Paper:**
# AudioLDM [arXiv 2301.12503](https://arxiv.org/abs/2301.12503), section 5.1 (OVL, REL) and table 1. **Words:**
# [Frechet distance](guide/glossary.md#frechet-distance), [inception score](guide/glossary.md#inception-score), [CLAP
# score](guide/glossary.md#clap-score), [bootstrap](guide/glossary.md#bootstrap), [linear
# probe](guide/glossary.md#linear-probe), [hidden reference](guide/glossary.md#hidden-reference),
# [anchor](guide/glossary.md#anchor), [MUSHRA](guide/glossary.md#mushra), [ABX](guide/glossary.md#abx).
