"""Models on disk: ``load(name_or_path)`` and ``save_model(ldm, folder)``.

A model is a folder: config.json, one safetensors file a part, tokenizer.json, and manifest.json with their SHA-256.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import torch

from ldm_lab.checkpoint.files import read_json, read_manifest, write_json, write_manifest
from ldm_lab.checkpoint.parts import load_part, save_part
from ldm_lab.config import PRESETS, ModelConfig, from_dict, preset, to_dict
from ldm_lab.errors import CheckpointError, OptionError, unknown
from ldm_lab.files import assets_folder
from ldm_lab.system import PARTS, AudioLDM, check_device

FORMAT = 1


def shipped() -> dict[str, Path]:
    """Models that come with the project, by name."""
    folder = assets_folder() / "checkpoints"
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/manifest.json"))
            if (path.parent / "unet.safetensors").is_file()}


def load(name_or_path: str | os.PathLike = "lab", *, device: str | torch.device | None = None,
         dtype: str | torch.dtype = "float32") -> AudioLDM:
    """The model called `name_or_path`, verified and ready to generate.

    "lab" is the shipped model; "tiny" is untrained, for trying the plumbing; anything else is a folder made by
    `save_model`. `device`: cpu, cuda, mps; the best there is if omitted. Raises OptionError for an unknown name and
    CheckpointError for a folder that is incomplete, damaged or does not fit.
    """
    device = best_device() if device is None else check_device(device)
    models = shipped()
    name = str(name_or_path)
    if name == "tiny":
        return AudioLDM.from_preset("tiny").to(device, dtype)
    if name in models:
        folder = models[name]
    elif Path(name_or_path).is_dir():
        folder = Path(name_or_path)
    elif name in PRESETS:
        raise CheckpointError(f"{name}: this preset has a shape but no weights here; "
                              f"models with weights: {', '.join(['tiny', *models])}")
    else:
        raise OptionError(unknown("model", name, ["tiny", *models]) + ", or give the folder of a model")
    return load_model(folder).to(device, dtype)


def load_model(folder: Path) -> AudioLDM:
    """Read the model in `folder` in float32 on the CPU; every file is checked against the manifest first."""
    read_manifest(folder)
    values = read_json(folder / "config.json")
    if values.pop("format", None) != FORMAT:
        raise CheckpointError(f"{folder / 'config.json'}: not a model of format {FORMAT}; make it again with this version")
    config = from_dict(ModelConfig, values)
    ldm = AudioLDM.from_preset(config)
    for name in PARTS:
        load_part(getattr(ldm, name), folder, name)
    return ldm


def save_model(ldm: AudioLDM, folder: str | os.PathLike, *, dtype: torch.dtype = torch.float16) -> Path:
    """Write `ldm` to `folder` (made if needed); weights as `dtype`. The manifest is written last."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)  # a half-written folder has no manifest and does not load
    config = dataclasses.replace(ldm.config, scale_factor=ldm.scale_factor)
    write_json(folder / "config.json", {"format": FORMAT, **to_dict(config)})
    for name in PARTS:
        save_part(getattr(ldm, name), folder, name, dtype=dtype)
    files = ["config.json", *(f"{name}.safetensors" for name in PARTS)]
    files += [name for name in ("tokenizer.json",) if (folder / name).is_file()]
    write_manifest(folder, files)
    return folder


def assemble(parts: dict[str, str | os.PathLike], out: str | os.PathLike, *, model: str = "lab") -> Path:
    """Put trained parts together: `parts` maps each of clap, autoencoder, vocoder, unet to a folder of weights.

    Parts not named are taken from the model already in `out`. The scale factor comes from the UNet's training record.
    """
    out = Path(out)
    for name in parts:
        if name not in PARTS:
            raise OptionError(unknown("part", name, PARTS))
    ldm = AudioLDM.from_preset(preset(model))
    for name in PARTS:
        load_part(getattr(ldm, name), Path(parts.get(name, out)), name)
    if "unet" in parts:
        ldm.scale_factor = float(read_json(Path(parts["unet"]) / "training.json")["meta"]["scale_factor"])
    else:
        ldm.scale_factor = float(read_json(out / "config.json")["scale_factor"])
    return save_model(ldm, out)


def best_device() -> torch.device:
    """CUDA if there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
