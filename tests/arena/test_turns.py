"""A language model is asked in turns: no call shows a character before it was answered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena.plans import PROBE, TEST, CellPlan, asked_frame, lay_out, sort_answers
from bakeoff.arena.staging import NOTHING_PLANNED
from bakeoff.nouns import Plan, Probe
from bakeoff.tasks.language_model import positions, question, turns

KEY = b"k" * 32
SIZES = {"a long text": [20_000], "short texts": [90] * 120, "both": [3_000, 10, 0, 700, 1_500, 40]}


def places(sizes):
    """Texts in which no run of characters comes twice, and the places asked of them."""
    rng = np.random.default_rng(0)
    texts = ["".join(map(chr, rng.integers(0x4E00, 0x9F00, size))) for size in sizes]
    rows, cuts = positions(texts, 900, b"k")
    return texts, rows, cuts


def given_away(layout, texts, rows, cuts):
    """How many places are shown behind, in the call that asks them or in one before, by what is asked elsewhere."""
    asked = [question(texts[row], cut) for row, cut in zip(rows, cuts, strict=True)]
    test = pd.DataFrame({"text": asked})
    found, shown = 0, ""
    for call in np.unique(layout.call):
        frame = asked_frame(layout, call, test, test.iloc[:0], NOTHING_PLANNED)
        shown += "\n".join(["", *frame["text"], ""])
        for index in layout.index[layout.rows_of(call)]:
            row, cut = rows[index], cuts[index]
            found += cut < len(texts[row]) and texts[row][max(0, cut - 4) : cut + 1] in shown
    return found


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_no_call_shows_what_is_behind_a_place_before_it_is_answered(sizes):
    texts, rows, cuts = places(sizes)
    layout = lay_out(NOTHING_PLANNED, len(rows), KEY, turns(rows, cuts))
    assert sorted(layout.index) == list(range(len(rows))) and set(layout.origin) == {TEST}
    assert given_away(layout, texts, rows, cuts) == 0


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_calls_that_are_drawn_at_random_would_show_it(sizes):
    texts, rows, cuts = places(sizes)
    layout = lay_out(NOTHING_PLANNED, len(rows), KEY)
    assert given_away(layout, texts, rows, cuts) > len(rows) / 10


def test_answers_in_turns_come_back_to_their_places_and_nothing_is_said_of_batches():
    due = np.array([3, 0, 0, 1, 2, 1, 0, 5])
    plan = CellPlan({"judge": Plan(ask=(Probe(0), Probe(1)))}, (), "d")
    layout = lay_out(plan, len(due), KEY, due)
    mine = layout.origin == TEST
    assert np.array_equal(layout.call[mine], due[layout.index[mine]])
    answers = np.where(mine, layout.index, layout.index + 100.0)[:, None]
    back = sort_answers(layout, answers, len(due))
    assert back.test[:, 0].tolist() == list(range(len(due))) and back.batch_dependent is None
    assert back.probes["judge"][:, 0].tolist() == [100.0, 101.0] and PROBE in layout.origin
