"""A made product catalogue, and the best that any algorithm can expect on it.

A product is an object (which its picture shows, and sometimes its title names) made for a use (which its description
tells). The shop files it under a category: children's things by their use alone, clothing by the object alone, the
others by both together, and a few under a wrong one. Returns are high where the description asks to check the size,
and where the picture's colour is not the listed one, which neither column tells alone. Because every probability is
written down here, so is the ceiling: the score of the rule that knows them all. Ceilings hold for splits that keep a
product's listings on one side; the listings of a product share seller and date, so splits by owner and by time do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.tables.made.product_pictures import PAINT, draw
from bakeoff.tables.made.product_words import description, title

OBJECTS = ("cup", "bottle", "lamp", "chair", "shirt", "bag")
USES = ("home", "outdoor", "work", "children")
CATEGORIES = ("Camping", "Clothing", "Furniture", "Garden", "Kids", "Kitchen", "Lighting", "Luggage", "Office")
FILED = (  # the category of each object (rows) for each use (columns)
    ("Kitchen", "Camping", "Office", "Kids"),
    ("Kitchen", "Camping", "Office", "Kids"),
    ("Lighting", "Garden", "Office", "Kids"),
    ("Furniture", "Garden", "Office", "Kids"),
    ("Clothing", "Clothing", "Clothing", "Kids"),
    ("Luggage", "Camping", "Office", "Kids"),
)
RULE = np.array([[CATEGORIES.index(category) for category in row] for row in FILED])
MISFILED = 0.05

OBJECT_SHARE = np.array([0.18, 0.16, 0.18, 0.17, 0.16, 0.15])
USE_SHARE = np.array([0.34, 0.24, 0.22, 0.20])
USE_DRIFT = np.array([-0.3, 0.9, -0.6, 0.1])  # how the log share of a use changes over the three years
TOLD, NAMED, SHOWN, WARNED = 0.9, 0.3, 0.88, 0.3

COLOURS = tuple(PAINT)
WRONG_COLOUR = 0.3
BRANDS = ("Aldervik", "Bergman & Roe", "Castello", "Dunmore", "Ekko", "Fonteyn", "Grete", "Halden")
BRAND_WEIGHT = np.array(  # of each object (rows) for each brand (columns)
    [
        [4, 1, 3, 1, 2, 1, 1, 1],
        [3, 1, 4, 1, 1, 2, 1, 1],
        [1, 4, 1, 1, 3, 1, 1, 2],
        [1, 4, 1, 2, 1, 1, 1, 3],
        [1, 1, 1, 2, 1, 4, 4, 1],
        [1, 1, 1, 4, 1, 2, 3, 1],
    ]
)
BRAND_SHARE = BRAND_WEIGHT / BRAND_WEIGHT.sum(axis=1, keepdims=True)
BRAND_PREMIUM = np.array([0.0, 0.25, 0.1, -0.1, 0.15, 0.3, -0.15, -0.05])

WEIGHT_LOG = np.log([340.0, 450.0, 1500.0, 5200.0, 230.0, 900.0])  # grams
WEIGHT_SPREAD, WEIGHT_MISSING = 0.4, 0.08
PRICE_LOG = np.log([14.0, 19.0, 48.0, 85.0, 27.0, 55.0])  # euros at the start
USE_PREMIUM = np.array([0.0, 0.2, 0.1, -0.2])
PRICE_SPREAD, INFLATION = 0.2, 0.24

BUYERS = ("under 35", "35 to 54", "55 and over")
BUYER_SHARE = np.array([0.4, 0.35, 0.25])
BUYER_RETURNS = np.array([0.8, 0.0, -0.5])
RETURNS_BASE, RETURNS_WARNED, RETURNS_WRONG_COLOUR, RETURNS_SHIRT, RETURNS_PRICE = -2.4, 2.2, 3.0, 1.2, 0.5

SELLERS = 60
VARIANT, DUPLICATE = 0.12, 0.05
FIRST_DAY, DAYS = "2022-01-01", 1096
SIMULATED = 100_000


@dataclass(frozen=True)
class Ceiling:
    """What no algorithm can expect to beat on new rows; `note` says it in a sentence."""

    target: str
    metric: str
    value: float
    note: str


@dataclass(frozen=True)
class Listings:
    """What stands behind the rows: arrays of shape (rows,), hidden causes and what is told of them alike.

    `object`, `use`, `brand`, `colour`, `painted`, `buyers` and `category` are indices; `time` runs from 0 to 1;
    `told`, `named`, `shown` and `warned` say whether the description tells the use, the title names the object, the
    picture shows it, and the description asks to check the size; `weight` is NaN where missing.
    """

    product: Array
    object: Array
    use: Array
    time: Array
    told: Array
    named: Array
    shown: Array
    warned: Array
    brand: Array
    weight: Array
    price: Array
    seller: Array
    colour: Array
    painted: Array
    buyers: Array
    category: Array
    returned: Array


def catalogue(rows: int = 1500, seed: int = 0) -> tuple[Frame, Mapping[str, Ceiling]]:
    """A frame of listings with the targets `category`, `price` and `returns`, and the ceiling of each.

    `price` is a feature of the other two; a task on one of `category` and `returns` leaves the other out.
    """
    rng = np.random.default_rng([seed, 1])
    listings = drawn(rows, rng, twins=True)
    return _frame(listings, rng), ceilings()


def drawn(rows: int, rng: np.random.Generator, twins: bool = False) -> Listings:
    """Listings from the catalogue's distribution; with `twins`, some products are listed twice, in one or two colours.

    A twin shares everything about its product; where it is listed alike it shares picture and text too.
    """
    time = rng.integers(0, DAYS, rows) / DAYS
    pair = _draw(prior(time).reshape(rows, -1), rng)
    thing, use = pair // len(USES), pair % len(USES)
    brand = _draw(BRAND_SHARE[thing], rng)
    weight = np.exp(WEIGHT_LOG[thing] + WEIGHT_SPREAD * rng.normal(size=rows))
    weight[rng.random(rows) < WEIGHT_MISSING] = np.nan
    price = np.exp(price_log(time, brand)[np.arange(rows), thing, use] + PRICE_SPREAD * rng.normal(size=rows))
    colour = rng.integers(0, len(COLOURS), rows)
    told, named, shown, warned = (rng.random(rows) < share for share in (TOLD, NAMED, SHOWN, WARNED))
    nothing = np.zeros(rows, dtype=int)
    listings = Listings(
        *(np.arange(rows), thing, use, time, told, named, shown, warned, brand, weight, price),
        seller=_draw(np.tile(_seller_share(), (rows, 1)), rng),
        colour=colour,
        painted=_painted(colour, rng),
        buyers=_draw(np.tile(BUYER_SHARE, (rows, 1)), rng),
        category=nothing,
        returned=nothing,
    )
    return _labelled(_twinned(listings, rows, rng) if twins else listings, rng)


def _twinned(products: Listings, rows: int, rng: np.random.Generator) -> Listings:
    fate = rng.random(rows)
    again = np.flatnonzero(fate < VARIANT + DUPLICATE)
    order = np.sort(np.concatenate([np.arange(rows), again]))[:rows]
    listings = Listings(**{name: values[order] for name, values in vars(products).items()})
    second = np.concatenate([[False], order[1:] == order[:-1]])
    variant = second & (fate[order] < VARIANT)
    colour = np.where(variant, (listings.colour + rng.integers(1, len(COLOURS), rows)) % len(COLOURS), listings.colour)
    painted = np.where(variant, _painted(colour, rng), listings.painted)
    return replace(listings, colour=colour, painted=painted)


def _labelled(listings: Listings, rng: np.random.Generator) -> Listings:
    rows = len(listings.object)
    filed = RULE[listings.object, listings.use]
    other = (filed + rng.integers(1, len(CATEGORIES), rows)) % len(CATEGORIES)
    category = np.where(rng.random(rows) < MISFILED, other, filed)
    odds = _returns_odds(listings, listings.object == OBJECTS.index("shirt"), listings.painted != listings.colour)
    return replace(listings, category=category, returned=(rng.random(rows) < _chance(odds)).astype(int))


def _draw(shares: Array, rng: np.random.Generator) -> Array:
    """One index for each row of shares (rows, choices)."""
    bounds = np.cumsum(shares, axis=1)
    return (rng.random(len(shares))[:, None] * bounds[:, -1:] > bounds).sum(axis=1)


def _painted(colour: Array, rng: np.random.Generator) -> Array:
    other = (colour + rng.integers(1, len(COLOURS), len(colour))) % len(COLOURS)
    return np.where(rng.random(len(colour)) < WRONG_COLOUR, other, colour)


def _seller_share() -> Array:
    share = 1.0 / (10.0 + np.arange(SELLERS))
    return share / share.sum()


def _chance(odds: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-odds))


def prior(time: Array) -> Array:
    """Share of each object for each use at these times: (rows, objects, uses)."""
    uses = USE_SHARE * np.exp(np.asarray(time)[:, None] * USE_DRIFT)
    uses /= uses.sum(axis=1, keepdims=True)
    return OBJECT_SHARE[None, :, None] * uses[:, None, :]


def price_log(time: Array, brand: Array) -> Array:
    """Mean log price of each object for each use: (rows, objects, uses)."""
    level = INFLATION * np.asarray(time) + BRAND_PREMIUM[brand]
    return level[:, None, None] + PRICE_LOG[None, :, None] + USE_PREMIUM[None, None, :]


def _returns_odds(listings: Listings, shirt: Array, wrong_colour: Array) -> Array:
    odds = RETURNS_BASE + BUYER_RETURNS[listings.buyers] + RETURNS_PRICE * (np.log(listings.price) - np.log(30.0))
    odds = odds + RETURNS_WARNED * listings.warned
    return odds + RETURNS_SHIRT * shirt + RETURNS_WRONG_COLOUR * wrong_colour


def posterior(listings: Listings, *, with_price: bool = True) -> Array:
    """P(object, use | everything that a row shows) by Bayes' rule: (rows, objects, uses).

    Told, named and shown causes are certain; brand, weight, date and price weigh the others.
    """
    log = np.log(prior(listings.time)) + np.log(BRAND_SHARE.T[listings.brand])[:, :, None]
    off = (np.log(listings.weight)[:, None] - WEIGHT_LOG) / WEIGHT_SPREAD
    log += np.nan_to_num(-0.5 * off**2)[:, :, None]
    if with_price:
        off_price = (np.log(listings.price)[:, None, None] - price_log(listings.time, listings.brand)) / PRICE_SPREAD
        log += -0.5 * off_price**2
    known = listings.named | listings.shown
    log[known] += np.where(np.eye(len(OBJECTS), dtype=bool)[listings.object[known]], 0.0, -np.inf)[:, :, None]
    told = listings.told
    log[told] += np.where(np.eye(len(USES), dtype=bool)[listings.use[told]], 0.0, -np.inf)[:, None, :]
    weight = np.exp(log - log.max(axis=(1, 2), keepdims=True))
    return weight / weight.sum(axis=(1, 2), keepdims=True)


def category_chances(listings: Listings) -> Array:
    """P(category | row), misfiling included: (rows, categories)."""
    chances = posterior(listings)
    filed = np.stack([chances[:, category == RULE].sum(axis=1) for category in range(len(CATEGORIES))], axis=1)
    return (1 - MISFILED) * filed + MISFILED * (1 - filed) / (len(CATEGORIES) - 1)


def returns_chance(listings: Listings) -> Array:
    """P(returns are high | row): (rows,)."""
    shirt = posterior(listings)[:, OBJECTS.index("shirt")].sum(axis=1)
    wrong = np.where(listings.shown, listings.painted != listings.colour, WRONG_COLOUR)
    chance = np.zeros(len(shirt))
    for is_shirt in (0, 1):
        for is_wrong in (0, 1):
            weight = np.where(is_shirt, shirt, 1 - shirt) * np.where(is_wrong, wrong, 1 - wrong)
            chance += weight * _chance(_returns_odds(listings, np.array(is_shirt), np.array(is_wrong)))
    return chance


def expected_price(listings: Listings) -> tuple[Array, Array]:
    """Mean and variance of the price given the rest of the row: a mixture of lognormals, (rows,) each."""
    chances = posterior(listings, with_price=False)
    log = price_log(listings.time, listings.brand)
    mean = (chances * np.exp(log + PRICE_SPREAD**2 / 2)).sum(axis=(1, 2))
    square = (chances * np.exp(2 * log + 2 * PRICE_SPREAD**2)).sum(axis=(1, 2))
    return mean, square - mean**2


def ceilings(simulated: int = SIMULATED, seed: int = 0) -> Mapping[str, Ceiling]:
    """The expected score of the rule that knows every probability, over that many fresh rows.

    The price's is for rows of the latest quarter, which a split by time asks. Standard errors are below 0.002 for
    accuracies and 0.2 for the price.
    """
    listings = drawn(simulated, np.random.default_rng([seed, 2]))
    late = Listings(**{name: values[listings.time >= 0.75] for name, values in vars(listings).items()})
    category = float(category_chances(listings).max(axis=1).mean())
    chance = returns_chance(listings)
    returns = float(np.maximum(chance, 1 - chance).mean())
    price = float(np.sqrt(expected_price(late)[1].mean()))
    said = "no algorithm can expect"
    return {
        "category": Ceiling("category", "accuracy", category, f"{said} an accuracy above {category:.2f} on new rows"),
        "returns": Ceiling("returns", "accuracy", returns, f"{said} an accuracy above {returns:.2f} on new rows"),
        "price": Ceiling(
            "price", "rmse", price, f"{said} an RMSE below {price:.1f} euros on rows of the latest quarter"
        ),
    }


def _frame(listings: Listings, rng: np.random.Generator) -> Frame:
    import pandas as pd

    rows = len(listings.object)
    cells: list[tuple[str, str, bytes]] = []
    for i in range(rows):
        alike = i > 0 and all(getattr(listings, name)[i] == getattr(listings, name)[i - 1] for name in _LOOK)
        cells.append(cells[-1] if alike else _cells(listings, i, rng))
    titles, descriptions, pictures = zip(*cells, strict=True)
    days = pd.to_timedelta(np.round(listings.time * DAYS).astype(int), unit="D")
    frame = pd.DataFrame(
        {
            "title": list(titles),
            "description": list(descriptions),
            "brand": np.array(BRANDS)[listings.brand],
            "colour": np.array(COLOURS)[listings.colour],
            "weight_g": np.round(listings.weight),
            "price": np.round(listings.price, 2),
            "listed_on": pd.Timestamp(FIRST_DAY) + days,
            "buyers": np.array(BUYERS)[listings.buyers],
            "seller": [f"team {number + 1:02d}" for number in listings.seller],
            "picture": pd.Series(list(pictures), dtype=object),
            "category": np.array(CATEGORIES)[listings.category],
            "returns": np.array(["low", "high"])[listings.returned],
        }
    )
    # Listings of one product stand together until here, which must not show in the order of the rows.
    return frame.iloc[rng.permutation(rows)].reset_index(drop=True)


_LOOK = ("product", "colour", "painted")


def _cells(listings: Listings, i: int, rng: np.random.Generator) -> tuple[str, str, bytes]:
    thing = OBJECTS[listings.object[i]]
    colour = COLOURS[listings.colour[i]]
    shown = draw(thing if listings.shown[i] else "parcel", COLOURS[listings.painted[i]], rng)
    named = title(BRANDS[listings.brand[i]], thing if listings.named[i] else "", colour, rng)
    return named, description(USES[listings.use[i]] if listings.told[i] else "", bool(listings.warned[i]), rng), shown
