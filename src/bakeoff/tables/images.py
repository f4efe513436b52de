"""Image cells: reading them from bytes or files, checking that they are images, and small pictures for a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 64 * 10**6
ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


class NotAnImage(ValueError):
    """A cell that is no image; the message is the reason, without the cell's place."""


def read_cell(cell: Any, folder: Path | None) -> bytes:
    """The bytes of an image cell: bytes as they are, a mapping's `bytes` or `path`, or a path under `folder`.

    Raises NotAnImage for a file that is missing, too large, or outside the folder.
    """
    if isinstance(cell, dict):
        cell = cell.get("bytes") or cell.get("path")
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return bytes(cell)
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
    return path.read_bytes()


def check(data: bytes) -> None:
    """Decode an image once; raises NotAnImage when it is none, is cut off, or is over the limits."""
    if len(data) > MAX_BYTES:
        raise NotAnImage(f"is larger than {MAX_BYTES // 2**20} MiB")
    with _opened(data) as picture:
        # Decoding, not the header, is what shows a file that was cut in half.
        picture.load()


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


def thumbnail(data: bytes, pixels: int = 96) -> str:
    """A data URI of the image, its longer side at most `pixels`: PNG when it has transparency, else JPEG."""
    with _opened(data) as picture:
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
        with warnings.catch_warnings():
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
