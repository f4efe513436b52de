"""Tables with one problem each, and the clean twin of each: what a check must find, and where it must find nothing."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.nouns import ColumnType, Role, Split
from bakeoff.tables import Settings, TableData, read, standardise

ROWS = 400
WORDS = [f"{a}{b}{c}" for a in ("ba", "co", "mi", "ru", "te", "lo") for b in "lnrst" for c in ("am", "ek", "on", "ur")]


def sound(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A table with nothing amiss: numbers, names, dates and texts that tell a little of the target `y`."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "height": rng.normal(170, 10, rows).round(2),
            "weight": rng.normal(70, 12, rows).round(2),
            "pieces": rng.integers(0, 90, rows),
            "colour": rng.choice(["red", "green", "blue", "grey", "black"], rows),
            "sold": pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "story": [" ".join(rng.choice(WORDS, rng.integers(8, 14))) for _ in range(rows)],
        }
    )
    hidden = (frame["height"] - 170) / 10 + (frame["colour"] == "red") + rng.normal(0, 1, rows)
    frame["y"] = np.where(hidden > 0.2, "kept", "returned")
    return frame


def quantity(rows: int = ROWS) -> pd.DataFrame:
    """The sound table with a quantity for its target."""
    frame = sound(rows)
    noise = np.random.default_rng(5).normal(0, 10, rows)
    return frame.assign(y=(frame["height"] * 2 - frame["weight"] + noise).round(3))


def picture(
    seed: int, size: tuple[int, int] = (24, 24), quality: int = 90, note: str = "", form: str = "JPEG"
) -> bytes:
    """A picture of a few coloured blocks, with a note in its EXIF entries when there is one."""
    from PIL import Image

    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST)
    exif = Image.Exif()
    if note:
        exif[270] = note
    held = io.BytesIO()
    image.save(held, format=form, exif=exif, **({"quality": quality} if form == "JPEG" else {}))
    return held.getvalue()


@dataclass(frozen=True)
class Planted:
    """A problem in a table: the check that must find it, the column and the words of its sentence.

    `spoil` makes the frame with the problem from the clean one; `clean` makes the clean one. `pictures` are the files
    beside the table, by path, made from a frame.
    """

    check: str
    spoil: Callable[[pd.DataFrame], pd.DataFrame]
    column: str = ""
    says: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    clean: Callable[[], pd.DataFrame] = sound
    settings: Mapping[str, Any] = field(default_factory=dict)
    pictures: Callable[[pd.DataFrame], Mapping[str, bytes]] | None = None

    def examined(self, folder: Path, spoiled: bool) -> TableData:
        """The table, read from a CSV file in `folder` (with its pictures beside) and standardised."""
        frame = self.clean()
        frame = self.spoil(frame) if spoiled else frame
        for path, data in (self.pictures(frame) if self.pictures else {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        frame.to_csv(folder / "made.csv", index=False)
        return standardise(read(folder / "made.csv", Settings(**{"target": "y", **self.settings})))


def put(column: str, cells: Mapping[int, Any]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The frame with these cells, by row from 1, in a column."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        held = frame[column].astype(object)
        for row, cell in cells.items():
            held.iloc[row - 1] = cell
        return frame.assign(**{column: held})

    return spoil


def add(name: str, made: Callable[[pd.DataFrame], Any]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The frame with one more column, before the others."""
    return lambda frame: pd.concat([pd.Series(made(frame), index=frame.index, name=name), frame], axis=1)


def rng(seed: int = 9) -> np.random.Generator:
    return np.random.default_rng(seed)


def is_kept(frame: pd.DataFrame) -> np.ndarray:
    return (frame["y"] == "kept").to_numpy()


def flipped(frame: pd.DataFrame) -> np.ndarray:
    """A coin of each row, which tells nothing alone."""
    return rng(3).integers(0, 2, len(frame)).astype(bool)


def copied(changes: Mapping[str, Callable[[Any], Any]]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """The frame with its first 60 rows once more at its end, and changes in some columns of the copies."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        twins = frame.head(60).copy()
        for name, change in changes.items():
            twins[name] = twins[name].map(change)
        return pd.concat([frame, twins], ignore_index=True)

    return spoil


def reworded(story: str) -> str:
    return "Well, " + story.replace(" ", ", ", 1).upper()


def with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    later = frame["sold"] + pd.to_timedelta(rng(8).integers(1, 60, len(frame)), "D")
    return frame.assign(delivered=later)


def dated() -> pd.DataFrame:
    return with_dates(sound())


def two_coins(frame: pd.DataFrame) -> pd.DataFrame:
    """Two columns of which neither tells the target, but both together do."""
    coin = flipped(frame)
    return frame.assign(
        left=np.where(coin, "a", "b"),
        right=np.where(coin == is_kept(frame), "p", "q"),
        unit=rng(4).choice(["m", "n"], len(frame)),
    )


def two_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    base = rng(5).normal(1000, 300, len(frame)).round(1)
    gap = rng(6).uniform(1, 40, len(frame)) * np.where(is_kept(frame), 1, -1)
    return frame.assign(promised=base, arrived=(base + gap).round(1))


def product(frame: pd.DataFrame) -> pd.DataFrame:
    price = rng(5).uniform(1, 50, len(frame)).round(2)
    number = rng(6).integers(1, 40, len(frame))
    return frame.assign(price=price, number=number, y=(price * number).round(2))


def gaps(frame: pd.DataFrame) -> pd.DataFrame:
    reason = np.where(is_kept(frame), None, rng(7).choice(["small", "late", "torn"], len(frame)))
    return frame.assign(reason=reason)


def owned() -> pd.DataFrame:
    frame = sound()
    # An owner whose rows all went to one part by chance would hide nothing, so each clean row has its own.
    return frame.assign(seller=[f"seller {i}" for i in range(len(frame))])


def photographed() -> pd.DataFrame:
    frame = sound(160)[["height", "colour", "y"]]
    return frame.assign(photo=[f"pictures/{name}.jpg" for name in rng(1).permutation(range(100_000))[: len(frame)]])


def pictures(made: Callable[[int, bool], bytes]) -> Callable[[pd.DataFrame], Mapping[str, bytes]]:
    """The pictures of a frame's column `photo`, each made from its number and whether its row was kept."""
    return lambda frame: {
        path: made(place, kept)
        for place, (path, kept) in enumerate(zip(frame["photo"], frame["y"] == "kept", strict=True))
    }


def plain(place: int, kept: bool) -> bytes:
    return picture(place)


def in_folders(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(photo=[f"{y}/{Path(p).name}" for y, p in zip(frame["y"], frame["photo"], strict=True)])


def renumbered(frame: pd.DataFrame) -> pd.DataFrame:
    """The kept pictures numbered before the others."""
    rank = (~is_kept(frame)).argsort(kind="stable").argsort()
    return frame.assign(photo=[f"pictures/img_{i:05d}.jpg" for i in rank])


PLANTED: dict[str, Planted] = {
    "a few words among numbers": Planted(
        "mixed types", put("height", {7: "tall", 31: "n.a."}), "height", ("'tall' and 'n.a.'", "398 of 400"), (7, 31)
    ),
    "a decimal comma among numbers": Planted(
        "mixed types", put("weight", {12: "71,5"}), "weight", ("data row 12 holds '71,5'",), (12,)
    ),
    "a few words among dates": Planted("mixed types", put("sold", {3: "soon"}), "sold", ("dates", "'soon'"), (3,)),
    "thousands apart": Planted(
        "numbers as text",
        lambda frame: frame.assign(pieces=[f"{n * 1000 + 1000:,}" for n in frame["pieces"]]),
        "pieces",
        ("not written plainly",),
    ),
    "units": Planted(
        "numbers as text", lambda f: f.assign(height=[f"{v} cm" for v in f["height"]]), "height", (" cm'",)
    ),
    "one value": Planted("constant", add("country", lambda f: "CH"), "country", ("one value or none",)),
    "nearly no value": Planted(
        "nearly empty",
        add("remark", lambda f: [("broken", "lost")[i % 2] if i in (3, 8) else None for i in range(len(f))]),
        "remark",
        ("2 of 400 rows only: data rows 4 and 9",),
        (4, 9),
    ),
    "a counter": Planted("id-like", add("entry", lambda f: range(len(f))), "entry", ("the role 'id'",)),
    "names that never repeat": Planted(
        "id-like",
        add("serial", lambda f: [f"x{i:x}q" for i in rng().permutation(90_000)[: len(f)]]),
        "serial",
        ("'id'",),
    ),
    "an identifier that repeats": Planted(
        "duplicate ids",
        put("order_id", {9: "n100", 20: "n101"}),
        "order_id",
        ("data rows",),
        clean=lambda: add("order_id", lambda f: [f"n{100 + i}" for i in range(len(f))])(sound()),
    ),
    "replacement characters": Planted(
        "garbled text", put("colour", {4: "gr\ufffdn", 6: "gr\ufffdn"}), "colour", ("'gr\ufffdn'",), (4, 6)
    ),
    "UTF-8 read as Latin-1": Planted(
        "garbled text",
        put("story", {2: "die Tür in MÃ¼nchen", 11: "itâ€™s gone"}),
        "story",
        ("MÃ¼nchen", "2 rows"),
        (2, 11),
    ),
    "names in two spellings": Planted(
        "spelling", put("colour", {8: "Red", 9: "RED"}), "colour", ("'red' and 'Red' and 'RED'",), (8, 9)
    ),
    "classes in two spellings": Planted(
        "spelling", put("y", dict.fromkeys(range(10, 30), "Kept")), "y", ("The target 'y'", "'kept' and 'Kept'")
    ),
    "dates that read both ways": Planted(
        "ambiguous dates",
        lambda f: f.assign(sold=[f"{1 + d.day % 12:02d}/{1 + d.month % 12:02d}/2022" for d in f["sold"]]),
        "sold",
        ('sold = "datetime, day first"',),
    ),
    "years long gone": Planted(
        "implausible dates", put("sold", {14: "1022-05-06"}), "sold", ("before 1900: data row 14",), (14,)
    ),
    "days to come": Planted(
        "implausible dates", put("sold", {15: "2921-05-06"}), "sold", ("in the future: data row 15",), (15,)
    ),
    "invented dates": Planted(
        "implausible dates",
        put("sold", dict.fromkeys((5, 6, 7), "1970-01-01")),
        "sold",
        ("programs write for no date",),
        (5, 6, 7),
    ),
    "an end before its start": Planted(
        "date order", put("delivered", {16: "2020-01-01"}), "sold", ("'delivered'", "data row 16"), (16,), clean=dated
    ),
    "a class of three rows": Planted(
        "rare classes", put("y", dict.fromkeys((50, 60, 70), "lost")), "y", ("'lost' (3)", "data rows 50, 60 and 70")
    ),
    "a class that test lacks": Planted(
        "rare classes",
        put("y", dict.fromkeys(range(1, 9), "lost")),
        "y",
        ("No test row has the class 'lost'",),
        clean=lambda: sound().sort_values("sold", ignore_index=True),
        settings={"split": Split("time", "sold")},
    ),
    "a column that follows from the target": Planted(
        "given away",
        add("state", lambda f: np.where(is_kept(f), "sold", "back")),
        "state",
        ("follows from the target",),
    ),
    "a column with a threshold": Planted(
        "given away",
        add(
            "refund", lambda f: np.where(is_kept(f), rng().uniform(0, 1, len(f)), rng().uniform(1, 9, len(f))).round(3)
        ),
        "refund",
        ("alone tells the target 'y' in 9", "of the rows not learnt from (the constant: 5"),
    ),
    "a column of many names": Planted(
        "given away",
        add("code", lambda f: [f"{'k' if k else 'r'}{i % 7}" for i, k in enumerate(is_kept(f))]),
        "code",
        ("alone tells the target",),
    ),
    "a column that follows but in a few rows": Planted(
        "nearly given away",
        add("state", lambda f: np.where(is_kept(f) ^ (np.arange(len(f)) % 67 == 3), "sold", "back")),
        "state",
        ("alone nearly tells the target 'y', in 98.5% of the rows not learnt from", "or leave it out"),
    ),
    "texts that name the class": Planted(
        "given away",
        lambda f: f.assign(story=[f"{story} was {y}" for story, y in zip(f["story"], f["y"], strict=True)]),
        "story",
        ("alone names the target 'y'",),
    ),
    "the target in another unit": Planted(
        "given away",
        add("cents", lambda f: (f["y"] * 100 + 3).round()),
        "cents",
        ("exactly or nearly so",),
        clean=quantity,
    ),
    "two columns by their values": Planted("given away by two", two_coins, "left", ("'left' and 'right' together",)),
    "two columns by their difference": Planted("given away by two", two_numbers, "promised", ("as their difference",)),
    "a product": Planted(
        "given away by two", product, "price", ("'price' and 'number'", "as their product"), clean=quantity
    ),
    "gaps that tell the class": Planted(
        "telling gaps", gaps, "reason", ("is missing in 100% of the rows of class 'kept'",)
    ),
    "rows that come twice": Planted(
        "duplicates", copied({}), "", ("test rows have twins in train, alike in every column",)
    ),
    "twins with another label": Planted(
        "conflicting labels",
        copied({"y": lambda y: "kept" if y == "returned" else "returned"}),
        "y",
        ("120 rows have a twin with another value of the target 'y'", "data rows 1, 2, 3, 4, 5"),
    ),
    "twins but for one column": Planted(
        "near-duplicates", copied({"pieces": lambda n: 99 - n}), "pieces", ("in one column only, mostly 'pieces'",)
    ),
    "twins in other words": Planted(
        "near-duplicates", copied({"story": reworded}), "story", ("nearly the same as a training row in the words",)
    ),
    "owners on both sides": Planted(
        "owners",
        lambda f: f.assign(seller=[f"seller {i % 20}" for i in range(len(f))]),
        "seller",
        ("100 of 100 test rows belong to an owner in 'seller' who is in train too",),
        clean=owned,
        settings={"roles": {"seller": Role.OWNER}},
    ),
    "a split by few owners": Planted(
        "test share",
        lambda f: f.assign(seller=[f"seller {min(i // 150, 1)}" for i in range(len(f))]),
        "seller",
        ("not 25%",),
        clean=owned,
        settings={"roles": {"seller": Role.OWNER}, "split": Split("owner", "seller")},
    ),
    "rows without a time": Planted(
        "untimed rows",
        put("sold", {21: None}),
        "sold",
        ("1 row without a time in 'sold' went to train: data row 21",),
        (21,),
        settings={"split": Split("time", "sold")},
    ),
    "a file sorted by class": Planted(
        "file order", lambda f: f.sort_values("y", kind="stable", ignore_index=True), "y", ("sorted by the target 'y'",)
    ),
    "a file sorted by quantity": Planted(
        "file order", lambda f: f.sort_values("y", ignore_index=True), "y", ("rank correlation 1.00",), clean=quantity
    ),
    "identifiers that tell": Planted(
        "telling ids",
        lambda f: f.assign(
            order_id=[f"{'K' if k else 'R'}{i}" for i, k in zip(f["order_id"].str[1:], is_kept(f), strict=True)]
        ),
        "order_id",
        ("by its letters", "entries don't see it"),
        clean=lambda: add("order_id", lambda f: [f"n{i}" for i in rng().permutation(9000)[: len(f)]])(sound()),
    ),
    "numbers that tell": Planted(
        "telling ids",
        lambda f: f.assign(order_id=(~is_kept(f)).argsort(kind="stable").argsort()),
        "order_id",
        ("by its number",),
        clean=lambda: add("order_id", lambda f: rng().permutation(len(f)))(sound()),
        settings={"roles": {"order_id": Role.ID}},
    ),
    "folders that name the class": Planted(
        "picture names", in_folders, "photo", ("names the class",), clean=photographed, pictures=pictures(plain)
    ),
    "pictures numbered by class": Planted(
        "picture names", renumbered, "photo", ("by their file number",), clean=photographed, pictures=pictures(plain)
    ),
}


def told_by(made: Callable[[int, bool], bytes], says: str) -> Planted:
    """A table whose pictures tell the class by what their files say."""

    def spoiled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(photo=frame["photo"].str.replace("pictures/", "other/"))

    def either(frame: pd.DataFrame) -> Mapping[str, bytes]:
        return pictures(made if frame["photo"].iloc[0].startswith("other") else plain)(frame)

    return Planted("picture metadata", spoiled, "photo", (says,), clean=photographed, pictures=either)


def same_picture(place: int, kept: bool) -> bytes:
    return picture(place % 60, quality=90 - place // 20)


PLANTED |= {
    "notes in pictures": told_by(
        lambda i, k: picture(i, note="returned" if not k else "kept"), "EXIF entry ImageDescription"
    ),
    "sizes of pictures": told_by(lambda i, k: picture(i, (24, 24) if k else (32, 24)), "The shape in pixels"),
    "formats of pictures": told_by(lambda i, k: picture(i, form="PNG" if k else "JPEG"), "The format"),
    "pictures saved again": Planted(
        "near-duplicates",
        told_by(same_picture, "").spoil,
        "photo",
        ("nearly the same as a training row in the picture of 'photo'",),
        clean=photographed,
        pictures=told_by(same_picture, "").pictures,
    ),
}
ERRORS: dict[str, tuple[Planted, str]] = {
    "a row with too few cells": (Planted("", lambda f: f), "data row 3 has 1"),
    "no target in some rows": (
        Planted("", put("y", {4: None, 6: None})),
        "The target 'y' is missing in 2 of 400 rows: data rows 4 and 6 have no value; fill them in",
    ),
    "a word among the quantities to be predicted": (
        Planted("", put("y", {5: "unknown"}), clean=quantity),
        "The target 'y' holds numbers in 399 of 400 rows, but data row 5 holds 'unknown'; put numbers there",
    ),
    "words in a declared number": (
        Planted("", put("height", {7: "tall"}), settings={"types": {"height": ColumnType.NUMERIC}}),
        "Column 'height' is numeric, but data row 7 holds 'tall'",
    ),
    "a repeated identifier": (
        Planted(
            "",
            put("entry", {5: 3}),
            clean=lambda: add("entry", lambda f: rng().permutation(len(f)))(sound()),
            settings={"roles": {"entry": Role.ID}},
        ),
        "The identifier 'entry' repeats values",
    ),
    "a picture cut in half": (
        Planted(
            "",
            lambda f: f.assign(photo=["cut.jpg", *f["photo"].iloc[1:]]),
            clean=photographed,
            pictures=lambda f: {
                path: picture(i)[: 300 if path == "cut.jpg" else None] for i, path in enumerate(f["photo"])
            },
        ),
        "data row 1 is a damaged image",
    ),
}
