"""The command line: what it writes, what it says, and the exit codes."""

from __future__ import annotations

import errno
import json
import string

import numpy as np
import pytest
import soundfile

from ldm_lab.checkpoint.parts import save_part
from ldm_lab.cli import generate as cli
from ldm_lab.cli.main import build_parser, explain, main
from ldm_lab.errors import CheckpointError, OptionError, PromptError

FAST = ("--model", "tiny", "--seconds", "0.32", "--steps", "1", "--device", "cpu", "-q")


def sound(path) -> np.ndarray:
    audio, rate = soundfile.read(path)
    assert rate == 16000
    return audio


def test_help_and_version_load_nothing_heavy(shell):
    code = ("import sys; from ldm_lab.cli import main\n"
            "try: main(['--help'])\nexcept SystemExit: pass\n"
            "main(['--version'])\n"
            "print([m for m in ('torch', 'numpy', 'matplotlib', 'soundfile') if m in sys.modules])")
    done = shell("-c", code)
    assert done.returncode == 0, done.stderr
    assert "generate" in done.stdout and done.stdout.strip().endswith("[]")


def test_python_dash_m_is_the_same_command(shell):
    import ldm_lab

    done = shell("-m", "ldm_lab", "--version")
    assert (done.returncode, done.stdout) == (0, f"ldm-lab {ldm_lab.__version__}\n")


def test_no_command_shows_the_help(lab):
    done = lab()
    assert done.code == 2 and "commands:" in done.out


def test_a_mistyped_command_names_the_nearest(lab):
    done = lab("genrate", "rain")
    assert done.code == 2 and "did you mean 'generate'?" in done.err


def test_every_command_has_help():
    words = build_parser().format_help()
    names = ("generate", "doctor", "lab", "corpus", "train", "assemble", "measure", "report", "transfer", "inpaint",
             "super-resolve", "vary", "edit", "interpolate", "extend", "loop", "evaluate", "listening", "experiment")
    assert all(f"    {name} " in words or f"    {name}\n" in words for name in names)


# --- generate --------------------------------------------------------------------------------------------------------


def test_one_prompt_gives_the_file_named(lab, tmp_path):
    path = tmp_path / "new folder" / "rain.wav"
    done = lab("generate", "rain", "-o", path, *FAST[:-1])
    assert done.code == 0, done.err
    assert str(path) in done.out and "0.32 s of sound" in done.out
    assert sound(path).shape == (5120,)
    assert sorted(path.parent.iterdir()) == [path]


def test_several_prompts_give_numbered_files(lab, tmp_path):
    done = lab("generate", "rain", "a dog, barking!", "-o", tmp_path / "out.flac", *FAST)
    assert done.code == 0, done.err
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["out-001-rain.flac", "out-002-a-dog-barking.flac"]


def test_a_text_file_of_prompts(lab, tmp_path):
    (tmp_path / "prompts.txt").write_text("rain\n\n  a bell \r\nпоезд\n", encoding="utf-8-sig")
    done = lab("generate", "--prompts", tmp_path / "prompts.txt", "-o", tmp_path / "sounds", *FAST)
    assert done.code == 0, done.err
    names = sorted(path.name for path in (tmp_path / "sounds").iterdir())
    assert names == ["001-rain.wav", "002-a-bell.wav", "003-sound.wav"]


def test_prompts_from_stdin(lab, tmp_path, monkeypatch):
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("rain\nwind\n"))
    assert lab("generate", "--prompts", "-", "-o", tmp_path, *FAST).code == 0
    assert len(list(tmp_path.glob("*.wav"))) == 2


def test_same_prompt_and_seed_alone_and_in_company(lab, tmp_path):
    assert lab("generate", "rain", "wind", "-o", tmp_path / "both.wav", "--seed", "3", "--batch", "2", *FAST).code == 0
    assert lab("generate", "wind", "-o", tmp_path / "alone.wav", "--seed", "3", *FAST).code == 0
    assert lab("generate", "wind", "-o", tmp_path / "other.wav", "--seed", "4", *FAST).code == 0
    alone, both = sound(tmp_path / "alone.wav"), sound(tmp_path / "both-002-wind.wav")
    assert np.abs(alone - both).max() <= 2 / 32768  # two steps of a 16-bit file
    assert np.abs(alone - sound(tmp_path / "other.wav")).max() > 0.01


def test_options_reach_the_model_and_the_file(lab, tmp_path):
    path = tmp_path / "x.wav"
    words = ("--guidance", "2.5", "--sampler", "ddim", "--negative", "music", "--candidates", "2", "--seed", "7")
    done = lab("generate", "rain", "-o", path, *words, "--dtype", "bfloat16", *FAST)
    assert done.code == 0, done.err
    with soundfile.SoundFile(path) as file:
        settings = json.loads(file.comment)
    wanted = {"prompt": "rain", "guidance": 2.5, "sampler": "ddim", "negative": "music", "candidates": 2, "seed": 7,
              "steps": 1, "seconds": 0.32, "dtype": "bfloat16", "model": "tiny"}
    assert {name: settings[name] for name in wanted} == wanted


ODD = ["", " ", "x" * 10_000, "🐕‍🦺 barks 🔊", "\x1b[31mred\x07\x00", "собака лает", "犬が吠える", "../../etc/passwd", "a/b\\c.wav",
       "con", "CON.txt", "-rf", ".hidden", "=1+1", "<script>", "naïve café", "\n\r\t", "‮evil", "e\u0301" * 300, "A" * 255 + ".wav"]


@pytest.mark.parametrize("prompt", ODD)
def test_no_prompt_can_break_a_file_name(prompt, tmp_path):
    word = cli.slug(prompt)
    assert 1 <= len(word) <= 40
    assert set(word) <= set(string.ascii_lowercase + string.digits + "-") and word[0] != "-"
    paths = cli.output_paths(tmp_path / "o.wav", [prompt, prompt])
    assert len(set(paths)) == 2 and all(path.parent == tmp_path and len(path.name) < 80 for path in paths)
    assert cli.output_paths(tmp_path / "o.wav", [prompt]) == [tmp_path / "o.wav"]
    assert cli.printable(prompt, 1000).isprintable()


def test_numbers_grow_with_the_list(tmp_path):
    names = [path.name for path in cli.output_paths(tmp_path, ["rain"] * 1000)]
    assert names[0] == "0001-rain.wav" and names[-1] == "1000-rain.wav" and len(set(names)) == 1000


def test_a_slug_ends_at_a_word():
    assert cli.slug("A small dog barks twice in a large empty hall") == "a-small-dog-barks-twice-in-a-large-empty"


def test_quiet_says_nothing(lab, tmp_path):
    done = lab("generate", "rain", "-o", tmp_path / "x.wav", *FAST)
    assert (done.code, done.out, done.err) == (0, "", "")


# --- errors and exit codes -------------------------------------------------------------------------------------------


def test_no_traceback_unless_asked_for(lab, tmp_path):
    words = ("generate", "rain", "-o", tmp_path / "x.wav", "--model", "tiny", "--steps", "0")
    quiet, loud = lab(*words), lab(*words, "--debug")
    assert quiet.code == loud.code == 2
    assert quiet.err.startswith("ldm-lab: steps: got 0") and "Traceback" not in quiet.err
    assert "Traceback" in loud.err and "OptionError" in loud.err
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_half_written(lab, tmp_path, monkeypatch):
    from ldm_lab.system import AudioLDM

    real, calls = AudioLDM.generate, []

    def interrupted(self, prompts, **options):
        calls.append(prompts)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, prompts, **options)

    monkeypatch.setattr(AudioLDM, "generate", interrupted)
    done = lab("generate", "rain", "wind", "hail", "-o", tmp_path / "x.wav", "--batch", "1", *FAST)
    assert done.code == 130 and "stopped" in done.err and "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["x-001-rain.wav"]


def test_a_bug_keeps_its_traceback(monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "read_prompts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["generate", "rain", "-o", str(tmp_path / "x.wav")])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OptionError("steps: got 0"), "steps: got 0"),
        (PromptError("no prompt"), "no prompt"),
        (CheckpointError("damaged"), "damaged"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y.wav"), "disk is full (/x/y.wav)"),
        (OSError(errno.EACCES, "Permission denied", "/x"), "no permission"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), "No such file"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (ModuleNotFoundError("No module named 'gt_x'", name="gt_x"), "needs the package 'gt_x'"),
        (ModuleNotFoundError("No module named 'ldm_lab.x'", name="ldm_lab.x"), None),
        (ValueError("a bug"), None),
    ],
)
def test_what_an_error_says(error, words):
    said = explain(error)
    assert said is None if words is None else words in said


# --- train -----------------------------------------------------------------------------------------------------------


def test_train_passes_everything_on(lab, tmp_path, monkeypatch):
    from types import SimpleNamespace

    from ldm_lab.training import run

    seen = {}
    monkeypatch.setattr(run, "run", lambda recipe, **words: seen.update(words, recipe=recipe) or SimpleNamespace(step=6, seconds=60.0))
    done = lab("train", "diffusion", "diffusion", "--out", tmp_path / "run", "--resume", "--device", "cpu", "--steps", "6")
    assert done.code == 0, done.err
    assert seen["recipe"].name == "diffusion.toml" and seen["recipe"].is_file()
    wanted = {"task": "diffusion", "out": tmp_path / "run", "resume": True, "device": "cpu", "steps": 6}
    assert {name: seen[name] for name in wanted} == wanted
    assert "step 6, 1.0 minutes" in done.out


def test_train_knows_its_recipes(lab):
    done = lab("train", "diffusion", "difusion")
    assert done.code == 2 and "did you mean 'diffusion'?" in done.err


def test_train_refuses_a_part_that_does_not_exist(lab):
    done = lab("train", "decoder", "diffusion")
    assert done.code == 2 and "autoencoder" in done.err


def test_train_refuses_the_recipe_of_another_part(lab):
    done = lab("train", "vocoder", "diffusion")
    assert done.code == 2 and "diffusion" in done.err and "Traceback" not in done.err


def test_assemble_makes_a_model_of_trained_parts(lab, tiny, tmp_path):
    import ldm_lab
    from ldm_lab.checkpoint import save_model

    model = save_model(tiny, tmp_path / "model")
    other = ldm_lab.AudioLDM.from_preset("tiny", seed=1)
    save_part(other.vocoder, tmp_path / "run" / "weights", "vocoder")
    done = lab("assemble", "--vocoder", tmp_path / "run", "--out", model, "--model", "tiny")
    assert done.code == 0 and "vocoder put in place" in done.out, done.err
    got = ldm_lab.load(model, device="cpu")
    name, weight = next(iter(other.vocoder.state_dict().items()))
    assert np.allclose(got.vocoder.state_dict()[name], weight, atol=1e-2)
    name, weight = next(iter(tiny.unet.state_dict().items()))
    assert np.allclose(got.unet.state_dict()[name], weight, atol=1e-2)


def test_assemble_needs_a_part(lab, tmp_path):
    done = lab("assemble", "--out", tmp_path)
    assert done.code == 2 and "at least one part" in done.err


# --- corpus ----------------------------------------------------------------------------------------------------------


def test_corpus_stats_are_those_of_the_table(lab):
    from ldm_lab.corpus import open_corpus

    done = lab("corpus", "stats", "--json")
    assert done.code == 0, done.err
    counted, clips = json.loads(done.out), open_corpus().clips
    assert counted["clips"] == len(clips)
    assert counted["hours"] == pytest.approx(sum(clip.seconds for clip in clips) / 3600, abs=1e-3)
    shown = lab("corpus", "stats").out
    assert all(name in shown for name in ("animal", "weapon", "licence", f"{len(clips)} clips"))


def test_corpus_verify_tells_sound_from_damage(lab, tmp_path, monkeypatch):
    done = lab("corpus", "verify", "--hashes-only")
    assert done.code == 0 and "0 damaged" in done.out, done.err

    from ldm_lab.corpus import corpus_folder

    folder = tmp_path / "corpus"
    folder.mkdir()
    for path in corpus_folder().iterdir():
        if path.suffix in (".zip", ".csv"):
            (folder / path.name).symlink_to(path)
    whole = (folder / "synth.zip").read_bytes()
    (folder / "synth.zip").unlink()
    (folder / "synth.zip").write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    monkeypatch.setenv("LDM_LAB_ASSETS", str(tmp_path))
    done = lab("corpus", "verify", "--hashes-only")
    assert done.code == 1 and "1 damaged" in done.out and "synth/" in done.out, done.out + done.err


def test_corpus_verify_and_build_pass_everything_on(lab, tmp_path, monkeypatch):
    from types import SimpleNamespace

    import ldm_lab.corpus

    seen = {}

    def verify(sample, seed, progress):
        progress(SimpleNamespace(status="match", file="animal/dog.ogg"))
        keep = lambda path: seen.update(saved=path, sample=sample, seed=seed)
        return SimpleNamespace(ok=False, summary=lambda: "one mismatch", save=keep)

    def build(out, **options):
        seen.update(options, out=out)
        return SimpleNamespace(failed={}, summary=lambda: "built")

    monkeypatch.setattr(ldm_lab.corpus, "verify", verify)
    monkeypatch.setattr(ldm_lab.corpus, "build", build)
    done = lab("corpus", "verify", "--sample", "3", "--seed", "5", "--report", tmp_path / "r.json")
    assert done.code == 1 and "animal/dog.ogg" in done.out and "one mismatch" in done.out
    assert (seen["sample"], seen["seed"], seen["saved"]) == (3, 5, tmp_path / "r.json")
    done = lab("corpus", "build", "--out", tmp_path / "pack", "--only", "animal", "--workers", "1")
    assert done.code == 0 and "built" in done.out
    assert (seen["out"], seen["only"], seen["workers"]) == (tmp_path / "pack", "animal", 1)


def test_corpus_needs_a_job(lab):
    assert lab("corpus").code == 2
    assert "did you mean 'verify'?" in lab("corpus", "verfy").err


# --- measure and report ----------------------------------------------------------------------------------------------


def test_measure_passes_everything_on(lab, tmp_path, monkeypatch):
    import ldm_lab.evaluation.lab as bench

    seen = {}
    monkeypatch.setattr(bench, "measure", lambda *words, **options: seen.update(options, words=words) or {"format": 1, "parts": {}})
    out = tmp_path / "metrics.json"
    done = lab("measure", "clap", "speed", "--model", "lab", "--out", out, "--prompts", "7", "--seed", "2", "-q")
    assert done.code == 0, done.err
    assert seen["words"] == ("lab", out, ["clap", "speed"])
    assert (seen["prompts"], seen["seed"], seen["keep"], seen["progress"]) == (7, 2, None, False)
    assert lab("measure", "-q").code == 0 and seen["words"] == ("lab", None, bench.PARTS)


def test_measure_knows_its_parts(lab):
    done = lab("measure", "clip")
    assert done.code == 2 and "did you mean 'clap'?" in done.err


def test_the_readme_says_what_was_measured(root):
    """The table between the markers is the one made from metrics.json, and the figures belong to the shipped weights."""
    from ldm_lab.evaluation.lab import read_metrics, stale
    from ldm_lab.evaluation.report import between_markers, metrics_table

    folder = root / "assets" / "checkpoints" / "lab"
    metrics = read_metrics(folder / "metrics.json")
    assert stale(metrics, folder) == [], "measured with other weights: run ldm-lab measure, then ldm-lab report"
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme == between_markers(readme, metrics_table(metrics)), "run ldm-lab report"


def test_report_refuses_figures_of_other_weights(lab, tiny, tmp_path):
    from ldm_lab.checkpoint import save_model

    model = save_model(tiny, tmp_path / "model")
    entry = {"weights": {"clap.safetensors": "0" * 64}, "figures": {}, "facts": {}}
    (model / "metrics.json").write_text(json.dumps({"format": 1, "model": "tiny", "parts": {"clap": entry}}))
    (tmp_path / "README.md").write_text("<!-- metrics:start -->\n<!-- metrics:end -->\n")
    done = lab("report", "--model", model, "--readme", tmp_path / "README.md")
    assert done.code == 2 and "ldm-lab measure clap" in done.err
    assert (tmp_path / "README.md").read_text() == "<!-- metrics:start -->\n<!-- metrics:end -->\n"


# --- doctor and lab --------------------------------------------------------------------------------------------------


def test_doctor_on_a_healthy_installation(lab, monkeypatch):
    from ldm_lab import doctor

    monkeypatch.setattr(doctor, "_corpus", lambda: doctor.Check("corpus", doctor.OK, "not looked at here"))
    done = lab("doctor", "--model", "tiny", "--device", "cpu")
    assert done.code == 0, done.out + done.err
    for name in ("python", "torch", "numpy", "device", "threads", "weights", "self-test"):
        assert f" {name} " in done.out
    assert "1.00 s of sound" in done.out and "Everything is in place." in done.out


def test_doctor_names_what_is_wrong_and_fails(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_LAB_ASSETS", str(tmp_path))
    done = lab("doctor", "--device", "cpu")
    assert done.code == 1 and "failed" in done.err and "Traceback" not in done.err
    failed = [line.split()[1] for line in done.out.splitlines() if line.startswith("FAIL")]
    assert failed == ["corpus", "weights", "self-test"]


def test_doctor_survives_a_check_that_breaks():
    from ldm_lab import doctor

    (check,) = doctor._guard("weights", lambda: 1 / 0)
    assert (check.status, check.name) == (doctor.FAIL, "weights") and "ZeroDivisionError" in check.detail


def test_lab_opens_the_first_lesson(lab, monkeypatch):
    from types import SimpleNamespace

    from ldm_lab.cli import desk

    seen = []
    monkeypatch.setattr(desk.subprocess, "run", lambda command: seen.append(command) or SimpleNamespace(returncode=0))
    monkeypatch.setattr(desk, "find_lesson", lambda name: f"/lessons/{name}")
    monkeypatch.delenv("NO_BROWSER", raising=False)
    assert lab("lab").code == 0
    monkeypatch.setenv("NO_BROWSER", "1")
    assert lab("lab", "--port", "9999").code == 0
    assert seen[0][1:4] == ["-m", "jupyterlab", "/lessons/00_hear_it.ipynb"] and "--no-browser" not in seen[0]
    assert "--no-browser" in seen[1] and seen[1][-1] == "--port=9999"


def test_lab_names_the_lessons_there_are(lab):
    done = lab("lab", "77_nothing.ipynb")
    assert done.code == 2 and "77_nothing.ipynb" in done.err and "lessons" in done.err


def test_a_lesson_is_found_by_how_its_name_begins(root):
    from ldm_lab.cli import desk
    from ldm_lab.errors import OptionError

    assert desk.find_lesson("00") == root / "notebooks" / "00_hear_it.ipynb"
    with pytest.raises(OptionError, match="could be 00_hear_it.ipynb or 01"):
        desk.find_lesson("0")


def test_an_installed_course_is_copied_before_work_and_never_over_it(tmp_path, monkeypatch):
    from ldm_lab.cli import desk

    inside = tmp_path / "site" / "ldm_lab" / "notebooks"
    for name in ("00_hear_it.ipynb", "solutions/00_hear_it.ipynb", "guide/glossary.md"):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    found = desk.find_lesson("00", package=inside.parent)
    assert found == tmp_path / "ldm-lab-course" / "00_hear_it.ipynb"
    assert (found.parent / "guide" / "glossary.md").is_file() and (found.parent / "solutions" / "00_hear_it.ipynb").is_file()
    found.write_text("my work")
    assert desk.find_lesson("00", package=inside.parent).read_text() == "my work"
