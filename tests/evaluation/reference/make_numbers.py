"""Makes numbers.json: what audioldm_eval, ssr_eval, scikit-image and kadtk say of the features and sounds of `cases.py`.

    pip install --no-deps --target ref audioldm_eval==0.0.3 ssr_eval==0.0.7 scikit-image==0.26.0 lazy_loader kadtk==1.1.0
    python tests/evaluation/reference/make_numbers.py ref

Their files are loaded one by one from that folder: the packages as a whole ask for downloads and for other versions of
what is installed. audioldm_eval needs SciPy < 1.18. The metric files of audioldm_eval 0.0.3 compute what those of its last
commit (8dc07ee, "0.0.5") do.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cases  # noqa: E402

VERSIONS = {"audioldm_eval": "0.0.3", "ssr_eval": "0.0.7", "scikit-image": "0.26.0", "kadtk": "1.1.0"}


def module(folder: Path, path: str):
    """The Python file at `path`, without importing its package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, folder / path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def kadtk_file(folder: Path):
    """kadtk/kad.py; what it imports besides is of no use to its kernel function."""
    for name in ("hypy_utils", "hypy_utils.tqdm_utils", "kadtk", "kadtk.emb_loader", "kadtk.model_loader"):
        stand_in = types.ModuleType(name)
        stand_in.write = stand_in.tmap = stand_in.tq = stand_in.EmbeddingLoader = stand_in.ModelLoader = None
        sys.modules[name] = stand_in
    return module(folder, "kadtk/kad.py")


def of_features(folder: Path, case: cases.Features) -> dict:
    metrics = {name: module(folder, f"audioldm_eval/metrics/{name}.py") for name in ("fid", "isc", "kid", "kl")}
    kad = kadtk_file(folder)
    generated, reference = ({"2048": torch.from_numpy(f), "logits": torch.from_numpy(logits), "file_path_": names}
                            for f, logits, names in (case.generated, case.reference))
    kl, _, _ = metrics["kl"].calculate_kl(generated, reference, "logits")
    kid = metrics["kid"].calculate_kid(generated, reference, subsets=5, subset_size=case.subset, degree=3, gamma=None, coef0=1,
                                       rng_seed=2020, feat_layer_name="2048")
    inception = metrics["isc"].calculate_isc(generated, "logits", rng_seed=2020, samples_shuffle=True, splits=10)
    x, y = reference["2048"], generated["2048"]
    kernel = {f"kad_{name}": float(kad.calc_kernel_audio_distance(x, y, (None, None), "cpu", width, precision=torch.float64))
              for name, width in (("kadtk", None), ("reference_median", kad.median_pairwise_distance(x)))}
    return {**kl, **kid, **inception, **metrics["fid"].calculate_fid(generated, reference, "2048"), **kernel}


def of_sounds(folder: Path) -> dict:
    sys.path.insert(0, str(folder))
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity
    from ssr_eval.metrics import AudioMetrics

    reference, estimate = cases.sounds()
    found = {f"lsd_{rate}": AudioMetrics(rate).evaluation(estimate, reference, None)["lsd"] for rate in (16000, 44100)}
    # audioldm_eval's pair: 7 frames off, no mean, peak 1, equal length (its calculate_lsd; its own call is broken in 0.0.5)
    late = estimate[7 * 160 :]
    pair = [x - np.mean(x) for x in (late, reference)]
    pair = [(x / np.max(np.abs(x)))[: len(late)] for x in pair]
    found["lsd_7_frames"] = AudioMetrics(16000).evaluation(*pair, None)["lsd"]
    pictures = [picture.astype(np.float32) for picture in cases.pictures()]
    span = max(p.max() for p in pictures) - min(p.min() for p in pictures)
    found["psnr"] = float(peak_signal_noise_ratio(*pictures))
    found["ssim"] = float(structural_similarity(*pictures, data_range=span))
    return found


def mel_pictures(folder: Path) -> dict:
    """A few values of audioldm_eval's mel pictures, and their mean."""
    sys.path.insert(0, str(folder))
    package = types.ModuleType("audioldm_eval")
    package.__path__ = [str(folder / "audioldm_eval")]
    sys.modules["audioldm_eval"] = package
    audio = types.ModuleType("audioldm_eval.audio")
    audio.__path__ = [str(folder / "audioldm_eval" / "audio")]
    sys.modules["audioldm_eval.audio"] = audio
    audio_processing = module(folder, "audioldm_eval/audio/audio_processing.py")
    sys.modules["audioldm_eval.audio.audio_processing"] = audio_processing
    keyword = (folder / "audioldm_eval/audio/stft.py").read_text()
    # 0.0.3 calls librosa by position, which librosa 0.10 refuses
    keyword = keyword.replace("pad_center(fft_window, filter_length)", "pad_center(fft_window, size=filter_length)")
    keyword = keyword.replace("sampling_rate, filter_length, n_mel_channels, mel_fmin, mel_fmax\n",
                              "sr=sampling_rate, n_fft=filter_length, n_mels=n_mel_channels, fmin=mel_fmin, fmax=mel_fmax\n")
    stft = types.ModuleType("stft")
    exec(compile(keyword, "stft.py", "exec"), stft.__dict__)
    found = {}
    for rate, size, hop, top in ((16000, 512, 160, 8000), (32000, 1024, 320, 14000)):
        extractor = stft.TacotronSTFT(size, hop, size, 64, rate, 50, top)
        wav = cases.sounds()[0]
        wav = torch.from_numpy(wav - wav.mean()).float().clip(-1, 1)[None]
        mel, _ = extractor.mel_spectrogram(wav, normalize_fun=torch.log10)
        picture = (((mel * 20) - 20 + 100) / 100).clip(0, 1)[0].numpy()  # (64, T)
        found[str(rate)] = {"mean": float(picture.mean(dtype=np.float64)), "shape": list(picture.shape),
                            "values": [[row, column, float(picture[row, column])] for row, column in cases.PIXELS]}
    return found


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    numbers = {"made_with": VERSIONS | {"scipy": __import__("scipy").__version__, "torch": torch.__version__},
               "features": {name: of_features(folder, cases.features(name)) for name in cases.SHAPES},
               "sounds": of_sounds(folder), "mel": mel_pictures(folder)}
    (HERE / "numbers.json").write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
