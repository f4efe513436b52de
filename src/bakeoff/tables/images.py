"""Image cells: reading them from bytes or files, checking that they are images, and small pictures for a page."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from bakeoff.errors import TableError

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 64 * 10**6
_OPENING = Lock()  # warnings are turned into errors for the whole process
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


class NotAnImage(ValueError):
    """A cell that is no image; the message is the reason, without the cell's place."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture's bytes lie: a whole file, or `size` bytes of it from `start`; `keep` lives as long as this."""

    path: str
    start: int = 0
    size: int = -1
    keep: Any = None


class Picture:
    """One image cell: the digest of its content, and its bytes or where they lie.

    Pictures are equal, hashed and printed by content. A frame of a million holds no picture's bytes but those that its
    caller gave.
    """

    __slots__ = ("_at", "_data", "_name")

    def __init__(self, data: bytes | None = None, *, at: Place | None = None, name: str = "") -> None:
        if (data is None) == (at is None):
            raise ValueError("a picture has either bytes or a place where they lie")
        self._data, self._at, self._name = data, at, name

    @property
    def name(self) -> str:
        """The SHA-256 of the bytes as 64 hexadecimal digits."""
        if not self._name:
            self._name = hashlib.sha256(self._bytes()).hexdigest()
        return self._name

    def read(self) -> bytes:
        """The bytes; TableError when the file is gone, or no longer holds what its digest says."""
        data = self._bytes()
        if self._at is not None:
            found = hashlib.sha256(data).hexdigest()
            if self._name and found != self._name:
                raise TableError(f"The picture {self._at.path!r} has changed since its table was read; add it again.")
            self._name = found
        return data

    def _bytes(self) -> bytes:
        if self._at is None:
            return self._data or b""
        try:
            with open(self._at.path, "rb") as file:
                file.seek(self._at.start)
                return file.read(self._at.size)
        except OSError as fault:
            raise TableError(f"The picture {self._at.path!r} cannot be read: {fault.strerror or fault}.") from fault

    def __bytes__(self) -> bytes:
        return self.read()

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, Picture) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"Picture({self.name[:12]})"


def picture_of(cell: Any, folder: Path | None) -> Picture:
    """The picture of a raw cell: bytes, a mapping's `bytes` or `path`, or a path under `folder`; nothing is decoded.

    Raises NotAnImage for a file that is missing, too large, or outside the folder.
    """
    if isinstance(cell, dict):
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, Picture):
        return cell
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return Picture(bytes(cell))
    if not isinstance(cell, str):
        raise NotAnImage(f"holds {type(cell).__name__}, neither bytes nor a path")
    if folder is None:
        raise NotAnImage("is a path, but a frame has no folder to look in")
    root = folder.resolve()
    path = (root / cell).resolve()
    if not path.is_relative_to(root):
        raise NotAnImage("is a path that leads out of the table's folder")
    if not path.is_file():
        raise NotAnImage(f"names a file that is not in the folder {str(folder)!r}")
    if path.stat().st_size > MAX_BYTES:
        raise NotAnImage(f"is larger than {MAX_BYTES // 2**20} MiB")
    return Picture(at=Place(str(path)))


def check(data: bytes) -> None:
    """Decode an image once; raises NotAnImage when it is none, is cut off, or is over the limits."""
    if len(data) > MAX_BYTES:
        raise NotAnImage(f"is larger than {MAX_BYTES // 2**20} MiB")
    with _opened(data) as picture:
        # Decoding, not the header, is what shows a file that was cut in half.
        picture.load()


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the header alone; raises NotAnImage as `check` does."""
    with _opened(data) as picture:
        return int(picture.width), int(picture.height)


def ending(data: bytes) -> str:
    """The file name ending that belongs to an image's bytes, `.bin` for unknown ones."""
    starts = {
        b"\x89PNG": ".png",
        b"\xff\xd8\xff": ".jpg",
        b"GIF8": ".gif",
        b"BM": ".bmp",
        b"II*\0": ".tif",
        b"MM\0*": ".tif",
    }
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((name for start, name in starts.items() if data.startswith(start)), ".bin")


def thumbnail(data: bytes | Picture, pixels: int = 96) -> str:
    """A data URI of the image, its longer side at most `pixels`: PNG when it has transparency, else JPEG."""
    with _opened(bytes(data)) as picture:
        clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
        small = picture.convert("RGBA" if clear else "RGB")
        small.thumbnail((pixels, pixels))
    held = io.BytesIO()
    kind = "png" if clear else "jpeg"
    small.save(held, format=kind, **({} if clear else {"quality": 80}))
    return f"data:image/{kind};base64,{base64.b64encode(held.getvalue()).decode()}"


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    import warnings

    from PIL import Image, UnidentifiedImageError

    try:
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            raise NotAnImage(f"has {picture.width} x {picture.height} pixels, more than {MAX_PIXELS:,}")
        with picture:
            yield picture
    except NotAnImage:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as fault:
        raise NotAnImage(f"has more than {MAX_PIXELS:,} pixels") from fault
    except UnidentifiedImageError as fault:
        raise NotAnImage("is not an image") from fault
    except (OSError, ValueError, SyntaxError, EOFError) as fault:
        raise NotAnImage(
            f"is a damaged image ({str(fault).splitlines()[0] if str(fault) else type(fault).__name__})"
        ) from fault
