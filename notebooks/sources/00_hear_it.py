# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 00 · Hear it
#
# You type a few words; a computer makes a sound that nobody ever recorded. In this lesson you hear it happen, then open
# the machine and listen at every joint.
#
# **Afterwards you can** name the parts between a prompt and a sound, say what goes in and out of each, and tell by ear
# which part has failed. **You need** Python enough to run a cell; no GPU, no network. **Time:** 15 minutes to read and
# play, 15 for the exercises; {{minutes}}.

# %% name="setup"
import numpy as np
import torch

from ldm_lab import course
from ldm_lab.course import OPEN, assert_same
from ldm_lab.course.lessons import hear_it as lesson
from ldm_lab.widgets import PromptStudio, player

ldm = course.load("lab")
ldm

# %% [markdown] name="studio-text"
# ## Hear it
#
# The cell below makes a first sound: play it. Then change the words, the seed, or the sliders under *More options*, and
# press **Generate**.
#
# The player works by mouse (click in the picture to jump) and by keyboard: *Tab* to reach it, *space* plays and pauses,
# the arrow keys move, *L* loops. The picture shows time from left to right and pitch from bottom to top; bright means
# loud. The line below says what can be measured in the sound.

# %% name="studio"
studio = PromptStudio(ldm, prompt="a dog barking")
studio

# %% [markdown] name="studio-try"
# Things to try: *rain on a tin roof* · *a church bell* · *an old car engine starting* · *a flute plays a long note* ·
# *footsteps on gravel* · *a crowd cheering*. Each sound is 2.56 seconds long.
#
# - The **seed** chooses the random numbers everything starts from. The same seed gives the same sound, always.
# - **Steps** is how many times the network improves its guess.
# - **Guidance** is how hard the words pull.
#
# This model is small: it learnt from a few hours of sound, where the published AudioLDM learnt from thousands. It knows
# everyday sounds, and it knows them roughly. `studio.result.save("mine.wav")` keeps a sound you like.

# %% [markdown] name="map-text"
# ## Where we are
#
# Between your words and the sound stand four networks (purple). The boxes with square corners are what flows between
# them. This diagram comes back in every lesson, with the box lit that the lesson builds.

# %% name="diagram"
course.diagram()

# %% [markdown] name="follow-text"
# Now the same diagram with one sound in it. `course.follow` makes a sound as `ldm.generate` does, and keeps what left
# each box.

# %% name="follow"
sound = course.follow(ldm, "a dog barking", seed=studio.form["seed"])
course.diagram(trace=sound)

# %% [markdown] name="read-map"
# Read it in order:
#
# 1. **CLAP** turns the words into one list of numbers of length 1, the *embedding*: a direction that stands for a meaning.
# 2. The sampler starts from **noise**. Again and again the **UNet** looks at it, knows the embedding, and says: *if this
#    were a finished sound with noise on top, the sound would be ...* Each step moves a little towards that guess.
# 3. What remains is a **latent**: the sound in a compressed form. (Shown: its first four channels.)
# 4. The **decoder** unpacks it to a **log-mel** picture, 100 columns a second, 64 bands of pitch.
# 5. The **vocoder** turns the picture into 16,000 air-pressure values a second.
#
# Look at the times. Where is the work? And at the sizes: how many numbers does the latent hold, how many the sound?

# %% name="sizes"
for name, numbers in {"latent": sound.z, "log-mel": sound.mel, "sound": sound.wav}.items():
    print(f"{name:8} {numbers.numel():6} numbers = {numbers.numel() / 2.56:7.0f} a second")

# %% [markdown] name="sizes-why"
# The diffusion works on the *smallest* of the three. That is the "latent" in latent diffusion, and it is why a laptop can
# do this at all.

# %% [markdown] name="clap-text"
# ## Words become directions
#
# **Predict:** the cell compares three prompts. Each number is the cosine of the angle between two embeddings: 1 = the same
# direction, 0 = nothing in common. Which pair will be closest?

# %% name="clap"
words = ["a dog barking", "a puppy yelps", "rain on a roof"]
emb = ldm.clap.encode_text(words).detach()
for text, row in zip(words, emb @ emb.T):
    print(f"{text:16}", *(f"{cosine:6.2f}" for cosine in row))

# %% [markdown] name="clap-why"
# **Explain.** Row by row: each prompt with all three. *Dog* and *puppy* share no letters worth mentioning, but CLAP has
# learnt to put words and sounds of one kind side by side, so the two point in similar directions and rain points
# elsewhere. Lesson 04 builds CLAP.

# %% [markdown] name="film-text"
# ## Noise becomes sound
#
# **Predict:** how early in the steps will you recognise what it is going to be? Look first, then listen: four versions, and
# the buttons switch while it plays.

# %% name="film"
course.film(sound)

# %% name="film-sound"
stages = {f"step {k}": sound.wav_at(k) for k in sound.pick(4)}
player(stages, title="The guess so far")

# %% [markdown] name="film-why"
# **Explain.** Look for three phases. In the very first steps the noise is many times stronger than any sound, the network
# takes chance patterns in it for sound, and the guess is patchy. Then it turns smooth: the best guess is now the *average*
# of all sounds that could still come out of this noise. At last less and less is open, the average becomes one particular
# sound, and detail appears. Lessons 05 to 07 build this.

# %% [markdown] name="guidance-text"
# ## Predict, run, explain: guidance
#
# With guidance the UNet is asked twice in each step, once with your words and once without, and the *difference* is
# exaggerated: 1 = not at all, 7 = sevenfold.
#
# **Predict:** what will 7 do to the sound, compared with 1? Louder? Clearer? More like the words? Less natural?

# %% name="guidance"
made = {}
for g in (1, 3, 7):
    made[g] = ldm.generate("a dog barking", guidance=g, seed=7, progress=False)

player({f"guidance {g}": result.audio[0] for g, result in made.items()}, title="a dog barking")

# %% name="guidance-scores"
for g, result in made.items():
    level = result.audio.square().mean().sqrt()
    print(f"guidance {g}: CLAP score {result.score[0]:.2f}, RMS level {level:.3f}")

# %% [markdown] name="guidance-why"
# **Explain.** The CLAP score is the cosine between the words' embedding and the finished sound's: how well the sound fits
# the words, in the eyes of the model itself. The RMS level, the root of the mean square, says how loud it is. Exaggeration
# makes this model louder and starker almost every time. The score may rise or fall: more is not always better, and far
# enough from any real sound even the model's own ear likes it less. One sound proves nothing: change the seed, run both cells again, and see which predictions survive three seeds.

# %% [markdown] name="seed-text"
# ## Predict, run, explain: the same seed, other words
#
# **Predict:** three prompts, but the very same noise to start from. Will the sounds have anything in common?

# %% name="seed"
prompts = ["a dog barking", "a metal door slams", "rain on a roof"]
same = {p: ldm.generate(p, seed=5, progress=False).audio[0] for p in prompts}
player(same, title="Seed 5")

# %% [markdown] name="seed-look"
# Look where the loud moments lie, then measure it: how alike are two loudness curves? 1 = the same shape, 0 = unrelated.

# %% name="seed-measure"
curves = [(wav.reshape(-1, 1024).square().mean(dim=1) + 1e-8).log10() for wav in same.values()]
print("same seed:", np.corrcoef(curves)[np.triu_indices(3, 1)].round(2))

# %% [markdown] name="seed-why"
# **Explain.** The words decide *what* it becomes. But the noise is the same, and it often leaves its mark on *when* it is
# loud. Is that luck? Make the three sounds with three different seeds (`seed=5`, `6`, `7`), measure again, and compare.

# %% [markdown] name="eight-text"
# ## The whole machine in eight lines
#
# Everything above fits in one cell: each line does one piece of the map, named at its end. The variables (`emb`, `x`, `z`,
# `mel`, `wav`) have the same names in the whole course. (`guide` asks the UNet twice and exaggerates the difference, `grid` is the plan of the steps: lessons 08 and 07.)

# %% name="eight"
from ldm_lab.diffusion.denoiser import noise_to_x
from ldm_lab.diffusion.guidance import guide
from ldm_lab.diffusion.samplers import sample_ddim
from ldm_lab.diffusion.schedule import grid
from ldm_lab.rng import Rng

emb, uncond = ldm.clap.encode_text(["a dog barking"]).detach(), ldm.clap.encode_text([""]).detach()
sigmas = grid(ldm.schedule, course.pick(fast=4, laptop=25), "exponential")      # how much noise is left after each step
x = noise_to_x(Rng(7).randn((1, *ldm.latent_shape(2.56)), "start", 0), sigmas[0])
denoise = guide(ldm.denoiser(), emb, uncond, scale=3.0)                         # UNet, twice a step
with torch.no_grad():
    z = sample_ddim(denoise, x, sigmas)                                         # noise to latent
mel = ldm.latent_to_mel(z)                                                      # decoder
wav = ldm.mel_to_wav(mel)                                                       # vocoder

# %% [markdown] name="eight-same"
# Is that really what the library does? Ask it for the same sound, with the same sampler and seed, and compare all samples.

# %% name="eight-check"
asked = ldm.generate("a dog barking", seed=7, sampler="ddim", grid="exponential", guidance=3.0, steps=len(sigmas) - 1,
                     progress=False)
assert_same(wav[0], asked.audio[0], tolerance=1e-4)

# %% name="eight-player"
player(wav[0], title="Made by eight lines")

# %% [markdown] name="exercise"
# ## Exercises
#
# A card under each tells what is right and what to try; nothing can break. Hints unfold one by one.
#
# ### Exercise 1 · Which box is broken?
#
# ●○○ · 5 minutes. Below are three sounds for the same prompt as on the map, each from a stack with **one** broken box.
# Listen to all, look at the pictures, and diagnose: `"clap"`, `"unet"`, `"decoder"` or `"vocoder"`. (One of the four
# is in order.)

# %% name="broken"
patients = lesson.broken(sound)
player({"healthy": sound.wav, **patients}, title="One broken box each")

# %% name="diagnosis"
### BEGIN SOLUTION
diagnosis = {"A": "unet", "B": "vocoder", "C": "clap"}
### STUB
# diagnosis = {"A": OPEN, "B": OPEN, "C": OPEN}
### END SOLUTION

# %% name="diagnosis-check"
lesson.diagnosis.check(diagnosis)

# %% [markdown] name="hints"
# <details><summary>Hint 1</summary>Two questions sort them: is it still the right <i>thing</i>? Is it <i>clean</i>?</details>
# <details><summary>Hint 2</summary>Follow the map backwards from the damage. A wrong thing in a good voice was wrong before
# the first step. A right thing in a bad voice went wrong after the picture was ready.</details>
# <details><summary>Hint 3</summary>One of them has noise in the picture itself. Whose job is it to remove noise?</details>
# {{solution}}

# %% [markdown] name="order-task"
# ### Exercise 2 · Put the boxes in order
#
# ●○○ · 3 minutes. Order the eight names as they come into play when a prompt becomes a sound:
# `"vocoder"`, `"embedding"`, `"log-mel"`, `"decoder"`, `"prompt"`, `"unet"`, `"latent"`, `"clap"`. Try without looking up.

# %% name="order"
### BEGIN SOLUTION
order = ["prompt", "clap", "embedding", "unet", "latent", "decoder", "log-mel", "vocoder"]
### STUB
# order = OPEN
### END SOLUTION

# %% name="order-check"
lesson.order.check(order)

# %% [markdown] name="order-hints"
# <details><summary>Hint 1</summary>Networks and data take turns: words, a network, data, a network, ...</details>
# <details><summary>Hint 2</summary>The sound is compressed twice: as a picture, and the picture as a latent. Making one goes
# the other way.</details>
# <details><summary>Hint 3</summary>Run <code>course.diagram()</code> and read the upper row from left to right, then the
# lower one.</details>
# {{solution}}

# %% [markdown] name="squeeze-task"
# ### Exercise 3 · How small is the latent?
#
# ●●○ · 7 minutes. Write `numbers(seconds)`: how many numbers describe `seconds` of sound as a latent, as a log-mel and as a
# waveform? Return three whole numbers in that order. One second is 16,000 samples, a mel column comes every 160 samples
# and has 64 bands. The latent is 8 times smaller in both directions of the mel, and has 16 channels. (Take times that
# divide evenly; lesson 03 rounds.)

# %% name="squeeze"
### BEGIN SOLUTION
def numbers(seconds):
    wav = round(seconds * 16000)
    frames = wav // 160
    return 16 * (frames // 8) * (64 // 8), frames * 64, wav
### STUB
# def numbers(seconds):
#     return OPEN
### END SOLUTION

# %% name="squeeze-check"
lesson.numbers.check(numbers)

# %% [markdown] name="squeeze-hints"
# <details><summary>Hint 1</summary>Count columns first: how many samples are there, and how many make one column?</details>
# <details><summary>Hint 2</summary>A picture of <i>T</i> columns and 64 bands has 64 <i>T</i> numbers. Which two sizes does
# the latent have, and how many pictures (channels) of that size?</details>
# <details><summary>Hint 3</summary>For the latent: 16 · (columns // 8) · (64 // 8).</details>
# {{solution}}

# %% name="squeeze-use"
numbers = lesson.numbers.use(numbers)
latent, picture, sound_numbers = numbers(2.56)
print(f"{sound_numbers / latent:.0f} samples of sound for each number of the latent")

# %% [markdown] name="broke"
# ## What broke
#
# A true trap. The CLAP of the published AudioLDM listens at 48,000 samples a second; all the rest of that stack works at
# 16,000. A sound is only a list of numbers, and nothing in the list says how fast it runs. Who forgets to convert it lets
# CLAP hear everything three times too fast. **Predict:** what will our CLAP say to such a sound?

# %% name="broke-run"
words = "a man speaking"
man = ldm.generate(words, seed=0, progress=False).audio[0]
hasty = man[::3].repeat(3)[: len(man)]  # every third sample: three times as fast, so three times over to fill the time
player({"as it is": man, "three times too fast": hasty}, title="One number forgotten")

# %% name="broke-scores"
with torch.no_grad():
    scores = ldm.clap.encode_audio(torch.stack([man, hasty])) @ ldm.clap.encode_text([words]).T
print(f"CLAP score for '{words}': as it is {scores[0, 0]:.2f}, three times too fast {scores[1, 0]:.2f}")

# %% [markdown] name="broke-why"
# **Explain.** No error, no warning: only a score that is too low, for a sound that is fine. Whoever picks the best of ten by
# it picks badly. That is how most faults in this field look. So this course keeps asking: *equal to what, and how do you
# know?* The cards that say "equal" are the answer.

# %% [markdown] name="quiz-text"
# ## Quiz
#
# Five questions; every choice tells you something.

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | Words can steer noise into sound through four small networks | that the sounds are as good as recordings: they are not |
# | The expensive part works on a small latent | how the latent was learnt (lesson 03) |
# | More guidance pulls harder towards the words | which amount is best: that needs many sounds and listeners (lesson 11) |
# | You can tell broken boxes apart by ear | how each box works: the next ten lessons build them all |
#
# Everything you generated is synthetic. Say so when you share it; a saved file says so in its metadata.
#
# **Next:** 01, from sound to log-mel picture and what is lost on the way. **Paper:** Liu et al. 2023,
# *AudioLDM: Text-to-Audio Generation with Latent Diffusion Models*, [arXiv 2301.12503](https://arxiv.org/abs/2301.12503),
# figure 1 is this map. **Words:** [prompt](guide/glossary.md#prompt) · [embedding](guide/glossary.md#embedding) ·
# [latent](guide/glossary.md#latent) · [log-mel](guide/glossary.md#log-mel) · [vocoder](guide/glossary.md#vocoder) ·
# [guidance](guide/glossary.md#guidance) · [seed](guide/glossary.md#seed)
