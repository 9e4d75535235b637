# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # Studio
#
# Make sounds from words, edit them, compare them, take them home. No code is needed: choose *Run > Run All Cells*, then
# use the page below.
#
# - **Generate** makes a sound from the prompt. Press *Enter* in the prompt or the purple button. *New seed* gives another
#   sound for the same words.
# - **Transfer, Inpaint, Super-resolve, Vary, Extend** work on the sound you hear: one you made, or a file of your own
#   (*Bring a sound file*: WAV, FLAC, OGG or MP3, up to ten minutes; short ones are quicker).
# - **Inpaint** replaces what is in the box: drag one in the picture.
# - **Shelf:** every sound stays here. Tick *compare* for up to four and switch between them while they play.
# - **Download** gives you the sound as a file, with its settings inside; *Download all* gives everything.
#
# The sounds are made on this machine; nothing is sent anywhere. Files made here say in their metadata that they are
# AI-generated.

# %% name="studio"
from ldm_lab import course
from ldm_lab.widgets import Studio

ldm = course.load("lab")
studio = Studio(ldm)
studio

# %% [markdown] name="code"
# For those who like code after all: `studio.wav` is the sound you hear, `studio.result` what made it,
# `studio.run("transfer", prompt="a bell", strength=0.4)` presses the button, `studio.save("my_sounds")` writes every file.
