# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 02 · Vocoders
#
# A log-mel says how much, not where in the swing. A *vocoder* turns it into a wave all the same. You build two: Griffin-Lim,
# which knows nothing about sounds, and a small HiFi-GAN, which learns from one voice while you watch. Then you judge, blind.
#
# **Afterwards you can** write Griffin-Lim and a HiFi-GAN generator with its discriminators, say what each term of the loss is for,
# and tell with an exact test whether you really hear a difference. **You need** convolutions and lesson 01's STFT.
# **Time:** 30 minutes to read and play, 30 for the exercises; {{minutes}}.

# %% name="setup"
import copy
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from ldm_lab import course
from ldm_lab.audio.mel import find_phase, griffin_lim, istft, log_mel, mel_to_magnitude, stft
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import vocoders as lesson
from ldm_lab.widgets import listening_test, player

ldm = course.load("lab")

# %% [markdown] name="hear-text"
# ## Hear it
#
# One log-mel, three ways to hear it. *Recording* is the sound the mel was taken from. *Griffin-Lim* is 32 rounds of an
# algorithm from 1984. *Shipped vocoder* is the network that speaks in all other lessons. Switch while it plays, on headphones
# if you have some.

# %% name="hear"
wav = course.clip("A flute", seconds=2.56)[None]  # (1, 40960)
mel = log_mel(wav)  # (1, 256, 64)
with torch.no_grad():
    shipped = ldm.vocoder(mel)
player({"recording": wav[0], "Griffin-Lim": griffin_lim(mel)[0], "shipped vocoder": shipped[0]}, title="One mel, three waves")

# %% [markdown] name="where"
# ## Where we are
#
# The last box. Whatever the models before it do, this one decides whether it sounds like a recording or like a tin.

# %% name="diagram"
course.diagram(lit="vocoder")

# %% [markdown] name="lengths-text"
# ## From bands to bins
#
# A mel has 64 numbers a frame, a spectrum 513. Griffin-Lim first guesses the lengths $|X|$: non-negative numbers whose
# mel is the given one. The library finds them by a few multiplicative updates. The angles are still missing.
#
# **Predict:** lesson 01 played right lengths with random angles. Suppose the lengths were perfect. If you measure the magnitudes
# of the wave that comes out, will they be the ones you put in?

# %% name="lengths"
magnitude = mel_to_magnitude(mel)  # (1, 256, 513)
angle = 2 * torch.pi * torch.rand(magnitude.shape, generator=torch.Generator().manual_seed(0))
spectrum = torch.polar(magnitude, angle)  # lengths and angles -> complex numbers

def inconsistency(spectrum):  # 0 if it is the STFT of some wave
    rebuilt = stft(istft(spectrum, length=160 * spectrum.shape[1]))
    return ((rebuilt - spectrum).norm() / spectrum.norm()).item()

true = stft(wav)
print(f"random angles: {inconsistency(spectrum):.3f}    the recording's own spectrum: {inconsistency(true):.1e}")

# %% [markdown] name="lengths-why"
# **Explain.** No. Frames of 1024 samples, 160 apart, share most of their samples. If two frames disagree about a shared
# sample, the inverse takes a compromise, and the compromise has other magnitudes. Most complex pictures are the STFT of no wave at
# all: they are *inconsistent*.

# %% [markdown] name="griffin-task"
# ### Exercise 1 · One round of Griffin-Lim
#
# ●○○ · 8 minutes. Griffin and Lim's idea fits into one line: go to a wave and back, **keep the new angles, put the wanted lengths
# back**.
#
# $$X \leftarrow |X|_{\text{wanted}} \cdot \frac{\mathrm{STFT}(\mathrm{ISTFT}(X))}{|\mathrm{STFT}(\mathrm{ISTFT}(X))|}$$
#
# Write `gl_round(spectrum, magnitude)`: complex (B, T, 513) and wanted lengths in, complex (B, T, 513) out. You have `stft(wav)`
# and `istft(spectrum, length=160 * T)`.

# %% name="griffin-answer"
### BEGIN SOLUTION
def gl_round(spectrum, magnitude):
    rebuilt = stft(istft(spectrum, length=160 * spectrum.shape[1]))
    return torch.polar(magnitude, rebuilt.angle())
### STUB
# def gl_round(spectrum, magnitude):
#     return course.OPEN
### END SOLUTION

# %% name="griffin-check"
lesson.griffin.check(gl_round)

# %% [markdown] name="griffin-hints"
# <details><summary>Hint 1</summary>Two projections: onto what waves can have, then onto what the mel asks for.</details>
# <details><summary>Hint 2</summary>A complex number has a length, x.abs(), and an angle, x.angle().</details>
# <details><summary>Hint 3</summary>torch.polar(lengths, angles) makes complex numbers of both.</details>
# {{solution}}

# %% [markdown] name="rounds-text"
# **Predict:** the cell repeats the round. Will the inconsistency go to 0? How much will 100 rounds gain over 10?

# %% name="rounds"
gl_round = lesson.griffin.use(gl_round)
x, curve = spectrum, [inconsistency(spectrum)]
for i in range(pick(fast=8, laptop=100)):
    x = gl_round(x, magnitude)
    curve.append(inconsistency(x))
    if i == 7:
        eight = istft(x, length=wav.shape[1])
last = istft(x, length=wav.shape[1])
print("rounds in which it rose:", sum(b > a for a, b in zip(curve, curve[1:])))
course.lines({"inconsistency": (range(len(curve)), curve)}, x="round", y="inconsistency", logy=True,
             alt="The inconsistency falls steeply in the first rounds and then levels off far above zero.")

# %% name="rounds-hear"
player({"random angles": istft(spectrum, length=wav.shape[1])[0], "8 rounds": eight[0], f"{len(curve) - 1} rounds": last[0],
        "recording": wav[0]}, title="Griffin-Lim")

# %% [markdown] name="rounds-why"
# **Explain.** It falls round by round, and most of the way is done after ten. But it ends in the valley nearest to
# where it started, not at the recording: angles and guessed lengths still disagree a little everywhere, and that is the
# metallic, underwater colour. The library adds *momentum* (fast Griffin-Lim, Perraudin et al. 2013), which gets a little further in
# as many rounds. Without momentum it is your loop:

# %% name="griffin-same"
assert_same(eight, find_phase(magnitude, angle, iterations=8, momentum=0.0), tolerance=1e-3, name="My Griffin-Lim and the library's")

# %% name="momentum"
for momentum in (0.0, 0.99):
    made = find_phase(magnitude, angle, iterations=pick(fast=4, laptop=50), momentum=momentum)
    error = (stft(made).abs() - magnitude).norm() / magnitude.norm()
    print(f"momentum {momentum:4}: the wave's magnitudes are off by {error:.3f}")

# %% [markdown] name="gan-text"
# ## A network that has heard sounds: HiFi-GAN
#
# HiFi-GAN's generator (Kong et al. 2020) takes the mel, one column a frame, and *stretches* it: by 8, by 5, by 4, together
# $160$, until each frame has become 160 samples. After each stretch, residual blocks of *dilated* convolutions (with gaps
# between their taps, so that few weights see far) sort out the detail. Channels halve as the length grows. Mine is small: one
# residual block a stage, and 96 channels where AudioLDM's has 1024.

# %% name="resblock"
class ResBlock(nn.Module):
    def __init__(self, channels, kernel=3, dilations=(1, 3)):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * (kernel - 1) // 2) for d in dilations)

    def forward(self, x):  # (B, C, L) -> (B, C, L)
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, 0.1))
        return x

# %% name="generator"
class Generator(nn.Module):
    def __init__(self, channels=96, rates=(8, 5, 4), kernels=(16, 11, 8)):
        super().__init__()
        self.conv_pre = nn.Conv1d(64, channels, 7, padding=3)
        self.upsampler, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(rates, kernels):
            stretch = nn.ConvTranspose1d(channels, channels // 2, kernel, stride=rate, padding=(kernel - rate) // 2)
            self.upsampler.append(stretch)
            channels = channels // 2
            self.resblocks.append(ResBlock(channels))
        self.conv_post = nn.Conv1d(channels, 1, 7, padding=3)

    def forward(self, mel):  # (B, T, 64) -> (B, 160 T)
        x = self.conv_pre(mel.transpose(1, 2))  # (B, 96, T)
        for stretch, block in zip(self.upsampler, self.resblocks):
            x = block(stretch(F.leaky_relu(x, 0.1)))  # (B, C, L) -> (B, C / 2, rate * L)
        return torch.tanh(self.conv_post(F.leaky_relu(x, 0.01)))[:, 0]

# %% [markdown] name="generator-same-text"
# The library's vocoder, told to have this shape, must take over these very weights and say the same.

# %% name="generator-same"
from ldm_lab.config import VocoderConfig
from ldm_lab.models.vocoder import Vocoder

torch.manual_seed(0)
generator = Generator()
shape = VocoderConfig(channels=96, rates=(8, 5, 4), kernels=(16, 11, 8), resblock="2", resblock_kernels=(3,),
                      resblock_dilations=((1, 3),))
library = Vocoder(shape)
library.load_state_dict(generator.state_dict(), strict=True)
assert_same(generator(mel[:, :50]), library(mel[:, :50]), name="My generator and the library's")

# %% [markdown] name="field-task"
# ### Exercise 2 · Receptive field
#
# ●●○ · 8 minutes. How many input samples can one output of a stack of convolutions see? Write `receptive_field(kernels,
# dilations)` for layers one after the other, all with stride 1. A kernel of 3 with dilation 5 touches the samples -5, 0, +5.

# %% name="field-answer"
### BEGIN SOLUTION
def receptive_field(kernels, dilations):
    return 1 + sum((k - 1) * d for k, d in zip(kernels, dilations))
### STUB
# def receptive_field(kernels, dilations):
#     return course.OPEN
### END SOLUTION

# %% name="field-check"
lesson.field.check(receptive_field)

# %% [markdown] name="field-hints"
# <details><summary>Hint 1</summary>No layer: one output sees one input. How many more does the first layer add?</details>
# <details><summary>Hint 2</summary>A kernel of k with dilation d spans (k - 1) d + 1 samples; one of them was counted already.</details>
# <details><summary>Hint 3</summary>1 + sum of (k - 1) * d over the layers.</details>
# {{solution}}

# %% [markdown] name="field-measure-text"
# A gradient tells the truth: which inputs does the middle output depend on? For the block the formula must agree. For the whole
# generator, each stage counts in its own, ever shorter samples; the gradient counts for us, in mel frames.

# %% name="field-measure"
receptive_field = lesson.field.use(receptive_field)
print("block, formula: ", receptive_field([3, 3], [1, 3]))
print("block, gradient:", lesson.reach(ResBlock(8), (1, 8, 101)))
print("whole generator:", lesson.reach(generator, (1, 101, 64), time_axis=1), "mel frames of 10 ms")

# %% [markdown] name="judges-text"
# ## The judges
#
# How wrong is a wave? Sample by sample is useless: a twin from lesson 01 would count as totally wrong. So HiFi-GAN compares
# spectra, and it lets *discriminators* judge, networks that learn to tell real from made.
#
# The **multi-period discriminator** folds the wave into rows of $p$ samples. **Predict:** below is a tone that repeats every
# 7 samples (2286 Hz), folded by 5, 7 and 11. What will each picture look like?

# %% name="folds"
lesson.draw_folds(course.synth.tone(16000 / 7, 0.1), (5, 7, 11))

# %% [markdown] name="folds-why"
# **Explain.** Folded by its own period, every row is the same: upright stripes. In other folds they are torn apart. A small
# mistake in a regular pattern breaks the stripes, and a picture network sees that at once. Five primes, five judges.

# %% [markdown] name="fold-task"
# ### Exercise 3 · Fold a wave
#
# ●●○ · 8 minutes. Write `fold(wav, period)`: (B, N) to (B, 1, ceil(N / period), period). Row 0 holds samples 0 to period - 1. If
# the last row is short, *mirror* the end of the wave into it (`F.pad(..., mode="reflect")` wants (B, 1, N)).

# %% name="fold-answer"
### BEGIN SOLUTION
def fold(wav, period):
    padded = F.pad(wav[:, None], (0, -wav.shape[1] % period), mode="reflect")
    return padded.reshape(len(wav), 1, -1, period)
### STUB
# def fold(wav, period):
#     return course.OPEN
### END SOLUTION

# %% name="fold-check"
lesson.fold.check(fold)

# %% [markdown] name="fold-hints"
# <details><summary>Hint 1</summary>Two steps: make the length a multiple of the period, then reshape.</details>
# <details><summary>Hint 2</summary>-N % period is how many samples are missing (Python's % is never negative here).</details>
# <details><summary>Hint 3</summary>reshape(B, 1, -1, period) fills row by row, which is what you want.</details>
# {{solution}}

# %% name="judge"
fold = lesson.fold.use(fold)

class PeriodJudge(nn.Module):
    def __init__(self, period, widths=(8, 16, 32)):
        super().__init__()
        self.period = period
        sizes, strides = [1, *widths], [3] * (len(widths) - 1) + [1]
        # weight_norm: a kernel's length and its direction are learnt apart, which calms the training of judges
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), stride=(s, 1), padding=(2, 0))) for a, b, s in zip(sizes, widths, strides))
        self.last = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wav):  # (B, N) -> verdicts (B, n), what every layer saw
        x, maps = fold(wav, self.period), []
        for conv in self.convs:  # 5 x 1: down the columns, which never mix
            x = F.leaky_relu(conv(x), 0.1)
            maps.append(x)
        x = self.last(x)
        return x.flatten(1), [*maps, x]

# %% name="judge-same"
from ldm_lab.models import discriminators as judges

theirs = judges.PeriodDiscriminator(7, widths=(8, 16, 32))
mine = PeriodJudge(7)
mine.load_state_dict(theirs.state_dict(), strict=True)
assert_same(mine(wav), theirs(wav), name="My judge and the library's")

# %% [markdown] name="losses-text"
# The **multi-scale discriminator** (from MelGAN) listens to the wave as it is and to slower copies of it; I take the library's.
# The rules of the game, equations 1, 2 and 4 of the paper, with $D$ the verdicts, $x$ real, $G$ made:
#
# $$L_D = \mathbb{E}\big[(D(x) - 1)^2 + D(G)^2\big] \qquad L_G = \mathbb{E}\big[(D(G) - 1)^2\big] \qquad
# L_{FM} = \sum_l \mathbb{E}\,\big|D^l(x) - D^l(G)\big|$$
#
# Judges want 1 for real and 0 for made; the generator wants 1 for made; and all inner pictures $D^l$ should look alike.

# %% name="losses"
def judge_loss(real, made):
    return sum(((r - 1) ** 2).mean() + (m**2).mean() for (r, _), (m, _) in zip(real, made))  # L_D

def generator_loss(made):
    return sum(((m - 1) ** 2).mean() for m, _ in made)  # L_G

def matching_loss(real, made):
    return sum(F.l1_loss(b, a.detach()) for (_, x), (_, y) in zip(real, made) for a, b in zip(x, y))  # L_FM

real, made = [mine(wav)], [mine(shipped)]
assert_same((judge_loss(real, made), generator_loss(made), matching_loss(real, made)),
            (judges.least_squares_d(real, made), judges.least_squares_g(made), judges.feature_matching(real, made)), name="Losses")

# %% [markdown] name="train-text"
# ## Training: one voice, one minute
#
# HiFi-GAN learnt from 24 hours of one woman's voice, for days on GPUs. Ours gets a minute and a half of one woman's voice (a
# telephone announcer) and about a minute of your processor. First only spectra count, then the judges come in.
#
# **Predict:** what will it learn first, and what last: when she speaks, how loud, which vowel, the melody of the voice?

# %% name="data"
train = lesson.voice("train")
test = lesson.voice("test", seconds=pick(fast=1.28, laptop=2.56), shortest=4.0)
train_mel, test_mel = log_mel(train.wav), log_mel(test.wav)
print(len(train), "sentences to learn from,", len(test), "long ones held out")

# %% [markdown] name="spectral-text"
# The distance of spectra, at three window lengths: relative error of the magnitudes, which cares for what is loud, plus that of their
# logarithms, which cares for what is quiet (Yamamoto et al. 2020, Parallel WaveGAN). HiFi-GAN has only the mel term; we take
# both, because it learns faster.

# %% name="spectral"
def spectral_loss(wav, made):
    total = (log_mel(wav) - log_mel(made)).abs().mean()  # HiFi-GAN, equation 3
    for n in (512, 1024, 2048):
        both = torch.stft(torch.cat([wav, made]), n, n // 4, window=torch.hann_window(n), pad_mode="constant", return_complex=True)
        a, b = both.abs().clamp(min=1e-3).chunk(2)
        total = total + ((a - b).norm() / a.norm() + (a.log() - b.log()).abs().mean()) / 3
    return total

# %% name="speak"
def speak(mel):  # log-mels are about -5 on average and spread by 3; networks like numbers around 0
    return generator((mel + 5) / 3)

with torch.no_grad():
    before = speak(test_mel)

# %% name="train"
def learn(first, last, panel=None):
    judge_adam = panel and torch.optim.AdamW(panel.parameters(), lr=2e-3, betas=(0.8, 0.99))
    for step in (bar := course.steps(last - first)):
        real, mel = lesson.windows(train.wav, train_mel, first + step, batch=6)
        made = speak(mel)
        loss = distance = spectral_loss(real, made)
        if panel:
            judged = judge_loss(panel(real), panel(made.detach()))
            judge_adam.zero_grad()
            judged.backward()
            judge_adam.step()
            opinions = panel(made)
            with torch.no_grad():
                truth = panel(real)
            loss = 15 * distance + generator_loss(opinions) + 2 * matching_loss(truth, opinions)  # equation 7
        adam.param_groups[0]["lr"] = 5e-3 * min(1, 2 * (1 - (first + step) / total))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
        adam.step()
        bar.set_postfix(spectral=f"{distance.item():.2f}", refresh=False)
        log.append((first + step, distance.item(), judged.item() if panel else 0))

# %% name="train-spectra"
total = pick(fast=2, laptop=450)
switch = total - pick(fast=1, laptop=40)
log = []
adam = torch.optim.AdamW(generator.parameters(), lr=5e-3, betas=(0.8, 0.99))
learn(0, switch)
with torch.no_grad():
    middle = speak(test_mel)

# %% [markdown] name="panel-text"
# Now the judges: my period judges and one of the library's scale judges, in a panel. To know what *they* do, the last 40 steps are
# run twice from the same point, without them and with them.

# %% name="panel"
class Panel(nn.Module):
    def __init__(self):
        super().__init__()
        self.periods = nn.ModuleList(PeriodJudge(p) for p in (2, 3, 5, 7, 11))
        self.scales = judges.MultiScaleDiscriminator(scales=1, widths=(8, 16, 32, 32, 32))

    def forward(self, wav):
        return [judge(wav) for judge in self.periods] + self.scales(wav)

# %% name="train-judges"
here = copy.deepcopy((generator.state_dict(), adam.state_dict()))
learn(switch, total)  # without judges
with torch.no_grad():
    without = speak(test_mel)
log = log[:switch]
generator.load_state_dict(here[0])
adam.load_state_dict(here[1])
learn(switch, total, Panel())
with torch.no_grad():
    after = speak(test_mel)

# %% name="train-curve"
step, distance, judged = zip(*log)
course.lines({"spectral distance": (step, distance), "judges' loss": (step[switch:], judged[switch:])}, x="step", y="loss",
             alt="The spectral distance falls quickly, then slowly; the judges' loss begins where the judges come in.")

# %% name="train-hear"
i = 1  # which held-out sentence
player({"before": before[i], "without judges": without[i], "with judges": after[i], "recording": test.wav[i]},
       title="A held-out sentence")

# %% name="train-table"
with torch.no_grad():
    spoken = torch.cat([ldm.vocoder(x) for x in test_mel.split(2)])
rough = griffin_lim(test_mel)
ways = {"before": before, f"step {switch}": middle, "end, without judges": without, "end, with judges": after, "Griffin-Lim": rough, "shipped vocoder": spoken}
course.table([{"vocoder": name, **lesson.distances(test.wav, made), "same after 10 ms": lesson.hum(made)}
              for name, made in {**ways, "recording": test.wav}.items()])

# %% [markdown] name="train-why"
# **Explain.** From a steady tone to a robot that follows the rhythm, the loudness and the vowels of a sentence it has never heard: that
# much fits into a minute. What is missing is the melody. Look at the last column: the robot repeats itself after 10 ms, one frame,
# almost entirely. Each frame is stretched in the same way, so until the network has learnt to count swings across frames,
# it hums at the frame rate, 100 Hz.
#
# And be honest: **Griffin-Lim wins**, by far. Without knowing a single sound it searches angles *for this very mel*; a network must
# have learnt them beforehand. That takes a long training, or help, as the next section shows. Did the judges help? Compare the two
# rows *end*: forty steps are far too few to say.

# %% [markdown] name="fast-lane-text"
# ### The fast lane: what is shipped here
#
# How does the shipped vocoder get along with 1500 steps of training? It does not begin at nothing. Its design is HiFi-GAN's
# generator with three changes:
#
# 1. **A draft.** Four rounds of Griffin-Lim make a rough sound; the network sees it and says by how much to scale and turn each bin.
# 2. **An inverse STFT as the head** (iSTFTNet). The network stretches by 2 only; the inverse STFT with a hop of 80 does the rest.
# 3. **Band matching.** At the end each mel band is scaled, six times over, to what the mel asked for.
#
# And it was trained on spectra alone: no discriminator took part. **Predict:** which of the three does most for the
# numbers?

# %% name="fast-lane"
v = ldm.vocoder
with torch.no_grad():
    parts = {"draft, 4 rounds": torch.cat([v.make_draft(x) for x in test_mel.split(2)]),
             "network, no matching": torch.cat([v(x, match_steps=0) for x in test_mel.split(2)]), "all of it": spoken}
course.table([{"what": name, **lesson.distances(test.wav, made)} for name, made in parts.items()])

# %% name="fast-lane-hear"
player({name: made[1] for name, made in {**parts, "recording": test.wav}.items()}, title="Inside the shipped vocoder")

# %% name="sizes"
with torch.device("meta"):  # shapes only, no memory
    published = Vocoder(VocoderConfig())
for name, model in {"mine": generator, "shipped": ldm.vocoder, "AudioLDM's HiFi-GAN": published}.items():
    print(f"{name:20} {sum(p.numel() for p in model.parameters()):12,} weights")

# %% [markdown] name="fast-lane-why"
# **Explain.** Row one to two: the network brings the spectral distance down, and moves the *mel* further off. That is no accident:
# in its training the matching always came after it, so it never had to care for levels. Row three: matching sets the levels
# right, and both numbers are at their best. Correcting a draft seems easier than inventing a wave (no network was trained
# without one, to compare). What the inverse STFT adds stays open, too: it cannot be taken out. The price: Griffin-Lim at run
# time, and where the draft's angles are badly wrong it can only mend.
#
# For 64 clips of the test split the model card says 1.24 [1.20, 1.28] for the shipped vocoder's spectral distance and 1.70 [1.62, 1.77] for
# Griffin-Lim. Training took about half a second of one processor core a step (`recipes/vocoder.toml`): 1500 steps are a quarter
# of an hour.

# %% [markdown] name="abx-text"
# ## Play: can you hear it?
#
# Numbers are one thing. In an **ABX** test you hear A and B, which differ, and X, which is one of them. Which? Guessing is right
# half of the time. Here: four sounds, two questions each, asked twice: recording or shipped vocoder? Shipped vocoder or
# Griffin-Lim? The page does not know the answers. It begins with the consent form of a real study; here nothing leaves your
# computer.

# %% name="abx"
four = course.clips(4, split="test", category=("animal", "instrument", "bell_ui", "human"), seconds=1.6, seed=3, kind="recorded")
four_mel = log_mel(four.wav)
with torch.no_grad():
    systems = {"reference": four.wav, "shipped": ldm.vocoder(four_mel), "griffin-lim": griffin_lim(four_mel)}
test_abx = listening_test({name: list(sounds) for name, sounds in systems.items()}, kinds=["abx"], repeats=2,
                          pairs=[("reference", "shipped"), ("shipped", "griffin-lim")], title="Which vocoder?")
test_abx

# %% name="abx-verdict"
course.table(lesson.verdicts(test_abx))

# %% [markdown] name="exercises"
# ## Exercises
#
# One round of Griffin-Lim, the receptive field and the fold were on the way. The last one belongs to the listening test.

# %% [markdown] name="luck-task"
# ### Exercise 4 · Could it be luck?
#
# ●●○ · 8 minutes. You were right in `right` of `trials`. Write `luck(right, trials)`: the exact probability that somebody who guesses
# is right *that often or more often*. No approximation; `math.comb(n, k)` counts the ways to be right k times of n.
#
# $$p = \frac{1}{2^n} \sum_{k = r}^{n} \binom{n}{k}$$

# %% name="luck-answer"
### BEGIN SOLUTION
def luck(right, trials):
    return sum(math.comb(trials, k) for k in range(right, trials + 1)) / 2**trials
### STUB
# def luck(right, trials):
#     return course.OPEN
### END SOLUTION

# %% name="luck-check"
lesson.abx.check(luck)

# %% [markdown] name="luck-hints"
# <details><summary>Hint 1</summary>All 2^n rows of right and wrong are equally likely for somebody who guesses.</details>
# <details><summary>Hint 2</summary>Count the rows with r, r + 1, ..., n right answers.</details>
# <details><summary>Hint 3</summary>range(right, trials + 1): the last one counts too.</details>
# {{solution}}

# %% name="luck-table"
luck = lesson.abx.use(luck)
course.table([{"trials": n, "all right": luck(n, n), "one wrong": luck(n - 1, n), "two wrong": luck(n - 2, n)} for n in (4, 8, 16)])

# %% name="luck-needed"
from ldm_lab.evaluation.listening.analysis import abx_needed, abx_power

course.table([{"trials": n, "needed for p <= 0.05": abx_needed(n), "found, if you hear it 3 times of 4": abx_power(n, share=0.875)}
              for n in (5, 8, 16, 32)])

# %% [markdown] name="luck-why"
# With four trials even all right is not enough: guessing does that once in 16. That is why every question is asked twice
# of four sounds. And the last column is a warning to the other side: with few trials, a difference that people do hear
# is often missed.

# %% [markdown] name="broke-text"
# ## What broke
#
# Two true traps of this box. **The first:** HiFi-GAN code wants mels as (B, 64, T), the autoencoder hands out (B, T, 64).
# Usually the wrong way round stops with an error. But windows of 64 frames are a popular training length (this project's recipe uses them),
# and then the picture is square. No error; time has become pitch, and pitch time.

# %% name="broke"
square = mel[:, 40:104]  # (1, 64, 64): 0.64 s
with torch.no_grad():
    ways = {"right": ldm.vocoder(square)[0], "transposed": ldm.vocoder(square.transpose(1, 2))[0]}
player({name: x.repeat(3) for name, x in ways.items()}, title="64 frames of 64 bands, three times over")

# %% [markdown] name="broke-second"
# **The second:** AudioLDM's vocoder does not give exactly 160 samples a frame. Its first stage has a kernel of 16 and a stride of 5;
# 16 - 5 is odd, so the padding cannot be the same on both sides, and every sound comes out 32 samples too long. The library cuts
# them off at the end. Below, the same stages at a toy width:

# %% name="broke-length"
tiny = Vocoder(VocoderConfig(channels=32, resblock="2", resblock_kernels=(3,), resblock_dilations=((1, 3),)))
for frames in (50, 100):
    raw = tiny(mel[:, :frames], raw=True).shape[1]
    print(f"{frames} frames: {raw} samples = 160 x {frames} + {raw - 160 * frames}")

# %% [markdown] name="quiz-text"
# ## Quiz

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | Griffin-Lim makes a spectrum consistent round by round, and stops short | that its waves are wrong: they are nearly consistent twins |
# | Your generator, judges and losses equal the library's | that a minute makes a good vocoder: Griffin-Lim beat it |
# | Spectra taught rhythm and colour within a minute, and no melody | what judges do in a long training: ours had a few steps |
# | A draft and band matching make a small network better than Griffin-Lim, in numbers | that listeners agree: your ABX result says it for your ears |
#
# **Next:** 03, where the mel itself is squeezed. **Paper:** Liu et al. 2023, [arXiv 2301.12503](https://arxiv.org/abs/2301.12503), section 3
# (the vocoder is HiFi-GAN); Kong et al. 2020, [arXiv 2010.05646](https://arxiv.org/abs/2010.05646), equations 1 to 7; Kaneko et al. 2022,
# [arXiv 2203.02395](https://arxiv.org/abs/2203.02395) (iSTFTNet). **Words:** [vocoder](guide/glossary.md#vocoder) ·
# [Griffin-Lim](guide/glossary.md#griffin-lim) · [consistency](guide/glossary.md#consistency) ·
# [receptive field](guide/glossary.md#receptive-field) · [discriminator](guide/glossary.md#discriminator) ·
# [feature matching](guide/glossary.md#feature-matching) · [ABX](guide/glossary.md#abx) · [p-value](guide/glossary.md#p-value)
