"""Records to be matched, from the made catalogue: the same products, listed again by sellers who write differently.

A shelf holds a few lines of products; a line has several models of one thing, each in colours and sizes. A seller
copies the facts of an article and words them anew: other nouns and orders, abbreviations, typing errors, cells left
out, prices and weights of their own. Pairs are labelled within a shelf, where products are alike: every match there is,
and pairs that don't match, most of them of one line. So labels are complete, and a split that keeps shelves apart
keeps records apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bakeoff.nouns import Array, Frame
from bakeoff.tables.made.catalogue import BRANDS, COLOURS, OBJECTS, PRICE_LOG, WEIGHT_LOG
from bakeoff.tables.made.product_words import FILLERS, NOUNS, USES

SIZES = {
    "cup": ("0.2 l", "0.3 l", "0.4 l"),
    "bottle": ("0.5 l", "0.75 l", "1 l"),
    "lamp": ("small", "medium", "large"),
    "chair": ("low", "standard", "high"),
    "shirt": ("S", "M", "L", "XL"),
    "bag": ("12 l", "20 l", "30 l"),
}
EDITIONS = ("", "Plus", "Pro", "II", "Light")
DETAILS = (
    *("a lid of oak", "a handle of cork", "double walls", "rounded feet", "brass fittings", "a hidden pocket"),
    *("a reflecting strip", "a magnetic clasp", "bevelled edges", "a woven cord", "a steel core", "a felt lining"),
    *("contrast seams", "a folding frame", "a dimmer", "a spare strap", "soft corners", "a glazed rim"),
)
FIRST = ("Al", "Bri", "Ca", "Del", "Fen", "Gor", "Hal", "Jun", "Kor", "Lum", "Mir", "Nov", "Ost", "Pel", "Sol", "Tor")
SECOND = ("ba", "dis", "een", "ga", "ik", "ona", "os", "ra", "sund", "ta", "um", "vik")
SERIES = tuple(first + second for first in FIRST for second in SECOND)
LINES, MODELS = 4, 3  # of a shelf, of a line
TYPING, LEFT_OUT, ABBREVIATED = 0.25, 0.12, 0.3
PAIRS_EACH = 1.5  # labelled pairs for each record that don't match
FROM_LINE = 0.6  # share of them within one line


@dataclass(frozen=True)
class Duplicates:
    """Records within one table, and their labelled pairs with the columns `left_id`, `right_id` and `label`."""

    records: Frame
    pairs: Frame


@dataclass(frozen=True)
class _Model:
    """What a manufacturer says of a product, whatever its colour and size."""

    brand: str
    series: str
    thing: str
    edition: str
    number: str
    use: str
    details: tuple[str, ...]
    weight: float
    price: float


@dataclass(frozen=True)
class _Article:
    model: int
    line: int
    colour: str
    size: str


def duplicates(shelves: int = 30, seed: int = 0) -> Duplicates:
    """Listings of which some are of one article: the same model in the same colour and size."""
    return _made(shelves, np.random.default_rng([seed, 11]), by_model=False)


def variants(shelves: int = 36, seed: int = 0) -> Duplicates:
    """Listings of which some are of one model, in whatever colour and size."""
    return _made(shelves, np.random.default_rng([seed, 12]), by_model=True)


def _made(shelves: int, rng: np.random.Generator, *, by_model: bool) -> Duplicates:
    import pandas as pd

    rows: list[dict[str, object]] = []
    left: list[int] = []
    right: list[int] = []
    label: list[int] = []
    series = rng.permutation(np.array(SERIES))
    for shelf in range(shelves):
        lines = [str(series[(LINES * shelf + line) % len(series)]) for line in range(LINES)]
        models = _models(lines, rng)
        articles = _articles(models, rng, by_model=by_model)
        start = len(rows)
        rows += [_listing(models[article.model], article, rng) for article in articles]
        thing = np.array([article.model if by_model else place for place, article in enumerate(articles)])
        if not by_model:
            named = [(article.model, article.colour, article.size) for article in articles]
            thing = np.array([named.index(name) for name in named])
        pairs, matches = _pairs(thing, np.array([article.line for article in articles]), rng)
        left += (pairs[:, 0] + start).tolist()
        right += (pairs[:, 1] + start).tolist()
        label += matches.tolist()
    records = pd.DataFrame(rows)
    ids = np.array([f"L{number:05d}" for number in rng.permutation(90_000)[: len(records)] + 10_000])
    records.insert(0, "id", ids)
    pairs = pd.DataFrame({"left_id": ids[left], "right_id": ids[right], "label": label})
    order = rng.permutation(len(records))
    return Duplicates(
        records.iloc[order].reset_index(drop=True), pairs.iloc[rng.permutation(len(pairs))].reset_index(drop=True)
    )


def _models(lines: list[str], rng: np.random.Generator) -> list[_Model]:
    """The models of a shelf, line by line: one thing of one series in several editions."""
    models = []
    for line, series in enumerate(lines):
        brand, thing = _one(BRANDS, rng), _one(OBJECTS, rng)
        first = 100 * int(rng.integers(1, 9)) + 10 * line
        for model, edition in enumerate(rng.permutation(np.array(EDITIONS))[:MODELS]):
            details = rng.permutation(np.array(DETAILS))[:3]
            models.append(
                _Model(
                    brand,
                    series,
                    thing,
                    str(edition),
                    f"{series[0]}{thing[0].upper()}-{first + model}",
                    _one(tuple(USES), rng),
                    tuple(map(str, details)),
                    float(np.exp(WEIGHT_LOG[OBJECTS.index(thing)] + 0.25 * rng.normal())),
                    float(np.exp(PRICE_LOG[OBJECTS.index(thing)] + 0.25 * rng.normal())),
                )
            )
    return models


def _articles(models: list[_Model], rng: np.random.Generator, *, by_model: bool) -> list[_Article]:
    """The article of each listing of a shelf; what is listed again is of one article, or of one model."""
    articles = []
    for place, model in enumerate(models):
        sizes = SIZES[model.thing]
        options = [(colour, size) for colour in COLOURS for size in sizes]
        chosen = rng.permutation(len(options))
        if by_model:
            times = int(rng.choice([1, 2, 3, 4, 5], p=[0.25, 0.3, 0.25, 0.15, 0.05]))
            picked = [options[int(rng.integers(len(options)))] for _ in range(times)]
        else:
            picked = [
                options[int(number)]
                for number in chosen[: int(rng.integers(1, 4))]
                for _ in range(int(rng.choice([1, 2, 3], p=[0.5, 0.33, 0.17])))
            ]
        articles += [_Article(place, place // MODELS, colour, size) for colour, size in picked]
    return articles


def _pairs(thing: Array, line: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """All matching pairs of a shelf's listings, and some others: int64 (pairs, 2), and 1 or 0 for each."""
    first, second = np.triu_indices(len(thing), 1)
    match = thing[first] == thing[second]
    of_line = ~match & (line[first] == line[second])
    further = ~match & ~of_line
    wanted = PAIRS_EACH * len(thing)
    near = rng.permutation(np.flatnonzero(of_line))[: round(FROM_LINE * wanted)]
    far = rng.permutation(np.flatnonzero(further))[: max(round(wanted) - len(near), 0)]
    taken = np.concatenate([np.flatnonzero(match), near, far])
    pairs = np.stack([first[taken], second[taken]], axis=1)
    swapped = rng.random(len(pairs)) < 0.5
    pairs[swapped] = pairs[swapped][:, ::-1]
    return pairs, match[taken].astype(np.int64)


def _listing(model: _Model, article: _Article, rng: np.random.Generator) -> dict[str, object]:
    """One seller's listing of an article."""
    sizes = SIZES[model.thing]
    scale = 1 + 0.15 * (sizes.index(article.size) - 1)

    def kept(cell: object) -> object:
        return None if rng.random() < LEFT_OUT else cell

    return {
        "title": _title(model, article, rng),
        "description": kept(_description(model, rng)),
        "brand": kept(_short(model.brand, rng)),
        "colour": kept(article.colour),
        "size": kept(article.size),
        "weight_g": kept(float(np.round(model.weight * scale * rng.uniform(0.97, 1.03), -1))),
        "price": kept(float(np.round(model.price * scale * rng.uniform(0.88, 1.12), 2))),
    }


def _title(model: _Model, article: _Article, rng: np.random.Generator) -> str:
    words = [model.series, _one(NOUNS[model.thing], rng)]
    if model.edition and rng.random() >= LEFT_OUT:
        words.insert(1, model.edition)
    if rng.random() < 0.6:
        words.insert(0, _short(model.brand, rng))
    if rng.random() < 0.45:
        number = model.number if rng.random() < 0.5 else model.number.replace("-", "").lower()
        words.insert(int(rng.integers(len(words) + 1)), number)
    told = [cell for cell in (article.colour, article.size) if rng.random() < 0.6]
    if rng.random() < 0.3:
        words = [words[-1], *words[:-1]]
    return _typed(" ".join(words), rng) + "".join(f", {cell}" for cell in told)


def _short(brand: str, rng: np.random.Generator) -> str:
    if rng.random() >= ABBREVIATED:
        return brand
    return brand.replace(" & ", "&") if "&" in brand else f"{brand[:4]}." if rng.random() < 0.5 else brand.upper()


def _description(model: _Model, rng: np.random.Generator) -> str:
    told = [detail for detail in model.details if rng.random() < 0.85]
    told = [told[int(place)] for place in rng.permutation(len(told))]
    named = f"The {model.series}" if rng.random() < 0.5 else "It"
    ways = ("With {}.", f"{named} has {{}}.", f"{named} comes with {{}}.")
    sentences = [_one(ways, rng).format(", ".join(told))] if told else []
    sentences += [_one(USES[model.use], rng)] * (rng.random() < 0.3)
    sentences += [_one(FILLERS, rng)] * (rng.random() < 0.25)
    return _typed(" ".join(sentences[int(place)] for place in rng.permutation(len(sentences))), rng)


def _typed(text: str, rng: np.random.Generator) -> str:
    """The text as somebody typed it: sometimes two letters change places, or one is left out or doubled."""
    if rng.random() >= TYPING or len(text) < 4:
        return text
    place = int(rng.integers(1, len(text) - 2))
    kind = int(rng.integers(3))
    if kind == 0:
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + text[place + 1 :] if kind == 1 else text[: place + 1] + text[place:]


def _one(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
