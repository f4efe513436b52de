"""Reading an archive inside a box: its files come out one by one as plain bytes, and nothing is written.

What the archive says of itself is not believed by the parent, which checks every name and counts every byte again; what
is refused here is refused for a better sentence.
"""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from bakeoff.errors import Refused

PIECE = 1 << 20
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ENDINGS = (".zip", *TARS)
LEFT_OUT = ("__MACOSX", ".DS_Store", "__pycache__", ".git")


def pieces(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files of an archive a piece at a time, the first of each with its name and the others without.

    Refused for what is no plain file, or cannot be read.
    """
    try:
        for name, file in (_zipped if path.suffix == ".zip" else _tarred)(path):
            yield name, file.read(PIECE)
            while piece := file.read(PIECE):
                yield "", piece
    except (Refused, MemoryError):
        raise
    except RuntimeError as error:
        raise Refused(f"it cannot be read ({_told(error)}).") from error
    except Exception as error:  # zipfile, tarfile and the unpackers below them raise whatever they meet
        raise Refused(f"it is damaged, or not such an archive ({_told(error)}).") from error


def _told(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")


def _is_left_out(name: str) -> bool:
    return not set(LEFT_OUT).isdisjoint(PurePosixPath(name).parts)


def _zipped(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
        ends = 0
        for one in sorted(found, key=lambda one: one.header_offset):
            if one.header_offset < ends:
                raise Refused("its files overlap each other, as those of a zip bomb do.")
            ends = one.header_offset + one.compress_size
        for one in found:
            if one.is_dir() or _is_left_out(one.filename):
                continue
            if one.flag_bits & 1:
                raise Refused("it is locked with a password; pack it without one.")
            kind = stat.S_IFMT(one.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                raise Refused(f"it holds {one.filename!r}, which is a link or no plain file.")
            with archive.open(one) as file:
                yield one.filename, file


def _tarred(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for one in archive:
            if one.isdir() or _is_left_out(one.name):
                continue
            if not one.isreg() or one.issparse():
                raise Refused(f"it holds {one.name!r}, which is a link, a sparse file or no plain file.")
            file: Any = archive.extractfile(one)
            with file:
                yield one.name, file
