# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 10 · Editing: one model, three tools
#
# The model was trained to make sounds from nothing. Nobody ever showed it an *edit*. Yet it can turn footsteps into a
# barking dog that keeps something of their rhythm, fill a hole in a recording, and put high frequencies on a dull sound.
# You will build all three, and they will turn out to be **one function with another start and another mask**.
#
# **Afterwards you can** write style transfer (SDEdit), inpainting and super-resolution around any diffusion model, choose the
# strength of an edit by measurement, and say what these tools do badly. **You need** lessons 05 (noise levels), 07 (DDIM) and
# 08 (guidance). **Time:** 25 minutes to read and play, 35 for the exercises; {{minutes}}.

# %% name="setup"
import torch

from ldm_lab import course
from ldm_lab.audio.mel import log_mel, mel_frequencies
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import editing as lesson
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.schedule import grid
from ldm_lab.rng import Rng
from ldm_lab.widgets import InpaintBrush, TransferStrip, player

torch.set_grad_enabled(False)  # nothing is trained in this lesson
ldm = course.load("lab")
steps = pick(fast=3, laptop=20)
how = {"seed": 3, "steps": steps, "sampler": "ddim", "progress": False}

# %% [markdown] name="hear-text"
# ## Hear it
#
# A recording of footsteps, and two edits of it: *moved* towards a dog, and with a dog put into a *hole* of 0.8 s. Switch while
# it plays, and watch where the loud moments lie.

# %% name="hear"
feet = course.clip("impact/impact_01065.ogg")  # "Walking footsteps on sand"
moved = ldm.transfer(feet, "a dog barking", strength=0.5, **how)
filled = ldm.inpaint(feet, "a dog barking", start=0.8, end=1.6, **how)
player({"recording": feet, "moved": moved.audio[0], "filled": filled.audio[0]}, title="Walking footsteps on sand")

# %% [markdown] name="where"
# ## Where we are
#
# All networks stay as they are. Two places change: the **noise** that the walk starts from, and the **latent** between its
# steps.

# %% name="diagram"
course.diagram(lit=("noise", "unet", "latent"))

# %% [markdown] name="walk-text"
# ## One walk for everything
#
# This is DDIM as you know it, in sigma form ($x = z + \sigma\epsilon$), with one line more: before each step somebody may
# *put something back* into $x$.

# %% name="walk"
def walk(x, sigmas, denoise, put_back=lambda x, sigma: x):
    for sigma, lower in zip(sigmas, sigmas[1:]):
        x = put_back(x, sigma)                                        # editing happens here ...
        x0 = denoise(x, torch.full((len(x),), sigma, dtype=torch.float64))
        x = x0 + lower / sigma * (x - x0)                             # DDIM, eta = 0
    return x * (1 + sigmas[-1] ** 2) ** -0.5                          # ... and in the x that comes in


def asked(prompt, guidance=3.0):
    emb, nothing = ldm.clap.encode_text([prompt]), ldm.clap.encode_text([""])
    return guide(ldm.denoiser(), emb, nothing, scale=guidance if prompt else 1.0)


def sound_of(z):
    return ldm.mel_to_wav(ldm.latent_to_mel(z))[0].clamp(-1, 1)


sigmas = grid(ldm.schedule, steps, "leading").tolist()
noise = Rng(3).randn((1, 16, 32, 8), "start", 0)

# %% [markdown] name="same-walk"
# | tool | start | put back | mask |
# |---|---|---|---|
# | making from nothing | pure noise | nothing | |
# | style transfer | the sound with *some* noise | nothing | |
# | inpainting | pure noise | the sound around the hole | over time |
# | super-resolution | pure noise | the low frequencies | over frequency |
#
# ## Style transfer: start in the middle
#
# Encode a real sound, add noise *part of the way*, and let the model clean up, thinking of other words (SDEdit, Meng et al.
# 2022; AudioLDM, section 3.4). The **strength** $s$ says how far up:
#
# $$x = z + \sigma(t_s)\,\epsilon, \qquad t_s = s \cdot t_\text{first}$$
#
# **Predict:** below, the footsteps at strengths 0.2, 0.5 and 0.8, before any cleaning. What can still be seen at 0.8?

# %% name="drowned"
z = ldm.mel_to_latent(ldm.wav_to_mel(feet[None]))
t_first = float(ldm.schedule.sigma_to_t(sigmas[0]))
pictures = {"recording": log_mel(feet[None])[0]}
for strength in (0.2, 0.5, 0.8):
    sigma = float(ldm.schedule.t_to_sigma(strength * t_first))
    x = z + sigma * noise
    pictures[f"{strength}: sigma {sigma:.2f}"] = ldm.latent_to_mel(x * (1 + sigma**2) ** -0.5)[0]
course.mels(pictures, alt="Log-mels of footsteps with more and more noise: at 0.2 the rhythm shows, at 0.8 the eye sees noise alone.")

# %% name="drowned-rhythm"
loud = {name: mel.reshape(32, 8, 64).mean((1, 2)) for name, mel in pictures.items()}  # loudness, 12 times a second
for name, curve in loud.items():
    alike = torch.corrcoef(torch.stack([curve, loud["recording"]]))[0, 1]
    print(f"{name:18} loudness curve like the recording's: {alike:.2f}")

# %% [markdown] name="drowned-why"
# **Explain.** Noise drowns fine detail first (the grain of the sand) and the coarse outline last (when it is loud): at 0.5 the eye
# has given up, but averaged over all bands a good part of the rhythm is still there. At 0.8 that is nearly gone, too. So the strength
# chooses *what the model may change*: little noise, only texture; in the middle, nearly everything but the rhythm; near 1.0
# nothing is left, and it is plain generation.
#
# The walk must start at exactly that noise level. The grid's nearest level is moved there; those below follow.

# %% name="my-transfer"
def levels_below(strength):
    wanted = strength * t_first
    t = ldm.schedule.sigma_to_t(torch.tensor(sigmas[:-1]))
    nearest = int((t - wanted).abs().argmin())
    return [float(ldm.schedule.t_to_sigma(wanted)), *sigmas[nearest + 1 :]]


def my_transfer(z, prompt, strength):
    part = levels_below(strength)
    return walk(z + part[0] * noise, part, asked(prompt))


mine = sound_of(my_transfer(z, "a dog barking", 0.5))
assert_same(mine, moved.audio[0], tolerance=1e-4, name="Style transfer: mine and the library's")

# %% [markdown] name="strip-predict"
# That is all of style transfer. **Predict:** move the slider from 0 to 1. Will the footsteps turn into the dog evenly, or is there a
# place where it tips over? Where?

# %% name="strip"
strengths = pick(fast=(0.3, 0.7), laptop=(0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0))
strip = TransferStrip(ldm, feet, "a dog barking", strengths=strengths, seed=3, steps=pick(fast=2, laptop=10))
strip

# %% [markdown] name="strip-why"
# **Explain.** Below the sounds stand two curves: how near CLAP finds each sound to the words, and to the source. They cross.
# Around the crossing one sound is both: walked like a person, barked like a dog. One sound proves little, so count.
#
# ## Measured: what strength buys, and what it costs
#
# Nothing is trained in this lesson, so instead of a loss curve there is a measurement: several real sounds, each moved towards
# words of *another* kind, at several strengths, always from the same noise. **Predict** the shape of the two curves before you
# run: straight lines? Steps?

# %% name="measure"
targets = {"animal": "a car engine running", "nature": "a dog barking", "machine": "a flute playing", "bell_ui": "rain falling"}
real = course.clips(pick(fast=2, laptop=8), split="test", category=tuple(targets), kind="recorded")
words = [targets[category] for category in real.categories]
tried = pick(fast=(0.2, 0.8), laptop=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
heard = lambda wav: torch.cat([ldm.clap.encode_audio(row[None]) for row in wav])
source, goal = heard(real.wav), torch.cat([ldm.clap.encode_text([text]) for text in words])
to_words, to_source = [], []
for k in course.steps(len(tried), "strengths"):
    made = ldm.transfer(real.wav, words, strength=tried[k], seed=0, steps=pick(fast=2, laptop=8), progress=False)
    to_words.append(float((heard(made.audio) * goal).sum(1).mean()))
    to_source.append(float((heard(made.audio) * source).sum(1).mean()))

# %% name="measured"
big = lesson.MEASURED  # the project's own experiment: 104 pairs of sound and prompt
course.lines({f"to the words, here (n = {len(real)})": (tried, to_words), f"to the source, here (n = {len(real)})": (tried, to_source),
              "to the words, n = 104": (big["strength"], big["to the words"]),
              "to the source, n = 104": (big["strength"], big["to the source"])}, x="strength", y="CLAP cosine",
             alt="Two curves that cross: similarity to the words rises with strength, similarity to the source falls.")

# %% [markdown] name="measured-why"
# **Explain.** Both curves are S-shaped and cross between 0.4 and 0.6 in the large experiment
# (`assets/experiments/README.md`). Below 0.2 hardly anything happens, above 0.8 hardly anything is left to happen: the useful
# part of the slider is its middle. With few sounds yours is rougher.
#
# CLAP hears *what* it is. What about *when*? The experiment also compared onsets with the source:

# %% name="onsets"
course.table([{"strength": s, "onsets like the source's": a, "whole mel like the source's": b}
              for s, a, b in zip(big["strength"], big["onsets"], big["log-mel"])])

# %% [markdown] name="onsets-why"
# At 0.6 CLAP already finds the new words nearer than the old sound, and still a third of the onset pattern is the source's
# (chance is 0.01). That is why it is called *style* transfer: the instrument
# changes, and of the performance a part stays.
#
# ## Inpainting: put back what is known
#
# Now the start is pure noise, and a mask $m$ says what to **keep** (1) and what to make (0). Before every step the kept part of
# $x$ is replaced by the recording *at that noise level* (AudioLDM, section 3.4; Lugmayr et al. 2022, eq. 8):
#
# $$x \leftarrow m\,(z + \sigma\epsilon) + (1 - m)\,x$$
#
# The network sees a whole sound, in which one part is fixed, and bends the rest until it fits. First the mask, on the latent's
# grid: one cell is 0.08 s by 8 mel bands. A cell is kept only if *no* part of it lies in the hole. (In whole frames, please: to a
# computer `0.56 / 0.08` is 7.000000000000001, and rounded up that is a cell too many.)

# %% name="mask"
def keep_time(start, end):
    first, last = round(100 * start), round(100 * end)  # in mel frames
    keep = torch.ones(32, 8)
    keep[first // 8 : -(-last // 8)] = 0                # down and up: the hole covers what was asked
    return keep


keep = keep_time(0.8, 1.6)
print("frames of the latent to be made:", [i for i in range(32) if keep[i, 0] == 0])

# %% [markdown] name="fill-predict"
# What do we tell the autoencoder about the hole? If it saw the real content, something of it would leak into the cells
# beside. So the hole is bridged by straight lines in the mel before encoding (`bridge`).
#
# **Predict:** the noise is put into the kept part at *every* step, though we know it clean. What would happen if we put back the
# clean $z$ instead? (You will hear it in exercise 5.)

# %% name="my-fill"
from ldm_lab.editing.masks import bridge, rectangle, touched


def known_part(wav, **hole):
    """(latent of the sound with its hole bridged, hole mask of the mel)"""
    mask = rectangle(ldm.config, len(wav), 256, **hole)
    return ldm.mel_to_latent(bridge(ldm.wav_to_mel(wav[None]), touched(mask, ldm.config)))


def my_fill(known, keep, prompt, guidance=3.0):
    def put_back(x, sigma):
        return torch.lerp(x, known + sigma * noise, keep)   # keep = 1: the recording, at this level

    x = noise * (1 + sigmas[0] ** 2) ** 0.5
    z = walk(x, sigmas, asked(prompt, guidance), put_back)
    return torch.lerp(z, known, keep)                       # the last word: the kept part, clean


z_filled = my_fill(known_part(feet, start=0.8, end=1.6), keep, "a dog barking")
theirs = ldm.inpaint(feet, "a dog barking", start=0.8, end=1.6, paste=False, **how)
assert_same(sound_of(z_filled), theirs.audio[0], tolerance=1e-4, name="Inpainting: mine and the library's")

# %% [markdown] name="outside-predict"
# **Predict:** the latent outside the hole is the recording's own. Is the *waveform* outside the hole then the recording's, too?

# %% name="outside"
out = torch.ones(40960, dtype=torch.bool)
out[round(0.8 * 16000) : round(1.6 * 16000)] = False
for name, wav in {"decoded": theirs.audio[0], "pasted": filled.audio[0]}.items():
    print(f"{name:8} largest difference outside the hole: {(wav - feet)[out].abs().max():.4f}")

# %% [markdown] name="outside-why"
# **Explain.** No: everything has been through autoencoder and vocoder, which keep no phase. The library therefore *pastes*: the
# recording's own samples return outside the hole, and the new part fades in and out inside it, at the level of its
# surroundings. An edit that was to leave something alone has to prove it: 0.0000.
#
# ## Paint it
#
# Drag a box over the picture, type what belongs there (or nothing: then what is around goes on), press *Fill the box*. *B* makes
# a box by keyboard. Listen to before, after, difference.

# %% name="brush"
brush = InpaintBrush(ldm, feet, "a dog barking", steps=pick(fast=2, laptop=10), seed=3)
brush.box = [0.8, 1.6, 0, 8000]
brush.fill()
brush

# %% [markdown] name="sr-text"
# ## Super-resolution: the same hole, lying on its side
#
# A telephone, an old tape: everything above some frequency is missing. On the latent's grid that is a hole again, over all
# times and the high bands. **The function is the same; only the mask is turned.** Take rain, and cut it at 4 kHz.

# %% name="dull"
def lowpass(wav, hz):
    spectrum = torch.fft.rfft(wav)
    spectrum[round(hz * len(wav) / 16000) :] = 0
    return torch.fft.irfft(spectrum, len(wav))


rain = course.clip("rain falling steadily")
dull = lowpass(rain, 4000)

# %% [markdown] name="sr-predict"
# **Predict:** how many of the latent's 8 rows have to be made? (4 kHz is half of the band. But mel bands lie closer at the
# bottom than at the top.)

# %% name="my-sr"
edges = mel_frequencies()                     # 66 edges: band m from edges[m] to edges[m + 2]
lost = edges[2:] > 4000                       # bands that reach above the cut
keep_low = 1 - lost.reshape(8, 8).any(1).float().expand(32, 8)
print("rows to be made:", int((keep_low[0] == 0).sum()), "of 8")

z_bright = my_fill(known_part(dull, low_hz=4000), keep_low, "")
bright = ldm.super_resolve(dull, cutoff_hz=4000, paste=False, **how)
assert_same(sound_of(z_bright), bright.audio[0], tolerance=1e-4, name="Super-resolution: mine and the library's")

# %% name="sr-hear"
pasted = ldm.super_resolve(dull, cutoff_hz=4000, **how).audio[0]
player({"recording": rain, "cut at 4 kHz": dull, "restored": pasted}, title="Rain")

# %% name="sr-measure"
def error(wav):
    """Mean |difference| of the log-mel from the recording's, in the bands above the cut."""
    return float((log_mel(wav[None]) - log_mel(rain[None]))[..., lost].abs().mean())


course.table([{"sound": name, "error above 4 kHz": error(wav)} for name, wav in (("cut at 4 kHz", dull), ("restored", pasted))])

# %% [markdown] name="sr-why"
# **Explain.** Two of eight rows: the top quarter of the *mel* is the top half of the *band*. The error falls by
# far, but silence is an easy rival: the log-mel knows nothing lower. So mind the verdict of the project's experiment with 64
# sounds: this model beats leaving the sound dull by far, and does *not* beat a plain average envelope of noise. It invents
# something plausible; the truth is gone.
#
# ## Exercises
#
# ### Exercise 1 · The noise level of a strength
#
# ●○○ · 6 minutes. Write `noise_level(alpha_bar, t_first, strength)`: $\sigma = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t}$ at the
# training step $t = s \cdot t_\text{first}$, rounded to a whole step. (Karras et al. 2022: $x = z + \sigma\epsilon$.)

# %% name="level-answer"
### BEGIN SOLUTION
def noise_level(alpha_bar, t_first, strength):
    a = alpha_bar[round(strength * t_first)]
    return ((1 - a) / a) ** 0.5
### STUB
# def noise_level(alpha_bar, t_first, strength):
#     return course.OPEN
### END SOLUTION

# %% name="level-check"
lesson.level.check(noise_level)

# %% [markdown] name="level-hints"
# <details><summary>Hint 1</summary>Strength is a share of the training <i>steps</i>, not of the noise.</details>
# <details><summary>Hint 2</summary>Find the step, look its <code>alpha_bar</code> up, then turn it into sigma.</details>
# <details><summary>Hint 3</summary><code>a = alpha_bar[round(strength * t_first)]</code>; noise power over signal power, and the
# root of it.</details>
# {{solution}}

# %% [markdown] name="put-task"
# ### Exercise 2 · Put it back
#
# ●●○ · 8 minutes. Write `put_back(x, sigma, known, noise, keep)`: the line that inpainting lives on. Where `keep` is 1 the answer
# is the known latent at noise level `sigma`, elsewhere `x`.

# %% name="put-answer"
### BEGIN SOLUTION
def put_back(x, sigma, known, noise, keep):
    return keep * (known + sigma * noise) + (1 - keep) * x
### STUB
# def put_back(x, sigma, known, noise, keep):
#     return course.OPEN
### END SOLUTION

# %% name="put-check"
lesson.masked.check(put_back)

# %% [markdown] name="put-hints"
# <details><summary>Hint 1</summary>The network expects the same amount of noise everywhere.</details>
# <details><summary>Hint 2</summary>Two terms, one for each value of <code>keep</code>.</details>
# <details><summary>Hint 3</summary><code>keep * (...) + (1 - keep) * x</code>, and in the brackets the equation at the top of the
# inpainting section.</details>
# {{solution}}

# %% [markdown] name="put-use"
# With your function in the walk: does everything outside the hole stay at the recording's latent?

# %% name="put-outside"
put_back = lesson.masked.use(put_back)
known = known_part(feet, start=0.8, end=1.6)
x = walk(noise * (1 + sigmas[0] ** 2) ** 0.5, sigmas, asked("a dog barking"),
         lambda x, sigma: put_back(x, sigma, known, noise, keep))
x = put_back(x, 0.0, known, noise, keep)  # at sigma = 0: the last word
print(f"largest change outside the hole {((x - known) * keep).abs().max():.1e}, inside {((x - known) * (1 - keep)).abs().max():.2f}")

# %% [markdown] name="cells-task"
# ### Exercise 3 · A box in cells
#
# ●●● · 12 minutes. Write `keep_cells(start, end, low_hz, high_hz, edges)`: the mask (32, 8) of a box in time *and* frequency, 1 =
# keep. A mel frame is 0.01 s, band m reaches from `edges[m]` to `edges[m + 2]`, a cell is 8 frames by 8 bands. A frame or band
# that the box touches is lost; a cell that holds a lost one is lost.

# %% name="cells-answer"
### BEGIN SOLUTION
def keep_cells(start, end, low_hz, high_hz, edges):
    time = torch.arange(256) * 0.01                              # where each frame begins
    frames = (time + 0.01 > start) & (time < end)
    bands = (edges[2:] > low_hz) & (edges[:-2] < high_hz)
    lost = frames[:, None] & bands[None, :]                      # (256, 64)
    return 1.0 - lost.reshape(32, 8, 8, 8).any(3).any(1).float()  # (32, 8)
### STUB
# def keep_cells(start, end, low_hz, high_hz, edges):
#     return course.OPEN
### END SOLUTION

# %% name="cells-check"
lesson.cells.check(keep_cells)

# %% [markdown] name="cells-hints"
# <details><summary>Hint 1</summary>First a mask of the mel, (256, 64), then fold it to cells.</details>
# <details><summary>Hint 2</summary>Two intervals overlap if each begins before the other ends. Strictly: touching at a point is
# not overlapping.</details>
# <details><summary>Hint 3</summary><code>lost.reshape(32, 8, 8, 8).any(3).any(1)</code> says which cells hold a lost
# one.</details>
# {{solution}}

# %% [markdown] name="pick-task"
# ### Exercise 4 · Which strength?
#
# ●●○ · 8 minutes. "Half of the way, please." Given measured `strengths` (rising) and `similarities` to the source (falling), write
# `strength_for(strengths, similarities, target)`: the strength at which the similarity *is* the target, on a straight line between
# the two measurements around it.

# %% name="pick-answer"
### BEGIN SOLUTION
def strength_for(strengths, similarities, target):
    points = list(zip(strengths, similarities))
    for (s0, y0), (s1, y1) in zip(points, points[1:]):
        if y0 >= target >= y1:
            return s0 + (y0 - target) / (y0 - y1) * (s1 - s0)
### STUB
# def strength_for(strengths, similarities, target):
#     return course.OPEN
### END SOLUTION

# %% name="pick-check"
lesson.wanted.check(strength_for)

# %% [markdown] name="pick-hints"
# <details><summary>Hint 1</summary>Find the pair of neighbours with the target between them.</details>
# <details><summary>Hint 2</summary>What share of the way <i>down</i> is the target? Go the same share of the way to the right.</details>
# <details><summary>Hint 3</summary>If you reach for <code>numpy.interp</code>: it wants rising x values. Turn both lists
# round.</details>
# {{solution}}

# %% name="pick-use"
strength_for = lesson.wanted.use(strength_for)
half = strength_for(big["strength"], big["to the source"], 0.6)
print(f"a similarity of 0.6 to the source: strength {half:.2f}")

# %% [markdown] name="ear-task"
# ### Exercise 5 · What went wrong here?
#
# ●●○ · 6 minutes. Three inpaintings of the footsteps (0.8 to 1.6 s, *a dog barking*), each with one mistake: `"mask inverted"`, `"known
# part put back clean"`, `"nothing put back"`. Listen, look, assign.

# %% name="ear"
patients = lesson.patients(ldm, feet, steps=steps)
player({"right": theirs.audio[0], **patients}, title="Three mistakes")

# %% name="ear-answer"
### BEGIN SOLUTION
diagnosis = {"A": "known part put back clean", "B": "nothing put back", "C": "mask inverted"}
### STUB
# diagnosis = {"A": course.OPEN, "B": course.OPEN, "C": course.OPEN}
### END SOLUTION
lesson.mistakes.check(diagnosis)

# %% [markdown] name="ear-hints"
# <details><summary>Hint 1</summary>Where are the recorded steps, and are there any at all?</details>
# <details><summary>Hint 2</summary>One has the recording exactly where the hole should be.</details>
# <details><summary>Hint 3</summary>In one the surroundings are right, and what was made does not belong to them: the network was told
# of noise that was not there.</details>
# {{solution}}

# %% [markdown] name="broke"
# ## What broke
#
# A true story. The published code noises a sound to level *k* of its list of levels, and starts the walk at level *k − 1*: one
# place too low. So $x$ holds **more noise than the network is told**, and what it is not told of it takes for sound. With the 200
# steps used there neighbours are so close that it is easy to miss. With ten steps:

# %% name="off-by-one"
ten = grid(ldm.schedule, 10, "leading").tolist()
k = 4
ask = asked("walking footsteps on sand", guidance=1.0)
right = sound_of(walk(z + ten[k] * noise, ten[k:], ask))
wrong = sound_of(walk(z + ten[k - 1] * noise, ten[k:], ask))
print(f"told sigma {ten[k]:.2f}, holds {ten[k - 1]:.2f}")
for name, wav in {"right": right, "one level too noisy": wrong}.items():
    print(f"{name:20} CLAP similarity to the recording {float((heard(wav[None]) * heard(feet[None])).sum()):.2f}")
player({"right": right, "one level too noisy": wrong}, title="Off by one")

# %% name="off-by-one-size"
for count in (10, 25, 200):
    s = grid(ldm.schedule, count, "leading").tolist()
    middle = int(0.4 * count)
    print(f"{count:3} steps: {s[middle - 1] / s[middle]:.2f} times as much noise as told")

# %% [markdown] name="broke-lesson"
# The cure is the one line of `levels_below`: the level that noises is the *same number* as the one that starts the walk. The same
# mistake made strength 1.0 crash (there is no level after the last). Index arithmetic in two places is a bug that waits; one
# value, used twice, cannot disagree with itself.
#
# ## Quiz

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | One walk, another start and another mask: three tools, equal to the library's | that a model trained *for* editing would not do better: it usually does |
# | Strength trades the source for the words, in an S-curve | where *you* stop hearing the source: CLAP is not your ear |
# | Outside the hole not a sample changes, if it is pasted back | that the seam is inaudible: in the project's experiment plain interpolation had smaller steps at the seams and a smaller spectral error |
# | High bands can be invented that fit | that they are the lost ones: the error is about that of an average envelope |
#
# An edited recording is no longer evidence of anything. The library writes *AI-generated* into the file's comment; lesson 09 showed
# how little that holds. Say what you changed.
#
# **Next:** 11, evaluation: how to know whether a sound is good. **Paper:** AudioLDM section 3.4 (zero-shot audio manipulation); Meng et
# al. 2022, *SDEdit*, arXiv 2108.01073; Lugmayr et al. 2022, *RePaint*, arXiv 2201.09865. **Words:**
# [style transfer](guide/glossary.md#style-transfer) · [strength](guide/glossary.md#strength) ·
# [inpainting](guide/glossary.md#inpainting) · [super-resolution](guide/glossary.md#super-resolution) ·
# [mask](guide/glossary.md#mask) · [zero-shot](guide/glossary.md#zero-shot) · [paste](guide/glossary.md#paste)
