"""The model card: what the shipped weights are, what they were trained on, how well they do and what not to do with them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ldm_lab.checkpoint.files import read_json, write_text
from ldm_lab.config import ModelConfig, VocoderConfig, from_dict
from ldm_lab.evaluation.lab import read_metrics
from ldm_lab.evaluation.report import goals, metrics_table

_HEADER = """---
license: cc-by-sa-4.0
pipeline_tag: text-to-audio
library_name: ldm-lab
language: en
tags: [text-to-audio, latent-diffusion, audioldm, education]
---
"""

_USE = """## What it is for

Teaching and tinkering: the model is small enough to take apart, retrain and listen into on a laptop. Single events and textures
of a few seconds, English prompts, 16 kHz mono.

Not for: speech with words (it makes the sound of a voice, not language), stories of many events in order, music production,
imitating a person's voice, passing generated sound off as a recording, evidence or alarms, or any use where a wrong sound does harm.

## Responsible use

- Say that a sound is generated where you publish it. Files written by LDM Lab carry the words "AI-generated" and the settings in
  their comment; re-encoding removes it.
- The sounds of the corpus come from games, desktops, telephone systems, soundfonts and synthesis: its voices, languages and places are
  few, and what it lacks the model cannot make.
- Categories differ in how well they come out: see the table by category.
- The judge and CLAP are small and trained on the same corpus (the judge on recordings mainly). Their scores compare models on this
  test split; they do not replace listening, and they are not comparable with figures of other papers.
"""


_WHAT = """Text to sound by latent diffusion, after AudioLDM (Liu et al. 2023, arXiv 2301.12503), trained by this project from nothing
on freely licensed sound. The diffusion model never saw a caption: it learnt from sounds and their CLAP embeddings, and is asked
with the CLAP embedding of a text.
"""

_DATA = """## Training data

The corpus of this repository, `assets/corpus/`: its README is the datasheet, `ATTRIBUTION.md` names author and licence of every
file. Splits are by recording: no test clip shares a source recording with a training clip. The text tower of CLAP was distilled
from all-MiniLM-L6-v2 (Apache-2.0), which read plain sentences; no sound was involved.
"""

_MEASURED = """## Measured

On the test split, by `ldm-lab measure`; `metrics.json` has every figure with n, seed and interval.
"""

_LICENCE = """## Licence

Weights: CC BY-SA 4.0 (`LICENSE` in this folder), because part of the training sounds is ShareAlike. Credit "LDM Lab" and the
authors in `assets/corpus/ATTRIBUTION.md`. Code: Apache-2.0.
"""


def model_card(metrics: dict, config: ModelConfig, *, corpus: dict | None = None,
               parameters: dict[str, int] | None = None) -> str:
    """Markdown card from `metrics.json`, the configuration, the corpus statistics (`stats.json`) and weight counts."""
    sections = [_HEADER, f"# LDM Lab: `{config.name}`\n", _WHAT, _shape(config, parameters or {}), _USE, _DATA, _counts(corpus),
                _results(metrics), _LICENCE]
    return "\n".join(section for section in sections if section).rstrip() + "\n"


def _shape(config: ModelConfig, parameters: dict[str, int]) -> str:
    """Table of the parts, and the defaults."""
    mel, vae, unet = config.mel, config.autoencoder, config.unet
    widths = lambda part: "/".join(map(str, part.widths))
    rows = [
        ("mel front end", f"{mel.sample_rate // 1000} kHz, {mel.n_mels} bands, hop {mel.hop_length}", ""),
        ("autoencoder", f"r = {vae.ratio}, {vae.latent_channels} channels, widths {widths(vae)}"
                        + (", beside a linear path that started as PCA of mel patches" if vae.linear_path else ""), "autoencoder"),
        ("vocoder", _vocoder(config.vocoder), "vocoder"),
        ("CLAP", f"{config.clap.embed_dim} dimensions", "clap"),
        ("UNet", f"widths {widths(unet)}, FiLM on the CLAP embedding, {config.diffusion.prediction} prediction", "unet"),
    ]
    lines = ["| part | shape | weights |", "|---|---|---|"]
    for name, shape, key in rows:
        lines.append(f"| {name} | {shape} | {f'{parameters[key] / 1e6:.2f} M' if key in parameters else ''} |")
    lines += ["", f"Defaults: {config.default_steps} steps of {config.default_sampler}, guidance {config.default_guidance:g}; trained "
              f"on windows of {config.window_seconds:g} s.", "Weights are averaged (EMA) and stored in half precision; "
              "`manifest.json` holds their SHA-256.", ""]
    return "\n".join(lines)


def _vocoder(vocoder: VocoderConfig) -> str:
    """What kind of vocoder it is: plain HiFi-GAN, or with the helps for small budgets."""
    helps = [
        (vocoder.istft_n_fft, "inverse-STFT head"),
        (vocoder.draft_iterations, f"correcting {vocoder.draft_iterations} rounds of Griffin-Lim"),
        (vocoder.match_steps, f"{vocoder.match_steps} rounds of band matching"),
    ]
    return ", ".join([f"HiFi-GAN generator, {vocoder.channels} channels", *(text for on, text in helps if on)])


def _counts(corpus: dict | None) -> str:
    if not corpus:
        return ""
    kinds = ", ".join(f"{name} {values['clips']}" for name, values in corpus["kind"].items())
    splits = ", ".join(f"{name} {values['clips']}" for name, values in corpus["split"].items())
    return f"{corpus['clips']} clips, {corpus['hours']:.2f} h. By kind: {kinds}. By split: {splits}.\n"


def _results(metrics: dict) -> str:
    lines = [_MEASURED, metrics_table(metrics)]
    held = goals(metrics)
    if held:
        lines += ["### Goals\n", *(f"- {goal}" for goal in held), ""]
    table = metrics["parts"].get("generation", {}).get("facts", {}).get("categories")
    if table:
        lines += ["### By category\n", "Judge top-1 of generated and of real clips (few of each: a hint, not a measurement).\n",
                  "| category | clips | generated | real |", "|---|---|---|---|"]
        percent = lambda value: f"{100 * value:.0f} %"
        lines += [f"| {name} | {row['n']} | {percent(row['generated'])} | {percent(row['real'])} |" for name, row in table.items()]
        behind = sorted(table, key=lambda name: table[name]["generated"] - table[name]["real"])
        lines += ["", f"Furthest behind real clips: {', '.join(behind[:3])}.", ""]
    return "\n".join(lines)


def write_card(folder: str | os.PathLike, *, corpus_stats: str | os.PathLike | None = None) -> str:
    """Write ``folder/README.md`` from the model's `config.json`, weights and `metrics.json`; returns the text."""
    from ldm_lab.checkpoint import assets_folder, load_model

    folder = Path(folder)
    stats = Path(corpus_stats) if corpus_stats else assets_folder() / "corpus" / "stats.json"
    values = {key: value for key, value in read_json(folder / "config.json").items() if key != "format"}
    text = model_card(
        read_metrics(folder / "metrics.json"), from_dict(ModelConfig, values),
        corpus=json.loads(stats.read_text(encoding="utf-8")) if stats.is_file() else None,
        parameters=load_model(folder).parameter_counts,
    )
    write_text(folder / "README.md", text)
    return text
