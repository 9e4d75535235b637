# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 01 · Sound to log-mel
#
# All other boxes of this machine work on a picture of sound, the *log-mel*. In this lesson you build that picture from the
# wave, number by number, and find out by ear what it has thrown away.
#
# **Afterwards you can** write the front end of AudioLDM yourself (frames, window, Fourier transform, mel bands, logarithm),
# say what each part is for, and recognise four faults in a wrong mel. **You need** Python, and to have seen a matrix
# product. **Time:** 25 minutes to read and play, 40 for the exercises; {{minutes}}.

# %% name="setup"
import torch

from ldm_lab import course
from ldm_lab.audio import mel as library
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import log_mel as lesson
from ldm_lab.widgets import player

ldm = course.load("lab")

# %% [markdown] name="hear-text"
# ## Hear it
#
# Play *recording*, then switch to *another wave* while it plays. They look alike in this picture, and they should sound
# much alike.

# %% name="hear"
wav = course.clip("A sheep bleating")  # (40960,) = 2.56 s at 16 kHz
other = ldm.mel_to_wav(ldm.wav_to_mel(wav[None]))[0].detach()
player({"recording": wav, "another wave": other}, title="A sheep bleating, twice")

# %% [markdown] name="hear-look"
# Now ten milliseconds of both, as the loudspeaker gets them.

# %% name="hear-waves"
lesson.draw_waves({"recording": wav, "another wave": other})

# %% [markdown] name="hear-why"
# The two waves differ almost everywhere, and the picture does not show it. By the end you know exactly why, and you will have
# made such a twin yourself.

# %% [markdown] name="where"
# ## Where we are
#
# The log-mel is the joint between two worlds: everything to its left *makes pictures*, the vocoder to its right *makes
# waves*.

# %% name="diagram"
course.diagram(lit="mel")

# %% [markdown] name="frames-text"
# ## Frames
#
# A wave is a list of air-pressure values, 16,000 a second. What we hear is which frequencies are in it *now*, so we look
# through a window of 1024 samples (64 ms) and move it on by a *hop* of 160 samples (10 ms).
#
# **Predict:** the sound has 40,960 samples. How many windows fit? One per hop would be 256.

# %% name="frames"
pieces = wav.unfold(0, 1024, 160)  # (frames, 1024): every window, a hop apart
print(pieces.shape)

# %% [markdown] name="frames-why"
# **Explain.** The last window must end before the sound does, so a few are missing. The front end first mirrors
# 432 samples at both ends. Then there are exactly 256: one frame for each hop, and a model can rely on it.

# %% name="padded"
padded = torch.nn.functional.pad(wav[None, None], (432, 432), mode="reflect")[0, 0]  # 432 = (1024 - 160) / 2
pieces = padded.unfold(0, 1024, 160)
print(pieces.shape)

# %% name="draw-frames"
lesson.draw_frames(wav, torch.hann_window(1024))

# %% [markdown] name="frames-task"
# ### Exercise 1 · How many frames?
#
# ●○○ · 5 minutes. Write `frame_count(samples, n_fft, hop, pad)`: the number of whole windows of `n_fft` samples, `hop`
# apart, in a sound that was padded by `pad` on *both* sides. Integers only.

# %% name="frames-answer"
### BEGIN SOLUTION
def frame_count(samples, n_fft, hop, pad):
    return 1 + (samples + 2 * pad - n_fft) // hop
### STUB
# def frame_count(samples, n_fft, hop, pad):
#     return course.OPEN
### END SOLUTION

# %% name="frames-check"
lesson.frames.check(frame_count)

# %% [markdown] name="frames-hints"
# <details><summary>Hint 1</summary>Begin with a sound that is exactly one window long. How many frames? How many hops?</details>
# <details><summary>Hint 2</summary>The first window needs n_fft samples. Each further one needs hop more. Whole ones only.</details>
# <details><summary>Hint 3</summary>1 + (what is left after the first window) // hop; do not forget both paddings.</details>
# {{solution}}

# %% [markdown] name="window-text"
# ## The window
#
# A piece is not only cut out but faded in and out, by the *Hann window* $w_n = \tfrac12 - \tfrac12\cos(2\pi n / 1024)$.
#
# The *Fourier transform* writes a piece as a sum of even swings, one for every 15.6 Hz. How large each swing is, its
# *magnitude*, drawn over the frequencies, is the *spectrum*.
#
# **Predict:** the cell takes 64 ms of a pure tone of 440 Hz and asks for its spectrum, once cut out hard and once faded. A
# pure tone is one frequency. Which of the two spectra will say so?

# %% name="window"
n = torch.arange(1024)
hann = 0.5 - 0.5 * torch.cos(2 * torch.pi * n / 1024)  # w_n
tone = course.synth.tone(440, 1.0)[:1024]
hz = torch.arange(513) * 16000 / 1024  # bin k stands for k * 15.6 Hz
spectra = {"cut out hard": tone, "Hann window": tone * hann}
curves = {name: (hz[:200], torch.fft.rfft(x).abs()[:200]) for name, x in spectra.items()}
course.lines(curves, x="Hz", y="magnitude", logy=True, title="A tone of 440 Hz",
             alt="Both curves peak at 440 Hz; the hard cut stays high over all frequencies, the Hann window falls off steeply.")

# %% [markdown] name="window-why"
# **Explain.** The Fourier transform sees the piece as if it were repeated for ever. Cut out hard, its ends do not meet, and
# each jump is a click that holds all frequencies. Faded, the leak drops quickly. The price is a slightly wider
# peak.

# %% [markdown] name="stft-text"
# ## The short-time Fourier transform
#
# Window every frame, transform every frame:
#
# $$X_{t,k} = \sum_{n=0}^{1023} w_n\, x_{160\,t + n}\, e^{-2\pi i k n / 1024}$$
#
# Each $X_{t,k}$ is a complex number: its length, the magnitude, is *how much* of frequency $k$ there is in frame $t$, its angle, the *phase*, is
# where in its swing that frequency is.

# %% name="stft"
def my_stft(wav):  # (N,) -> (T, 513) complex
    padded = torch.nn.functional.pad(wav[None, None], (432, 432), mode="reflect")[0, 0]
    frames = padded.unfold(0, 1024, 160)  # (T, 1024)
    return torch.fft.rfft(frames * hann, dim=-1)  # X_tk

assert_same(my_stft(wav), library.stft(wav[None])[0], tolerance=1e-4, name="My STFT and the library's")

# %% [markdown] name="magnitude-text"
# Nothing is lost yet: from $X$ the wave can be computed back, up to rounding.

# %% name="invert"
spectrum = my_stft(wav)
back = library.istft(spectrum[None], length=len(wav))[0]
print(f"largest error of the way back: {(back - wav).abs().max():.1e}")

# %% [markdown] name="throw-text"
# Now the first thing is thrown away. The front end keeps the length $|X|$ and drops the angle.
#
# **Predict:** what will the sheep sound like if every angle is replaced by 0? And by a random one? The lengths stay right.

# %% name="throw"
magnitude = spectrum.abs()  # (T, 513)
angles = 2 * torch.pi * torch.rand(magnitude.shape, generator=torch.Generator().manual_seed(0))
wrong = {"all angles 0": torch.zeros_like(magnitude), "random angles": angles}
heard = {name: library.istft(torch.polar(magnitude, angle)[None], length=len(wav))[0] for name, angle in wrong.items()}
player({"recording": wav, **{name: x / x.abs().max() for name, x in heard.items()}}, title="Right lengths, wrong angles")

# %% [markdown] name="throw-measure-text"
# How much does a wave repeat itself after 10 ms, one frame? 1 = entirely, 0 = not at all.

# %% name="throw-measure"
for name, x in {"recording": wav, **heard}.items():
    print(f"{name:14} {lesson.correlation(x[160:], x[:-160]):5.2f}")

# %% [markdown] name="throw-why"
# **Explain.** With angle 0 everywhere, each frame starts its swing anew, and there are 100 frames a second: a robot that buzzes
# at 100 Hz. Random angles let neighbouring frames, which share most of their samples, contradict each other. So angles
# must fit *together*. But many sets do fit, and to the ear they are nearly one. Finding such a set is the vocoder's
# job, and lesson 02.

# %% [markdown] name="ear-text"
# ## The mel scale
#
# Two jumps in pitch, both of 100 Hz. **Predict:** which will sound larger?

# %% name="ear"
player(lesson.steps_of_pitch(), title="A step of 100 Hz, twice")

# %% [markdown] name="ear-why"
# **Explain.** From 200 to 300 Hz is a fifth, the leap in *Twinkle, twinkle*. From 4000 to 4100 Hz is less than half a
# semitone. The ear counts ratios, at least above a few hundred hertz. So 513 equal bins are wasteful at the top. The *mel
# scale* is a ruler that follows the ear. Slaney's version, which AudioLDM uses (it is librosa's default), is straight
# below 1 kHz and logarithmic above:
#
# $$m(f) = \begin{cases} 3f/200 & f < 1000 \\ 15 + 27\,\ln(f/1000)/\ln 6.4 & f \ge 1000 \end{cases}$$

# %% [markdown] name="mel-task"
# ### Exercise 2 · Hertz to mel
#
# ●○○ · 8 minutes. Write `hz_to_mel(hz)` for a tensor of frequencies, by the formula above. Take care that neither branch
# becomes infinite: `torch.where` computes both for every frequency, and then picks.

# %% name="mel-answer"
### BEGIN SOLUTION
def hz_to_mel(hz):
    high = 15 + 27 * torch.log(hz.clamp(min=1000.0) / 1000) / torch.log(torch.tensor(6.4))
    return torch.where(hz < 1000, 3 * hz / 200, high)
### STUB
# def hz_to_mel(hz):
#     return course.OPEN
### END SOLUTION

# %% name="mel-check"
lesson.mel_scale.check(hz_to_mel)

# %% [markdown] name="mel-hints"
# <details><summary>Hint 1</summary>torch.where(condition, a, b) picks from a where the condition holds, else from b.</details>
# <details><summary>Hint 2</summary>The logarithm of 0 is minus infinity. Clamp the frequencies to at least 1000 before it.</details>
# <details><summary>Hint 3</summary>Below: 3 * hz / 200. Above: 15 + 27 * log(clamped / 1000) / log(6.4).</details>
# {{solution}}

# %% [markdown] name="edges-text"
# 64 bands need 66 corners: each band rises from one corner, peaks at the next and ends at the one after. The corners are
# equally far apart *in mel*.

# %% name="edges"
hz_to_mel = lesson.mel_scale.use(hz_to_mel)
top = hz_to_mel(torch.tensor(8000.0))
edges = library.mel_to_hz(torch.linspace(0, float(top), 66, dtype=torch.float64))
print("lowest corners ", edges[:5].round().int().tolist(), "Hz")
print("highest corners", edges[-5:].round().int().tolist(), "Hz")

# %% [markdown] name="bank-task"
# ### Exercise 3 · The mel filterbank
#
# ●●○ · 15 minutes. Write `filterbank(edges, bins)`: `edges` (M + 2,) are the corners and `bins` (F,) the frequencies of the
# Fourier bins, both in Hz. It returns a matrix (F, M). Column $m$ is a triangle over the bins, with corners
# $a = e_m$, $b = e_{m+1}$, $c = e_{m+2}$, zero outside, and of *unit area in Hz* (Slaney's norm):
#
# $$B_{k,m} = \frac{2}{c - a}\,\max\left(0, \min\left(\frac{f_k - a}{b - a},\ \frac{c - f_k}{c - b}\right)\right)$$

# %% name="bank-answer"
### BEGIN SOLUTION
def filterbank(edges, bins):
    a, b, c = edges[:-2], edges[1:-1], edges[2:]  # (M,) each
    f = bins[:, None]  # (F, 1)
    triangle = torch.minimum((f - a) / (b - a), (c - f) / (c - b)).clamp(min=0)
    return 2 / (c - a) * triangle
### STUB
# def filterbank(edges, bins):
#     return course.OPEN
### END SOLUTION

# %% name="bank-check"
lesson.filterbank.check(filterbank)

# %% [markdown] name="bank-hints"
# <details><summary>Hint 1</summary>Do it for all bands at once: bins as a column (F, 1), corners as rows (M,). PyTorch spreads
# them to (F, M).</details>
# <details><summary>Hint 2</summary>The three corners of all bands are three slices of edges: all but the last two, all but the
# ends, all but the first two.</details>
# <details><summary>Hint 3</summary>torch.minimum(rise, fall).clamp(min=0), then times 2 / (c - a).</details>
# {{solution}}

# %% name="bank-same"
filterbank = lesson.filterbank.use(filterbank)
bins = torch.linspace(0, 8000, 513, dtype=torch.float64)
bank = filterbank(edges, bins)  # (513, 64)
assert_same(bank, library.mel_filterbank(), name="My filterbank and the library's")

# %% name="bank-draw"
lesson.draw_bank(bank)

# %% [markdown] name="log-text"
# ## The logarithm
#
# The ear judges loudness by ratios as well, so the last step is a logarithm, with a floor so that silence does not become
# minus infinity: $\mathrm{mel} = \ln \max(|X| B,\ 10^{-5})$. AudioLDM takes the *natural* logarithm of the *magnitude*.
#
# **Predict:** the sound is made half as loud. How does its log-mel change: in shape, in size, by how much, where?

# %% name="log-mel"
def my_log_mel(wav):  # (N,) -> (T, 64)
    magnitude = my_stft(wav).abs()  # |X| (T, 513)
    return torch.log((magnitude @ bank.float()).clamp(min=1e-5))  # ln max(|X| B, 1e-5)

mel = my_log_mel(wav)
change = my_log_mel(0.5 * wav) - mel
print(f"half as loud: the log-mel changes by {change.min():.4f} to {change.max():.4f}")

# %% [markdown] name="log-why"
# **Explain.** $\ln(x/2) = \ln x - 0.693$: by the same amount everywhere, as long as nothing lies on the floor. A model
# that sees log-mels sees loud and soft versions of one sound as the same picture, a shade apart.

# %% name="log-same"
assert_same(my_log_mel(wav), library.log_mel(wav[None])[0], tolerance=1e-4, name="My log-mel and the library's")

# %% [markdown] name="count-text"
# ## What is gone?
#
# Count the numbers of one second. Which step saved, and which only rearranged?

# %% name="count"
course.table([
    {"what": "wave", "numbers a second": 16000, "kept": "everything"},
    {"what": "STFT, complex", "numbers a second": 100 * 513 * 2, "kept": "everything, six times over"},
    {"what": "magnitudes", "numbers a second": 100 * 513, "kept": "all but the angles"},
    {"what": "log-mel", "numbers a second": 100 * 64, "kept": "sums of magnitudes in 64 bands"},
])

# %% [markdown] name="fit-text"
# 6,400 numbers cannot fix 16,000. So there must be *many* waves with this mel. You will find one by gradient descent. No
# network: what is learnt is the wave itself, all 40,960 samples. It begins as faint noise; the loss is
# the mean distance of its log-mel from the sheep's:
#
# $$\min_x\ \tfrac{1}{64\,T} \sum_{t,m} \big|\,\mathrm{mel}(x)_{t,m} - \mathrm{mel}(\mathrm{sheep})_{t,m}\big|$$
#
# **Predict:** when the loss is small, will the wave be the sheep's wave? Will it sound like the sheep?

# %% name="fit"
def fit(target, steps, seed):  # mel (T, 64) -> wav (N,), losses
    x = lesson.noise_start(160 * len(target), seed).requires_grad_()
    optimiser = torch.optim.Adam([x], lr=0.01)
    losses = []
    for step in course.steps(steps):
        optimiser.param_groups[0]["lr"] = 0.01 * (1 - step / steps)  # large steps first, small ones last
        loss = (my_log_mel(x) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return x.detach(), losses

# %% name="fit-run"
steps = pick(fast=10, laptop=1200, gpu=1200)
fits = {seed: fit(mel, steps, seed) for seed in (1, 2)}
course.lines({f"seed {seed}": (range(steps), losses) for seed, (_, losses) in fits.items()}, x="step", y="loss", logy=True,
             alt="Both losses fall steeply at first and then ever more slowly, nearly the same for the two seeds.")

# %% name="fit-hear"
first, second = fits[1][0], fits[2][0]
start = 20 * lesson.noise_start(len(wav), 1)
player({"before (noise)": start, "seed 1": first, "seed 2": second, "recording": wav}, title="Waves fitted to one mel")

# %% name="fit-table"
pairs = {"seed 1 / recording": (first, wav), "seed 2 / recording": (second, wav), "seed 1 / seed 2": (first, second)}
course.table([{"pair": name, "mel difference": (my_log_mel(a) - my_log_mel(b)).abs().mean(),
               "correlation of waves": lesson.correlation(a, b)} for name, (a, b) in pairs.items()])

# %% [markdown] name="fit-why"
# **Explain.** This is the heart of the lesson. The mels nearly agree, and the waves have nothing in common: their
# correlation is near 0. *The phase is gone*, and it is free. Listen closely, though: the fitted sheep is hoarser than the
# recording. Inside one wide band the mel does not say *which* frequencies make up the sum, so the fit leaves them noisy.
# What the mel does not ask for, descent does not give.

# %% [markdown] name="fast-lane-text"
# ### The fast lane
#
# The shipped vocoder does the same without any descent: it has learnt from thousands of sounds what waves usually look like
# inside a band (lesson 02). The *spectral distance* looks at full spectra of three window lengths, closer than a mel does.
# **Predict:** who is nearer to the recording, in mel and in spectrum: a wave fitted to exactly this mel, or the
# network?

# %% name="fast-lane"
target = ldm.wav_to_mel(wav[None])
spoken = ldm.mel_to_wav(target)[0].detach()
course.table([{"wave": name, "mel difference": (my_log_mel(x) - mel).abs().mean(), "spectral distance": lesson.spectral(wav, x),
               "correlation": lesson.correlation(x, wav)} for name, x in {"fitted, seed 1": first, "shipped vocoder": spoken}.items()])

# %% [markdown] name="fast-lane-why"
# **Explain.** The fit was *told* to make the mel difference small, and nothing else; the network was also told what real
# spectra look like. When the two columns disagree, trust your ear, and remember it for lesson 11: a number that was
# optimised is no longer a fair judge.

# %% [markdown] name="widget-text"
# ## Play: a box in the picture
#
# Drag a box in the picture (or press *B*): you hear only that time and that band. The box below is around one stripe.
# Move it up, stripe by stripe: each is a partial, a multiple of the voice's pitch. *Escape* removes the box.

# %% name="widget"
view = player({"recording": wav, "seed 1": first}, title="Box a stripe and listen")
view.box = [0.2, 1.2, 250, 600]
view

# %% [markdown] name="widget-read"
# The box is also there for Python: `view.region()` is the wave that it lets through. Choose another box and run this again.

# %% name="widget-region"
inside = torch.as_tensor(view.region()).reshape(-1)
print(f"box {view.box}: {inside.square().sum() / wav.square().sum():.1%} of the energy")

# %% [markdown] name="exercises"
# ## Exercises
#
# You have met three of the four on the way: frames, hertz to mel, the filterbank. The last one is detective work.

# %% [markdown] name="diagnosis-task"
# ### Exercise 4 · What is wrong with these mels?
#
# ●●○ · 10 minutes. Four people wrote this front end, and each made **one** mistake: `"htk scale"` (another mel formula),
# `"no area norm"` (triangles of height 1), `"power"` ($|X|^2$ in place of $|X|$) or `"log10"`. Every mel has the right shape, and no
# code complained. Look at the pictures, read the table, listen to what the vocoder makes of them, and diagnose.

# %% name="diagnosis-look"
sick = lesson.patients(wav)
course.mels({name: x[:90] for name, x in {"right": mel, **sick}.items()})  # 0.9 s of each

# %% name="diagnosis-table"
course.table(lesson.profile_of({"right": mel, **sick}))

# %% name="diagnosis-hear"
with torch.no_grad():
    voices = {name: ldm.mel_to_wav(bad[None].clamp(-11.5, 3))[0] for name, bad in sick.items()}
player(voices, title="What a vocoder trained on right mels says")

# %% name="diagnosis-answer"
### BEGIN SOLUTION
diagnosis = {"A": "no area norm", "B": "htk scale", "C": "log10", "D": "power"}
### STUB
# diagnosis = {"A": course.OPEN, "B": course.OPEN, "C": course.OPEN, "D": course.OPEN}
### END SOLUTION
lesson.diagnosis.check(diagnosis)

# %% [markdown] name="diagnosis-hints"
# <details><summary>Hint 1</summary>Two of the mistakes change the range of the values, one moves things up or down, one adds
# something.</details>
# <details><summary>Hint 2</summary>ln of 1e-5 is -11.5. What is log10 of it? What does squaring do to a logarithm?</details>
# <details><summary>Hint 3</summary>Unit area makes wide triangles low. Without it the high bands, which are wide, come out
# larger by a factor of hundreds, and ln of that is added.</details>
# {{solution}}

# %% [markdown] name="broke-text"
# ## What broke
#
# In the original AudioLDM code a helper pads a mel that is too short to the wanted length, with zeros. Zero is silence,
# isn't it? In a wave it is. In a *log*-mel, 0 means a magnitude of $e^0 = 1$ in every band at once; silence is
# $\ln 10^{-5} = -11.5$. (The path is rarely reached, because the wave is padded first. So it lived.)

# %% name="broke"
half = mel[:128]  # 1.28 s of sheep, to be filled up to 2.56 s
filled = {value: torch.cat([half, torch.full((128, 64), value)]) for value in (0.0, -11.5)}
with torch.no_grad():
    roar = {f"padded with {value:g}": ldm.mel_to_wav(x[None])[0] for value, x in filled.items()}
player(roar, title="The same half sheep, filled up twice (the first is loud: turn it down)")

# %% name="broke-level"
for name, sound in roar.items():
    print(f"{name:17}: RMS of the filling {sound[22000:].square().mean().sqrt():.5f}")

# %% [markdown] name="broke-moral"
# The moral is older than neural networks: know the value that means *nothing* in your data. It is seldom 0.

# %% [markdown] name="quiz-text"
# ## Quiz

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | Your front end equals the library's, to rounding | that it is the best one: 64 bands and 10 ms are a choice |
# | The STFT can be undone; magnitudes and mel bands lose the angles and the detail within a band | how much of that loss people hear: that takes listeners (lesson 02) |
# | Many waves share one mel; gradient descent finds one in seconds | that every such wave sounds as good: yours was rough |
# | Scale, norm, power and logarithm can each be wrong without any error message | every way to be wrong: half a hop of shift is another one |
#
# **Next:** 02, how a vocoder finds a good wave for a mel. **Paper:** Liu et al. 2023,
# [arXiv 2301.12503](https://arxiv.org/abs/2301.12503), section 3 (the mel as the autoencoder's input); Slaney 1998,
# *Auditory Toolbox* (the mel scale). **Words:** [frame](guide/glossary.md#frame) · [hop](guide/glossary.md#hop) ·
# [window](guide/glossary.md#window) · [STFT](guide/glossary.md#stft) · [phase](guide/glossary.md#phase) ·
# [mel scale](guide/glossary.md#mel-scale) · [filterbank](guide/glossary.md#filterbank) · [log-mel](guide/glossary.md#log-mel)
