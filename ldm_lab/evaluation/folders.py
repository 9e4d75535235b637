"""`evaluate`: two folders of sounds in, a report with intervals out."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ldm_lab.errors import OptionError
from ldm_lab.evaluation.backbones import OURS, Backbone, load_backbone
from ldm_lab.evaluation.backbones.own import ClapBackbone
from ldm_lab.evaluation.backbones.weights import DOWNLOAD
from ldm_lab.evaluation.comparison import Report
from ldm_lab.evaluation.measures import METRICS, OF_PAIRS, OF_SETS, WIDE, Measured, Pairing, metric_names
from ldm_lab.evaluation.pairs import compare_prompts, compare_sounds, read_prompts
from ldm_lab.evaluation.soundset import RESAMPLER, Heard, SoundSet, doubts, few, listen, open_folder, pair
from ldm_lab.system import AudioLDM

log = logging.getLogger(__name__)

USUAL = ("fd", "fd_inf", "kad", "is", "kl")  # without `metrics`: as many of these as the folders and listeners allow


def evaluate(generated: str | os.PathLike, reference: str | os.PathLike, *,
             backbone: str | Backbone | Sequence[str | Backbone] = "judge", metrics: Sequence[str] | str | None = None,
             prompts: str | os.PathLike | Mapping[str, str] | None = None, seed: int = 0,
             model: str | os.PathLike | AudioLDM = "lab",
             weights: str | os.PathLike | Mapping[str, str | os.PathLike] | None = None,
             device: str | torch.device | None = None, sample_rate: int = 16000, batch: int = 16,
             resamples: int | None = None, skip_broken: bool = False, cache: bool = True, progress: bool = True) -> Report:
    """Measure the sounds of a folder against those of another.

    backbone: name(s) of listeners (`backbones.load_backbone`) or listeners of your own; weights: a file for a
    published one, {name: file} for several, or "download". metrics: names of `measures.METRICS`; omitted = fd, kad,
    and fd_inf, is, kl as far as numbers, logits and pairs allow, and clap if there are `prompts` ({name: prompt}, or a
    CSV file with columns file and prompt). Files pair by name without ending; a measure of pairs that was asked for
    needs all names in both folders. sample_rate: of LSD, PSNR and SSIM. model: whose CLAP. resamples: of each
    bootstrap (default: 1000, of costly ones fewer). Folders are read in batches; features are cached by content.

    Raises AudioInputError for folders without sounds or with broken ones (named), OptionError for names that are
    unknown or measures that these folders or listeners do not allow.
    """
    asked = None if metrics is None else metric_names(metrics)
    if asked == []:
        raise OptionError(f"metrics: got none, expected some of {', '.join(METRICS)}, or leave it out")
    if resamples is not None and resamples < 2:
        raise OptionError(f"resamples: got {resamples}, expected at least 2")
    if asked and "clap" in asked and prompts is None:
        raise OptionError("clap: needs prompts, a CSV file with the columns file and prompt")
    backbones = [backbone] if isinstance(backbone, str) or hasattr(backbone, "features") else list(backbone)
    files = _weights(weights, [b for b in backbones if isinstance(b, str) and b not in OURS])
    listeners = [load_backbone(b, weights=files.get(b), model=model, device=device) if isinstance(b, str) else b
                 for b in backbones]
    ours = open_folder(generated, skip_broken=skip_broken, progress=progress)
    theirs = open_folder(reference, skip_broken=skip_broken, progress=progress)
    alone = pair(ours, theirs)
    plan = _plan(asked, ours, theirs, alone, prompts is not None)
    bench = _Bench(ours, theirs, not any(alone), plan, asked is not None, seed, resamples, batch, cache, progress)
    measured = [m for listener in listeners for m in bench.listener(listener)] + bench.sounds(sample_rate)
    if "clap" in plan:
        clap = ClapBackbone(model, device=device)
        measured.append(bench.words(clap, read_prompts(prompts, ours.names)))
    if not measured:
        raise OptionError("nothing could be measured; see the warnings, and name metrics to learn what each needs")
    warnings = [*doubts(ours, "generated"), *doubts(theirs, "reference"), *bench.warnings]
    warnings += [doubt for m in measured for doubt in m.doubts]
    for warning in dict.fromkeys(warnings):
        log.warning("%s", warning)
    settings = {"generated": about(ours), "reference": about(theirs), "seed": seed, "paired by name": not any(alone),
                "resampler": RESAMPLER, "backbones": {b.name: f"{b.fingerprint}, {b.sample_rate} Hz" for b in listeners}}
    return Report(settings, tuple(measured), tuple(dict.fromkeys(warnings)), bench.items)


def _weights(weights: object, names: list[str]) -> dict[str, str | os.PathLike]:
    """The file of each listener that needs one, from a mapping, or from the one file there is."""
    if weights is None:
        return {}
    if not isinstance(weights, Mapping):
        if len(names) != 1 and str(weights) != DOWNLOAD:
            raise OptionError(f"weights: got one file for {', '.join(names) or 'listeners that need none'}; name the listener, as in "
                              "cnn14=FILE")
        return dict.fromkeys(names, weights)
    for name in weights:
        if name not in names:
            raise OptionError(f"weights: none of the listeners that need a file is called {name!r}; these are: "
                              f"{', '.join(names) or '(none)'}")
    return dict(weights)


def _plan(asked: list[str] | None, ours: SoundSet, theirs: SoundSet, alone: tuple[list[str], list[str]],
          worded: bool) -> list[str]:
    """The measures to take; OptionError for one that was asked for and needs pairs where files do not pair."""
    unpaired = any(alone)
    if asked is None:
        return [name for name in USUAL if not (METRICS[name].paired and unpaired)] + (["clap"] if worded else [])
    wanting = [name for name in asked if METRICS[name].paired]
    if wanting and unpaired:
        where = [f"{len(names)} only in {sounds.folder.name}: {few(names)}"
                 for names, sounds in zip(alone, (ours, theirs)) if names]
        raise OptionError(f"{', '.join(wanting)}: files pair by name, and {'; '.join(where)}. Give both folders the same "
                          "names, or leave these measures out")
    return asked + (["clap"] if worded and "clap" not in asked else [])


def about(sounds: SoundSet) -> dict[str, object]:
    """Name, number, length and content of a folder."""
    digest = hashlib.sha256("".join(f"{sound.name} {sound.digest}\n" for sound in sounds.sounds).encode())
    return {"folder": sounds.folder.resolve().name, "files": len(sounds), "seconds": round(sounds.seconds, 2),
            "sha256": digest.hexdigest()}


@dataclass
class _Bench:
    """Both folders and what is measured of them; collects values of single files and warnings as it goes."""

    ours: SoundSet
    theirs: SoundSet
    paired: bool
    plan: list[str]
    strict: bool  # the measures were asked for by name: one that cannot be taken is an error
    seed: int
    resamples: int | None
    batch: int
    cache: bool
    progress: bool

    def __post_init__(self) -> None:
        self.items: dict[str, dict[str, float]] = {}
        self.warnings: list[str] = []
        if not self.paired and not self.strict:
            self.warnings.append("the files of the folders do not pair by name: measures of pairs (kl) were left out")

    def listen(self, sounds: SoundSet, listener: Backbone) -> Heard:
        return listen(sounds, listener, batch=self.batch, cache=self.cache, progress=self.progress)

    def listener(self, listener: Backbone) -> list[Measured]:
        """Every measure of the plan that is taken with this listener."""
        wanted = [name for name in self.plan if name in OF_SETS or name in OF_PAIRS]
        if not wanted:
            return []
        fewest = min(len(self.ours), len(self.theirs))
        short = [name for name in wanted if METRICS[name].fewest > fewest]
        if short and self.strict:
            need = max(METRICS[name].fewest for name in short)
            raise OptionError(f"{', '.join(short)}: got {len(self.ours)} and {len(self.theirs)} sounds, expected at least "
                              f"{need} of each")
        heard = self.listen(self.ours, listener), self.listen(self.theirs, listener)
        pairing = Pairing(*heard, listener.name, self.paired, self.seed, self.resamples)
        return [m for name in wanted if name not in short for m in self._one(name, pairing)]

    def _one(self, name: str, pairing: Pairing) -> list[Measured]:
        """One measure, or none with a warning if it was not asked for by name and cannot be taken."""
        if "logits" in METRICS[name].needs and pairing.generated.logits is None:
            if self.strict and name in self.plan:
                raise OptionError(f"{name}: needs a classifier, and {pairing.backbone} gives features only; use judge or "
                                  "cnn14")
            return []
        if name == "fd_inf" and not self.strict and pairing.dims > WIDE:
            return []
        try:
            if name in OF_SETS:
                return [OF_SETS[name](pairing)]
            measured, values = OF_PAIRS[name](pairing)
        except OptionError as error:
            if self.strict:
                raise
            self.warnings.append(f"{name} ({pairing.backbone}) was left out: {error}")
            return []
        self.items[f"{name}@{pairing.backbone}"] = dict(zip(self.ours.names, values.tolist()))
        return [measured]

    def sounds(self, sample_rate: int) -> list[Measured]:
        """LSD, PSNR and SSIM, if they are in the plan."""
        wanted = [name for name in self.plan if METRICS[name].needs == "paired sounds"]
        if not wanted:
            return []
        measured, values = compare_sounds(self.ours, self.theirs, wanted, sample_rate=sample_rate, seed=self.seed,
                                          resamples=self.resamples, progress=self.progress)
        self.items |= {name: dict(zip(self.theirs.names, column.tolist())) for name, column in values.items()}
        return measured

    def words(self, clap: ClapBackbone, prompts: list[str]) -> Measured:
        """CLAP score of the generated sounds."""
        heard = self.listen(self.ours, clap)
        measured, values = compare_prompts(heard, prompts, clap, seed=self.seed, resamples=self.resamples)
        self.items["clap"] = dict(zip(self.ours.names, values.tolist()))
        return measured
