# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] name="title"
# # Environment check
#
# Two minutes that save an hour: does everything work that the lessons need? Choose *Run > Run All Cells*, then do what the
# second half asks. Nothing is downloaded and nothing is sent anywhere.

# %% [markdown] name="python-text"
# ## Python's side
#
# The same checks as `ldm-lab doctor` on the command line, quick ones first. The last one makes a second of sound and takes
# a few seconds. **ok** is ok, **note** works but could be better, **FAIL** has to be mended; the line says how.

# %% name="python"
from ldm_lab import course
from ldm_lab.doctor import examine

checks = list(examine())
course.table([{"check": one.name, "status": one.status, "detail": one.detail} for one in checks])

# %% [markdown] name="browser-text"
# ## The browser's side
#
# You should see a player below, with a picture, and the words *Widgets run in this page*. If there is only a still picture
# or a line of text, widgets do not run here: see [troubleshooting](guide/troubleshooting.md#a-widget-is-not-shown).
#
# 1. Press the play button (or *Tab* to it, then *space*).
# 2. Count the strokes and press the number you heard.

# %% name="browser"
from ldm_lab.widgets import BrowserCheck

browser = BrowserCheck()
browser

# %% [markdown] name="card-text"
# ## The result
#
# Run the next cell **again** after you have counted.

# %% name="card"
from ldm_lab.course import environment

environment.card(checks, browser)

# %% [markdown] name="next"
# **Next:** `00_hear_it.ipynb`. If the card says *Not yet*, [the troubleshooting page](guide/troubleshooting.md) goes through
# what is seen, why, and what to do. When you ask somebody for help, send them the table above: it says which versions run
# here.
