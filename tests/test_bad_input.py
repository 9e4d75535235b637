"""Wrong input: a clear error or a documented behaviour, never a traceback on the command line, never half a file.

Each test names a line of what users get wrong: prompts, numbers, names, sound files, folders, weights, disks.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import sys
import wave

import numpy as np
import pytest
import soundfile
import torch

import ldm_lab
from ldm_lab.audio.io import load, save
from ldm_lab.checkpoint import save_model
from ldm_lab.errors import AudioInputError, CheckpointError, ConfigError, LabError, OptionError, PromptError

FAST = {"seconds": 0.32, "steps": 1, "progress": False}
CLI = ("--model", "tiny", "--seconds", "0.32", "--steps", "1", "--device", "cpu", "-q")


def refused(done, *words: str) -> None:
    """The command ended with code 2, one message with these words, and no traceback."""
    assert done.code == 2, (done.code, done.out, done.err)
    assert "Traceback" not in done.err and done.err.count("ldm-lab: ") == 1
    for word in words:
        assert word in done.err, done.err


# --- prompts ---------------------------------------------------------------------------------------------------------

PROMPTS = {
    "empty": "", "spaces": "   ", "ten thousand characters": "a dog barks and " * 625, "one endless word": "x" * 10_000,
    "emoji": "🐕‍🦺🔊", "control characters": "rain\x00\x07\x1b[31m\x85\n\r\twind", "German": "Hundegebell während eines Gewitters",
    "Russian": "собака лает", "Chinese": "狗在叫", "Arabic": "كلب ينبح", "Hindi": "कुत्ता भौंक रहा है", "Thai": "สุนัขเห่า",
    "marks": "e\u0301" * 300, "right to left": "\u202egnikrab", "lone surrogate": "rain \ud800", "path": "../../etc/passwd",
    "numbers": "1 2 3", "formula": "=1+1", "markup": "<script>alert(1)</script>", "byte order mark": "\ufeffrain",
}


@pytest.mark.parametrize("name", PROMPTS)
def test_any_text_is_a_prompt(tiny, name):
    result = tiny.generate(PROMPTS[name], **FAST)
    assert result.audio.shape == (1, 5120) and torch.isfinite(result.audio).all()
    again = tiny.generate(["rain", PROMPTS[name]], **FAST)
    assert torch.allclose(again.audio[1], result.audio[0], atol=1e-5)


def test_control_characters_count_as_spaces(tiny):
    plain, odd, other = (tiny.generate(text, **FAST).score for text in ("rain and wind", "rain\x00and\x1b\n wind", "hail"))
    assert torch.equal(plain, odd) and not torch.equal(plain, other)


@pytest.mark.parametrize("prompt", [None, b"rain", 3, ["rain", None], [], {"rain"}, "x" * 100_001])
def test_what_is_not_text_is_refused(tiny, prompt):
    with pytest.raises(PromptError, match="prompt"):
        tiny.generate(prompt, **FAST)


@pytest.mark.parametrize("name", ["empty", "ten thousand characters", "emoji", "control characters", "Chinese", "path"])
def test_the_command_takes_any_prompt(lab, tmp_path, name):
    done = lab("generate", PROMPTS[name], "rain", "-o", tmp_path / "out.wav", *CLI)
    assert done.code == 0, done.err
    files = list(tmp_path.iterdir())
    assert len(files) == 2 and all(len(path.name.encode()) < 80 and path.name.isascii() for path in files)


def test_no_prompt(lab, tmp_path):
    refused(lab("generate", "-o", tmp_path / "x.wav"), "no prompt")


def test_bad_prompt_files(lab, tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x81rain")
    refused(lab("generate", "--prompts", tmp_path / "empty.txt"), "holds no prompt")
    refused(lab("generate", "--prompts", tmp_path / "binary.txt"), "UTF-8")
    refused(lab("generate", "--prompts", tmp_path / "missing.txt"), "missing.txt")
    refused(lab("generate", "--prompts", tmp_path), "cannot be read")


# --- numbers and names -----------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
WRONG = [
    *(("seconds", value) for value in (0, -1, 0.01, NAN, INF, 1e9, "long", True)),
    *(("steps", value) for value in (0, -1, 1001, 10**6, 2.5, NAN, "many")),
    *(("guidance", value) for value in (NAN, INF, -1, 1e9)),
    *(("candidates", value) for value in (0, -1, 10**6, 1.5)),
    *(("seed", value) for value in (-1, 2**64, 0.5, "x")),
    *(("batch", value) for value in (0, -3, 10**9)),
    *(("eta", value) for value in (-0.1, 2, NAN)),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_numbers_out_of_range(tiny, name, value):
    with pytest.raises(OptionError, match=f"{name}: got"):
        tiny.generate("rain", **{**FAST, name: value})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seconds", "0"), "seconds: got 0"), (("--seconds", "nan"), "seconds: got nan"),
        (("--seconds", "1e9"), "seconds: got 1000000000"), (("--seconds=-2.5"), "seconds: got -2.5"),
        (("--steps", "0"), "steps: got 0"), (("--steps", "1001"), "steps: got 1001"),
        (("--guidance", "inf"), "guidance: got inf"), (("--candidates", "0"), "candidates: got 0"),
        (("--seed", "-1"), "seed: got -1"), (("--batch", "0"), "batch: got 0"),
        (("--sampler", "dpmp_2m"), "did you mean 'dpmpp_2m'?"), (("--model", "tinny"), "did you mean 'tiny'?"),
        (("--model", "audioldm-s"), "no weights"),
    ],
)  # fmt: skip
def test_the_command_says_what_is_wrong(lab, tmp_path, words, said):
    words = (words,) if isinstance(words, str) else words
    refused(lab("generate", "rain", "-o", tmp_path / "new" / "x.wav", *CLI, *words), said)
    assert not list(tmp_path.iterdir())  # refused before anything was made


@pytest.mark.parametrize("words", [("--seconds", "long"), ("--steps", "2.5"), ("--dtype", "float8"), ("--nonsense",)])
def test_words_that_cannot_be_read(lab, tmp_path, words):
    done = lab("generate", "rain", "-o", tmp_path / "x.wav", *words)
    assert done.code == 2 and "usage:" in done.err and "Traceback" not in done.err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there(lab, tmp_path):
    refused(lab("generate", "rain", "-o", tmp_path / "x.wav", "--model", "tiny", "--device", "cuda"), "device: got 'cuda'", "cpu")


def test_sampler_model_and_preset_name_the_nearest(tiny):
    with pytest.raises(OptionError, match="did you mean 'ddim'"):
        tiny.generate("rain", **FAST, sampler="ddin")
    with pytest.raises(OptionError, match="did you mean 'tiny'"):
        ldm_lab.load("tny")
    with pytest.raises(OptionError, match="did you mean 'audioldm-m'"):
        ldm_lab.preset("audioldm_m")


RECIPES = {
    "unknown key": ('task = "autoencoder"\n[train]\nstps = 5\n', "did you mean 'steps'"),
    "unknown option": ('task = "autoencoder"\nmodel = "tiny"\n[options]\nsecond = 1.0\n', "did you mean 'seconds'"),
    "unknown task": ('task = "autoencodr"\n', "autoencoder"),
    "unknown model": ('task = "autoencoder"\nmodel = "tinny"\n', "did you mean 'tiny'"),
    "wrong kind": ('task = "autoencoder"\n[train]\nsteps = "five"\n', "steps"),
    "no task": ("[train]\nsteps = 5\n", "task"),
    "not TOML": ("task = = 3", "not a TOML file"),
    "negative": ('task = "autoencoder"\n[train]\nsteps = -5\n', "steps"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes(lab, tmp_path, name):
    text, said = RECIPES[name]
    (tmp_path / "recipe.toml").write_text(text)
    refused(lab("train", "autoencoder", tmp_path / "recipe.toml", "--out", tmp_path / "run", "--device", "cpu"), said)
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_is_not_there(lab, tmp_path):
    refused(lab("train", "diffusion", tmp_path / "none.toml"), "none.toml", "no such recipe")


# --- sound files -----------------------------------------------------------------------------------------------------


def tone(seconds: float = 0.5, rate: int = 16000, channels: int = 1) -> np.ndarray:
    wave_ = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave_[:, None], channels, axis=1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"])
def test_any_sample_format(tmp_path, subtype):
    soundfile.write(tmp_path / "x.wav", tone(), 16000, subtype=subtype)
    wav = load(tmp_path / "x.wav")
    assert wav.dtype == torch.float32 and wav.shape[0] == 1
    assert torch.allclose(wav[0, 1000:8000], torch.from_numpy(tone()[1000:, 0]).float(), atol=0.05)  # ADPCM starts blind


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_any_channels(tmp_path, rate, channels):
    soundfile.write(tmp_path / "x.flac", tone(0.5, rate, channels), rate)
    wav = load(tmp_path / "x.flac")
    assert abs(wav.shape[1] - 8000) <= 1 and wav.shape[0] == 1
    middle = wav[0, 2000:6000]
    assert abs(middle.pow(2).mean().sqrt() - 0.3 / 2**0.5) < 0.01


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_a_wrong_ending_does_not_matter(tmp_path, ending):
    soundfile.write(tmp_path / f"right.{ending}", tone(), 16000)
    (tmp_path / f"right.{ending}").rename(tmp_path / "wrong.txt")
    assert load(tmp_path / "wrong.txt").shape[1] >= 8000


def test_missing_empty_and_no_sound(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is not sound " * 100)
    (tmp_path / "noise.mp3").write_bytes(bytes(range(256)) * 40)
    with wave.open(str(tmp_path / "header.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
    for name, said in {"missing.wav": "no such file", "empty.wav": "is empty", "text.wav": "not a readable sound file",
                       "noise.mp3": "noise.mp3", "header.wav": "no samples", "": "not a regular file"}.items():
        with pytest.raises(AudioInputError, match=said):
            load(tmp_path / name)


def test_a_pipe_does_not_hang(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioInputError, match="not a regular file"):
        load(tmp_path / "pipe.wav")


def test_nan_and_infinity_inside(tmp_path):
    for bad in (NAN, INF, -INF):
        samples = tone()
        samples[100] = bad
        soundfile.write(tmp_path / "x.wav", samples, 16000, subtype="FLOAT")
        with pytest.raises(AudioInputError, match="1 samples are NaN or infinite"):
            load(tmp_path / "x.wav")


def test_silence_and_a_single_sample_are_sound(tiny, tmp_path):
    for samples in (np.zeros(8000), np.full(1, 0.5)):
        soundfile.write(tmp_path / "x.wav", samples, 16000)
        wav = load(tmp_path / "x.wav")
        assert wav.shape == (1, len(samples))
        mel = tiny.wav_to_mel(wav)
        assert torch.isfinite(mel).all() and torch.isfinite(tiny.mel_to_latent(mel)).all()
        assert torch.isfinite(tiny.clap.encode_audio(wav)).all()


def test_a_file_cut_short(tmp_path):
    soundfile.write(tmp_path / "whole.wav", tone(1.0), 16000)
    data = (tmp_path / "whole.wav").read_bytes()
    for size in (10, 43, 44, 1000, len(data) // 2):
        (tmp_path / "cut.wav").write_bytes(data[:size])
        try:
            wav = load(tmp_path / "cut.wav")
        except AudioInputError:
            continue
        assert 0 < wav.shape[1] <= 16000 and torch.isfinite(wav).all()


def test_an_hour_and_more(tmp_path):
    """A sparse WAV file: the header promises the sound, the disk holds nothing."""
    path, rate, seconds = tmp_path / "hours.wav", 8000, 3700
    size = rate * seconds
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, rate, 1, 8, b"data", size)
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(44 + size)
    with pytest.raises(AudioInputError, match="start= and seconds="):
        load(path)
    assert load(path, start=3600, seconds=2).shape == (1, 32000)


def test_what_is_not_a_waveform(tmp_path):
    for bad in (np.zeros((2, 3, 4)), np.zeros(0), [], "rain"):
        with pytest.raises((AudioInputError, TypeError, ValueError)):
            save(tmp_path / "x.wav", bad)
    for bad in (torch.full((100,), NAN), torch.zeros(2, 100)):
        with pytest.raises(AudioInputError):
            save(tmp_path / "x.wav", bad)
    with pytest.raises(AudioInputError, match=r"\.wav"):
        save(tmp_path / "x.docx", torch.zeros(100))
    assert not list(tmp_path.iterdir())


# --- folders and disks -----------------------------------------------------------------------------------------------


def test_a_file_where_the_folder_should_be(lab, tmp_path):
    (tmp_path / "taken").write_text("here I am")
    refused(lab("generate", "rain", "-o", tmp_path / "taken" / "x.wav", *CLI), "cannot write there", "-o")
    assert (tmp_path / "taken").read_text() == "here I am"


def test_a_folder_that_may_not_be_written(lab, tmp_path, monkeypatch):
    import tempfile

    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path))

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    refused(lab("generate", "rain", "-o", tmp_path / "x.wav", *CLI), "cannot write there", "Permission denied")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_a_file_system_that_takes_no_files(lab):
    refused(lab("generate", "rain", "-o", "/proc/self/x.wav", *CLI), "cannot write there")


def test_an_ending_that_cannot_be_written(lab, tmp_path):
    refused(lab("generate", "rain", "-o", tmp_path / "x.docx", *CLI), ".docx", ".wav")


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_full_disk(tmp_path, ending):
    """A limit on file size fails a write half-way, as a full disk does: a message, no file, and the old file untouched."""
    (tmp_path / f"x.{ending}").write_bytes(b"old")
    code = ("import resource, signal, sys\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
            "from ldm_lab.cli import main\n"
            "sys.exit(main(sys.argv[1:]))")
    words = ("generate", "rain", "-o", str(tmp_path / f"x.{ending}"), "--model", "tiny", "--seconds", "2", "--steps", "1", "-q")
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and "full" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{ending}"]
    assert (tmp_path / f"x.{ending}").read_bytes() == b"old"


def test_a_full_disk_while_saving_weights(tiny, tmp_path, monkeypatch):
    from ldm_lab.checkpoint import files

    folder = save_model(tiny, tmp_path / "model")
    real = files.write_bytes

    def full(path, data):
        if path.name == "unet.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, data)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(tiny, folder)
    monkeypatch.undo()
    assert not list(folder.glob(".saving-*"))
    with pytest.raises(CheckpointError):  # incomplete, and it says so
        ldm_lab.load(folder)


# --- weights ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    return save_model(tiny, tmp_path_factory.mktemp("weights") / "model")


@pytest.fixture
def model(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def damage(path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "flipped bit":
        data[-7] ^= 1
    elif how == "cut short":
        data = data[: len(data) // 2]
    elif how == "junk at the end":
        data += b"junk"
    elif how == "emptied":
        data = bytearray()
    path.write_bytes(bytes(data))
    if how == "removed":
        path.unlink()


@pytest.mark.parametrize("how", ["flipped bit", "cut short", "junk at the end", "emptied", "removed"])
@pytest.mark.parametrize("name", ["unet.safetensors", "vocoder.safetensors", "config.json"])
def test_damaged_weights(model, name, how):
    damage(model / name, how)
    with pytest.raises(CheckpointError, match=name):
        ldm_lab.load(model)


@pytest.mark.parametrize("how", ["cut short", "emptied", "removed"])
def test_damaged_manifest(model, how):
    damage(model / "manifest.json", how)
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        ldm_lab.load(model)


def test_a_manifest_does_not_reach_out_of_its_folder(model):
    text = (model / "manifest.json").read_text().replace("config.json", "../../secret")
    (model / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match="plain file name"):
        ldm_lab.load(model)


def test_damaged_weights_on_the_command_line(lab, model, tmp_path):
    damage(model / "unet.safetensors", "flipped bit")
    refused(lab("generate", "rain", "-o", tmp_path / "x.wav", "--model", model), "unet.safetensors", "changed")
    assert not (tmp_path / "x.wav").exists()


def test_a_folder_that_is_no_model(lab, tmp_path):
    refused(lab("generate", "rain", "-o", tmp_path / "x.wav", "--model", tmp_path), "manifest.json")


def test_whole_weights_load(model, tiny):
    """The control: nothing damaged, the same sound to the precision of the stored weights."""
    got = ldm_lab.load(model, device="cpu").generate("rain", **FAST).audio
    assert torch.allclose(got, tiny.generate("rain", **FAST).audio, atol=0.05)


def test_every_error_is_a_lab_error():
    for kind in (PromptError, OptionError, AudioInputError, CheckpointError, ConfigError):
        assert issubclass(kind, LabError)
