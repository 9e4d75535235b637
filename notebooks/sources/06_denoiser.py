# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 06 · The denoiser
#
# One network does the work in a diffusion model. It gets a noisy latent and a number that says how noisy, and answers:
# *this part is noise*. In this lesson you build it, train a small one, and find out what the best possible answer is.
#
# **Afterwards you can** say why the best guess is a blur, build a U-Net with time embedding and FiLM, turn a prediction of
# $\epsilon$ into one of $x_0$ or $v$ and back, and read a training curve by noise level. **You need** PyTorch modules,
# and lesson 05. **Time:** 35 minutes to read and play, 40 for the exercises; {{minutes}}

# %% name="setup"
import torch
import torch.nn.functional as F
from torch import nn

from ldm_lab import course
from ldm_lab.config import UNetConfig
from ldm_lab.course import OPEN, assert_same, pick
from ldm_lab.course.lessons import denoising as lesson
from ldm_lab.diffusion import losses
from ldm_lab.models.layers import Downsample, TransformerBlock, Upsample, timestep_embedding
from ldm_lab.rng import Rng
from ldm_lab.widgets import DenoisingScrubber, player

ldm = course.load("lab")
schedule = ldm.schedule

# %% [markdown] name="hear"
# ## Hear it
#
# A real bell, its latent with as much noise as sound (0 dB), and what the shipped network makes of it in *one* pass. The
# network was not told what the sound is.

# %% name="hear-player"
bell = course.clip("A bell being struck")
z = ldm.mel_to_latent(ldm.wav_to_mel(bell[None]))  # (1, 16, 32, 8), power about 1
uncond = ldm.clap.encode_text([""]).detach()  # "no words"
denoise = torch.no_grad()(ldm.denoiser())  # (x, sigma, emb) -> best guess of z

noise = Rng(6).randn(z.shape, "hear")
guess = denoise(z + noise, torch.ones(1), uncond)
versions = {"noisy": (z + noise) / 2**0.5, "one guess": guess, "real": z}
player({name: lesson.sound(ldm, latent[0]) for name, latent in versions.items()}, title="A bell, denoised in one pass")

# %% [markdown] name="where"
# ## Where we are

# %% name="diagram"
course.diagram(lit="unet")

# %% [markdown] name="ideal"
# ## What is the best guess?
#
# Before any network: suppose the world holds only 24 sounds, and you know them all. Somebody picks one, adds noise,
# $x = z_i + \sigma\epsilon$, and shows you $x$. Which guess $\hat z$ makes the squared error smallest, on average?
#
# The chance that it was sound $i$ falls with its distance from $x$ (the Gaussian's exponent), and the smallest mean
# squared error is reached by the *mean* under these chances:
#
# $$\hat z(x, \sigma) = \sum_i w_i z_i, \qquad w_i \propto \exp\left(-\frac{|x - z_i|^2}{2\sigma^2}\right)$$

# %% name="ideal-code"
world, world_emb = lesson.latents(ldm, 24, "train")  # 24 bells, drums and instruments


def ideal(x, sigma):
    distance = (x - world).square().flatten(1).sum(1)  # |x - z_i|^2 of all 24
    w = torch.softmax(-distance / (2 * sigma**2), dim=0)
    return torch.einsum("i,ictf->ctf", w, world), w


# %% [markdown] name="ideal-predict"
# **Predict:** it is shown sound 0 with noise of $\sigma$ = 5, 50 and 5000. What will its guesses sound like?

# %% name="ideal-player"
guesses = {"the sound": world[0]}
for sigma in (5, 50, 5000):
    guesses[f"sigma {sigma}"], w = ideal(world[0] + sigma * Rng(6).randn(z.shape[1:], "ideal"), sigma)
    print(f"sigma {sigma:4}: largest weight {w.max():.2f}, as if {1 / w.square().sum():.1f} sounds were mixed")

player({name: lesson.sound(ldm, latent) for name, latent in guesses.items()}, title="The best possible guess")

# %% [markdown] name="ideal-why"
# **Explain.** With little noise only one sound fits, and the guess *is* that sound. ($\sigma = 5$ is little here: all 4096
# numbers of the latent vote, and only 24 sounds are on the list.) With much noise all 24 fit about equally, and the best
# guess is their average: no bell, no drum, a blur of all. It is not a weak answer. It is the right one to the question
# that was asked: be wrong by as little as possible, on average.
#
# This ideal denoiser is also a parrot: at low noise it can only return one of its 24 sounds. A trained network has to
# guess for sounds it has never met, and that is why it is worth having.

# %% [markdown] name="blur"
# ## The shipped network's guesses
#
# Now the network, on test sounds that it has never seen, without words.
#
# **Predict:** from $\sigma = 0.3$ (the sound is 10 dB stronger) to $\sigma = 80$ (38 dB weaker): which picture
# will be the first in which you would not know it is a bell? And what is left in the last?

# %% name="blur-guesses"
sigmas = (0.3, 3.0, 10.0, 80.0)
guessed = {s: denoise(z + s * noise, torch.tensor([s]), uncond)[0] for s in sigmas}
player({f"sigma {s:g}": lesson.sound(ldm, g) for s, g in guessed.items()}, title="One guess at each noise level")

# %% [markdown] name="blur-why"
# **Explain.** Detail goes first, then the identity, then the shape in time. Two numbers show that this is the mean at
# work. First: if $\hat z$ is the mean of all that is possible, then what it lacks is uncorrelated with it, and powers add
# (Pythagoras): *power of the guess + power of its error = power of the sound*. So at high noise the guess must be weak.

# %% name="blur-powers"
held, _ = lesson.latents(ldm, pick(fast=4, laptop=48), "test", None)  # of all kinds
rows = []
for s in sigmas:
    x = held + s * Rng(6).randn(held.shape, "powers")
    g = denoise(x, torch.full((len(held),), s), uncond.expand(len(held), -1))
    rows.append({"sigma": s, "guess": g.square().mean(), "error": (g - held).square().mean(),
                 "sum": g.square().mean() + (g - held).square().mean(), "sound": held.square().mean()})
course.table(rows)

# %% [markdown] name="mean-predict"
# Second: at $\sigma = 80$ nothing is known about the sound, so the guess should be the mean of *all* sounds.
#
# **Predict:** how well does the guess correlate with the mean latent of real sounds? And the average of 16 guesses, each
# from other noise?

# %% name="mean-code"
mean = lesson.latents(ldm, pick(fast=12, laptop=160), "train", None)[0].mean(0)
blurs = torch.cat([denoise(80 * Rng(k).randn(z.shape, "mean"), torch.tensor([80.0]), uncond) for k in range(pick(fast=4, laptop=16))])
for name, g in {"one guess": blurs[0], f"mean of {len(blurs)}": blurs.mean(0)}.items():
    together = torch.corrcoef(torch.stack([g.flatten(), mean.flatten()]))[0, 1]
    print(f"{name:18}: correlation with the mean sound {together:.2f}, power {g.square().mean():.2f}")
print(f"the mean sound: power {mean.square().mean():.2f}")

# %% [markdown] name="mean-why"
# **Explain.** In the table above the sums come within a tenth or so of the power of the sound, except at 80; this cell
# says why. The guess is the mean, plus a mistake. A single guess at this level is patchy because the network is not
# perfect and is asked to see a sound in noise eighty times as strong; so there the powers add to more than the sound's.
# The mistakes differ from noise to noise and average out. What they have in common is the mean.

# %% [markdown] name="clock"
# ## Build it: time
#
# One network serves all noise levels, so it must be told which. The step $t$ becomes a vector of slow and fast
# oscillations (Vaswani et al. 2017, section 3.5), from one cycle in 6 steps to one in 47,000. In exercise 1 you write it;
# here are three of its 64 numbers.

# %% name="clock-picture"
t = torch.arange(1000)
clock = timestep_embedding(t, 64)  # (1000, 64): 32 cosines, then 32 sines
course.lines({f"number {k}": (t, clock[:, k]) for k in (12, 16, 24)}, x="t", title="timestep embedding",
             alt="Three cosines over t: one with 5 cycles, one with not quite 2, one that hardly bends.")

# %% [markdown] name="resblock"
# ## Build it: one block, with FiLM
#
# The block that all is made of: two convolutions and a short cut around them. Between the two, the condition enters:
# the vector `emb` (time beside CLAP) becomes one number per channel, added at every place of the latent. Perez et al.
# (2018) call it FiLM, feature-wise linear modulation; theirs scales the channels too (exercise 2), AudioLDM's only shifts.

# %% name="resblock-code"
class ResBlock(nn.Module):
    def __init__(self, inputs, outputs, emb, groups):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(groups, inputs, 1e-5), nn.GroupNorm(groups, outputs, 1e-5)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.emb = nn.Linear(emb, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, emb):  # x (B, C, T, F), emb (B, E)
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb(F.silu(emb))[:, :, None, None]  # FiLM: one number per channel, the same everywhere
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


# %% [markdown] name="unet-text"
# ## Build it: the U
#
# Down: blocks at full size, then at half, then at a quarter, so that one block sees more and more of the sound. Up: the
# same way back; at each level the map from the way down is laid beside (the *skip*), so that no detail is lost. Downsample,
# Upsample and the attention block are taken from the library.

# %% name="level-code"
class Level(nn.Module):
    def __init__(self, inputs, width, c, attend, resample):
        super().__init__()
        E, heads = 8 * c.widths[0], {"groups": c.groups, "attentions": c.attentions}
        self.resnets = nn.ModuleList(ResBlock(i, width, E, c.groups) for i in inputs)
        self.attentions = nn.ModuleList(
            TransformerBlock(width, c.head_channels, **heads) for _ in (inputs if attend else []))
        self.resample = resample

    def block(self, i, h, emb):
        h = self.resnets[i](h, emb)
        return self.attentions[i](h) if self.attentions else h


# %% name="unet-code"
class UNet(nn.Module):
    def __init__(self, c):
        super().__init__()
        w, E, width, skips = c.widths, 4 * c.widths[0], c.widths[0], [c.widths[0]]
        self.dim, self.film = w[0], nn.Linear(c.cond_dim, E)
        self.time_in, self.time_out = nn.Linear(w[0], E), nn.Linear(E, E)
        self.conv_in = nn.Conv2d(c.latent_channels, w[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, out in enumerate(w):
            last = i == len(w) - 1
            inputs = [width] + [out] * (c.blocks - 1)
            self.down.append(Level(inputs, out, c, c.attention[i], None if last else Downsample(out)))
            skips += [out] * (c.blocks + (not last))  # widths of the maps that the way up will see again
            width = out
        self.mid_in, self.mid_out = (ResBlock(width, width, 2 * E, c.groups) for _ in range(2))
        self.mid_attention = TransformerBlock(width, c.head_channels, groups=c.groups, attentions=c.attentions)
        for i in reversed(range(len(w))):
            inputs = [(w[i] if k else width) + skips.pop() for k in range(c.blocks + 1)]
            self.up.append(Level(inputs, w[i], c, c.attention[i], Upsample(w[i]) if i else None))
            width = w[i]
        self.norm_out = nn.GroupNorm(c.groups, w[0], 1e-5)
        self.conv_out = nn.Conv2d(w[0], c.latent_channels, 3, padding=1)


# %% name="unet-forward"
def forward(self, x, t, emb):  # x (B, C, T, F), t (B,), emb (B, E)
    time = self.time_out(F.silu(self.time_in(timestep_embedding(t, self.dim))))
    emb = torch.cat([time, self.film(emb)], dim=1)  # time beside meaning
    h = self.conv_in(x)
    skips = [h]
    for level in self.down:
        for i in range(len(level.resnets)):
            skips.append(h := level.block(i, h, emb))
        if level.resample is not None:
            skips.append(h := level.resample(h))
    h = self.mid_out(self.mid_attention(self.mid_in(h, emb)), emb)
    for level in self.up:
        for i in range(len(level.resnets)):
            h = level.block(i, torch.cat([h, skips.pop()], dim=1), emb)  # the map from the way down, laid beside
        h = h if level.resample is None else level.resample(h)
    return self.conv_out(F.silu(self.norm_out(h)))


UNet.forward = forward

# %% [markdown] name="unet-same"
# Is it the real one? Build it at the shipped size, load the shipped weights (`strict`: every name and shape must fit), and
# compare.

# %% name="unet-check"
mine = UNet(ldm.config.unet)
mine.load_state_dict(ldm.unet.state_dict(), strict=True)

x, t = z + noise, torch.tensor([254])
with torch.no_grad():
    both = mine(x, t, uncond), ldm.unet(x, t, uncond)
print(f"{sum(p.numel() for p in mine.parameters()) / 1e6:.2f} million weights")
assert_same(*both, tolerance=1e-4)

# %% [markdown] name="targets"
# ## Three questions, one network
#
# From $x_t = \sqrt{\bar\alpha}\,z + \sqrt{1-\bar\alpha}\,\epsilon$ the network may be asked for the noise $\epsilon$ (Ho
# et al. 2020; AudioLDM), for the clean $z$, written $x_0$, or for the mixture (Salimans & Ho 2022)
#
# $$v = \sqrt{\bar\alpha}\,\epsilon - \sqrt{1-\bar\alpha}\,z$$
#
# Who has one has all, because $x_t$ is known: $\hat z = (x_t - \sqrt{1-\bar\alpha}\,\hat\epsilon)/\sqrt{\bar\alpha}$
# $= \sqrt{\bar\alpha}\,x_t - \sqrt{1-\bar\alpha}\,\hat v$.

# %% name="targets-code"
def target(z, alpha_bar, noise, kind):
    a, s = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
    return {"eps": noise, "x0": z, "v": a * noise - s * z}[kind]


t = torch.tensor([254])
kinds = ("eps", "x0", "v")
mine_all = [target(z, schedule.at(t, like=z), noise, kind) for kind in kinds]
assert_same(mine_all, [losses.target(z, t, noise, schedule, kind) for kind in kinds])

# %% [markdown] name="targets-predict"
# **Predict:** a network makes the same small mistake in its answer, 1 % of the answer's power, at every noise level. How
# large is the error of $\hat z$ at the noisiest step, if the answer was $\epsilon$? If it was $v$?

# %% name="targets-errors"
steps = torch.arange(0, 1000, 37)
ab = schedule.alpha_bar[steps]
slip = 0.1  # 1 % of a power of 1
course.lines({"asked for eps": (steps, slip**2 * (1 - ab) / ab), "asked for v": (steps, slip**2 * (1 - ab)),
              "asked for x0": (steps, slip**2 * torch.ones_like(ab))}, x="t", y="power of the error of z", logy=True,
             alt="Error of z over t: for eps it rises from far below the others to 70, for v it rises to 0.01, for x0 it is flat.")

# %% [markdown] name="targets-why"
# **Explain.** At high noise $\hat z = x - \sigma\hat\epsilon$ subtracts two huge, nearly equal numbers: a tiny error in
# $\hat\epsilon$ is multiplied by $\sigma$, up to 84. $v$ has no such end: it asks for $\epsilon$ where there is little
# noise and for $-z$ where there is much. AudioLDM asks for $\epsilon$; our shipped model was trained with $v$.

# %% [markdown] name="train"
# ## Train one
#
# A small U-Net of 0.8 million weights, on the latents of real instruments, with their CLAP embeddings as the condition. The
# loop is what every diffusion model is trained with: draw sounds, draw steps, draw noise, compare.

# %% name="train-data"
data, data_emb = lesson.latents(ldm, pick(fast=12, laptop=384), "train", "instrument")
test, test_emb = lesson.latents(ldm, pick(fast=4, laptop=24), "test", "instrument")
config = UNetConfig(latent_channels=16, widths=(32, 64), blocks=1, attention=(False, False), cond_dim=256, groups=8, attentions=1)

torch.manual_seed(0)
small = UNet(config)
for module in small.modules():  # residual branches start at zero: a deep network that starts as a shallow one
    if isinstance(module, ResBlock):
        nn.init.zeros_(module.conv2.weight), nn.init.zeros_(module.conv2.bias)
nn.init.zeros_(small.conv_out.weight), nn.init.zeros_(small.conv_out.bias)
print(f"{sum(p.numel() for p in small.parameters()) / 1e6:.2f} million weights, {len(data)} sounds of 2.56 s")
print(f"power of the test latents: {test.square().mean():.2f}")

# %% name="train-measure"
@torch.no_grad()
def z_error(net, levels=(50, 254, 450, 737)):
    """Mean squared error of z_hat on the test sounds, at a few steps."""
    errors = []
    for level in levels:
        t = torch.full((len(test),), level)
        eps = Rng(6).randn(test.shape, "test", level)
        ab = schedule.at(t, like=test)
        x = losses.noised(test, t, eps, schedule)
        z_hat = ab.sqrt() * x - (1 - ab).sqrt() * net(x, t, test_emb)
        errors.append((z_hat - test).square().mean().item())
    return errors


before = z_error(small)

# %% [markdown] name="train-predict"
# **Predict:** the untrained network says $\hat v = 0$. What is its $\hat z$ then? (Put it into the formula.) And at which
# noise level will training help most: little, middle, or much?

# %% name="train-loop"
batch, count = 8, pick(fast=3, laptop=450, gpu=6000)
optimiser = torch.optim.AdamW(small.parameters(), lr=6e-3)
rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, total_steps=count, pct_start=0.1)
curve, bar = [], course.steps(count)
for step in bar:
    random = Rng(0).at("train", step)
    i = torch.randint(len(data), (batch,), generator=random)
    t = ((torch.arange(batch) + torch.rand(batch, generator=random)) / batch * 1000).long()  # spread over all levels
    eps = torch.randn(data[i].shape, generator=random)

    v_hat = small(losses.noised(data[i], t, eps, schedule), t, data_emb[i])
    loss = (v_hat - target(data[i], schedule.at(t, like=data), eps, "v")).square().mean()
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(small.parameters(), 1.0)
    optimiser.step()
    rate.step()
    curve.append(loss.item())
    bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)

# %% name="train-curve"
width = max(1, count // 20)
smooth = torch.tensor(curve).unfold(0, width, 1).mean(1)
course.lines({"one batch": (range(count), curve), f"mean of {width}": (torch.arange(len(smooth)) + width / 2, smooth)},
             x="step", y="v loss", alt="The training loss falls quickly at first, then slowly, with much scatter from batch to batch.")

# %% name="train-table"
after, shipped = z_error(small), z_error(ldm.unet)
course.table([{"t": level, "SNR": f"{-20 * schedule.sigmas[level].log10():.0f} dB", "untrained": b, "trained": a, "shipped": s}
              for level, b, a, s in zip((50, 254, 450, 737), before, after, shipped)])

# %% [markdown] name="train-hear"
# And to the ear: a trumpet it has never met, with as much noise as sound, in one pass.

# %% name="train-player"
trumpet = course.clip("a trumpet playing a high note")[None]
one, emb = ldm.mel_to_latent(ldm.wav_to_mel(trumpet)), ldm.clap.encode_audio(trumpet).detach()
t = torch.tensor([254])
x = losses.noised(one, t, Rng(6).randn(one.shape, "ear"), schedule)
ab = schedule.at(t, like=x)
with torch.no_grad():
    hats = {"after": small(x, t, emb), "shipped": ldm.unet(x, t, emb)}
answers = {"before (v = 0)": ab.sqrt() * x} | {name: ab.sqrt() * x - (1 - ab).sqrt() * v for name, v in hats.items()}
player({name: lesson.sound(ldm, a[0]) for name, a in (answers | {"real": one}).items()}, title="One pass, SNR 0 dB")

# %% [markdown] name="train-why"
# **Explain.** Saying $\hat v = 0$ means $\hat z = \sqrt{\bar\alpha}\,x_t$: just turn the noisy latent down. For a latent of
# power 1 that is the best a volume knob can do. (These instruments are stronger than 1, so at much noise even the
# untrained error comes out above 1.) What is gained beyond loudness is knowledge about sound: what is likely beside what.
# Training helps most in the middle: with little noise there is little to remove, with much noise little can be
# known. The shipped network, twenty times as large and with eight times as many examples, is far ahead where a sound can
# still be made out. At -20 dB it may not be: the small one has only ever met instruments, and that is worth knowing there.

# %% [markdown] name="fast-lane"
# **The fast lane.** The column and the sound *shipped* are the same loop, run longer: 15.7 million weights, all 14 kinds
# of sound, 1900 steps of 16 sounds each (`recipes/diffusion.toml`): three quarters of an hour on a CPU. You get it with
# `course.load("lab")`.

# %% [markdown] name="widget"
# ## From guess to sound
#
# Generation is nothing but such guesses in a row, each from a little less noise. *The guess* is what you have built; *the
# noisy x* is all it gets to see. (Each step takes two passes, with and without the words; lesson 08 says why.) Press *R*
# when you recognise the sound. At which $\sigma$ was that?

# %% name="widget-scrubber"
scrubber = DenoisingScrubber(ldm, "a bell ringing", samplers=("ddim",), steps=pick(fast=4, laptop=20), progress=False)
scrubber

# %% [markdown] name="exercises"
# ## Exercises

# %% [markdown] name="embedding-task"
# ### Exercise 1 · A clock for the network
#
# ●○○ · 8 minutes. Write `embedding(t, dim)`: $t$ (B,) integers → (B, dim). With $k = 0, 1, \ldots, dim/2 - 1$ and
# $\omega_k = 10000^{-k/(dim/2)}$, the first half is $\cos(\omega_k t)$, the second half $\sin(\omega_k t)$.

# %% name="embedding-answer"
### BEGIN SOLUTION
def embedding(t, dim):
    k = torch.arange(dim // 2)
    angles = t.float()[:, None] * 10000.0 ** (-k / (dim // 2))
    return torch.cat([angles.cos(), angles.sin()], dim=1)
### STUB
# def embedding(t, dim):
#     return OPEN
### END SOLUTION

# %% name="embedding-check"
lesson.embedding.check(embedding)

# %% [markdown] name="embedding-hints"
# <details><summary>Hint 1</summary>First a table of angles: a row for each t, a column for each k.</details>
# <details><summary>Hint 2</summary><code>t[:, None] * omega</code> makes the table by broadcasting.</details>
# <details><summary>Hint 3</summary><code>torch.cat([angles.cos(), angles.sin()], dim=1)</code></details>
# {{solution}}

# %% [markdown] name="film-task"
# ### Exercise 2 · FiLM
#
# ●○○ · 8 minutes. Write the full FiLM, `film(h, scale, shift)`: h (B, C, T, F), scale and shift (B, C). Each channel
# is multiplied by $1 + \mathrm{scale}$ and moved by shift. With zeros it must change nothing.

# %% name="film-answer"
### BEGIN SOLUTION
def film(h, scale, shift):
    return h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
### STUB
# def film(h, scale, shift):
#     return OPEN
### END SOLUTION

# %% name="film-check"
lesson.film.check(film)

# %% [markdown] name="film-hints"
# <details><summary>Hint 1</summary>scale has two axes, h has four. Which axes are missing, and on which side?</details>
# <details><summary>Hint 2</summary><code>scale[:, :, None, None]</code> has shape (B, C, 1, 1) and fits.</details>
# <details><summary>Hint 3</summary>Why 1 + scale? Try zeros with and without the 1.</details>
# {{solution}}

# %% [markdown] name="translate-task"
# ### Exercise 3 · eps, x0 and v
#
# ●●○ · 12 minutes. Write `translate(kind, answer, x, alpha_bar)`: the network was asked for `kind` (`"eps"`, `"x0"` or
# `"v"`) and said `answer`; $x = \sqrt{\bar\alpha} z + \sqrt{1-\bar\alpha}\epsilon$ is known, `alpha_bar` is a number.
# Return the three of them: `(z, eps, v)`.

# %% name="translate-answer"
### BEGIN SOLUTION
def translate(kind, answer, x, alpha_bar):
    a, s = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    if kind == "eps":
        z = (x - s * answer) / a
    elif kind == "v":
        z = a * x - s * answer
    else:
        z = answer
    eps = (x - a * z) / s
    return z, eps, a * eps - s * z
### STUB
# def translate(kind, answer, x, alpha_bar):
#     return OPEN
### END SOLUTION

# %% name="translate-check"
lesson.translate.check(translate)

# %% [markdown] name="translate-hints"
# <details><summary>Hint 1</summary>First find z in each of the three cases; the rest is the same for all.</details>
# <details><summary>Hint 2</summary>For v: multiply x by a = √ᾱ and v by s = √(1 - ᾱ), and use a² + s² = 1.</details>
# <details><summary>Hint 3</summary>a x - s v = (a² + s²) z = z.</details>
# {{solution}}

# %% name="translate-use"
translate = lesson.translate.use(translate)
number = float(schedule.alpha_bar[254])
with torch.no_grad():
    x = losses.noised(z, torch.tensor([254]), noise, schedule)
    z_hat, eps_hat, _ = translate("v", ldm.unet(x, torch.tensor([254]), uncond), x, number)
assert_same(z_hat, denoise(x / number**0.5, schedule.sigmas[254:255], uncond), tolerance=1e-4, name="One guess, two ways")

# %% [markdown] name="weight-task"
# ### Exercise 4 · What each loss cares for
#
# ●●○ · 12 minutes. The same error of $\hat z$ looks different in the three losses: loss = weight · $|z - \hat z|^2$.
# Write `weight(kind, snr)` for `"x0"`, `"eps"` and `"v"`, with $\mathrm{SNR} = \bar\alpha/(1-\bar\alpha)$.
# `snr` is a tensor of any shape, and the weight has that shape too, even where it is the same everywhere.

# %% name="weight-answer"
### BEGIN SOLUTION
def weight(kind, snr):
    if kind == "x0":
        return torch.ones_like(snr)
    return snr if kind == "eps" else snr + 1
### STUB
# def weight(kind, snr):
#     return OPEN
### END SOLUTION

# %% name="weight-check"
lesson.weight.check(weight)

# %% [markdown] name="weight-hints"
# <details><summary>Hint 1</summary>x is known and fixed. If ẑ is wrong by d, by how much is the ε̂ that belongs to it wrong?</details>
# <details><summary>Hint 2</summary>ε = (x - a z) / s, so an error d of z becomes -a d / s. Square it.</details>
# <details><summary>Hint 3</summary>v = a ε - s z moves by -(a²/s + s) d = -d / s. Square it: 1/s² = SNR + 1.</details>
# {{solution}}

# %% name="weight-use"
weight = lesson.weight.use(weight)
snr = schedule.alpha_bar / (1 - schedule.alpha_bar)
course.lines({f"{kind} loss": (10 * snr.log10(), weight(kind, snr)) for kind in kinds}, x="SNR in dB", y="weight of |z - z_hat|^2",
             logy=True, alt="Weights over SNR: x0 flat at 1, eps rising with the SNR, v like eps at high and like x0 at low SNR.")

# %% [markdown] name="blur-task"
# ### Exercise 5 · Read the blur
#
# ●○○ · 5 minutes. Three guesses of the shipped network for the same sound, from noise of $\sigma$ 0.3, 3 and 40. Which is
# which? Say `"sigma 0.3"`, `"sigma 3"` or `"sigma 40"`.

# %% name="blur-sounds"
flute = ldm.mel_to_latent(ldm.wav_to_mel(course.clip("a pan flute")[None]))
blurred = {name: denoise(flute + s * noise, torch.tensor([s]), uncond)[0] for name, s in lesson.LEVELS.items()}
player({name: lesson.sound(ldm, latent) for name, latent in blurred.items()}, title="Three guesses")

# %% name="blur-answer"
### BEGIN SOLUTION
levels = {"A": "sigma 3", "B": "sigma 0.3", "C": "sigma 40"}
### STUB
# levels = {"A": OPEN, "B": OPEN, "C": OPEN}
### END SOLUTION

# %% name="blur-check"
lesson.blur.check(levels)

# %% [markdown] name="blur-hints"
# <details><summary>Hint 1</summary>Order them by detail.</details>
# <details><summary>Hint 2</summary>The more noise, the more sounds are possible, the smoother their mean.</details>
# <details><summary>Hint 3</summary>One of them could stand for almost any sound of the corpus. That is the noisiest.</details>
# {{solution}}

# %% [markdown] name="broke"
# ## What broke
#
# Programs disagree about the clock. Some put the sines first, some the cosines; some divide by $dim/2$, some by
# $dim/2 - 1$; newer ones count time from 0 to 1. A checkpoint works with one convention, and no shape says with which.
# (AudioLDM: cosines first, $dim/2$, $t$ from 0 to 999.)
#
# **Predict:** the shipped weights in our U-Net, with each wrong clock. Does it load? Does it run? Which slip hurts most?

# %% name="broke-clocks"
def other_divisor(t, dim):
    angles = t.float()[:, None] * 10000.0 ** (-torch.arange(dim // 2) / (dim // 2 - 1))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


library_clock = timestep_embedding
clocks = {"right": library_clock, "other divisor": other_divisor,
          "sines first": lambda t, dim: library_clock(t, dim).roll(dim // 2, 1),
          "t from 0 to 1": lambda t, dim: library_clock(t / 1000, dim)}

# %% name="broke-hear"
model, sounds, rows = ldm.replace(unet=mine), {}, []
for name, timestep_embedding in clocks.items():  # our forward() looks the clock up by this name
    with torch.no_grad():
        g = model.denoiser()(z + noise, torch.ones(1), uncond)
    made = model.generate("a dog barking", steps=pick(fast=3, laptop=10), seed=0, progress=False)
    sounds[name] = made.audio[0]
    rows.append({"clock": name, "error of z at 0 dB": (g - z).square().mean(), "CLAP score": made.score[0]})

timestep_embedding = library_clock
player(sounds, title="a dog barking: the same weights, four clocks")

# %% name="broke-table"
course.table(rows)

# %% [markdown] name="broke-why"
# **Explain.** Everything loads, `strict` and all, and everything runs: no weight has changed its shape. Time from 0 to 1
# costs most: the network believes that there is hardly any noise, and leaves it. Sines first: it reads wrong levels. The
# other divisor moves the clock so little that you may not hear it, and that is the nastiest kind. Do not look to the CLAP
# score of a single sound for help: it may even prefer a wrong clock. A strict load proves names and shapes, not meaning.
# Only outputs beside those of a known good program do, which is why every lesson here ends its building with
# `assert_same`.

# %% [markdown] name="quiz"
# ## Quiz

# %% name="quiz-panel"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | The best guess under noise is the mean of what is possible, and it is a blur | how to get from blurs to a sharp sound: lesson 07 |
# | Fewer than 70 lines (and three layers from the library) are the shipped U-Net, weight for weight | what longer training and more data buy: lesson 12 |
# | eps, x0 and v are one prediction with three price lists | which trains best here: that needs equal long runs |
# | A minute of training learns something about instruments | a model that generates: this one only guesses in one pass |
#
# **Next:** 07, many guesses in a row. **Paper:** AudioLDM section 3.2 and eq. 4 (the loss); Ho et
# al. 2020, eq. 14; Salimans & Ho 2022 ([arXiv 2202.00512](https://arxiv.org/abs/2202.00512)), appendix D; Hang et al. 2023
# ([arXiv 2303.09556](https://arxiv.org/abs/2303.09556)), section 3.4. **Words:**
# [denoiser](guide/glossary.md#denoiser) · [u-net](guide/glossary.md#u-net) · [time embedding](guide/glossary.md#time-embedding) ·
# [film](guide/glossary.md#film) · [eps-prediction](guide/glossary.md#eps-prediction) ·
# [v-prediction](guide/glossary.md#v-prediction) · [posterior mean](guide/glossary.md#posterior-mean)
