"""Image cells: what is taken for an image, and what is not."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from tables_made import picture

from bakeoff.tables.images import NotAnImage, check, ending, picture_of, thumbnail


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_common_formats_pass_and_are_named_by_their_bytes(form: str) -> None:
    data = picture(1, form=form)
    check(data)
    assert ending(data) == {"JPEG": ".jpg", "TIFF": ".tif"}.get(form, f".{form.lower()}")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is not an image"),
        (b"these are words", "is not an image"),
        (picture(1, 64)[:600], "is a damaged image"),
        (picture(1, 64, "JPEG")[:800], "is a damaged image"),
    ],
)
def test_what_is_no_whole_image_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(NotAnImage, match=says):
        check(data)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    held = io.BytesIO()
    Image.new("1", (9000, 9000)).save(held, format="PNG")
    with pytest.raises(NotAnImage, match=r"has 9000 x 9000 pixels, more than 64,000,000"):
        check(held.getvalue())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(NotAnImage, match="has more than 64,000,000 pixels"):
        check(picture(1, 40))


def test_cells_are_bytes_or_paths_below_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"a")
    (tmp_path / "secret.png").write_bytes(b"b")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "secret.png")
    folder = tmp_path / "in"
    assert picture_of("a.png", folder).read() == b"a"
    assert picture_of(b"raw", None).read() == b"raw"
    assert picture_of({"bytes": b"raw", "path": "x"}, None).read() == b"raw"
    assert picture_of({"bytes": None, "path": "a.png"}, folder).read() == b"a"
    for cell in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
        with pytest.raises(NotAnImage, match="leads out of the table's folder"):
            picture_of(cell, folder)
    with pytest.raises(NotAnImage, match="names a file that is not in the folder '"):
        picture_of("b.png", folder)
    with pytest.raises(NotAnImage, match="a frame has no folder"):
        picture_of("a.png", None)
    with pytest.raises(NotAnImage, match="holds int, neither bytes nor a path"):
        picture_of(3, folder)


def test_thumbnails_are_small_data_uris_that_keep_transparency() -> None:
    from PIL import Image

    plain = thumbnail(picture(2, 300), 96)
    assert plain.startswith("data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(plain.split(",")[1]))) as small:
        assert small.size == (96, 96)
    held = io.BytesIO()
    Image.new("RGBA", (50, 200), (0, 0, 0, 0)).save(held, format="PNG")
    clear = thumbnail(held.getvalue(), 96)
    assert clear.startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(clear.split(",")[1]))) as small:
        assert small.size == (24, 96)
        assert small.getpixel((0, 0))[3] == 0
