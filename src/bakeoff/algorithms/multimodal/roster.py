"""Which members a table calls for: cheap ones first, and among dear ones those that tell the most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from bakeoff.algorithms.columns import Columns
from bakeoff.algorithms.multimodal.boosted_member import BoostedMember, Growth
from bakeoff.algorithms.multimodal.constant_member import ConstantMember
from bakeoff.algorithms.multimodal.linear_member import LinearMember
from bakeoff.algorithms.multimodal.meanings import NEEDS
from bakeoff.algorithms.multimodal.network_member import NetworkMember
from bakeoff.algorithms.multimodal.sentences_member import SentencesMember
from bakeoff.algorithms.multimodal.target import Target
from bakeoff.algorithms.multimodal.trees_member import TreesMember
from bakeoff.algorithms.multimodal.work import Member
from bakeoff.errors import UsageError

# Small trees that see few columns each do better on adult, compas and houses in cross-validation of training rows; with
# votes on values among the columns, larger ones do better on adult and no worse on compas.
SLOW = Growth(leaves=7, share=0.3, patience=50)
LARGE = Growth(leaves=15, share=0.3, patience=50)
MANY = 10_000  # rows from which trees may be larger
FEW = 300  # rows below which a network has nothing to learn from
CLASSES = 200  # classes from which trees cost more than they tell


@dataclass(frozen=True)
class Place:
    """A member on the roster: how it is made, what must be there, and what of the table it is for."""

    make: Callable[[], Member]
    suits: Callable[[Columns, int, Target], bool]
    needs: tuple[str, ...] = ()


def _always(columns: Columns, rows: int, target: Target) -> bool:
    return True


def _read(columns: Columns, rows: int, target: Target) -> bool:
    return columns.without_images > 0


def _grown(columns: Columns, rows: int, target: Target) -> bool:
    return rows >= 8 and target.width <= CLASSES


def _plain(columns: Columns, rows: int, target: Target) -> bool:
    tabular = columns.numeric or columns.categorical or columns.datetime
    return bool(tabular) and _grown(columns, rows, target)


def _wordy(columns: Columns, rows: int, target: Target) -> bool:
    return bool(columns.text or columns.image) and _grown(columns, rows, target)


def _networked(columns: Columns, rows: int, target: Target) -> bool:
    return rows >= FEW


def _pictured(columns: Columns, rows: int, target: Target) -> bool:
    return bool(columns.image)


def _texts(columns: Columns, rows: int, target: Target) -> bool:
    return bool(columns.text)


ROSTER: dict[str, Place] = {
    "constant": Place(ConstantMember, _always),
    "linear": Place(LinearMember, _read),
    "boosting": Place(lambda: BoostedMember("boosting", "plain", growth=SLOW, larger=(MANY, LARGE)), _plain),
    "sentences": Place(SentencesMember, _texts, NEEDS),
    "pictures": Place(lambda: LinearMember("pictures", "shown"), _pictured),
    "boosting on linear": Place(
        lambda: BoostedMember("boosting on linear", "dense", second=True, growth=Growth(leaves=7)), _grown
    ),
    "network": Place(NetworkMember, _networked, ("torch",)),
    "extra trees": Place(TreesMember, _grown),
    "boosting with text": Place(lambda: BoostedMember("boosting with text", "dense"), _wordy),
}
SECOND = ("boosting on linear",)


def roster(
    columns: Columns, rows: int, target: Target, wanted: tuple[str, ...] | None
) -> tuple[list[Member], dict[str, str]]:
    """The members for a table, and why others are not among them, by name.

    UsageError when `wanted` names a member that there is not.
    """
    unknown = sorted(set(wanted or ()) - set(ROSTER))
    if unknown:
        raise UsageError(f"There is no member {unknown[0]!r}; there are {', '.join(ROSTER)}.")
    found: list[Member] = []
    absent: dict[str, str] = {}
    for name, place in ROSTER.items():
        missing = [package for package in place.needs if find_spec(package) is None]
        if wanted is not None and name not in wanted and name != "constant":
            continue
        if not place.suits(columns, rows, target):
            continue
        if missing:
            absent[name] = f"{missing[0]} is not installed"
        else:
            found.append(place.make())
    return found, absent
