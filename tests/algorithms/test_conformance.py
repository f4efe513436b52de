"""Every algorithm of the entry-point group, on tables of every shape, answers as an entry must."""

from __future__ import annotations

from importlib.metadata import entry_points

import numpy as np
import pytest
from tables_of_every_shape import SHAPES, made, png

from bakeoff.algorithms.adapters import adapt
from bakeoff.errors import Declined
from bakeoff.nouns import Algorithm, ColumnType, Schema

ALGORITHMS = {point.name: point for point in entry_points(group="bakeoff.algorithms")}


# These two warn of what other libraries do, and of what they themselves will do.
WARNING = pytest.mark.filterwarnings("default")
# AutoGluon fits eleven models to each table: some 10 CPU seconds, which a busy machine takes long for.
PATIENT = pytest.mark.timeout(3600)
MARKS = {"autogluon": (WARNING, PATIENT), "tabpfn": (WARNING,)}
NAMES = [pytest.param(name, marks=MARKS.get(name, ())) for name in ALGORITHMS]
NEEDS = {"network": "torch", "catboost": "catboost", "xgboost": "xgboost", "tabpfn": "tabpfn", "autogluon": "autogluon"}


@pytest.fixture(autouse=True)
def with_the_libraries_that_are_needed(request, require) -> None:
    name = request.getfixturevalue("name") if "name" in request.fixturenames else ""
    if name in NEEDS:
        require(NEEDS[name])


def declines_for(algorithm: str, schema: Schema) -> str:
    images = len(schema.of_type(ColumnType.IMAGE))
    if algorithm == "image":
        return "" if images else "image"
    if algorithm == "tabpfn" and len(schema.classes) > 10:
        return "10 classes"
    return "image" if algorithm not in ("constant", "network", "multimodal") and images == len(schema.columns) else ""


def test_the_seven_baselines_are_in_the_group():
    assert {"constant", "neighbours", "linear", "forest", "boosted", "image", "network"} <= set(ALGORITHMS)


@pytest.mark.parametrize("shape_name", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_answers_every_shape_or_declines(name, shape_name):
    shape = SHAPES[shape_name]()
    adapted = adapt(ALGORITHMS[name].load(), shape.schema)
    before = shape.train.copy(deep=True)
    if why := declines_for(name, shape.schema):
        with pytest.raises(Declined, match=why):
            adapted.fit(shape.train, shape.labels)
        return
    adapted.fit(shape.train, shape.labels)
    answers = adapted.answers(shape.test)
    assert shape.train.equals(before), "the training frame was changed"
    assert answers.dtype == np.float64
    assert answers.shape == (len(shape.test), max(1, len(shape.schema.classes)))
    assert np.isfinite(answers).all()
    if shape.schema.classes:
        assert (answers >= 0).all()
        assert np.allclose(answers.sum(axis=1), 1, atol=1e-6)
    if shape.learnable and name != "constant":
        assert better_than_constant(shape, answers)


def better_than_constant(shape, answers) -> bool:
    if not shape.schema.classes:
        return np.mean((answers[:, 0] - shape.truth) ** 2) < 0.7 * np.var(shape.truth)
    guess = np.array(shape.schema.classes)[answers.argmax(axis=1)]
    constant = max(np.mean(shape.truth == label) for label in shape.schema.classes)
    return np.mean(guess == shape.truth) > constant + 0.2


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_answers_in_any_batch(name):
    shape = SHAPES["every type"]()
    first, second = (adapt(ALGORITHMS[name].load(), shape.schema).fit(shape.train, shape.labels) for _ in range(2))
    whole = first.answers(shape.test)
    assert np.array_equal(whole, second.answers(shape.test))
    alone = np.vstack([first.answers(shape.test.iloc[[row]]) for row in range(len(shape.test))])
    assert np.allclose(whole, alone, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_keeps_the_protocol_of_nouns(name):
    assert isinstance(ALGORITHMS[name].load()(), Algorithm)


def test_linear_learns_from_text_what_constant_cannot():
    shape = made((ColumnType.TEXT,), classes=4, rows=300)
    scores = {}
    for name in ("constant", "linear", "boosted"):
        answers = adapt(ALGORITHMS[name].load(), shape.schema).fit(shape.train, shape.labels).answers(shape.test)
        scores[name] = np.mean(np.array(shape.schema.classes)[answers.argmax(axis=1)] == shape.truth)
    assert scores["linear"] > 0.95
    assert scores["boosted"] > 0.9
    assert scores["constant"] < 0.5


def test_the_image_baseline_reads_a_broken_picture_as_missing():
    from bakeoff.algorithms.image import describe

    rng = np.random.default_rng(0)
    features = describe([png(1, rng), b"no picture", None, png(1, rng)[:40]])
    assert np.any(features[0] != 0)
    assert not features[1:].any()


def test_the_image_baseline_tells_shapes_of_one_colour_apart():
    from bakeoff.algorithms.image import describe

    pixels = np.zeros((2, 16, 16, 3), dtype=np.uint8)
    pixels[0, :, ::4] = 255  # upright stripes and lying ones have the same colours in every field
    pixels[1, ::4, :] = 255
    upright, lying = describe([_png(pixels[0]), _png(pixels[1])])
    assert np.linalg.norm(upright - lying) > 0.3 * np.linalg.norm(upright)


def _png(pixels) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()
