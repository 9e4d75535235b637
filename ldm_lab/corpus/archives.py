"""Read single files out of packages and of the archives inside them, without unpacking anything unasked.

Packages are Debian's (an `ar` file holding `data.tar.*`). Archives inside are zip and pk3, GLib's `.gresource`, Qt's `.rcc` and
OpenTTD's `.cat`. Members are looked up by name and only their bytes are handed out, so no archive can choose where
anything is written; links and devices are refused.
"""

from __future__ import annotations

import io
import re
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ldm_lab.errors import CorpusError

MAX_FILE_BYTES = 16 << 30
"""Nothing larger than this is unpacked from a package (game data come as archives of several gigabytes)."""
MAX_MEMBER_BYTES = 1 << 30
"""Nothing larger than this is read from an archive inside a package."""
MARK = ".x/"
"""`NAME.zip.x/inner/file.ogg` names the member `inner/file.ogg` of the archive `NAME.zip`."""


def split_path(path: str) -> tuple[str, str | None]:
    """(path inside the package, member inside that file or None); a path that could leave its folder is refused."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise CorpusError(f"path_in_package {path!r} is not a plain relative path; correct the row in clips.csv")
    outer, mark, inner = path.partition(MARK)
    return (outer, inner) if mark else (path, None)


# --- packages ----------------------------------------------------------------------------------------------------------


class _Section(io.RawIOBase):
    """The bytes [start, start + size) of an open file, read in order."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self._file, self._left = file, size
        file.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _data_member(file: IO[bytes], name: str) -> tuple[str, int, int]:
    """(member name, offset, size) of `data.tar*` in an `ar` file."""
    if file.read(8) != b"!<arch>\n":
        raise CorpusError(f"{name} is not a Debian package (no ar header)")
    at, total = 8, file.seek(0, io.SEEK_END)
    file.seek(at)
    while header := file.read(60):
        if len(header) < 60 or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
            raise CorpusError(f"{name} is damaged: bad ar member header at byte {at}")
        member, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
        if at + 60 + size > total:
            raise CorpusError(f"{name} is cut short: {total} bytes, {member} alone ends at {at + 60 + size}")
        if member.startswith("data.tar"):
            return member, at + 60, size
        at += 60 + size + size % 2
        file.seek(at)
    raise CorpusError(f"{name} holds no data.tar")


@contextmanager
def _open_data(deb: Path) -> Iterator[tarfile.TarFile]:
    """The package's files as a tar stream."""
    with open(deb, "rb") as file:
        member, start, size = _data_member(file, deb.name)
        kind = member.removeprefix("data.tar").removeprefix(".")
        if kind in ("", "gz", "bz2", "xz"):
            with tarfile.open(fileobj=io.BufferedReader(_Section(file, start, size), 1 << 20), mode=f"r|{kind}") as tar:
                yield tar
            return
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise CorpusError(f"{deb.name} is compressed as {kind!r}, which needs dpkg-deb, and this machine has none")
    with subprocess.Popen([tool, "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                yield tar
        finally:
            process.kill()


def deb_files(deb: Path, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """(path, open file) for each of the `wanted` regular files of a package, in the package's order.

    Paths are without a leading slash. A wanted path that is a link, a device or too large raises `CorpusError`; a path
    that the package lacks is not yielded.
    """
    left = set(wanted)
    try:
        with _open_data(deb) as tar:
            for member in tar:
                path = member.name.removeprefix("./")
                if path not in left:
                    continue
                if not member.isreg():
                    raise CorpusError(f"{deb.name}: {path} is a link or a device, not a regular file: refused")
                if member.size > MAX_FILE_BYTES:
                    raise CorpusError(f"{deb.name}: {path} has {member.size} bytes; at most {MAX_FILE_BYTES} are unpacked")
                yield path, tar.extractfile(member)
                left.discard(path)
                if not left:
                    return
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise CorpusError(f"{deb.name} cannot be read ({error}); delete it from the cache and try again") from error


# --- archives inside packages --------------------------------------------------------------------------------------------


def read_member(archive: Path, member: str) -> bytes:
    """The bytes of one member of an archive, whose format is told by its first bytes (`.cat` by its name)."""
    with open(archive, "rb") as file:
        magic = file.read(8)
    reader = (
        _zip_member if magic[:4] == b"PK\3\4" else _rcc_member if magic[:4] == b"qres"
        else _gresource_member if magic == b"GVariant" else _cat_member if archive.suffix == ".cat" else None
    )  # fmt: skip
    if reader is None:
        raise CorpusError(f"{archive.name}: unknown kind of archive; expected zip, pk3, gresource, rcc or cat")
    try:
        data = reader(archive, member)
    except (struct.error, IndexError, zlib.error, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise CorpusError(f"{archive.name} is damaged ({error!r}); delete it from the cache and try again") from error
    if data is None:
        raise CorpusError(f"{archive.name} has no member {member!r}")
    return data


def _inflate(data: bytes, size: int) -> bytes:
    """zlib data that must unpack to exactly `size` bytes."""
    if size > MAX_MEMBER_BYTES:
        raise CorpusError(f"an archive member claims {size} bytes; at most {MAX_MEMBER_BYTES} are read")
    out = zlib.decompressobj().decompress(data, size + 1)
    if len(out) != size:
        raise CorpusError(f"an archive member unpacks to {len(out)} or more bytes where {size} are declared")
    return out


def _zip_member(archive: Path, member: str) -> bytes | None:
    with zipfile.ZipFile(archive) as file:
        if member not in file.namelist():
            return None
        info = file.getinfo(member)
        if info.file_size > MAX_MEMBER_BYTES:
            raise CorpusError(f"{archive.name}: {member} claims {info.file_size} bytes; at most {MAX_MEMBER_BYTES} are read")
        return file.read(info)


def _cat_member(archive: Path, member: str) -> bytes | None:
    """OpenTTD sound catalogue: (offset, size) pairs, each sound a counted name and a WAV; `sfx_012.wav` is number 12."""
    data = archive.read_bytes()
    number = re.fullmatch(r"sfx_(\d+)\.wav", member)
    count = (struct.unpack_from("<I", data)[0] & 0x7FFFFFFF) // 8  # the table ends where the first sound begins
    if number is None or int(number[1]) >= count:
        return None
    at = struct.unpack_from("<I", data, 8 * int(number[1]))[0] & 0x7FFFFFFF  # the top bit marks the newer format
    at += 1 + data[at]
    if data[at : at + 4] != b"RIFF":
        raise CorpusError(f"{archive.name}: sound {number[1]} is not a WAV")
    return data[at : at + 8 + struct.unpack_from("<I", data, at + 4)[0]]


def _rcc_member(archive: Path, member: str) -> bytes | None:
    """Qt resource file: a tree of nodes (name, flags, children or data offset), all numbers big-endian."""
    data = archive.read_bytes()
    version, tree, blobs, names = struct.unpack_from(">4I", data, 4)
    width = 14 if version == 1 else 22

    def node(index: int) -> tuple[str, int, int, int]:
        offset, flags, first, second = struct.unpack_from(">IHII", data, tree + width * index)
        length = struct.unpack_from(">H", data, names + offset)[0]
        at = names + offset + 6
        return data[at : at + 2 * length].decode("utf-16-be"), flags, first, second

    _, flags, count, first = node(0)
    for part in member.split("/"):
        if not flags & 2:  # not a folder
            return None
        found = next((entry for entry in map(node, range(first, first + count)) if entry[0] == part), None)
        if found is None:
            return None
        _, flags, count, first = found
    if flags & 2:
        return None
    at = blobs + first
    size = struct.unpack_from(">I", data, at)[0]
    blob = data[at + 4 : at + 4 + size]
    if flags & 4:
        raise CorpusError(f"{archive.name}: {member} is compressed with zstd, which is not supported")
    return _inflate(blob[4:], struct.unpack_from(">I", blob)[0]) if flags & 1 else blob


def _gresource_member(archive: Path, member: str) -> bytes | None:
    """GLib resource bundle: a hash table of (key, parent, value) whose values are GVariants of type (uuay)."""
    data = archive.read_bytes()
    start, end = struct.unpack_from("<2I", data, 16)
    bloom, buckets = struct.unpack_from("<2I", data, start)
    items = start + 8 + 4 * (bloom & 0x07FFFFFF) + 4 * buckets
    count = (end - items) // 24
    entries = [struct.unpack_from("<IIIHBxII", data, items + 24 * index) for index in range(count)]

    def key(index: int) -> str:
        name, steps = "", 0
        while index < count and steps <= count:
            _, parent, at, size, _, _, _ = entries[index]
            name, index, steps = data[at : at + size].decode("utf-8") + name, parent, steps + 1
        return name

    for index, (_, _, _, _, kind, first, last) in enumerate(entries):
        if kind == ord("v") and key(index).lstrip("/") == member:
            size, flags = struct.unpack_from("<2I", data, first)
            blob = data[first + 8 : last - len(b"\0(uuay)")]
            return _inflate(blob, size) if flags & 1 else blob[:size]
    return None
