# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 05 · Noise
#
# A diffusion model learns to undo damage. This lesson is about the damage: how noise is added, how much, in how many
# steps, and how to say "how much" so that everybody means the same.
#
# **Afterwards you can** mix a sound with noise at a given strength, jump to any step of the forward process at once,
# read a noise schedule, and translate between $t$, $\bar\alpha$, $\sigma$ and decibels. **You need** square roots,
# logarithms, and lesson 00. **Time:** 30 minutes to read and play, 40 for the exercises; {{minutes}}

# %% name="setup"
import torch

from ldm_lab import course
from ldm_lab.course import OPEN, assert_same, pick
from ldm_lab.course.lessons import noise as lesson
from ldm_lab.diffusion import losses
from ldm_lab.diffusion.schedule import Schedule
from ldm_lab.rng import Rng
from ldm_lab.widgets import player

torch.set_grad_enabled(False)  # nothing is trained in this lesson
ldm = course.load("lab")

# %% [markdown] name="hear"
# ## Hear it
#
# One dog, twice in noise. The buttons switch while it plays. Begin with the noisiest, *-20 dB*, and go back to the clean
# one.

# %% name="hear-player"
bark = lesson.unit_power(course.clip("animal/animal_00212.ogg"))  # a dog; mean square 1
hiss = Rng(0).randn(bark.shape, "hiss")  # Gaussian noise, mean square 1


def mix(wav, noise, snr_db):
    power = 10 ** (snr_db / 10)  # signal power / noise power
    x = power**0.5 * wav + noise
    return lesson.LEVEL * lesson.unit_power(x)  # all equally loud


player({"-20 dB": mix(bark, hiss, -20), "0 dB": mix(bark, hiss, 0), "clean": lesson.LEVEL * bark}, title="A dog barking")

# %% [markdown] name="hear-after"
# At 0 dB dog and noise have the same power, and most people have no doubt about the dog. At -20 dB most hear hiss, and
# perhaps something ticking in it.

# %% [markdown] name="where"
# ## Where we are
#
# Generation starts from noise, and the network was trained on latents with noise added. This lesson builds what is lit.

# %% name="diagram"
course.diagram(lit=("noise", "latent"))

# %% [markdown] name="snr"
# ## How strong is the noise?
#
# The *signal-to-noise ratio* compares powers (mean squares), and is said in decibels:
#
# $$\mathrm{SNR_{dB}} = 10 \log_{10} \frac{\text{power of the sound}}{\text{power of the noise}}$$
#
# **Predict:** at 0 dB the noise is as strong as the dog. Of all the little cells in the mel picture, in what share is the
# dog stronger than the noise: nearly none, one in seven, half of them? And how far does it stand out in its best cell?

# %% name="snr-cells"
dog, alone = (ldm.wav_to_mel(lesson.LEVEL * wav[None])[0].exp() for wav in (bark, hiss))
for db in (0, -10, -20, -30):
    gain = 10 ** (db / 20)  # decibels to amplitude
    ratio = gain * dog / alone
    print(f"{db:4} dB: dog stronger in {(ratio > 1).float().mean():5.1%} of the cells; in its best cell by {ratio.max():.1f}x")

# %% [markdown] name="snr-why"
# **Explain.** White noise is spread evenly over all frequencies and all moments. The bark is concentrated: a few bands, a
# few moments. So even when the total powers are equal, the dog towers over the noise in its own cells, and ears listen
# cell by cell. As the noise grows, fewer and fewer cells are left: at -20 dB not one in
# a hundred, at -30 dB none.

# %% [markdown] name="steps"
# ## Noise in small steps
#
# The forward process of diffusion adds noise a little at a time, and makes room for it, so that the power stays 1
# (Ho et al. 2020, eq. 2):
#
# $$x_t = \sqrt{1-\beta_t}\; x_{t-1} + \sqrt{\beta_t}\; \epsilon_t$$
#
# Why roots? The *powers* of independent signals add: $(1-\beta_t) + \beta_t = 1$. AudioLDM takes 1000 steps, with
# $\beta$ from 0.0015 to 0.0195: in each step between 0.15 % and 2 % of the power is exchanged for noise.
#
# **Predict:** after 1000 such small steps, how much of the dog is left: half, a tenth, nothing that can be heard?

# %% name="chain"
N = 1000
beta = torch.linspace(0.0015**0.5, 0.0195**0.5, N, dtype=torch.float64) ** 2  # AudioLDM's; more about it below

x, chain = bark, {}
for t in range(N):
    eps = Rng(1).randn(bark.shape, "step", t)
    x = (1 - beta[t]).sqrt().float() * x + beta[t].sqrt().float() * eps  # Ho et al. 2020, eq. 2
    chain[t] = x

player({f"t = {t}": lesson.LEVEL * chain[t] for t in (99, 399, 999)}, title="A thousand small steps")

# %% [markdown] name="chain-why"
# **Explain.** A sum of many small losses is a large one: the amplitude of the dog is multiplied by $\sqrt{1-\beta_t}$
# a thousand times. And a sum of many small Gaussian noises is one Gaussian noise. So the result can be written down
# without any loop. With $\bar\alpha_t = (1-\beta_0)(1-\beta_1)\cdots(1-\beta_t)$ (Ho et al. 2020, eq. 4):
#
# $$x_t = \sqrt{\bar\alpha_t}\; x_0 + \sqrt{1-\bar\alpha_t}\; \epsilon$$

# %% name="closed"
alpha_bar = torch.cumprod(1 - beta, dim=0)  # the share of the dog's power that is left at t


def noised(x0, t, noise):
    signal, rest = alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt()  # amplitudes
    return signal.to(x0) * x0 + rest.to(x0) * noise  # Ho et al. 2020, eq. 4


# %% [markdown] name="closed-predict"
# **Predict:** in the chain above, how much of the original bark is in $x_t$, and how strong is everything else? The next
# cell measures both in the thousand-step sound (projection on the bark; root mean square of what remains) and puts them
# beside the formula.

# %% name="closed-measure"
rows = []
for t in (0, 99, 399, 699, 999):
    share = (chain[t] @ bark) / (bark @ bark)  # how much bark is in there
    rest = (chain[t] - share * bark).square().mean().sqrt()
    rows.append({"t": t, "bark, measured": share, "√ᾱ": alpha_bar[t].sqrt(), "noise, measured": rest,
                 "√(1-ᾱ)": (1 - alpha_bar[t]).sqrt()})
course.table(rows)

# %% [markdown] name="closed-why"
# **Explain.** They agree, but for chance: 40960 random numbers leave such a measurement a typical error of
# $1/\sqrt{40960} \approx 0.005$, and now and then, as in the last row, three times that. There chance is larger than what
# is left of the bark, hence the minus sign. For training this is everything: to show the network step 700 of a sound, nobody
# walks 700 steps. One draw of noise, one line.
#
# Is our line the library's?

# %% name="closed-same"
schedule = Schedule.scaled_linear()
t = torch.tensor([699])
assert_same(noised(bark[None], 699, hiss[None]), losses.noised(bark[None], t, hiss[None], schedule))

# %% [markdown] name="schedules"
# ## Three schedules on one axis
#
# Which betas? Three well-known choices:
#
# - **linear** (Ho et al. 2020): $\beta$ evenly spaced from 0.0001 to 0.02
# - **scaled linear** (latent diffusion, AudioLDM): $\sqrt\beta$ evenly spaced, from $\sqrt{0.0015}$ to $\sqrt{0.0195}$
# - **cosine** (Nichol & Dhariwal 2021, eq. 17): says $\bar\alpha$ itself,
#   $\bar\alpha_t = f(t)/f(0)$ with $f(t) = \cos^2\left(\frac{t/N + s}{1+s}\cdot\frac{\pi}{2}\right)$, $s = 0.008$

# %% name="schedules-build"
linear = torch.cumprod(1 - torch.linspace(1e-4, 0.02, N, dtype=torch.float64), 0)

u = torch.arange(1, N + 1, dtype=torch.float64) / N
f = lambda u: torch.cos((u + 0.008) / 1.008 * torch.pi / 2) ** 2
cosine = (f(u) / f(torch.zeros(1).double())).clamp(min=1e-5)  # not quite to zero at the end

schedules = {"linear": linear, "scaled linear": alpha_bar, "cosine": cosine}
steps = torch.arange(N)
course.lines({name: (steps, a) for name, a in schedules.items()}, x="t", y="ᾱ",
             alt="Three falling curves of alpha-bar over t; linear and scaled linear are near 0 from t = 600, cosine falls later and evenly.")

# %% [markdown] name="schedules-predict"
# That picture hides what matters: near the bottom, 0.01 and 0.0001 look alike, and to the ear they are 20 dB apart.
#
# **Predict:** on a decibel axis, which schedule spends most of its steps where you can *just* hear the dog, say between
# 0 and -20 dB? And which spends most below, where there is only hiss?

# %% name="schedules-snr"
def snr_db(alpha_bar):
    return 10 * torch.log10(alpha_bar / (1 - alpha_bar))


course.lines({name: (steps, snr_db(a)) for name, a in schedules.items()}, x="t", y="SNR in dB",
             alt="SNR in decibels over t for three schedules, from 28 to 44 dB at the start down to between -38 and -50 dB at the end.")

# %% name="schedules-shares"
rows = []
for name, a in schedules.items():
    db = snr_db(a)
    rows.append({"schedule": name, "first": db[0], "last": db[-1], "above 0 dB": f"{(db > 0).double().mean():.0%}",
                 "0 to -20 dB": f"{((db <= 0) & (db > -20)).double().mean():.0%}",
                 "below -20 dB": f"{(db <= -20).double().mean():.0%}"})
course.table(rows)

# %% [markdown] name="schedules-why"
# **Explain.** Between 0 and -20 dB scaled linear has a few more steps than the others; below, linear spends a third of its
# steps and the cosine hardly any. The cosine was invented because the linear one spends so many on almost pure noise. A
# schedule is nothing but a way to spread a budget of training steps over the noise levels: $t$ is only a name, the SNR is
# the fact. Look at the last values too: none is pure noise. AudioLDM's stops at -38.5 dB.

# %% name="schedules-same"
assert_same({"alpha_bar": alpha_bar}, {"alpha_bar": schedule.alpha_bar})

# %% [markdown] name="sigma"
# ## The same in sigma
#
# Divide $x_t$ by $\sqrt{\bar\alpha_t}$ and the sound keeps its size while the noise grows (Karras et al. 2022):
#
# $$\frac{x_t}{\sqrt{\bar\alpha_t}} = x_0 + \sigma\,\epsilon, \qquad \sigma = \sqrt{\frac{1-\bar\alpha_t}{\bar\alpha_t}} = \mathrm{SNR}^{-1/2}$$
#
# **Predict:** if you played $x_t$ and $x_0 + \sigma\epsilon$ at the same $t$, what would you hear change?

# %% name="sigma-code"
sigma = ((1 - alpha_bar) / alpha_bar).sqrt()
x_t = noised(bark, 400, hiss)
x_sigma = bark + sigma[400].float() * hiss
print(f"t = 400: alpha_bar {alpha_bar[400]:.3f}, sigma {sigma[400]:.2f}, SNR {snr_db(alpha_bar[400]):.1f} dB")
ratio = x_sigma / x_t
print(f"x_sigma / x_t is between {ratio.min():.4f} and {ratio.max():.4f}; 1 / sqrt(alpha_bar) is {alpha_bar[400] ** -0.5:.4f}")

# %% [markdown] name="sigma-why"
# **Explain.** Only the volume: one is the other times a constant. Training speaks of $t$ and $\bar\alpha$, samplers of
# $\sigma$; lesson 07 lives on this seam.

# %% name="sigma-same"
assert_same((sigma, sigma[400]), (schedule.sigmas, schedule.t_to_sigma(400)))

# %% [markdown] name="places"
# ## Three places for the noise
#
# So far the noise was added to the waveform, where ears know it. AudioLDM adds it to the *latent*. The same formula, the
# same decibels; each place is first brought to mean 0 and power 1.
#
# **Predict:** 0 dB on the waveform, on the log-mel, on the latent. In which will the dog suffer most, to your ear? And
# which will move the numbers of the log-mel most?

# %% name="places-make"
mel = ldm.wav_to_mel(lesson.LEVEL * bark[None])
z = ldm.mel_to_latent(mel)  # already scaled to about unit power


def damaged(x, snr_db):  # any tensor, at any SNR, with its mean and power kept
    share = torch.tensor(snr_db / 10 * 2.302585).sigmoid()  # decibels to alpha_bar; exercise 1 does it step by step
    centre, spread = x.mean(), x.std()
    eps = Rng(2).randn(x.shape, "places")
    return centre + share.sqrt() * (x - centre) + (1 - share).sqrt() * spread * eps


# %% name="places-hear"
waveform = lesson.LEVEL * damaged(bark, 0.0)
mels = {"waveform": ldm.wav_to_mel(waveform[None]), "mel": damaged(mel, 0.0), "latent": ldm.latent_to_mel(damaged(z, 0.0))}
for name, m in mels.items():
    print(f"noise on the {name:8} moves a cell of the log-mel by {(m - mel).abs().mean():.2f} on average")

player({"waveform": waveform} | {name: ldm.mel_to_wav(mels[name])[0] for name in ("mel", "latent")}, title="0 dB in three places")

# %% [markdown] name="places-why"
# **Explain.** Noise on the waveform hisses: it fills every pause and every empty band, and to a logarithm a filled pause is
# a giant change. Noise on the log-mel multiplies the loudness of single cells at random: a patchy, bubbling sound.
# Noise on the latent is decoded: each of its numbers stands for a pattern of 8 by 8 cells, so the damage comes in
# patches. Equal decibels, three different damages: an SNR means something only together with the place it was measured in.

# %% [markdown] name="measure"
# ## Measure it: where does CLAP stop hearing?
#
# Nothing is trained in this lesson; instead we measure. Seven kinds of sound, real recordings nobody trained on. We
# take those that the shipped CLAP names rightly when clean, add noise, and ask again. So without noise it is right in
# 100 %, by construction; a guess among seven would be right in 14 %.
#
# **Predict:** you could still hear the dog at 0 dB or below. Will CLAP stop earlier or later than you? And will it be
# hurt most in the waveform, the mel or the latent?

# %% name="measure-clips"
clips, truth = lesson.recognised_clips(ldm, pick(fast=7, laptop=70))
levels = pick(fast=[-20.0, 0.0, 20.0], laptop=[-30.0, -20.0, -15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 20.0, 30.0])
texts = lesson.zero_shot(ldm)  # (7, E), one direction for each kind
print(f"{len(clips)} sounds:", ", ".join(f"{clips.categories.count(c)} {c}" for c in lesson.HEARD))

# %% name="measure-run"
said = {name: [] for name in ("waveform", "mel", "latent")}
for i in course.steps(len(clips), "listening"):
    wav_i = lesson.unit_power(clips.wav[i])
    mel_i = ldm.wav_to_mel(lesson.LEVEL * wav_i[None])
    z_i = ldm.mel_to_latent(mel_i)
    at = {"waveform": [ldm.wav_to_mel(lesson.LEVEL * damaged(wav_i, db)[None]) for db in levels],
          "mel": [damaged(mel_i, db) for db in levels],
          "latent": [ldm.latent_to_mel(torch.cat([damaged(z_i, db) for db in levels]))]}
    for name, noisy in at.items():
        said[name].append((ldm.clap.encode_mel(torch.cat(noisy)) @ texts.T).argmax(1))

right = {name: (torch.stack(s) == truth[:, None]).double().mean(0) for name, s in said.items()}
course.lines({f"noise on the {name}": (levels, 100 * r) for name, r in right.items()}, x="SNR in dB", y="named rightly, %",
             alt="Share of sounds that CLAP names rightly, rising with the SNR, for noise on waveform, mel and latent.")

# %% name="measure-cross"
for name, r in right.items():
    print(f"{name:9} half of them are lost at {lesson.crossing(torch.tensor(levels), r):6.1f} dB")
lost = torch.stack(said["waveform"])[:, 0]  # what it calls them at the worst level
print("in the worst noise it says:", {lesson.HEARD[k]: int((lost == k).sum()) for k in lost.unique()})

# %% [markdown] name="measure-why"
# **Explain.** With noise on the waveform CLAP gives up long before most ears do: it has never heard a noisy recording in
# training, and to it white noise *is* something: look what it says (rain and wind are *nature*). So never judge
# unfinished, noisy sounds with a score that was trained on clean ones. Noise on the mel or on the latent hurts it far less
# at the same SNR, as the numbers of the section before suggest: CLAP listens to the log-mel, and noise on the waveform moves
# that most. Why do the curves not end at 14 %? A listener who always says the same is right as often as that comes up.

# %% [markdown] name="slider"
# ## The noise slider
#
# From clean to hiss under one slider (arrow keys work, *space* plays). The curves are CLAP's opinion: how near to the
# words, how near to the clean sound. Find the place where *you* lose the dog, and compare.

# %% name="slider-widget"
names = {f"{db} dB": mix(bark, hiss, db) for db in range(20, -32, pick(fast=-10, laptop=-5))}
slider = lesson.noise_slider(ldm, names, lesson.LEVEL * bark, "a dog barking", title="A dog barking in white noise")
slider

# %% [markdown] name="exercises"
# ## Exercises

# %% [markdown] name="dials-task"
# ### Exercise 1 · Three dials
#
# ●○○ · 8 minutes. Write `dials(snr_db)`, which returns the pair $(\bar\alpha, \sigma)$ for an SNR in decibels. All you
# need is in the two formulas above: $\mathrm{SNR} = \bar\alpha/(1-\bar\alpha)$ and $\sigma = \mathrm{SNR}^{-1/2}$.

# %% name="dials-answer"
### BEGIN SOLUTION
def dials(snr_db):
    snr = 10 ** (snr_db / 10)
    return snr / (1 + snr), snr**-0.5
### STUB
# def dials(snr_db):
#     return OPEN
### END SOLUTION

# %% name="dials-check"
lesson.dials.check(dials)

# %% [markdown] name="dials-hints"
# <details><summary>Hint 1</summary>First undo the decibels: what is the ratio of powers?</details>
# <details><summary>Hint 2</summary>Solve SNR = ᾱ / (1 - ᾱ) for ᾱ.</details>
# <details><summary>Hint 3</summary><code>snr = 10 ** (snr_db / 10)</code>, then ᾱ is <code>snr / (1 + snr)</code>.</details>
# {{solution}}

# %% [markdown] name="jump-task"
# ### Exercise 2 · From the middle onwards
#
# ●●○ · 12 minutes. You have $x_s$, noisy already, and want $x_t$ at a later step $t > s$, in one jump. Write
# `jump(x, s, t, noise, alpha_bar)`. Follow what happens to the power: from $s$ to $t$ every factor $(1-\beta)$ between
# them is multiplied on. If you are wrong you will hear by how much.

# %% name="jump-answer"
### BEGIN SOLUTION
def jump(x, s, t, noise, alpha_bar):
    share = alpha_bar[t] / alpha_bar[s]  # the product of (1 - beta) from s + 1 to t
    return share.sqrt() * x + (1 - share).sqrt() * noise
### STUB
# def jump(x, s, t, noise, alpha_bar):
#     return OPEN
### END SOLUTION

# %% name="jump-check"
lesson.jump.check(jump)

# %% [markdown] name="jump-hints"
# <details><summary>Hint 1</summary>Forget the clean sound: x_s plays its part, with power 1.</details>
# <details><summary>Hint 2</summary>ᾱ[t] is a product of t + 1 factors, ᾱ[s] of the first s + 1 of them. What is left when you divide?</details>
# <details><summary>Hint 3</summary>With <code>share = alpha_bar[t] / alpha_bar[s]</code> it is the formula of the lesson again.</details>
# {{solution}}

# %% name="jump-use"
jump = lesson.jump.use(jump)
direct, late = noised(bark, 800, hiss), jump(chain[300], 300, 800, hiss, alpha_bar.float())
print(f"power of x_800: direct {direct.square().mean():.3f}, by way of x_300 {late.square().mean():.3f}")

# %% [markdown] name="step-task"
# ### Exercise 3 · Which step is that?
#
# ●●○ · 8 minutes. Write `step_at(snr_db, alpha_bar)`: the integer step whose SNR, in decibels, is nearest to `snr_db`.
# `alpha_bar` (N,) may be any schedule.

# %% name="step-answer"
### BEGIN SOLUTION
def step_at(snr_db, alpha_bar):
    db = 10 * torch.log10(alpha_bar / (1 - alpha_bar))
    return int((db - snr_db).abs().argmin())
### STUB
# def step_at(snr_db, alpha_bar):
#     return OPEN
### END SOLUTION

# %% name="step-check"
lesson.step_at.check(step_at)

# %% [markdown] name="step-hints"
# <details><summary>Hint 1</summary>There are only 1000 steps. Compute the decibels of all of them.</details>
# <details><summary>Hint 2</summary>Nearest means the smallest absolute difference.</details>
# <details><summary>Hint 3</summary><code>(db - snr_db).abs().argmin()</code>, as an <code>int</code>.</details>
# {{solution}}

# %% name="step-use"
step_at = lesson.step_at.use(step_at)
course.table([{"SNR": f"{db} dB", **{name: step_at(db, a) for name, a in schedules.items()}} for db in (10, 0, -10, -20)])

# %% [markdown] name="ear-task"
# ### Exercise 4 · Where does your ear give up?
#
# ●○○ · 6 minutes. A sound in noise *on its latent*, as the network meets it, from worst to best. Go from left to right,
# one step at a time, and stop when you are sure what it is. Write down what it is (`"a bell"`, `"a dog"`, `"a drum"`,
# `"a flute"`, `"a frog"`, `"rain"` or `"a voice"`) and at which label. Which $t$ is that, and who gave up first, you or
# CLAP (half of its sounds lost)?

# %% name="ear-slider"
mystery = lesson.unit_power(course.clip(lesson.MYSTERY))
hidden = ldm.mel_to_latent(ldm.wav_to_mel(lesson.LEVEL * mystery[None]))
worse = {f"{db} dB": ldm.mel_to_wav(ldm.latent_to_mel(damaged(hidden, float(db))))[0] for db in range(-30, 21, pick(fast=10, laptop=5))}
lesson.noise_slider(ldm, worse, lesson.LEVEL * mystery, lesson.MYSTERY_WORDS, title="What is it?")

# %% name="ear-answer"
### BEGIN SOLUTION
my_ear = {"what": "a frog", "snr_db": 0}
### STUB
# my_ear = {"what": OPEN, "snr_db": OPEN}
### END SOLUTION

# %% name="ear-check"
lesson.ear.check(my_ear)

# %% [markdown] name="ear-hints"
# <details><summary>Hint 1</summary>Do not look at the picture; close your eyes and loop it (<i>L</i>).</details>
# <details><summary>Hint 2</summary>Is it one sound or a repeated one? High or low?</details>
# <details><summary>Hint 3</summary>It lives in a pond.</details>
# {{solution}}

# %% name="ear-use"
mine = lesson.ear.use(my_ear)
limits = {"my ear": mine["snr_db"], "CLAP": lesson.crossing(torch.tensor(levels), right["latent"])}
course.table([{"gives up": who, "at SNR": f"{db:.0f} dB", **{f"t, {name}": step_at(db, a) for name, a in schedules.items()}}
              for who, db in limits.items()])

# %% [markdown] name="safari-task"
# ### Exercise 5 · Which schedule is ill?
#
# ●●○ · 8 minutes. Four programs say they implement AudioLDM's schedule. The picture shows the SNR of what each really
# mixes. Diagnose: `"in order"`, `"linear betas"` (evenly spaced from 0.0015 to 0.0195, without the roots),
# `"square roots forgotten"` (mixes $\bar\alpha x_0 + (1-\bar\alpha)\epsilon$) or `"too few steps"` (the same betas, 200
# steps).

# %% name="safari-picture"
patients = lesson.patients()
for name, db in patients.items():
    print(f"{name}: from {db[0]:.1f} to {db[-1]:.1f} dB")
course.lines({name: (torch.linspace(0, 1, len(db)), db) for name, db in patients.items()}, x="t / N", y="SNR in dB",
             alt="Four falling curves of SNR over t / N; B starts twice as high as the others, D ends far above them.")

# %% name="safari-answer"
### BEGIN SOLUTION
diagnosis = {"A": "linear betas", "B": "square roots forgotten", "C": "in order", "D": "too few steps"}
### STUB
# diagnosis = {"A": OPEN, "B": OPEN, "C": OPEN, "D": OPEN}
### END SOLUTION

# %% name="safari-check"
lesson.safari.check(diagnosis)

# %% [markdown] name="safari-hints"
# <details><summary>Hint 1</summary>Start with the two ends of each curve. You know the right ones from the table of schedules.</details>
# <details><summary>Hint 2</summary>Without the roots, amplitudes are squared. What does squaring do to decibels?</details>
# <details><summary>Hint 3</summary>Betas evenly spaced between the same ends are larger in the middle: more noise, and a lower end. Fewer of them: less noise.</details>
# {{solution}}

# %% [markdown] name="broke"
# ## What broke
#
# A schedule speaks of a sound with power 1. Latents do not come like that; the model multiplies them by a
# `scale_factor` first and divides by it before decoding. Somebody asked AudioLDM's authors for its value and was told
# "roughly 0.5", and to look into the checkpoint (AudioLDM issue 12). The published models hold values from 0.91 to 0.97.
# What does such a slip do?
#
# **Predict:** latents 0.5 / 0.97 times too small, the same schedule. What happens to the SNR, and what to the sound?

# %% name="broke-code"
wrong = 0.5 / ldm.scale_factor
print(f"this model's scale factor {ldm.scale_factor:.3f}; power of the bark's latent: {z.square().mean():.2f}")
print(f"with 0.5 each SNR is {20 * torch.log10(torch.tensor(wrong)):.1f} dB from what the schedule says")

too_large = ldm.latent_to_mel(z / wrong)  # a right latent, divided by the wrong number before decoding
player({"right scale": ldm.mel_to_wav(ldm.latent_to_mel(z))[0], "scale 0.5": ldm.mel_to_wav(too_large)[0].clamp(-1, 1)},
       title="The scale factor")

# %% [markdown] name="broke-why"
# **Explain.** No error, no wrong shape. Decoded with the wrong number, everything the latent says is exaggerated:
# loud is louder, soft is softer. Trained with it, every $t$ would name the wrong SNR. A checkpoint should carry its scale
# factor (ours is in `config.json`), and nobody should type it from memory.

# %% [markdown] name="quiz"
# ## Quiz

# %% name="quiz-panel"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | A thousand small steps equal one line with one draw of noise | how to go back: lessons 06 and 07 |
# | $t$, $\bar\alpha$, $\sigma$ and SNR are names for one thing | which schedule trains best: that takes training runs |
# | Equal SNR is different damage in waveform, mel and latent | how *you* compare with others: one ear is an anecdote |
# | This small CLAP loses sounds in white noise early | that every CLAP does; larger ones were trained on more |
#
# **Next:** 06, a network that takes the noise away. **Paper:** AudioLDM section 3.2; Ho et al. 2020
# ([arXiv 2006.11239](https://arxiv.org/abs/2006.11239)), section 2; Nichol & Dhariwal 2021
# ([arXiv 2102.09672](https://arxiv.org/abs/2102.09672)), section 3.2. **Words:**
# [forward process](guide/glossary.md#forward-process) · [noise schedule](guide/glossary.md#noise-schedule) ·
# [signal-to-noise ratio](guide/glossary.md#signal-to-noise-ratio) · [decibel](guide/glossary.md#decibel) ·
# [alpha-bar](guide/glossary.md#alpha-bar) · [sigma](guide/glossary.md#sigma) · [scale factor](guide/glossary.md#scale-factor)
