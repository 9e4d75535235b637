"""Tiny Debian packages and archives, written byte by byte, and an apt that offers them."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import soundfile


def tone(rate: int, seconds: float = 0.6, *, channels: int = 1, seed: int = 0) -> np.ndarray:
    """A decaying chirp with noise (N,) or (N, channels), silent for its first 50 ms and last 100 ms."""
    time = np.arange(int(rate * seconds)) / rate
    wav = 0.5 * np.sin(2 * np.pi * (300 + 500 * time) * time) * np.exp(-2 * time)
    wav += 0.02 * np.random.default_rng(seed).standard_normal(len(time))
    wav[: int(0.05 * rate)] = wav[-int(0.1 * rate) :] = 0
    return wav if channels == 1 else np.stack([wav * (1 - 0.3 * channel) for channel in range(channels)], axis=1)


def sound(wav: np.ndarray, rate: int, *, format: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """A sound file as bytes."""
    out = io.BytesIO()
    soundfile.write(out, wav, rate, format=format, subtype=subtype)
    return out.getvalue()


def tar(files: dict[str, bytes], *, links: dict[str, str] | None = None, mode: str = "w:xz") -> bytes:
    """A tar of regular files, and of symbolic links by target."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            file.addfile(info)
    return out.getvalue()


def deb(data_tar: bytes, *, member: str = "data.tar.xz") -> bytes:
    """A package around its data archive: an `ar` file whose first member has an odd length, as padding must be handled."""
    out = b"!<arch>\n"
    for name, data in (("debian-binary", b"2.0\n"), ("control.tar.gz", b"odd"), (member, data_tar)):
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}".encode() + b"`\n" + data + b"\n" * (len(data) % 2)
    return out


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def cat(sounds: list[bytes]) -> bytes:
    """An OpenTTD sound catalogue."""
    at, table, body = 8 * len(sounds), b"", b""
    for data in sounds:
        entry = bytes([6]) + b"name\0 "[:6] + data + b"\x04tail"
        table += struct.pack("<II", (at + len(body)) | 0x80000000, len(entry))
        body += entry
    return table + body


def rcc(member: str, data: bytes, *, compress: bool) -> bytes:
    """A Qt resource file with one file in nested folders."""
    parts = member.split("/")
    blob = struct.pack(">I", len(data)) + zlib.compress(data) if compress else data
    blobs = struct.pack(">I", len(blob)) + blob
    names, offsets = b"", []
    for part in parts:
        offsets.append(len(names))
        names += struct.pack(">HI", len(part), 0) + part.encode("utf-16-be")
    tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
    for depth, offset in enumerate(offsets):
        last = depth == len(parts) - 1
        tree += struct.pack(">IHIIQ", offset, int(compress), 0, 0, 0) if last else struct.pack(">IHIIQ", offset, 2, 1, depth + 2, 0)
    start = 24
    return b"qres" + struct.pack(">5I", 3, start + len(blobs) + len(names), start, start + len(blobs), 0) + blobs + names + tree


def gresource(member: str, data: bytes, *, compress: bool) -> bytes:
    """A GLib resource bundle with one file: two hash entries, the folder and the file in it."""
    folder, name = member.rsplit("/", 1)
    keys = [f"/{folder}/".encode(), name.encode()]
    blob = (zlib.compress(data) if compress else data + b"\0") + b"\0(uuay)"
    value = struct.pack("<2I", len(data), int(compress)) + blob
    table, items = 24, 24 + 8 + 4
    at = items + 2 * 24
    body = keys[0] + keys[1]
    first = struct.pack("<IIIHBxII", 0, 0xFFFFFFFF, at, len(keys[0]), ord("L"), 0, 0)
    start = at + len(body)
    second = struct.pack("<IIIHBxII", 0, 0, at + len(keys[0]), len(keys[1]), ord("v"), start, start + len(value))
    header = b"GVariant" + struct.pack("<2I", 0, 0) + struct.pack("<2I", table, at)
    return header + struct.pack("<2I", 0, 1) + struct.pack("<I", 0) + first + second + body + value


class FakeApt:
    """Offers packages by name: {name: {version: bytes}}; remembers what was asked."""

    def __init__(self, offers: dict[str, dict[str, bytes]], *, suites: tuple[str, ...] = ()) -> None:
        self.offers, self.suites, self.asked = offers, suites, []

    def download(self, package: str, *, version: str | None, suite: str | None, folder: Path) -> tuple[Path | None, str]:
        self.asked.append((package, version, suite))
        if suite is not None and suite not in self.suites:
            return None, f"apt offers no package lists of suite {suite}"
        versions = self.offers.get(package, {})
        chosen = version if version is not None else next(iter(versions), None)
        if chosen not in versions:
            return None, f"Version {version!r} for {package!r} was not found" if versions else f"Unable to locate package {package}"
        path = folder / f"{package}_{chosen.replace(':', '%3a')}_all.deb"
        path.write_bytes(versions[chosen])
        return path, ""
