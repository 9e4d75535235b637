# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 03 · The mel autoencoder
#
# Diffusion is expensive, so it should work on as few numbers as possible. This lesson builds the box that makes a log-mel
# picture small, and the box that unpacks it again. Small is not enough: the small thing must also lie where noise can
# reach it.
#
# **Afterwards you can** write a convolutional VAE, say what its KL term does and hear what happens without it, and choose
# how strongly to compress. **You need** lesson 01 (log-mel) and a little PyTorch: modules, a training loop.
# **Time:** 35 minutes to read and play, 40 for the exercises; {{minutes}}

# %% name="setup"
import torch
import torch.nn.functional as F
from torch import nn

from ldm_lab import course
from ldm_lab.audio.mel import log_mel
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import autoencoder as lesson
from ldm_lab.rng import Rng
from ldm_lab.widgets import LatentMixer, player

ldm = course.load("lab")
rng = Rng(0)

# %% [markdown] name="hear-text"
# ## Hear it
#
# One sound three times: the recording; its log-mel picture made audible by the vocoder; and the same after the picture went
# through a latent a quarter of its size. **Predict:** where will you hear the larger step, from the first to the second, or
# from the second to the third?

# %% name="hear"
bell = course.clip("bell_ui/bell_ui_00278.ogg")  # "A bell being struck"
mel = log_mel(bell[None])
z = ldm.mel_to_latent(mel)
squeezed = ldm.latent_to_mel(z)
player({"recording": bell, "mel": ldm.mel_to_wav(mel)[0], "mel, latent, mel": ldm.mel_to_wav(squeezed)[0]}, title="A bell")

# %% name="hear-numbers"
print(f"mel {tuple(mel.shape)}: {mel.numel()} numbers; latent {tuple(z.shape)}: {z.numel()} numbers")
print(f"mean error of the picture: {lesson.DB * (squeezed - mel).abs().mean():.2f} dB")  # DB: decibels in one unit of log-mel

# %% [markdown] name="hear-why"
# **Explain.** In the first step the picture stays, but the vocoder has to invent the phase (lesson 02); listen for it in the
# attack. In the second step three numbers of four are thrown away, and the picture loses about a decibel. Neighbouring cells
# of a mel picture are so alike that most of them can be guessed from the rest. So the two steps lose different things; which
# is the larger, your ears decide: the decibels only speak of the second.
#
# ## Where we are

# %% name="where"
course.diagram(lit=("autoencoder", "latent"))

# %% [markdown] name="toy-text"
# ## Two numbers for a sound
#
# Start so small that everything can be drawn: one *column* of a log-mel (64 bands, one hundredth of a second) squeezed into
# **two** numbers. The encoder does not give a point but a little cloud, a Gaussian with mean $\mu$ and variance
# $\sigma^2$; the decoder gets a random point of the cloud:
#
# $$z = \mu + \sigma\,\varepsilon,\qquad \varepsilon\sim\mathcal N(0, I)\qquad\text{(Kingma \& Welling 2014, eq. 10)}$$
#
# This is the *reparameterisation*. All chance sits in $\varepsilon$, which no weight has made, so gradients can flow
# through $\mu$ and $\sigma$. The network gives $\log\sigma^2$, since that may be any number.
#
# ### Exercise 1 · Reparameterise
#
# ●○○ · 5 minutes. Write `sample(mean, logvar, noise)`: a sample of $\mathcal N(\mu, \sigma^2)$ where `logvar` is
# $\log\sigma^2$ and `noise` is $\varepsilon$. All three have the same shape.

# %% name="sample-answer"
### BEGIN SOLUTION
def sample(mean, logvar, noise):
    return mean + torch.exp(0.5 * logvar) * noise  # sigma = exp(log(sigma^2) / 2)
### STUB
# def sample(mean, logvar, noise):
#     return course.OPEN
### END SOLUTION

# %% name="sample-check"
lesson.reparameterise.check(sample)

# %% [markdown] name="sample-hints"
# <details><summary>Hint 1</summary>You are given the logarithm of the variance and need the standard deviation.</details>
# <details><summary>Hint 2</summary>log σ² = 2 log σ. So what is log σ?</details>
# <details><summary>Hint 3</summary>σ is <code>torch.exp(0.5 * logvar)</code>.</details>
# {{solution}}

# %% [markdown] name="kl-text"
# Without a price on it, the encoder would make the clouds tiny and throw them far apart: then no two sounds can be
# confused. The price is the *Kullback-Leibler divergence* from the standard normal distribution, and for Gaussians it is a
# short formula, for each latent number:
#
# $$\mathrm{KL}\big(\mathcal N(\mu,\sigma^2)\,\|\,\mathcal N(0,1)\big)=\tfrac12\left(\mu^2+\sigma^2-1-\log\sigma^2\right)
# \qquad\text{(Kingma \& Welling 2014, appendix B)}$$

# %% name="kl"
sample = lesson.reparameterise.use(sample)


def kl(mean, logvar):
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # 0 if mean = 0 and variance = 1, else more

for mean, var in [(0, 1), (3, 1), (0, 0.01)]:
    print(f"mean {mean}, variance {var}: KL {kl(torch.tensor(float(mean)), torch.tensor(float(var)).log()):.2f}")

# %% [markdown] name="toy-build"
# Far away costs; a narrow cloud costs too. Now the toy: 64 → 2 → 64, trained on columns of five kinds of recordings. The
# loss is *squared error + weight × KL*, and the weight is what this is about.

# %% name="toy-model"
class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 64))

    def encode(self, x):  # (n, 64) -> mean (n, 2), logvar (n, 2)
        return self.encoder(x).chunk(2, dim=1)


columns, kinds = lesson.columns(*pick(fast=(6, 10), laptop=(24, 20)))
x = (columns + 6) / 3  # about mean 0, spread 1
print(x.shape)

# %% name="toy-train"
def train_toy(weight):
    with lesson.seeded(0):
        toy = Toy()
    optimiser = torch.optim.Adam(toy.parameters(), lr=3e-3)
    for step in range(pick(fast=20, laptop=700)):
        batch = x[torch.randint(len(x), (128,), generator=rng.at("batch", step))]
        mean, logvar = toy.encode(batch)
        z = sample(mean, logvar, rng.randn(mean.shape, "toy", step))
        error = (toy.decoder(z) - batch).square().sum(1).mean()
        loss = error + weight * kl(mean, logvar).sum(1).mean()
        optimiser.zero_grad(), loss.backward(), optimiser.step()
    return toy.requires_grad_(False)

# %% [markdown] name="toy-predict"
# ## What the weight does
#
# **Predict:** three toys, with weight 0, 1 and 100. Each dot will be one column of sound, where the encoder puts it. The
# black circle holds 95 of 100 points of pure noise. Which picture has the dots inside the circle? What will weight 100 do?

# %% name="toy-clouds"
toys = {weight: train_toy(weight) for weight in (0, 1, 100)}
means = {weight: toy.encode(x)[0] for weight, toy in toys.items()}
lesson.clouds({f"weight {weight}": mean for weight, mean in means.items()}, kinds,
              alt="Three clouds of dots and a circle of noise. Weight 0: the dots reach far outside the circle. Weight 1: "
                  "they fill it. Weight 100: all of them lie on one point in its middle.")

# %% [markdown] name="toy-explain"
# **Explain.** Weight 0: kinds far apart, sound scattered over a plain on which noise is a small spot in the middle.
# Weight 1: the same kinds are still there, pulled together into a ball of the size of noise. Weight 100: the KL costs more
# than the sound is worth, and the encoder says nothing at all. That is called *posterior collapse*.
#
# Two numbers for it. *Rebuilt*: how far a column is from its own reconstruction. *Reached*: decode 2000 points of noise;
# how far is a real column from the nearest of them? (`x` is the log-mel divided by 3, hence 3 × `DB`.)

# %% name="toy-reach"
def distance(a, b):
    return 3 * lesson.DB * torch.cdist(a, b, p=1).amin(1).mean() / 64  # dB, from each row of a to the nearest row of b

noise = rng.randn((2000, 2), "reach")
course.table([{
    "KL weight": weight,
    "spread of latents": means[weight].std(),
    "rebuilt, dB": 3 * lesson.DB * (toy.decoder(means[weight]) - x).abs().mean(),
    "reached by noise, dB": distance(x, toy.decoder(noise)),
    "reached by scaled noise, dB": distance(x, toy.decoder(noise * means[weight].std(0) + means[weight].mean(0))),
    "from scaled noise to a real one, dB": distance(toy.decoder(noise * means[weight].std(0) + means[weight].mean(0)), x),
} for weight, toy in toys.items()])

# %% [markdown] name="toy-numbers"
# Read the columns. *Rebuilt* is best without KL: for compression alone the KL is only a burden. *Reached by noise* is best
# in the middle. But look at the next column: if noise is first *scaled* to the spread of the latents, it reaches almost
# everything without any KL. That one number is the **scale factor** of latent diffusion, and you will measure it below.
#
# What scaling cannot mend is the last column: between islands lies no-man's-land, and there the decoder makes columns that
# are further from anything real. (Weight 100 does not look bad there: its one average column is near to *something*.) The
# published AudioLDM uses both: a *small* KL weight and a scale factor.
#
# **Predict:** now hear it. We wander through noise, 256 points, each near the one before, and decode every point to one
# column. Which of the three toys will be the most varied? Which a drone?

# %% name="toy-hear"
walk = lesson.wander(256)
walks = {f"weight {weight}": toy.decoder(walk)[None] * 3 - 6 for weight, toy in toys.items()}
player({name: ldm.mel_to_wav(made)[0] for name, made in walks.items()}, title="The same walk through noise")

# %% name="toy-varied"
for name, made in walks.items():
    print(f"{name}: a band moves by {lesson.DB * made.std(dim=1).mean():.1f} dB on the way "
          f"(real columns: {lesson.DB * columns.std(0).mean():.1f} dB)")

# %% [markdown] name="toy-hear-why"
# **Explain.** Weight 100 decodes everything to the same average column: a drone. Weight 0 stays in the small spot in the
# middle of its plain. Weight 1 travels: noise, and yet all sorts of sound. Two numbers a column are few, so do not expect
# more than colours of sound.
#
# ## The real one, from scratch
#
# The autoencoder of the paper (section 3.3) is the same with convolutions: the picture gets smaller and deeper in steps.
# Its bricks first: a residual block, and a halving and a doubling of both axes. `GroupNorm` brings each group of channels to
# mean 0 and spread 1, and `silu` is a smooth ReLU.

# %% name="bricks"
class ResBlock(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, width, 1e-6), nn.Conv2d(width, out, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, out, 1e-6), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(width, out, 1) if width != out else nn.Identity()

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))  # what is there, plus a correction


class Resample(nn.Module):
    def __init__(self, width, up):
        super().__init__()
        self.up, self.conv = up, nn.Conv2d(width, width, 3, stride=1 if up else 2, padding=1 if up else 0)

    def forward(self, x):  # (B, W, T, F) -> (B, W, 2T, 2F) or (B, W, T/2, F/2)
        return self.conv(F.interpolate(x, scale_factor=2.0) if self.up else F.pad(x, (0, 1, 0, 1)))

# %% name="levels"
class Level(nn.Module):
    def __init__(self, width, out, blocks, resample):
        super().__init__()
        widths = [width] + [out] * blocks
        self.resnets = nn.Sequential(*(ResBlock(a, b) for a, b in zip(widths, widths[1:])))
        self.resample = resample

    def forward(self, x):
        return self.resample(self.resnets(x))


class Mid(nn.Module):
    def __init__(self, width, attention):
        super().__init__()
        self.resnets = nn.ModuleList([ResBlock(width, width), ResBlock(width, width)])
        self.attention = SpatialAttention(width, groups=8, eps=1e-6) if attention else nn.Identity()

    def forward(self, x):
        return self.resnets[1](self.attention(self.resnets[0](x)))

# %% [markdown] name="halves-text"
# `SpatialAttention` lets every place of the small picture look at every other one; lesson 06 builds attention, here it
# comes from the library. The encoder ends with twice as many channels as the latent has: half are $\mu$, half
# $\log\sigma^2$. To save time, the first step folds `patch` × `patch` cells into channels.

# %% name="encoder"
from ldm_lab.models.layers import SpatialAttention


class Encoder(nn.Module):  # (B, 1, T, 64) -> (B, 2C, T/r, 64/r)
    def __init__(self, widths, channels, patch, attention):
        super().__init__()
        self.patch, last = patch, len(widths) - 1
        self.conv_in = nn.Conv2d(patch**2, widths[0], 3, padding=1)
        self.levels = nn.Sequential(*(
            Level(widths[max(i - 1, 0)], width, 1, Resample(width, up=False) if i < last else nn.Identity())
            for i, width in enumerate(widths)))
        self.mid = Mid(widths[-1], attention)
        self.norm_out = nn.GroupNorm(8, widths[-1], 1e-6)
        self.conv_out = nn.Conv2d(widths[-1], 2 * channels, 3, padding=1)

    def forward(self, x):
        h = self.mid(self.levels(self.conv_in(F.pixel_unshuffle(x, self.patch))))
        return self.conv_out(F.silu(self.norm_out(h)))

# %% name="decoder"
class Decoder(nn.Module):  # (B, C, T/r, 64/r) -> (B, 1, T, 64): the mirror image, with one block more a level
    def __init__(self, widths, channels, patch, attention):
        super().__init__()
        widths, self.patch, last = widths[::-1], patch, len(widths) - 1
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.mid = Mid(widths[0], attention)
        self.levels = nn.Sequential(*(
            Level(widths[max(i - 1, 0)], width, 2, Resample(width, up=True) if i < last else nn.Identity())
            for i, width in enumerate(widths)))
        self.norm_out = nn.GroupNorm(8, widths[-1], 1e-6)
        self.conv_out = nn.Conv2d(widths[-1], patch**2, 3, padding=1)

    def forward(self, z):
        h = self.levels(self.mid(self.conv_in(z)))
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(h))), self.patch)

# %% [markdown] name="whole-text"
# Both together. The compression in each direction is $r$ = `patch` × 2 for each halving. `linear` adds something the paper
# does not have: one linear map of each $r\times r$ square *beside* the network. Keep it in mind. (`quant_conv` and
# `post_quant_conv` are plain 1 × 1 convolutions; the names are those of the published weights.)

# %% name="whole"
class Autoencoder(nn.Module):
    def __init__(self, widths, channels, patch, linear=False, attention=False):
        super().__init__()
        self.encoder = Encoder(widths, channels, patch, attention)
        self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, channels, 1)
        self.decoder = Decoder(widths, channels, patch, attention)
        r = patch * 2 ** (len(widths) - 1)
        self.linear_in = nn.Conv2d(1, channels, r, stride=r) if linear else None
        self.linear_out = nn.ConvTranspose2d(channels, 1, r, stride=r) if linear else None

    def encode(self, mel):  # (B, T, 64) -> mean, logvar (B, C, T/r, 64/r)
        x = (mel[:, None] + 6) / 3
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        if self.linear_in:
            mean = mean + self.linear_in(x)
        return mean, logvar.clamp(-30, 20)

    def decode(self, z):  # (B, C, T/r, 64/r) -> (B, T, 64)
        x = self.decoder(self.post_quant_conv(z))
        if self.linear_out:
            x = x + self.linear_out(z)
        return x[:, 0] * 3 - 6

# %% [markdown] name="same-text"
# Is it the library's? Put the shipped weights into your class; `strict=True` complains about any name or shape that
# differs. Then encode and decode the bell with both. The library's `encode` gives a *posterior*, which is the cloud: its
# `mean` and `logvar` in one object.

# %% name="same"
library = ldm.autoencoder
mine = Autoencoder((32, 64, 128), channels=16, patch=2, linear=True, attention=True)
mine.load_state_dict(library.state_dict(), strict=True)
mine.requires_grad_(False)

posterior = library.encode(mel)
assert_same((*mine.encode(mel), mine.decode(posterior.mean)),
            (posterior.mean, posterior.logvar, library.decode(posterior.mean)))

# %% name="same-kl"
assert_same((sample(*mine.encode(mel), torch.ones_like(posterior.mean)), kl(*mine.encode(mel))),
            (posterior.sample(torch.ones_like(posterior.mean)), posterior.kl()))

# %% [markdown] name="train-text"
# ## Train your own
#
# A smaller one ($r = 8$, 16 channels, two levels), from random weights, on real sounds, for about a minute. The loss is the
# paper's without its last part: absolute error + 0.005 × KL. (The last part is a discriminator, which sharpens the picture as
# in lesson 02; it costs more than a minute.) Two runs of equal length: the plain network, and one with the linear map
# beside it.
#
# **Predict:** will a single linear layer make a difference beside some 175,000 weights?

# %% name="train-data"
sounds = log_mel(course.clips(pick(fast=12, laptop=240), split="train").wav)  # (n, 256, 64)
held_out = log_mel(course.clips(pick(fast=6, laptop=16), split="test").wav)


def crops(step, count=8, frames=64):
    which = torch.randint(len(sounds), (count,), generator=rng.at("which", step))
    starts = torch.randint(256 - frames, (count,), generator=rng.at("start", step))
    return torch.stack([sounds[i, start : start + frames] for i, start in zip(which, starts)])

# %% name="train"
def train(model, steps, title):
    optimiser, losses = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-3), []
    bar = course.steps(steps, title)
    for step in bar:
        optimiser.param_groups[0]["lr"] = 4e-3 * min(1, (step + 1) / 20, 2.1 * (1 - step / steps))
        real = crops(step)
        mean, logvar = model.encode(real)
        z = sample(mean, logvar, rng.randn(mean.shape, "posterior", step))
        error = (model.decode(z) - real).abs().mean()
        loss = error + 0.005 * kl(mean, logvar).mean()
        optimiser.zero_grad(), loss.backward(), optimiser.step()
        losses.append(lesson.DB * error.item())
        bar.set_postfix(error=f"{losses[-1]:.1f} dB")
    return losses


@torch.no_grad()
def error_of(model):  # mean absolute error in dB on sounds that no training has seen
    return lesson.DB * (model.decode(model.encode(held_out)[0]) - held_out).abs().mean()

# %% name="train-run"
steps = pick(fast=6, laptop=600, gpu=6000)
with lesson.seeded(0):
    plain = Autoencoder((16, 32), channels=16, patch=4)
    helped = Autoencoder((16, 32), channels=16, patch=4, linear=True)
before = plain.decode(plain.encode(mel)[0]).detach()
curves = {"plain": train(plain, steps, "plain"), "with a linear map": train(helped, steps, "helped")}

# %% name="train-curves"
course.lines({name: (range(len(curve)), curve) for name, curve in curves.items()}, x="step", y="error, dB", logy=True,
             title="Training: error of the rebuilt picture",
             alt="Two falling curves; the one with a linear map beside the network is far below the plain one after a few steps.")

# %% name="train-hear"
with torch.no_grad():
    after = {"before": before, "plain, after": plain.decode(plain.encode(mel)[0]), "with a linear map": helped.decode(helped.encode(mel)[0])}
player({name: ldm.mel_to_wav(made)[0] for name, made in after.items()}, title="The bell through your autoencoder")

# %% [markdown] name="pca-text"
# **Explain.** The untrained one hums, with little of the bell in it. After training the bell is there, blurred in the plain
# network, clearer with the linear map. A network of convolutions *can* learn a linear map; it takes it far longer than a
# minute, also because its normalisations hide how loud the input was.
#
# Then ask the next question. The best linear map need not be learnt at all: it is the principal component analysis of all
# $8\times 8$ squares (Baldi & Hornik 1989: a linear autoencoder that has learnt all it can is PCA). **Predict:** how far
# does PCA come, without a single step?

# %% name="pca"
from ldm_lab.config import LAB
from ldm_lab.models.autoencoder import Autoencoder as LibraryAutoencoder

pca = LibraryAutoencoder(LAB.autoencoder)
pca.start_from_pca(sounds)  # the linear path gets the principal components, the network beside it starts at zero
with torch.no_grad():
    pca_error = lesson.DB * (pca.decode(pca.encode(held_out).mean) - held_out).abs().mean()

# %% [markdown] name="lane-text"
# ## The fast lane
#
# The shipped autoencoder starts from PCA and lets the network learn the rest: 300 steps of 16 windows, L1 + 0.005 KL
# (`recipes/autoencoder.toml`), ten minutes on two slow threads. All of the course works on its latents.

# %% name="lane"
course.table([
    {"autoencoder": "plain, your minute", "weights": sum(p.numel() for p in plain.parameters()), "error, dB": error_of(plain)},
    {"autoencoder": "with a linear map", "weights": sum(p.numel() for p in helped.parameters()), "error, dB": error_of(helped)},
    {"autoencoder": "PCA, no training", "weights": 2 * 16 * 64 + 17, "error, dB": pca_error},
    {"autoencoder": "shipped", "weights": sum(p.numel() for p in mine.parameters()), "error, dB": error_of(mine)},
])

# %% [markdown] name="lane-why"
# Humbling: two thousand numbers that were *computed* beat a minute of learning, and the shipped network with its millions
# adds a little on top. In decibels of a mel picture, that is. The paper's autoencoder has no such shortcut and learnt far
# longer; it also has an adversarial loss, which makes pictures sharper without making this number smaller.
#
# ## Play: one fader for each channel
#
# The bell's latent has 16 channels. **Predict:** mute all of them: silence? And which channel carries the loudness? Solo
# some (*S*), mute some (*M*), pull faders.

# %% name="mixer"
mixer = LatentMixer(ldm, bell, title="A bell being struck")
mixer

# %% name="mixer-empty"
empty = LatentMixer(ldm, bell, title="A bell being struck")  # another one: yours stays as you left it
empty.all_off()
print(empty.text())
spread = ldm.mel_to_latent(held_out).std((0, 2, 3))
course.bars({str(channel): value for channel, value in enumerate(spread)}, y="spread over all sounds",
            alt="Bars of the spread of 16 channels over many sounds: the first is by far the largest, and the rest fall on the whole.")

# %% [markdown] name="mixer-why"
# **Explain.** Zero is the middle of all sounds, not silence: the empty latent decodes to an average hum. Channel 0, the
# first principal component, says how loud each square is, and over many sounds it varies most; the further down, the finer
# the detail. This bell is two thin lines, so in *its* latent channels for edges are as strong. Lesson 06 trains a network to
# make such latents out of noise.

# %% [markdown] name="exercises"
# ## Exercises
#
# Exercise 1 was above. Four more.
#
# ### Exercise 2 · The KL, by rolling dice
#
# ●●○ · 10 minutes. A KL divergence is an average: $\mathbb E_{z\sim q}\left[\log q(z)-\log p(z)\right]$ with
# $q=\mathcal N(\mu,\sigma^2)$ and $p=\mathcal N(0,1)$. Estimate it without the closed form. `noise` is (n, ...) standard
# normal, `mean` and `logvar` are (...); give back the mean over the n samples, for each latent number.

# %% name="dice-answer"
### BEGIN SOLUTION
def kl_by_sampling(mean, logvar, noise):
    z = sample(mean, logvar, noise)               # z ~ q
    log_q = -0.5 * (noise**2 + logvar)            # (z - mean) / sigma is noise; the 2 pi is in both and cancels
    log_p = -0.5 * z**2
    return (log_q - log_p).mean(0)
### STUB
# def kl_by_sampling(mean, logvar, noise):
#     return course.OPEN
### END SOLUTION

# %% name="dice-check"
lesson.kl_by_sampling.check(kl_by_sampling)

# %% [markdown] name="dice-hints"
# <details><summary>Hint 1</summary>First z, by <code>sample</code>. Then two log densities at z.</details>
# <details><summary>Hint 2</summary>log N(z; μ, σ²) = −½ ((z − μ)²/σ² + log σ² + log 2π). What is (z − μ)/σ?</details>
# <details><summary>Hint 3</summary><code>log_q = -0.5 * (noise**2 + logvar)</code>, <code>log_p = -0.5 * z**2</code>,
# up to the same constant.</details>
# {{solution}}

# %% name="dice-plot"
kl_by_sampling = lesson.kl_by_sampling.use(kl_by_sampling)
mean, logvar = torch.tensor([1.0]), torch.tensor([-2.0])
counts = [2**k for k in range(1, 15)]
guesses = [kl_by_sampling(mean, logvar, rng.randn((n, 1), "dice", n)).item() for n in counts]
course.lines({"by sampling": (counts, guesses), "closed form": (counts, [kl(mean, logvar).item()] * len(counts))},
             x="samples", y="KL", logx=True,
             alt="The estimate jumps about for few samples and settles on the flat line of the closed form for thousands.")

# %% [markdown] name="scale-task"
# ### Exercise 3 · One number for all latents
#
# ●○○ · 5 minutes. Diffusion adds noise of a known strength, so latents should have spread 1. Write `scale_factor(z)` for
# latents `z` (B, C, T, F): the one number that gives `scale_factor(z) * z` standard deviation 1 over everything.

# %% name="scale-answer"
### BEGIN SOLUTION
def scale_factor(z):
    return 1 / z.std()
### STUB
# def scale_factor(z):
#     return course.OPEN
### END SOLUTION

# %% name="scale-check"
lesson.scale_factor.check(scale_factor)

# %% [markdown] name="scale-hints"
# <details><summary>Hint 1</summary>What happens to a standard deviation if all numbers are doubled?</details>
# <details><summary>Hint 2</summary>One number for all channels: their differences in strength stay.</details>
# <details><summary>Hint 3</summary><code>z.std()</code> without arguments is over everything; divide 1 by it.</details>
# {{solution}}

# %% name="scale-use"
scale_factor = lesson.scale_factor.use(scale_factor)
with torch.no_grad():
    measured = scale_factor(library.encode(held_out).mean)
print(f"measured on {len(held_out)} sounds: {measured:.3f}; shipped with the model: {ldm.scale_factor:.3f}")

# %% [markdown] name="size-task"
# ### Exercise 4 · The smallest latent within a budget
#
# ●●○ · 10 minutes. `lesson.errors()` holds the error in dB of linear autoencoders for several sizes, as
# `{(r, channels): dB}`. Write `choose(table, budget, most_channels)`: the `(r, channels)` with the fewest numbers a second
# among those with an error of at most `budget` and at most `most_channels` channels; if two cost the same, the one with
# the smaller error. A latent has 100 / r columns a second and 64 / r rows.

# %% name="size-answer"
### BEGIN SOLUTION
def choose(table, budget, most_channels):
    fits = [(r, c) for (r, c), error in table.items() if error <= budget and c <= most_channels]
    return min(fits, key=lambda size: (100 / size[0] * 64 / size[0] * size[1], table[size]))
### STUB
# def choose(table, budget, most_channels):
#     return course.OPEN
### END SOLUTION

# %% name="size-check"
lesson.choose_size.check(choose)

# %% [markdown] name="size-hints"
# <details><summary>Hint 1</summary>First throw out what does not fit, then look for the cheapest.</details>
# <details><summary>Hint 2</summary>Numbers a second: columns × rows × channels.</details>
# <details><summary>Hint 3</summary><code>min(fits, key=lambda size: (numbers_of(size), table[size]))</code>: tuples are
# compared from left to right.</details>
# {{solution}}

# %% name="size-table"
choose = lesson.choose_size.use(choose)
print("2.5 dB, at most 32 channels:", choose(lesson.errors(), 2.5, 32))
course.table([{"r": r, "channels": c, "numbers a second": round(lesson.numbers(r, c)), "error, dB": error}
              for (r, c), error in lesson.errors().items()])

# %% [markdown] name="size-why"
# For the same number of numbers, larger squares with more channels lose less. So why not $r=16$ for all? Because somebody
# has to *generate* the latent: many channels and few places are harder for the UNet. The paper tried $r$ = 4, 8 and 16
# and its sounds were best with 4. We use 8 because a laptop must carry it.
#
# ### Exercise 5 · What ails the latent?
#
# ●●○ · 10 minutes. The same bell from three autoencoders, each with one thing wrong. Choose for each: `"collapsed"` (the
# latent says nothing), `"noisy"` (noise in the latent), `"few channels"` (only three are used), `"axes swapped"` (time and
# frequency exchanged). One of the four is nobody's.

# %% name="patients"
patients = lesson.patients(ldm, bell)
player({"healthy": ldm.mel_to_wav(squeezed)[0], **patients}, title="One broken latent each")

# %% name="diagnosis-answer"
### BEGIN SOLUTION
diagnosis = {"A": "few channels", "B": "collapsed", "C": "noisy"}
### STUB
# diagnosis = {"A": course.OPEN, "B": course.OPEN, "C": course.OPEN}
### END SOLUTION

# %% name="diagnosis-check"
lesson.diagnosis.check(diagnosis)

# %% [markdown] name="diagnosis-hints"
# <details><summary>Hint 1</summary>Ask first: is it still a bell? Then: is there too little or too much?</details>
# <details><summary>Hint 2</summary>One of them would sound the same for a dog.</details>
# <details><summary>Hint 3</summary>Too smooth means something was left out; too rough means something was added.</details>
# {{solution}}

# %% [markdown] name="broke-text"
# ## What broke
#
# The published training code multiplies the KL by **1000**. Copy that number into your own code and your autoencoder dies.
# The reason is one word: there the KL is a *mean* over the 32,768 numbers of a latent while the error is a *sum* over the
# picture. As a sum its weight is 1000 / 32768 ≈ 0.03. (Image models that take the sum use weights of a millionth.) In the
# toy, the same mistake:

# %% name="broke"
wrong, right = train_toy(1000), train_toy(1000 / 32768)
for name, toy in {"1000 x sum": wrong, "1000 x mean": right}.items():
    mean, logvar = toy.encode(x)
    print(f"{name}: KL {kl(mean, logvar).sum(1).mean():7.3f}, rebuilt to {3 * lesson.DB * (toy.decoder(mean) - x).abs().mean():5.2f} dB")

# %% name="broke-hear"
bell_columns = (mel[0] + 6) / 3
heard = {name: toy.decoder(toy.encode(bell_columns)[0])[None] * 3 - 6 for name, toy in {"1000 x mean": right, "1000 x sum": wrong}.items()}
player({name: ldm.mel_to_wav(made)[0] for name, made in heard.items()}, title="The bell through two numbers a column")

# %% [markdown] name="broke-why"
# No error and no NaN: both trainings ran to their end. The signs are a KL of zero, and one average sound whatever goes in.
# Watch the KL of every VAE you train. A weight without its reduction (sum or mean, over what?) is not a number anybody can copy.
#
# ## Quiz

# %% name="quiz"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | A KL weight of 0 scatters latents, a large one silences them, one in between makes a ball that noise covers | that latent diffusion needs a perfect ball: it has a scale factor, and a UNet that learns the shape |
# | A mel picture fits into a quarter of its numbers with an error of a decibel or two | that a decibel of mel error is what ears mind: that needs listeners (lesson 11) |
# | PCA beats a minute of training; the shipped network adds a little | what long training with a discriminator adds |
# | One KL weight, three sounds to tell it by | which weight is best: that depends on what is generated from the latents |
#
# **Next:** 04, words and sounds in one space. **Paper:** Liu et al. 2023, section 3.3 (the autoencoder and its loss);
# Kingma & Welling 2014, [arXiv 1312.6114](https://arxiv.org/abs/1312.6114), section 2.4 and appendix B; Baldi & Hornik 1989
# on linear autoencoders. **Words:** [autoencoder](guide/glossary.md#autoencoder) · [latent](guide/glossary.md#latent) ·
# [VAE](guide/glossary.md#vae) · [reparameterisation](guide/glossary.md#reparameterisation) ·
# [KL divergence](guide/glossary.md#kl-divergence) · [posterior collapse](guide/glossary.md#posterior-collapse) ·
# [scale factor](guide/glossary.md#scale-factor) · [PCA](guide/glossary.md#pca)
