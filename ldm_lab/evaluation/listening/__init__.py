"""Listening tests with people: OVL and REL as in the AudioLDM paper, MUSHRA, ABX and paired preference.

    stimuli = from_folders({"reference": real, "ours": made}, prompts=captions)
    playlist = make_playlist(stimuli, "test", kinds=("ovl", "rel"))
    session = Session(playlist, consent=True, folder="results")     # one a listener; a panel shows session.next()
    session.answer(trial["id"], 72)
    key = read_key("test-key.json")                                 # stays with whoever evaluates
    values = analyse(merge(["results"], key.playlist), key)

`stimuli` makes sounds equal in all but what is judged, `playlist` hides what they are, `session` asks, `analysis`
counts, `report` writes. People come first: no session without consent to the playlist's text, listeners are random
numbers, and nothing else about them is stored.
"""

from ldm_lab.audio.loudness import loudness
from ldm_lab.evaluation.listening.analysis import abx_power, abx_trials, binomial_p, krippendorff_alpha, screen
from ldm_lab.evaluation.listening.playlist import CONSENT, KINDS, Key, Playlist, make_playlist, read_key, read_playlist
from ldm_lab.evaluation.listening.report import analyse, blind_summary, draw, markdown, write_report
from ldm_lab.evaluation.listening.session import Results, Session, merge, new_listener, read_results
from ldm_lab.evaluation.listening.stimuli import Stimulus, from_csv, from_folders, from_tensors, read_rows

__all__ = [
    "CONSENT", "KINDS", "Key", "Playlist", "Results", "Session", "Stimulus", "abx_power", "abx_trials", "analyse",
    "binomial_p", "blind_summary", "draw", "from_csv", "from_folders", "from_tensors", "krippendorff_alpha", "loudness",
    "make_playlist", "markdown", "merge", "new_listener", "read_key", "read_playlist", "read_results", "read_rows",
    "screen", "write_report",
]  # fmt: skip
