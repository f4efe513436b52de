"""The made catalogue looks like products, and its printed ceilings are those of its own probabilities."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.tables.made import catalogue as made
from bakeoff.tables.made.product_pictures import PAINT, SIDE, draw
from bakeoff.tables.made.product_words import NOUNS, USES, WARNINGS

ROWS = 40_000


@pytest.fixture(scope="module")
def listings():
    return made.drawn(ROWS, np.random.default_rng(7))


@pytest.fixture(scope="module")
def ceilings():
    return made.ceilings()


@pytest.fixture(scope="module")
def frame():
    return made.catalogue(800, 3)[0]


def slow_posterior(row, with_price):
    """P(object, use | row) for one row, each cause tried in turn."""
    weights = {}
    for thing in range(6):
        for use in range(4):
            uses = [made.USE_SHARE[u] * math.exp(row["time"] * made.USE_DRIFT[u]) for u in range(4)]
            chance = made.OBJECT_SHARE[thing] * uses[use] / sum(uses) * made.BRAND_SHARE[thing][row["brand"]]
            if not math.isnan(row["weight"]):
                off = (math.log(row["weight"]) - made.WEIGHT_LOG[thing]) / made.WEIGHT_SPREAD
                chance *= math.exp(-off * off / 2)
            if with_price:
                level = made.PRICE_LOG[thing] + made.USE_PREMIUM[use] + made.BRAND_PREMIUM[row["brand"]]
                off = (math.log(row["price"]) - level - made.INFLATION * row["time"]) / made.PRICE_SPREAD
                chance *= math.exp(-off * off / 2)
            if (row["named"] or row["shown"]) and thing != row["object"]:
                chance = 0.0
            if row["told"] and use != row["use"]:
                chance = 0.0
            weights[thing, use] = chance
    total = sum(weights.values())
    return {cause: weight / total for cause, weight in weights.items()}


def test_the_posterior_is_bayes_rule_tried_cause_by_cause(listings):
    for with_price in (True, False):
        fast = made.posterior(listings, with_price=with_price)
        for i in range(60):
            row = {name: values[i] for name, values in vars(listings).items()}
            slow = slow_posterior(row, with_price)
            assert fast[i].ravel() == pytest.approx([slow[cause] for cause in sorted(slow)], abs=1e-12)


def test_the_best_rule_reaches_its_ceiling_on_labels_it_never_saw(listings, ceilings):
    category = made.category_chances(listings)
    assert np.allclose(category.sum(axis=1), 1)
    within(category.argmax(axis=1) == listings.category, ceilings["category"].value)
    chance = made.returns_chance(listings)
    within((chance > 0.5) == listings.returned, ceilings["returns"].value)
    late = listings.time >= 0.75
    mean, _ = made.expected_price(listings)
    squares = (mean - listings.price)[late] ** 2
    within(squares, ceilings["price"].value ** 2)


def within(values, ceiling):
    """The mean of `values` is the ceiling, but for chance (four standard errors, and the ceiling's own)."""
    assert abs(np.mean(values) - ceiling) < 4 * np.std(values) / math.sqrt(len(values)) * math.sqrt(1.4)


def test_stated_chances_come_true(listings):
    stated = {"returns": (made.returns_chance(listings), listings.returned)}
    chances = made.category_chances(listings)
    for category in range(len(made.CATEGORIES)):
        stated[made.CATEGORIES[category]] = (chances[:, category], listings.category == category)
    for name, (chance, happened) in stated.items():
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            among = (chance >= low) & (chance < low + 0.2)
            if among.sum() > 400:
                error = math.sqrt(chance[among].mean() * (1 - chance[among].mean()) / among.sum())
                assert abs(happened[among].mean() - chance[among].mean()) < 4.5 * error, (name, low)


def told(listings):
    """All that a row shows, as numbers, without words and pixels in the way."""
    known = np.where(listings.named | listings.shown, listings.object, 9)
    return np.column_stack(
        [
            np.eye(10)[known],
            np.eye(10)[np.where(listings.told, listings.use, 9)],
            np.eye(8)[listings.brand],
            np.eye(6)[listings.colour],
            np.eye(10)[np.where(listings.shown, listings.painted, 9)],
            np.eye(3)[listings.buyers],
            np.log(listings.weight),
            np.log(listings.price),
            listings.time,
            listings.warned,
        ]
    )


def test_a_strong_learner_with_plenty_of_rows_comes_near_the_ceiling_and_not_above(listings, ceilings):
    import lightgbm

    features, half = told(listings), ROWS // 2
    mismatch = np.where(listings.shown, listings.painted != listings.colour, 0.3)
    for target, values, hint in (("category", listings.category, []), ("returns", listings.returned, [mismatch])):
        X = np.column_stack([features, *hint])
        settings = {"objective": "multiclass", "num_class": int(values.max()) + 1, "num_leaves": 15, "num_threads": 1}
        rows = lightgbm.Dataset(X[:half], values[:half])
        model = lightgbm.train({**settings, "learning_rate": 0.15, "verbose": -1}, rows, num_boost_round=40)
        accuracy = np.mean(model.predict(X[half:]).argmax(axis=1) == values[half:])
        error = math.sqrt(accuracy * (1 - accuracy) / half)
        assert ceilings[target].value - 0.02 < accuracy < ceilings[target].value + 3 * error


def test_neither_colour_alone_tells_of_returns_and_both_together_do(listings):
    def gain(*given):
        """How much a table of return rates by these columns beats always saying low."""
        cells = pd.DataFrame({str(i): values for i, values in enumerate(given)})
        high = pd.Series(listings.returned).groupby([cells[name] for name in cells]).transform("mean")
        return np.mean((high > 0.5) == listings.returned) - np.mean(listings.returned == 0)

    shown = listings.shown
    listings = replace(listings, **{name: values[shown] for name, values in vars(listings).items()})
    assert gain(listings.colour) == gain(listings.painted) == 0
    assert gain(listings.colour, listings.painted) > 0.08


def test_some_categories_need_text_some_the_picture_and_most_both(listings):
    def best(hidden):
        """Accuracy of the best rule with one kind of evidence taken away."""
        return made.category_chances(replace(listings, **hidden)).max(axis=1).mean()

    nothing = np.zeros(ROWS, dtype=bool)
    both = best({})
    assert best({"shown": nothing, "named": nothing}) < both - 0.05
    assert best({"told": nothing}) < both - 0.2
    assert best({"shown": nothing}) < both


def test_a_ceiling_says_what_it_is(ceilings):
    assert {name: ceiling.metric for name, ceiling in ceilings.items()} == {
        "category": "accuracy",
        "returns": "accuracy",
        "price": "rmse",
    }
    for ceiling in ceilings.values():
        assert ceiling.note.startswith("no algorithm can expect")
        assert any(f"{ceiling.value:.{digits}f}" in ceiling.note for digits in (1, 2))


def test_the_same_seed_makes_the_same_catalogue_and_another_seed_another():
    first, again, other = (made.catalogue(60, seed)[0] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_columns_hold_what_their_names_say(frame):
    assert len(frame) == 800
    assert list(frame.columns[:10]) == [
        *("title", "description", "brand", "colour", "weight_g"),
        *("price", "listed_on", "buyers", "seller", "picture"),
    ]
    assert set(frame["category"]) == set(made.CATEGORIES)
    assert frame["listed_on"].between("2022-01-01", "2025-01-01").all()
    assert 0.03 < frame["weight_g"].isna().mean() < 0.15
    assert frame.drop(columns="weight_g").notna().all(axis=None)
    assert frame["seller"].nunique() > 40
    for title, brand, colour in zip(frame["title"], frame["brand"], frame["colour"], strict=True):
        assert title.startswith(brand)
        assert title.endswith(f", {colour}")


def test_words_tell_the_use_and_the_object_only_where_they_should():
    listings = made.drawn(300, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for i in range(300):
        title, text, _ = made._cells(listings, i, rng)
        thing, use = made.OBJECTS[listings.object[i]], made.USES[listings.use[i]]
        nouns = {name for name, words in NOUNS.items() for word in words if f" {word}," in title}
        assert nouns == ({thing} if listings.named[i] else set())
        uses = {name for name, phrases in USES.items() for phrase in phrases if phrase in text}
        assert uses == ({use} if listings.told[i] else set())
        assert any(warning in text for warning in WARNINGS) == listings.warned[i]


def test_pictures_show_the_colour_they_were_painted_in():
    rng = np.random.default_rng(0)
    paint = np.array(list(PAINT.values()))
    for place, colour in enumerate(PAINT):
        for thing in made.OBJECTS:
            pixels = np.asarray(Image.open(io.BytesIO(draw(thing, colour, rng))).convert("RGB"), dtype=float)
            assert pixels.shape == (SIDE, SIDE, 3)
            near = np.linalg.norm(pixels[:, :, None, :] - paint, axis=3)
            counts = [np.sum((near.argmin(axis=2) == i) & (near.min(axis=2) < 45)) for i in range(len(paint))]
            counts[list(PAINT).index("grey")] //= 4  # shadows and floors are greyish too
            if colour != "grey":
                assert np.argmax(counts) == place, (thing, colour, counts)


def test_a_nearest_picture_tells_the_object():
    rng = np.random.default_rng(0)

    def outlines(count):
        things = list(made.OBJECTS) * count
        grey = [
            np.asarray(Image.open(io.BytesIO(draw(thing, "red", rng))).convert("L").resize((16, 16)), float)
            for thing in things
        ]
        return np.array(grey).reshape(len(things), -1), np.array(things)

    known, names = outlines(40)
    asked, truth = outlines(10)
    nearest = ((asked[:, None] - known[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(names[nearest] == truth) > 0.8


def test_listings_of_one_product_share_seller_and_date_so_that_no_split_tears_them_apart():
    twins = made.drawn(3000, np.random.default_rng(0), twins=True)
    table = pd.DataFrame({name: values for name, values in vars(twins).items() if name != "weight"})
    products = table.groupby("product")
    assert (products.size() == 2).sum() > 300
    for shared in ("seller", "time", "object", "use", "told", "named", "shown", "warned", "price"):
        assert (products[shared].nunique() == 1).all(), shared
    pairs = products.filter(lambda rows: len(rows) == 2).groupby("product")
    assert 0.2 < (pairs["colour"].nunique() == 1).mean() < 0.45  # duplicates, the others are variants


def test_duplicates_look_alike_in_every_visible_cell_and_labels_are_drawn_anew(frame):
    big = made.catalogue(1500, 0)[0]
    looks = big.drop(columns=["category", "returns"])
    doubled = big[looks.duplicated(keep=False)]
    assert 40 < len(doubled) < 250
    groups = doubled.groupby(list(looks.columns.drop("weight_g")))
    assert (groups["returns"].nunique() > 1).any()


def test_prices_and_uses_drift(listings):
    early, late = listings.time < 0.25, listings.time >= 0.75
    outdoor = listings.use == made.USES.index("outdoor")
    assert outdoor[late].mean() > outdoor[early].mean() + 0.08
    assert np.log(listings.price)[late].mean() > np.log(listings.price)[early].mean() + 0.1
