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
# which part has failed. **You need** Python enough to run a cell. **Time:** 15 minutes to read and play; all cells
# together run in less than a minute on a laptop, without GPU and without network.

# %% name="setup"
import numpy as np

from ldm_lab import course
from ldm_lab.course.lessons import hear_it as lesson
from ldm_lab.widgets import PromptStudio, player

ldm = course.load("lab")
ldm

# %% [markdown] name="studio-text"
# ## Words in, sound out
#
# Press **Generate**, then play the sound. Change the words, the seed or the sliders, and press it again.
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
# ## The map
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
# **Explain.** Look for three phases. In the very first steps the noise is many times stronger than any sound, every error of
# the network is magnified by as much, and the guess is patchy. Then it turns smooth: the best guess is now the *average*
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
# the words, in the eyes of the model itself. Exaggeration makes this model louder and starker almost every time. The score
# may rise from 1 to 3, but more is not always better: far enough from any real sound, even the model's own ear likes it
# less. One sound proves nothing: change the seed, run both cells again, and see which predictions survive three seeds.

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

# %% [markdown] name="exercise"
# ## Exercise: which box is broken?
#
# ●○○ · 5 minutes. Below are three sounds for the same prompt as on the map, each from a stack with **one** broken box.
# Listen to all, look at the pictures, and diagnose: `"clap"`, `"unet"`, `"decoder"` or `"vocoder"`. (One of the four
# is in order.)

# %% name="broken"
patients = lesson.broken(sound)
player({"healthy": sound.wav, **patients}, title="One broken box each")

# %% [markdown] name="hints"
# <details><summary>Hint 1</summary>Two questions sort them: is it still the right <i>thing</i>? Is it <i>clean</i>?</details>
# <details><summary>Hint 2</summary>Follow the map backwards from the damage. A wrong thing in a good voice was wrong before
# the first step. A right thing in a bad voice went wrong after the picture was ready.</details>
# <details><summary>Hint 3</summary>One of them has noise in the picture itself. Whose job is it to remove noise?</details>

# %% name="diagnosis"
### BEGIN SOLUTION
diagnosis = {"A": "unet", "B": "vocoder", "C": "clap"}
### STUB
# diagnosis = {"A": course.OPEN, "B": course.OPEN, "C": course.OPEN}
### END SOLUTION
lesson.diagnosis.check(diagnosis)

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
# figure 1 is this map.
