"""Whatever is taken from training rows leaves a step behind, and what is known from outside takes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from rows_made import ENCODERS, frame

from bakeoff.errors import UsageError
from bakeoff.nouns import Schema
from bakeoff.training import DataStep, Known, Preparation, Source, TableReader
from bakeoff.training.encoders.categories import Categories
from bakeoff.training.encoders.dates import Dates
from bakeoff.training.encoders.numeric import Numeric, NumericStyle
from bakeoff.training.encoders.texts import Bag, Sequence

KNOWN = Known(
    vocabularies={"note": ["amber", "birch", "cedar"]},
    categories={"colour": ["red", "green", "blue"]},
    ranges={"size": (0.0, 200.0), "weight": (0.0, 50.0), "when": (18_000.0, 20_000.0)},
    target=(0.0, 10.0),
)
TAKES = {
    "numbers, piecewise": {("scale", "size"), ("bins", "size"), ("scale", "weight"), ("bins", "weight")},
    "numbers, periodic": {("scale", "size"), ("quantiles", "size"), ("scale", "weight"), ("quantiles", "weight")},
    "numbers, linear": {("scale", "size"), ("scale", "weight")},
    "dates": {("scale", "when"), ("bins", "when")},
    "categories": {("categories", "colour")},
    "hashed categories": set(),
    "bag": {("vocabulary", "note"), ("term weights", "note")},
    "hashed bag": set(),
    "convolution": {("vocabulary", "note")},
    "recurrent": {("vocabulary", "note")},
    "transformer": {("vocabulary", "note")},
    "pictures": set(),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_writes_down_what_it_takes(name):
    preparation = Preparation()
    ENCODERS[name]().learn(frame(60), preparation)
    assert {(step.name, step.column) for step in preparation.from_training} == TAKES[name]
    assert all(step.rows > 0 for step in preparation.from_training)
    assert len(preparation.steps) > 0


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_known_takes_nothing_and_other_rows_change_nothing(name):
    read = []
    for seed in (1, 2):
        preparation = Preparation(KNOWN)
        encoder = ENCODERS[name]()
        encoder.learn(frame(60, seed), preparation)
        assert preparation.from_training == ()
        preparation.require_public()
        read.append(encoder.read(frame(20, 3)))
    for part in read[0]:
        first, second = (getattr(one[part], "values", one[part]) for one in read)
        assert np.array_equal(first, second)


@pytest.mark.parametrize("name", [name for name, taken in TAKES.items() if taken])
def test_what_is_taken_depends_on_the_rows(name):
    """The partner of the test above: without known values, other rows do change what is read or how it is embedded."""
    read = []
    for seed in (1, 2):
        encoder = ENCODERS[name]()
        rows = frame(60, seed)
        rows["colour"] = rows["colour"].astype(object).fillna(f"colour {seed}")
        rows["note"] = rows["note"].astype(object).fillna("") + f" word{seed}"
        encoder.learn(rows, Preparation())
        held = [getattr(part, "values", part) for part in encoder.read(frame(20, 3)).values()]
        read.append((held, getattr(encoder, "places", None), getattr(encoder, "vocabulary", None)))
    same = all(np.array_equal(one, other) for one, other in zip(read[0][0], read[1][0], strict=True))
    places = read[0][1] == read[1][1]
    words = read[0][2] is None or read[0][2].places == read[1][2].places
    assert not (same and places and words)


def test_a_step_from_training_is_refused_by_name_with_the_mend():
    preparation = Preparation()
    preparation.public("pixels", "photo", 1)
    preparation.taken("vocabulary", "note", 812, 60, "in at least 2 texts")
    with pytest.raises(UsageError) as raised:
        preparation.require_public()
    assert str(raised.value) == (
        "1 steps were taken from training rows and would tell of them beside the gradients: vocabulary of 'note': "
        "training (in at least 2 texts). Give their values from outside in Known, or account for them."
    )
    assert preparation.from_training == (
        DataStep("vocabulary", "note", Source.TRAINING, 812, 60, "in at least 2 texts"),
    )


def test_a_known_vocabulary_is_what_a_text_is_read_by():
    preparation = Preparation(KNOWN)
    rows = frame(5, gaps=0.0)
    rows["note"] = ["amber birch", "zzz amber", "", "Cedar", "heath"]
    sequence, bag = Sequence("note"), Bag("note")
    for encoder in (sequence, bag):
        encoder.learn(rows, preparation)
    tokens = sequence.read(rows)["tokens"]
    assert tokens.values.tolist() == [3, 4, 1, 3, 2, 5, 1]
    assert tokens.lengths.tolist() == [2, 2, 1, 1, 1]
    assert bag.read(rows)["terms"].lengths.tolist()[2] == 0


def test_a_range_the_wrong_way_round_is_told():
    with pytest.raises(UsageError, match=r"The range of 'size' is given as 3.0 to 1.0; the first must be the smaller"):
        Numeric(["size"]).learn(frame(9), Preparation(Known(ranges={"size": (3.0, 1.0)})))


def test_an_unknown_style_is_told():
    with pytest.raises(UsageError, match="There is no style 'cubic' for numbers; styles are piecewise, periodic"):
        NumericStyle("cubic")


def test_rare_values_are_read_as_unseen_and_missing_ones_as_missing():
    rows = frame(6, gaps=0.0)
    rows["colour"] = ["red", "red", "blue", None, "red", "blue"]
    encoder = Categories(["colour"], least=3)
    encoder.learn(rows, Preparation())
    assert encoder.read(rows)["codes"][:, 0].tolist() == [2, 2, 1, 0, 2, 1]


def test_a_column_that_is_absent_reads_as_missing():
    for encoder in (Numeric(["size"]), Categories(["colour"]), Dates(["when"])):
        encoder.learn(frame(30), Preparation())
        read = encoder.read(frame(3)[["note"]])
        assert read["missing"].all() if "missing" in read else not read["codes"].any()


def test_a_reader_needs_encoders_of_different_names():
    with pytest.raises(UsageError, match="at least one encoder"):
        TableReader([])
    with pytest.raises(UsageError, match="Two encoders are called 'numeric'"):
        TableReader([Numeric(["size"]), Numeric(["weight"])])


def test_the_scale_of_a_target_is_a_step_too():
    pytest.importorskip("torch")
    from bakeoff.training import head_for

    schema = Schema((), "regression", "t", "rmse", (), 0, 60.0)
    taken, known = Preparation(), Preparation(KNOWN)
    values = np.array([2.0, 4.0, 6.0])
    assert head_for(schema, 4, values, taken).centre == 4.0
    assert head_for(schema, 4, values, known).centre == 5.0
    assert [step.name for step in taken.from_training] == ["target scale"]
    known.require_public()


def test_cells_of_every_kind_read_as_text():
    import pandas as pd

    from bakeoff.training.reading import strings

    rows = pd.DataFrame({"a": ["long text", None, ["two", "tokens"], 3.5, np.nan, ("x", "y"), np.array(["z"])]})
    assert strings(rows, "a", 6) == ["long t", "", "two to", "3.5", "", "x y", "z"]
    assert strings(rows, "absent") == [""] * 7
