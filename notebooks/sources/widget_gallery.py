# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # Widget gallery
#
# Every widget of LDM Lab once, each with a small example. Run all cells (half a minute on a laptop), then play. All of
# them work by mouse and by keyboard: *Tab* goes from control to control, and what has the focus has a blue frame.
# Everything a widget shows can also be read in Python; the end of each text says how.
#
# A saved notebook keeps a picture and words of each widget. `python -m ldm_lab.course.share widget_gallery.ipynb` makes it
# ready to hand on; run the cells to have the widgets back.

# %% name="setup"
from ldm_lab import course, widgets
from ldm_lab.corpus import open_corpus

ldm = course.load("lab")
corpus = open_corpus()
bell = corpus.read(corpus.find("bell_ui/bell_ui_00278.ogg"))[:40960]  # "A bell being struck", CC0; its first 2.56 s

# %% [markdown] name="player-text"
# ## SpectrogramPlayer: see what you hear
#
# **Mouse:** click in the picture to jump; drag a box to hear only that time and band; turn the wheel with *Ctrl* to zoom.
# **Keys:** *space* plays and pauses, left and right move, up and down move the read-out line, *1* and *2* switch versions,
# *M* matches their levels, *L* loops, *B* makes a box, *+* and *-* zoom.
#
# **Try:** switch versions while it plays. *decoded* went through the autoencoder and the vocoder, nothing else: which
# partials survive? Box one of them and listen to it alone. `sound.region()` is what the box lets through.

# %% name="player"
latent = ldm.mel_to_latent(ldm.wav_to_mel(bell[None]))
decoded = ldm.mel_to_wav(ldm.latent_to_mel(latent))[0]

sound = widgets.player({"recording": bell, "decoded": decoded}, title="A bell being struck")
sound

# %% [markdown] name="map-text"
# ## PipelineMap: what left each box?
#
# **Mouse:** click a box to see and hear what comes out of it, with its shape and the time it took. **Keys:** arrow keys
# move along the map, *Enter* chooses.
#
# **Try:** where does the time go, and where are the fewest numbers? Choose the *UNet* and move the step slider.
# `pipeline.facts` is the table in Python, `pipeline.trace` everything that was made.

# %% name="map"
pipeline = widgets.PipelineMap(ldm, "a dog barking", seed=0, steps=10, progress=False)
pipeline

# %% [markdown] name="denoising-text"
# ## DenoisingScrubber: watch a sound appear
#
# **Mouse:** drag the step slider, or press *Run through*; the tiles show the same step of every sampler, and the one you
# click is heard. **Keys:** arrow keys on the slider and on the tiles, *R* for "I recognise it".
#
# **Try:** go up from step 1 and press *R* when you know what it is going to be. Is it the same step for all samplers?
# Look at *the noisy x* too: that is all the network gets. `scrubber.recognised` holds your marks, `scrubber.wav(step)` any
# moment.

# %% name="denoising"
scrubber = widgets.DenoisingScrubber(ldm, "a dog barking", samplers=("ddim", "unipc"), steps=10, progress=False)
scrubber

# %% [markdown] name="matrix-text"
# ## GuidanceMatrix: which settings for the same work?
#
# **Mouse:** click a cell to make and hear it; its colour and number are the CLAP score. Cells on one line cost the same
# number of network passes. **Keys:** arrow keys move from cell to cell, *P* pins one for comparison.
#
# **Try:** which cell of a line sounds best, and is it the one with the best score? Does the other seed agree?
# `matrix.scores` holds the scores by (seed, steps, guidance).

# %% name="matrix"
matrix = widgets.GuidanceMatrix(ldm, "a dog barking", guidance=(1, 3, 7), steps=(5, 10), seeds=(0, 1), fill=True,
                                progress=False)
matrix

# %% [markdown] name="brush-text"
# ## InpaintBrush: paint with words
#
# **Mouse:** drag a box over what shall go, say what belongs there, press *Fill the box*, then switch between before, after
# and difference. **Keys:** *B* makes a box around the playhead and its four numbers can be typed; *Enter* in the prompt
# fills; *Ctrl+Z* takes it back.
#
# **Try:** the same box with another seed, then without words: what is around goes on. `brush.wav` is the sound as it is
# now, `brush.history` what was filled.

# %% name="brush"
brush = widgets.InpaintBrush(ldm, bell, "a dog barking", steps=10)
brush.box = [0.8, 1.6, 0, 8000]
brush.fill()
brush

# %% [markdown] name="strip-text"
# ## TransferStrip: how much is left of it?
#
# **Mouse:** drag the slider or click a picture to hear the sound at that strength; the curves below show how near it is to
# the words and to the original, in the ears of CLAP. **Keys:** arrow keys on the slider, *space* plays.
#
# **Try:** find the strength at which you would no longer call it a bell. `strip.result` is the one you hear.

# %% name="strip"
series = ldm.transfer(bell, "a metal gate creaks", strengths=[0.3, 0.5, 0.7, 0.9], steps=10, progress=False)
strip = widgets.TransferStrip(ldm, series)
strip

# %% [markdown] name="mixer-text"
# ## LatentMixer: what does each latent channel do?
#
# **Mouse:** move faders, or press *S* (solo) and *M* (mute) on a channel; the sound follows. **Keys:** *Tab* to a fader,
# arrow keys move it; on it *S* solo, *M* mute, *R* back to 1, *[* and *]* solo its neighbours, *space* plays.
#
# **Try:** keep only the strongest four. Then mute everything: what does the decoder make of nothing? `mixer.gains`,
# `mixer.muted` and `mixer.wav` tell Python.

# %% name="mixer"
mixer = widgets.LatentMixer(ldm, bell, title="A bell being struck")
mixer

# %% [markdown] name="board-text"
# ## SimilarityBoard: words find sounds
#
# **Mouse:** type words and see recordings rank; click one to hear it, *≈* to ask for sounds like it. **Keys:** arrow keys
# up and down go through the ranks.
#
# **Try:** two queries with a semicolon between them, and the temperature: what is it good for? `board.ranking` is the
# list, `board.credits` names the authors of the recordings.

# %% name="board"
board = widgets.SimilarityBoard(ldm, words="a bell ringing; rain")
board

# %% [markdown] name="listening-text"
# ## ListeningTest: what do ears say?
#
# A blind test like those in papers: consent, level check, trials, and at the end what was what. **Keys:** the numbers play
# the sounds, *space* pauses, *Enter* goes on.
#
# **Try:** is X bell A or bell B? Four trials of ABX, one bell is the recording and one went through the autoencoder. The
# other kinds are `"ovl"`, `"rel"`, `"mushra"` and `"preference"`. `test.results` holds your answers, `test.report()` ends
# the test and analyses them.

# %% name="listening"
test = widgets.listening_test({"reference": [bell], "decoded": [decoded]}, kinds=["abx"], repeats=4,
                              title="Can you hear the autoencoder?")
test

# %% [markdown] name="studio-text"
# ## Studio: all in one page
#
# Generate, transfer, inpaint, super-resolve, vary, extend and loop; a shelf that keeps every sound, comparison of up to
# four, files in and out. **Keys:** *Enter* in the prompt makes a sound; *Tab* and arrows for the rest.
#
# **Try:** make a bell, then *Transfer* it towards *a dog barking* at strength 0.5 and compare the two. `studio.result` is
# what made the sound you hear. `notebooks/studio.ipynb` is this page alone.

# %% name="studio"
studio = widgets.Studio(ldm, prompt="a bell being struck", steps=10)
studio
