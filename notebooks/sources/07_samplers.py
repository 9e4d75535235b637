# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # 07 · Samplers
#
# A trained network turns a noisy sound into one guess. A sampler turns many guesses into a sound. The network stays as it
# is; only the way you ask it changes, and that decides whether a sound costs 10 calls or 200.
#
# **Afterwards you can** write DDIM, Heun and DPM-Solver++ from memory, choose where the steps go, measure the order of a
# sampler, and tell its error from the network's. **You need** lessons 05 and 06: x = z + sigma · noise, and a network that
# guesses z. **Time:** 35 minutes to read and play, 40 for the exercises; {{minutes}}

# %% name="setup"
import math

import torch

from ldm_lab import course
from ldm_lab.course import assert_same, pick
from ldm_lab.course.lessons import samplers as lesson
from ldm_lab.diffusion import samplers as library
from ldm_lab.rng import Rng
from ldm_lab.widgets import DenoisingScrubber, player

ldm = course.load("lab")

# %% [markdown] name="hear"
# ## Hear it
#
# Three times eight notes, made from the same noise by the same denoiser. The first was made as exactly as we can. One of
# the others took 200 calls of the denoiser, the other one took 10.
#
# **Predict:** which is which? Switch while it plays.

# %% name="hear-it"
player(lesson.teaser(), title="200 calls or 10?")

# %% [markdown] name="hear-why"
# **Explain.** Sampler A took 200 calls and is out of tune. Sampler B took 10. At the end of this lesson you will have built
# both, and you will know what A does wrong.

# %% [markdown] name="where"
# ## Where we are
#
# The box between noise and latent. The lesson on the network opened the box's inside; this one is about the loop around it.

# %% name="diagram"
course.diagram(lit=("noise", "sampler", "latent"))

# %% [markdown] name="world-text"
# ## A world where the truth is known
#
# How wrong is a sampler? With real sound nobody can say: no one knows the sound that *should* have come out. So here is a
# small world in which everything can be computed. A sound is a point of a plane. To the right is higher, up is brighter.
# There are six notes, all equally likely, and every sound lies a little off one of them.

# %% name="world"
lesson.clouds({"256 true sounds": lesson.draw(256), "the same with noise, sigma 0.3": lesson.draw(256) + 0.3 * lesson.starts() / 83.8,
               "sigma 1": lesson.draw(256) + lesson.starts() / 83.8}, alt="Six tight clouds of points; with more noise they melt into one.")

# %% [markdown] name="denoiser-text"
# Lesson 06 trained a network to guess z from x. Here the best guess has a formula (Karras et al. 2022, appendix B.3). Every
# note k explains x a little, by a share
#
# $$ w_k \propto \exp\Big(-\frac{|x - \mu_k|^2}{2\,(s^2 + \sigma^2)}\Big), \qquad
#    \hat z(x, \sigma) = \sum_k w_k \Big(\mu_k + \frac{s^2}{s^2 + \sigma^2}\,(x - \mu_k)\Big) $$
#
# with the notes at $\mu_k$ and their spread $s$. The guess is the shares' weighted mean. No network could do better.

# %% name="denoiser"
def denoise(x, sigma):
    variance = (lesson.SPREAD**2 + sigma**2)[:, None]  # s^2 + sigma^2
    offset = x[:, None] - lesson.NOTES  # x - mu_k: (B, 6, 2)
    share = (-offset.square().sum(-1) / (2 * variance)).softmax(1)  # w_k
    guess = lesson.NOTES + (lesson.SPREAD**2 / variance)[..., None] * offset
    return (share[..., None] * guess).sum(1)

level = torch.full((256,), 0.5, dtype=torch.float64)
assert_same(denoise(lesson.starts(), level), lesson.exact(lesson.starts(), level))

# %% [markdown] name="one-text"
# ## One call is not enough
#
# Start from pure noise: sigma = 83.8, as in AudioLDM, is forty times larger than the whole world.
#
# **Predict:** you ask once, "what sound is in here?" for 256 noises. How many of the six notes do you get? What do the
# first eight sound like?

# %% name="one"
start = lesson.starts()  # (256, 2): noise with spread 83.8
high = torch.full((256,), 83.8, dtype=torch.float64)
one = denoise(start, high)
player({"one call": lesson.melody(one), "true sounds": lesson.melody(lesson.draw(8))}, title="The first guess")

# %% name="one-look"
low = denoise(0.5 * start / 83.8, level)
lesson.clouds({"guess at sigma 83.8": one, "guess at sigma 0.5": low}, alt="At the highest noise all guesses lie on one spot; at 0.5 they "
              "spread between the notes.")

# %% [markdown] name="one-why"
# **Explain.** None of the six. In so much noise all notes are equally likely, and the best guess is their mean, which is
# not one of them. That is the blur of the first steps in lesson 00. A guess is good only when little noise is left. So do
# not jump to it: take a small step towards it, look again, and repeat.

# %% [markdown] name="euler-text"
# ## Small steps: Euler
#
# Which way does x move when sigma falls? A differential equation (ODE) says it: for every place x and every level sigma, the
# direction. Points of noise that follow it arrive at sounds, each as often as it should. It is called the
# *probability-flow ODE* (Karras et al. 2022, eq. 3 and algorithm 1):
#
# $$ \frac{dx}{d\sigma} = \frac{x - \hat z(x, \sigma)}{\sigma} $$
#
# The right side is the noise that the denoiser sees in x. Euler's method takes it to be constant over a step.

# %% name="euler"
def euler(denoise, x, sigmas):
    for sigma, below in zip(sigmas, sigmas[1:]):
        slope = (x - denoise(x, sigma.expand(len(x)))) / sigma  # dx / dsigma
        x = x + (below - sigma) * slope
    return x

# %% [markdown] name="paths-text"
# Twelve walks. Each x is divided by $\sqrt{1 + \sigma^2}$, so that noise and notes fit one picture; the black dots are the ends.
# **Predict:** straight lines to the nearest note? When does a walk decide?

# %% name="paths"
ways = {f"{n} steps": lesson.walked(library.sample_ddim, start, lesson.good_grid(n)) for n in (5, 200)}
lesson.paths(ways, alt="Twelve paths from a cloud around the middle to the notes; with 200 steps they are smooth curves, with 5 they "
             "have corners and some end elsewhere.")

# %% [markdown] name="paths-why"
# **Explain.** Most walks first head inwards, towards the mean, and bend to a note later. The decision falls in the bend,
# where sigma is about the distance between notes. With five steps a corner cuts the bend, and some walks end at another
# note than they should, or between notes.

# %% [markdown] name="ddim-text"
# ## DDIM is Euler
#
# AudioLDM samples with DDIM (Song et al. 2021). Its paper knows no sigma. It writes, in the scale of training, where
# $x' = \sqrt{\bar\alpha}\,z + \sqrt{1-\bar\alpha}\,\epsilon$ (eq. 12 with eta = 0):
#
# $$ x'_{\text{next}} = \sqrt{\bar\alpha_{\text{next}}}\;\hat z + \sqrt{1 - \bar\alpha_{\text{next}}}\;\hat\epsilon $$
#
# Two formulas, two scales: $\bar\alpha = 1/(1+\sigma^2)$ and $x' = \sqrt{\bar\alpha}\,x$. **Predict:** how far apart will the two
# walks end? A tenth, a thousandth, nothing?

# %% name="ddim"
def ddim(denoise, x, alpha_bar):  # x in the scale of training
    for a, b in zip(alpha_bar, alpha_bar[1:]):
        sigma = ((1 - a) / a).sqrt().expand(len(x))
        z_hat = denoise(x / a.sqrt(), sigma)
        eps_hat = (x - a.sqrt() * z_hat) / (1 - a).sqrt()
        x = b.sqrt() * z_hat + (1 - b).sqrt() * eps_hat  # eq. 12, eta = 0
    return x

# %% name="ddim-same"
sigmas = lesson.good_grid(25)
alpha_bar = 1 / (1 + sigmas**2)
mine = ddim(denoise, start * alpha_bar[0].sqrt(), alpha_bar) / alpha_bar[-1].sqrt()
print(f"largest difference to Euler: {(mine - euler(denoise, start, sigmas)).abs().max():.0e}")
assert_same(mine, library.sample_ddim(denoise, start, sigmas), tolerance=1e-10)

# %% [markdown] name="ddim-why"
# **Explain.** Nothing but rounding, after 25 steps in double precision. Put $x = x'/\sqrt{\bar\alpha}$ into eq. 12 and divide by
# $\sqrt{\bar\alpha_{\text{next}}}$: $x_{\text{next}} = \hat z + \sigma_{\text{next}}\,\hat\epsilon$. And $\hat\epsilon = (x - \hat z)/\sigma$ is Euler's slope. One
# method, two papers. From here on everything is in sigma, as in the library's `samplers.py`.

# %% [markdown] name="grid-text"
# ## Where to put the steps
#
# Now measure. The truth is a walk of 500 very exact steps from the same noise. Error in cents: 100 cents are a semitone. A
# *wrong* note is more than 50 cents off.
#
# The naive grid lowers sigma by equal amounts. The good one lowers it by equal ratios, with one last step to 0. **Predict:** Euler with 10, 25 and
# 200 steps on both. How many naive steps replace 10 good ones?

# %% name="grid"
truth = library.sample_unipc(denoise, start, lesson.good_grid(500))
rows = []
for name, grid in {"equal amounts": lesson.uniform_grid, "equal ratios": lesson.good_grid}.items():
    for n in (10, 25, 200):
        end = euler(denoise, start, grid(n))
        rows.append({"grid": name, "steps": n} | lesson.figures(end, truth))
course.table(rows)

# %% [markdown] name="grid-why"
# **Explain.** 200 naive steps go down by 0.42 each. 198 of them start at a level above 1, where every note is still
# possible and the guess hardly changes. The last one falls from 0.42 to 0, through the whole range in which pitch is set.
# Equal ratios give every doubling of sigma the same number of steps. The same Euler, the same denoiser: 10 such steps make
# fewer wrong notes than 200 naive ones.

# %% [markdown] name="heun-text"
# ## Second order: look ahead, or look back
#
# Euler uses the slope at the start of a step. Where the path bends, that is the wrong slope. **Heun** goes there first,
# looks at the slope at the end too, and takes the mean of both (Karras et al. 2022, algorithm 1). Price: two calls a step.

# %% name="heun"
def heun(denoise, x, sigmas):
    for sigma, below in zip(sigmas, sigmas[1:]):
        slope = (x - denoise(x, sigma.expand(len(x)))) / sigma
        there = x + (below - sigma) * slope  # Euler's step, on trial
        if below > 0:  # at sigma = 0 there is no slope
            slope_there = (there - denoise(there, below.expand(len(x)))) / below
            there = x + (below - sigma) * (slope + slope_there) / 2
        x = there
    return x

assert_same(heun(denoise, start, sigmas), library.sample_heun(denoise, start, sigmas), tolerance=1e-10)

# %% [markdown] name="dpm-text"
# **DPM-Solver++ (2M)** looks back instead: the guess of the step before is still there, for free (Lu et al. 2022, algorithm
# 2). It works in $\lambda = -\log\sigma$, where the ODE can be solved exactly if the guess is a constant $D$ over a step of
# length $h$; and takes for $D$ where the line through the last two guesses is half a step ahead:
#
# $$ x_{\text{next}} = e^{-h} x + (1 - e^{-h})\,D, \qquad D = \hat z + \frac{h}{2\,h_{\text{before}}}\,(\hat z - \hat z_{\text{before}}) $$

# %% name="dpm"
def dpm_2m(denoise, x, sigmas):
    before = h_before = None
    for sigma, below in zip(sigmas, sigmas[1:]):
        z_hat = denoise(x, sigma.expand(len(x)))
        h = (sigma / below).log()  # length of the step in -log sigma; infinite to sigma = 0
        first = before is None or below == 0
        D = z_hat if first else z_hat + h / (2 * h_before) * (z_hat - before)
        x = (below / sigma) * x + (1 - below / sigma) * D  # below / sigma = exp(-h)
        before, h_before = z_hat, h
    return x

assert_same(dpm_2m(denoise, start, sigmas), library.sample_dpmpp_2m(denoise, start, sigmas), tolerance=1e-10)

# %% [markdown] name="unipc-text"
# **UniPC** (Zhao et al. 2023) begins as 2M does. Then the guess that opens the next step is used once more, to correct the
# step that has just ended. That costs nothing extra, and the library uses it by default.
#
# **Predict:** double the calls. Euler's error should halve. What about the others? Both axes of the picture are
# logarithmic, so "halve each time" is a straight line.

# %% name="orders"
walks = {"Euler = DDIM": euler, "Heun": heun, "DPM-Solver++ 2M": dpm_2m, "UniPC": library.sample_unipc}
errors = {name: [] for name in walks}
calls = [16, 32, 64, 128]
for name, walk in walks.items():
    for count in calls:
        end = walk(denoise, start, lesson.good_grid(count // 2 + 1 if name == "Heun" else count))
        errors[name].append(float(lesson.cents(end, truth).median()))
course.lines({name: (calls, values) for name, values in errors.items()}, x="calls of the denoiser", y="median error (cents)",
             logx=True, logy=True, alt="Falling lines: Euler least steep, Heun and 2M twice as steep, UniPC steepest.")

# %% name="orders-table"
course.table([{"sampler": name} | {f"{n} calls": value for n, value in zip(calls, values)}
              | {"64 to 128: divided by": values[2] / values[3]} for name, values in errors.items()])

# %% [markdown] name="orders-why"
# **Explain.** Euler is of *first order*: twice the calls, half the error. Heun and 2M are of *second*: a quarter. They
# win although Heun pays two calls a step: with 16 calls it is still behind Euler, with 32 it is ahead. 2M pays one. UniPC falls
# faster still, by about 8 or more: its free correction makes it third order. Below five cents hardly anyone hears a
# difference. With 16 calls two of the four are there.

# %% [markdown] name="aha-text"
# ## Ten good steps
#
# Both improvements together: the good grid and a good method. And for comparison AudioLDM's own setting, 200 DDIM steps on
# its own grid.

# %% name="aha"
audioldm = torch.cat([ldm.schedule.sigmas[torch.arange(996, 0, -5)], torch.zeros(1)])
ends = {
    "200 naive": euler(denoise, start, lesson.uniform_grid(200)),
    "200 of AudioLDM": euler(denoise, start, audioldm),
    "10 Euler": euler(denoise, start, lesson.good_grid(10)),
    "10 UniPC": library.sample_unipc(denoise, start, lesson.good_grid(10)),
}
course.table([{"steps": name} | lesson.figures(end, truth) for name, end in ends.items()])

# %% [markdown] name="aha-why"
# Ten good steps against two hundred naive ones: hardly a wrong note in place of more than half, and a twentieth of the work.
# That was the player at the top: A is the first row, B the last. Even against AudioLDM's grid, which is far from naive, ten UniPC
# steps hold their ground in this world. So the step count of diffusion models fell from 1000 to 10 or 20 in a few
# years, with the same networks.

# %% [markdown] name="noise-text"
# ## Fresh noise: DDPM and eta
#
# DDPM (Ho et al. 2020) does not follow the curve. In each step it takes out *more* noise than needed and puts fresh noise
# in. For a step from $\sigma$ to $\sigma'$ the fresh part has spread $\eta\,\sigma'\sqrt{1 - \sigma'^2/\sigma^2}$ (Song et al., eq. 16, in
# sigma form); what is kept of the old noise makes up the rest of $\sigma'$. $\eta = 0$ is DDIM, $\eta = 1$ is DDPM.
#
# **Predict:** with eta = 1 and 200 steps, is it the same tune? Is it in tune?

# %% name="noise"
fresh = lambda i: Rng(1).randn((256, 2), "fresh", i, dtype=torch.float64)
random = {n: library.sample_ddim(denoise, start, lesson.good_grid(n), eta=1.0, noise=fresh) for n in (5, 10, 200)}
player({"truth": lesson.melody(truth), "eta 1, 200 steps": lesson.melody(random[200]), "eta 1, 5 steps": lesson.melody(random[5])},
       title="With fresh noise")

# %% name="noise-table"
rows = {"500 exact steps": truth, **{f"eta 1, {n} steps": end for n, end in random.items()}}
course.table([{"walk": name, "between notes": f"{100 * lesson.between(end):.0f} %"}
              | {f"note {k + 1}": count for k, count in enumerate(lesson.counts(end))} for name, end in rows.items()])

# %% [markdown] name="noise-why"
# **Explain.** Another tune, and with 200 steps it is as good a tune: every note comes about as often as it should (256 / 6
# is 43, give or take 6). With five steps the tune circles around note 3, in the middle of the
# world, and the table confirms it. Each step first jumps towards the mean, and a few portions of fresh noise are too few to
# undo that: the middle is favoured and the edges are rare. AudioLDM's code uses eta = 1, with 200 steps, where this does no
# harm.

# %% [markdown] name="train-text"
# ## Train: when the denoiser is learned
#
# So far the denoiser was perfect. Now a small network learns it from true sounds alone, with lesson 06's loss: noise a
# sound, guess it back. It predicts v, as our model does. **Predict:** can the best sampler repair a mediocre network?

# %% name="net"
class Guesser(torch.nn.Module):
    def __init__(self, width=128):
        super().__init__()
        sizes = [18, width, width, width, 2]
        layers = [part for a, b in zip(sizes, sizes[1:]) for part in (torch.nn.Linear(a, b), torch.nn.SiLU())]
        self.layers = torch.nn.Sequential(*layers[:-1])
        self.waves = torch.logspace(-1, 0.8, 8)

    def forward(self, x, sigma):
        x, sigma = x.float(), sigma.float()[:, None]
        c_in = (1 + sigma**2).rsqrt()
        turns = sigma.log() * self.waves  # what lesson 06 calls the time embedding
        v = self.layers(torch.cat([c_in * x, turns.sin(), turns.cos()], 1))
        return (c_in**2 * x - sigma * c_in * v).double()  # z from v

with torch.random.fork_rng(devices=[]):
    torch.manual_seed(0)
    net = Guesser()
untrained = library.sample_unipc(net, start, lesson.good_grid(25)).detach()

# %% name="train"
steps = pick(fast=60, laptop=6000, gpu=20000)
optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
falling = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
lowest, highest = ldm.schedule.log_sigmas[0], ldm.schedule.log_sigmas[-1]
losses = []
for step in course.steps(steps):
    z = lesson.draw(512, seed=step)
    noise = Rng(step).randn((512, 2), "noise", dtype=torch.float64)
    sigma = (lowest + (highest - lowest) * torch.rand(512, generator=Rng(step).at("sigma"))).exp()
    error = net(z + sigma[:, None] * noise, sigma) - z
    loss = ((1 + sigma**-2)[:, None] * error.square()).mean()  # |v - v_hat|^2, written with z
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    falling.step()
    losses.append(loss.item())

# %% name="train-curve"
chunk = max(1, steps // 50)
smooth = torch.tensor(losses[: steps // chunk * chunk]).reshape(-1, chunk).mean(1)
z, part = lesson.draw(20_000, seed=steps), torch.linspace(0, 1, 20_000, dtype=torch.float64)
sigma = (lowest + (highest - lowest) * part).exp()
noise = Rng(steps).randn((20_000, 2), "noise", dtype=torch.float64)
best = ((1 + sigma**-2)[:, None] * (denoise(z + sigma[:, None] * noise, sigma) - z).square()).mean()
course.lines({"the network": (chunk * torch.arange(len(smooth)), smooth), "the exact denoiser": ([0, steps], [best, best])}, x="step",
             y="loss", alt="The network's loss stays high for a while, falls, and levels off at the line of the exact denoiser, far above zero.")

# %% name="train-hear"
net.requires_grad_(False)
learned = library.sample_unipc(net, start, lesson.good_grid(25))
player({"untrained": lesson.melody(untrained), "trained": lesson.melody(learned), "truth": lesson.melody(truth)}, title="The learned denoiser")

# %% name="train-table"
course.table([{"denoiser": name} | lesson.figures(end, truth) for name, end in {"untrained": untrained, "trained": learned}.items()])

# %% [markdown] name="floor-text"
# The loss stays high for a while, falls, and comes close to the flat line: the loss of the exact denoiser. It is far from zero,
# for where noise hides which note it was, the best guess is wrong too. No network comes below that line,
# but by the luck of a batch.
#
# Now the plot of before, with the learned denoiser, and still measured against the truth of the *exact* one.

# %% name="floor"
floor = {name: [float(lesson.cents(walk(net, start, lesson.good_grid(n)), truth).median()) for n in (8, 16, 32, 64)]
         for name, walk in {"Euler, learned": euler, "UniPC, learned": library.sample_unipc}.items()}
floor["UniPC, exact"] = [float(lesson.cents(library.sample_unipc(denoise, start, lesson.good_grid(n)), truth).median()) for n in (8, 16, 32, 64)]
course.lines({name: ((8, 16, 32, 64), values) for name, values in floor.items()}, x="calls", y="median error (cents)", logx=True,
             logy=True, alt="With the learned denoiser UniPC levels off early and Euler creeps down towards the same floor; with the exact one the curve keeps falling.")

# %% [markdown] name="floor-why"
# **Explain.** Two errors add up: the *solver's*, which steps and order remove, and the *network's*, which they cannot.
# UniPC meets the network's floor early (after the laptop's training with 16 calls, at 2 to 3 cents); Euler with 64 is
# still on its way down. On the floor better samplers are wasted effort: train longer. That is why nobody needs a sampler of
# fifth order, and why 10 to 25 steps are enough for most models.

# %% [markdown] name="lab-text"
# ## The fast lane: the shipped model
#
# Now real sound. The walk is the same, x has 4096 numbers instead of two, and the guess comes from our UNet (15.7 M weights, trained
# for hours). There is no exact truth here; the best we have is a walk with many good steps.

# %% name="lab"
from ldm_lab.diffusion.denoiser import noise_to_x
from ldm_lab.diffusion.guidance import guide

emb, uncond = (ldm.clap.encode_text([text]).detach() for text in ("a dog barking", ""))
guided = guide(ldm.denoiser(), emb, uncond, scale=3.0)
noise = Rng(4).randn((1, *ldm.latent_shape(2.56)), "start")

@torch.no_grad()
def sound(sampler, sigmas):
    z = sampler(guided, noise_to_x(noise, sigmas[0]), sigmas)
    return z, ldm.mel_to_wav(ldm.latent_to_mel(z))[0].clamp(-1, 1)

# %% name="lab-run"
best, naive = pick(fast=(4, 5), laptop=(60, 200), gpu=(100, 200))
good, few = pick(fast=(3, 2), laptop=(10, 5))
made = {
    f"{best} UniPC": sound(library.sample_unipc, lesson.good_grid(best)),
    f"{good} UniPC": sound(library.sample_unipc, lesson.good_grid(good)),
    f"{good} DDIM": sound(library.sample_ddim, lesson.good_grid(good)),
    f"{few} DDIM": sound(library.sample_ddim, lesson.good_grid(few)),
    f"{naive} naive": sound(library.sample_ddim, lesson.uniform_grid(naive)),
}
reference = made[f"{best} UniPC"][0]
course.table([{"walk": name, "distance to the first, of its length": float((z - reference).norm() / reference.norm())} for name, (z, _) in made.items()])

# %% name="lab-hear"
player({name: wav for name, (_, wav) in list(made.items())[:2] + list(made.items())[3:]}, title="a dog barking, one noise")

# %% [markdown] name="lab-why"
# **Explain.** The order is that of the toy: ten good steps are nearer than all the naive ones. But listen: how large must the
# number be before *you* hear it? In the
# library's own measurements (`assets/experiments`, 64 prompts) 10 UniPC steps end within 4 % of a 1000-step walk, 200 DDIM steps within
# 1 %. So here 200 careful steps are *nearer* than 10 good ones; but to the judge network the sounds are equally far from real
# ones. A sampler has done its job when nobody hears the rest.

# %% [markdown] name="widget-text"
# ## Play: three samplers over each other
#
# Drag the slider, or press *Run through*. Each tile is one sampler; the one you click is heard. Press *R* when you
# recognise the sound. **Try:** at which step do the three agree? Which one is ahead in the middle of the way?

# %% name="widget"
scrubber = DenoisingScrubber(ldm, "a dog barking", samplers=("ddim", "dpmpp_2m", "unipc"), steps=pick(fast=3, laptop=10), grid="exponential",
                             progress=False)
scrubber

# %% [markdown] name="exercises"
# ## Exercises

# %% [markdown] name="step-task"
# ### Exercise 1 · The DDIM step
#
# ●●○ · 15 minutes. Write one step from `sigma` to `sigma_next` (plain numbers) for any `eta`. `x` and the guess
# `x0_hat` (the library's name for $\hat z$) are tensors, `noise` is unit noise like `x`. Let `fresh` be the spread of the new
# noise (the formula under *Fresh noise*). Keep so much of the old noise that old and new together have spread `sigma_next`.
# Independent noises add by their squares.

# %% name="step-answer"
### BEGIN SOLUTION
def ddim_step(x, x0_hat, sigma, sigma_next, eta, noise):
    fresh = eta * sigma_next * math.sqrt(1 - (sigma_next / sigma) ** 2)
    kept = math.sqrt(max(0.0, sigma_next**2 - fresh**2))
    return x0_hat + (kept / sigma) * (x - x0_hat) + fresh * noise
### STUB
# def ddim_step(x, x0_hat, sigma, sigma_next, eta, noise):
#     return course.OPEN
### END SOLUTION

# %% name="step-check"
lesson.ddim_step.check(ddim_step)

# %% [markdown] name="step-hints"
# <details><summary>Hint 1</summary>The new x is: the guess, plus some of the old noise, plus fresh noise.</details>
# <details><summary>Hint 2</summary>The old unit noise is (x - x0_hat) / sigma. Its new spread is the square root of sigma_next² - fresh².</details>
# <details><summary>Hint 3</summary><code>x0_hat + (kept / sigma) * (x - x0_hat) + fresh * noise</code>, with
# <code>kept = math.sqrt(max(0.0, sigma_next**2 - fresh**2))</code></details>
#
# {{solution}}

# %% [markdown] name="step-same-text"
# A whole walk with your step at eta = 0, against the library's. Only rounding may differ; if you multiply in the library's order
# not even that.

# %% name="step-same"
step = lesson.ddim_step.use(ddim_step)
assert_same(lesson.same_walk(step, start, sigmas), library.sample_ddim(denoise, start, sigmas), tolerance=1e-10)

# %% [markdown] name="grid-task"
# ### Exercise 2 · Equal ratios
#
# ●○○ · 5 minutes. Write the good grid: `steps` steps from `high` to `low`, so `steps + 1` levels, each the same fraction
# of the one before. A float64 tensor.

# %% name="grid-answer"
### BEGIN SOLUTION
def log_grid(high, low, steps):
    return torch.linspace(math.log(high), math.log(low), steps + 1, dtype=torch.float64).exp()
### STUB
# def log_grid(high, low, steps):
#     return course.OPEN
### END SOLUTION

# %% name="grid-check"
lesson.log_grid.check(log_grid)

# %% [markdown] name="grid-hints"
# <details><summary>Hint 1</summary>Equal ratios of sigma are equal differences of something else.</details>
# <details><summary>Hint 2</summary>Of log sigma. `torch.linspace` makes equal differences.</details>
# <details><summary>Hint 3</summary><code>torch.linspace(math.log(high), ..., steps + 1, dtype=torch.float64).exp()</code></details>
#
# {{solution}}

# %% [markdown] name="order-task"
# ### Exercise 3 · Measure the order
#
# ●●○ · 10 minutes. If error = C / steps^p, then log error = log C - p log steps: a straight line with slope -p. Write
# `order(steps, errors)` that fits the line by least squares and returns p (a positive number for errors that fall).

# %% name="order-answer"
### BEGIN SOLUTION
def order(steps, errors):
    x, y = torch.tensor(steps).double().log(), torch.tensor(errors).double().log()
    x, y = x - x.mean(), y - y.mean()
    return -float((x * y).sum() / (x * x).sum())
### STUB
# def order(steps, errors):
#     return course.OPEN
### END SOLUTION

# %% name="order-check"
lesson.order.check(order)

# %% [markdown] name="order-hints"
# <details><summary>Hint 1</summary>Take the logarithm of both lists first. Then it is a plain line fit.</details>
# <details><summary>Hint 2</summary>The slope of a fitted line is mean(xy) / mean(x²) once both means have been taken off.</details>
# <details><summary>Hint 3</summary><code>-numpy.polyfit(numpy.log(steps), numpy.log(errors), 1)[0]</code></details>
#
# {{solution}}

# %% [markdown] name="order-use-text"
# Now the orders that were measured above. **Predict** each before you run it.

# %% name="order-use"
fit = lesson.order.use(order)
course.table([{"sampler": name, "order": round(float(fit(calls[1:], values[1:])), 2)} for name, values in errors.items()])

# %% [markdown] name="patients-task"
# ### Exercise 4 · Three broken samplers
#
# ●●○ · 10 minutes. Three samplers have a fault each. Look at where 256 walks end (crosses: the true notes) and listen.
# Choose for A, B and C one of: `"one call only"`, `"equal steps in sigma"`, `"stops too early"`, `"fresh noise too small"`.

# %% name="patients"
patients = lesson.patients()
lesson.clouds(patients, alt="A: tight points, crowded in the middle notes; B: round clouds about each note; C: one single spot.")

# %% name="patients-hear"
player({name: lesson.melody(points) for name, points in patients.items()}, title="One fault each")

# %% name="patients-answer"
### BEGIN SOLUTION
diagnosis = {"A": "fresh noise too small", "B": "stops too early", "C": "one call only"}
### STUB
# diagnosis = {"A": course.OPEN, "B": course.OPEN, "C": course.OPEN}
### END SOLUTION
lesson.diagnosis.check(diagnosis)

# %% [markdown] name="patients-hints"
# <details><summary>Hint 1</summary>Begin with the one that gives the same note eight times.</details>
# <details><summary>Hint 2</summary>Ask of the other two: are the points too far from their notes, or too near?</details>
# <details><summary>Hint 3</summary><code>lesson.counts(patients["A"])</code> says how often each note comes. Compare with the table under *Fresh noise*.</details>
#
# {{solution}}

# %% [markdown] name="broke-text"
# ## What broke
#
# AudioLDM's code makes its step grid with a whole-number division: from 0 in strides of `1000 // S`, plus 1. If S divides
# 1000 all is well. **Predict:** what do you get for S = 30, 9 and 600?

# %% name="broke"
for S in (10, 200, 30, 9, 600):
    t = [i + 1 for i in range(0, 1000, 1000 // S)]
    print(f"asked for {S:3} steps: {len(t):4} steps, from t = {t[-1]:4} down to {t[0]}", "<- there is no t = 1000" if t[-1] > 999 else "")

# %% [markdown] name="broke-why"
# You ask for 30 and get 31; for 9, or for anything above 500, it stops with an index error. A well-known reimplementation keeps
# exactly S strides instead. Then nothing crashes, and S = 600 starts at t = 600: *more* steps begin with *less* noise. But
# what they begin with is pure noise all the same, and the network believes that a sound is in there already.

# %% name="broke-hear"
def down_from(top):
    t = torch.tensor([top - top * k // good for k in range(good)])
    return sound(library.sample_ddim, torch.cat([ldm.schedule.sigmas[t], torch.zeros(1)]))

begun = {f"from t = {top}": down_from(top) for top in (999, 600)}
for name, (z, wav) in begun.items():
    mel, ear = ldm.latent_to_mel(z), ldm.clap.encode_audio(wav[None]).detach()
    print(f"{name}: spread of the log-mel {mel.std():.2f}, CLAP score {float(ear @ emb.T):.2f}")

# %% name="broke-player"
player({name: wav for name, (_, wav) in begun.items()}, title="Starting in the middle of the schedule")

# %% [markdown] name="broke-end"
# (We walk the stretch in few steps; with 600 it would be the same stretch.) The sound that began in the middle is flatter: loud and
# quiet lie closer together. So it was for each of six prompts we tried. And the CLAP score did not notice; for some prompts it
# even rose. A bug that a metric likes is the kind that stays. In our library the default grid starts at the noisiest level for every
# S.

# %% [markdown] name="quiz"
# ## Quiz

# %% name="quiz-cell"
lesson.QUIZ

# %% [markdown] name="verdict"
# ## What this showed, and what it did not
#
# | shown | not shown |
# |---|---|
# | DDIM with eta = 0 is Euler's method: equal to rounding | that Euler is a bad choice: on a good grid it is often good enough |
# | Where the steps lie matters more than how many there are | the best grid for every model: equal ratios are a good start |
# | Second order beats first at equal calls, in a world with a known truth | that you hear it with real sounds at 25 steps |
# | With a learned denoiser the error has a floor | how to lower the floor: that is training, not sampling |
#
# **Next:** 08, how words steer the walk. **Paper:** Liu et al. 2023, section 3.2, with Song et al. 2021 (DDIM), Karras et al.
# 2022 (Heun, grids), Lu et al. 2022 (DPM-Solver++), Zhao et al. 2023 (UniPC). **Words:** [sampler](guide/glossary.md#sampler) ·
# [step grid](guide/glossary.md#step-grid) · [probability-flow ODE](guide/glossary.md#probability-flow-ode) ·
# [order of a solver](guide/glossary.md#order-of-a-solver) · [ancestral sampling](guide/glossary.md#ancestral-sampling) · [eta](guide/glossary.md#eta)
