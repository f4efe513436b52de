"""The ledger says what was done, and no epsilon where something that it rests on does not hold."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.errors import NoGuarantee, UsageError
from bakeoff.privacy.entries import Entry, Kind, Neighbours
from bakeoff.privacy.ledger import Ledger, step_name
from bakeoff.training.preparation import DataStep, Source


@pytest.fixture(autouse=True)
def accountant(require):
    require("dp-accounting")


def fitted(steps=500):
    ledger = Ledger()
    ledger.public("categories of 'colour'", "from the schema")
    ledger.released("quantiles of 'age'", 30.0, 3)
    for _ in range(steps):
        ledger.sampled("gradients", 0.02, 1.5)
    ledger.spent("vocabulary of 'text'", 0.2, 1e-7)
    return ledger


def test_equal_steps_in_a_row_are_one_entry():
    ledger = fitted(500)
    assert [(entry.kind, entry.count) for entry in ledger.entries] == [
        (Kind.PUBLIC, 1),
        (Kind.RELEASED, 3),
        (Kind.SAMPLED, 500),
        (Kind.SPENT, 1),
    ]
    ledger.sampled("gradients", 0.02, 1.5)
    ledger.sampled("gradients", 0.02, 1.4, 7)
    ledger.sampled("gradients", 0.02, 1.4, 3)
    ledger.sampled("gradients", 0.02, 1.4, detail="other")
    assert [entry.count for entry in ledger.entries] == [1, 3, 500, 1, 1, 10, 1]


def test_merged_steps_cost_what_single_ones_do():
    from bakeoff.privacy import epsilon_of

    single = [Entry(Kind.SAMPLED, "gradients", rate=0.02, sigma=1.5) for _ in range(500)]
    rest = [entry for entry in fitted().entries if entry.kind is not Kind.SAMPLED]
    assert fitted().epsilon(1e-5) == pytest.approx(epsilon_of([*single, *rest], 1e-5), rel=1e-9)


def test_a_claim_travels_with_unit_and_neighbours():
    claim = fitted().claim(1e-5)
    assert claim == {
        "epsilon": fitted().epsilon(1e-5),
        "delta": 1e-5,
        "unit": "record",
        "neighbours": "add or remove one",
    }
    json.dumps(claim, allow_nan=False)
    assert fitted().epsilon(1e-5) <= fitted().rdp(1e-5)
    owners = Ledger("owner")
    owners.sampled("gradients", 0.02, 1.5)
    assert owners.claim(1e-5)["unit"] == "owner"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda ledger: ledger.broke("the batches were not Poisson samples"), "not Poisson samples"),
        (lambda ledger: ledger.sampled("gradients", 0.1, 0.0), "'gradients' added no noise"),
        (lambda ledger: ledger.released("mean of 'age'", 0.0), "'mean of 'age'' added no noise|added no noise"),
        (lambda ledger: ledger.took([DataStep("vocabulary", "text", Source.TRAINING, 9, 80)]), "vocabulary of 'text'"),
        (lambda ledger: ledger.took([DataStep("early stopping", "", Source.TRAINING, 1, 80)]), "early stopping"),
        (lambda ledger: ledger.took([DataStep("bins", "age", Source.PRIVATE, 9, 0)]), "bins of 'age'"),
    ],
)
def test_no_epsilon_is_stated_where_an_assumption_was_broken(break_it, words):
    ledger = Ledger()
    ledger.sampled("gradients", 0.02, 1.5, 100)
    assert ledger.epsilon(1e-5) > 0
    break_it(ledger)
    for ask in (ledger.epsilon, ledger.rdp, ledger.claim, ledger.epsilons):
        with pytest.raises(NoGuarantee, match=words):
            ask(1e-5)
    assert ledger.broken
    with pytest.raises(NoGuarantee, match=words):
        Ledger.of_plain(ledger.as_plain()).epsilon(1e-5)


def test_a_data_step_is_accounted_for_by_a_mechanism_of_its_name():
    ledger = Ledger()
    step = DataStep("bins", "age", Source.TRAINING, 9, 80)
    ledger.released(step_name(step), 20.0)
    ledger.released("quantiles of 'size'", 20.0)
    ledger.took([step, DataStep("scale", "size", Source.PRIVATE, 2), DataStep("categories", "sex", Source.PUBLIC, 2)])
    assert not ledger.broken
    assert [entry.name for entry in ledger.entries if not entry.private] == ["categories of 'sex'"]
    ledger.took([DataStep("bins", "age", Source.PRIVATE, 9), DataStep("scale", "age", Source.TRAINING, 9, 80)])
    assert len(ledger.broken) == 1 and "scale of 'age'" in ledger.broken[0]


def test_a_mechanism_that_spends_all_of_delta_has_no_epsilon():
    ledger = fitted()
    assert ledger.epsilon(1e-6) < math.inf
    with pytest.raises(NoGuarantee, match="spend that much delta"):
        ledger.epsilon(1e-7)


ENTRIES = st.one_of(
    st.builds(
        Entry,
        st.sampled_from([Kind.SAMPLED, Kind.RELEASED, Kind.FIXED]),
        st.text(max_size=8),
        count=st.integers(1, 10**6),
        rate=st.floats(0, 1),
        sigma=st.floats(0.01, 1e3),
        detail=st.text(max_size=8),
    ),
    st.builds(Entry, st.just(Kind.SPENT), st.text(max_size=8), epsilon=st.floats(0, 9), delta=st.floats(0, 0.5)),
    st.builds(
        Entry,
        st.just(Kind.SELECTED),
        st.text(max_size=8),
        mean=st.floats(1, 99),
        shape=st.sampled_from([0.0, 0.5, math.inf]),
        options=st.just(((Entry(Kind.RELEASED, "run", sigma=2.0),),)),
    ),
    st.builds(Entry, st.just(Kind.PUBLIC), st.text(max_size=8)),
)


@settings(max_examples=50)
@given(held=st.lists(ENTRIES, max_size=6), unit=st.sampled_from(["record", "owner"]))
def test_a_ledger_goes_through_json_and_back(held, unit):
    ledger = Ledger(unit, Neighbours.REPLACE)
    for entry in held:
        ledger.add(entry)
    plain = json.loads(json.dumps(ledger.as_plain(), allow_nan=False))
    again = Ledger.of_plain(plain)
    assert (again.entries, again.broken, again.unit, again.neighbours) == (
        ledger.entries,
        ledger.broken,
        ledger.unit,
        ledger.neighbours,
    )
    assert all(str(entry) for entry in again.entries)


def test_a_fit_goes_on_in_the_ledger_of_a_checkpoint():
    kept = fitted(100).as_plain()
    ledger = Ledger()
    ledger.sampled("gradients", 0.02, 1.5)
    ledger.restore(kept)
    assert ledger.entries == fitted(100).entries
    ledger.spent("more", 0.1)
    assert len(ledger.entries) == len(fitted(100).entries) + 1
    with pytest.raises(UsageError, match="go on with a ledger like the kept one"):
        Ledger("owner").restore(kept)


def test_epsilon_grows_step_by_step_up_to_the_stated_one():
    from bakeoff.privacy import epsilon_of

    ledger = fitted(400)
    ledger.sampled("gradients", 0.02, 1.2, 200)
    curve = ledger.epsilons(1e-5, points=12)
    assert (curve.steps[0], curve.steps[-1], len(curve.steps)) == (0, 600, 13)
    assert all(one <= other for one, other in zip(curve.epsilons, curve.epsilons[1:], strict=False))
    assert curve.epsilons[-1] == ledger.epsilon(1e-5)
    before = epsilon_of([*ledger.entries[:2], Entry(Kind.SAMPLED, "gradients", 300, rate=0.02, sigma=1.5)], 1e-5)
    assert before <= curve.epsilons[6] <= 1.002 * before
    assert 0 < curve.epsilons[0] == pytest.approx(epsilon_of(ledger.entries[:2], 1e-5), rel=1e-2)
    json.dumps(curve.as_plain(), allow_nan=False)


def test_the_curve_of_a_search_and_of_nothing():
    ledger = Ledger()
    assert ledger.epsilons(1e-5).epsilons == (0.0,)
    ledger.add(Entry(Kind.SELECTED, "search", mean=5.0, options=((Entry(Kind.RELEASED, "run", sigma=9.0),),)))
    ledger.sampled("gradients", 0.02, 1.5, 50)
    curve = ledger.epsilons(1e-5, points=2)
    assert 0 < curve.epsilons[0] < curve.epsilons[1] < curve.epsilons[2] == ledger.epsilon(1e-5)


def test_a_picture_of_epsilon_is_drawn(tmp_path):
    from bakeoff.privacy import plot_epsilon

    where = plot_epsilon(fitted(), 1e-5, tmp_path / "epsilon.png")
    assert where.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and where.stat().st_size > 5_000
    with pytest.raises(UsageError, match="folder that is not there"):
        plot_epsilon(fitted(), 1e-5, tmp_path / "none" / "epsilon.png")
    assert plot_epsilon(fitted(), 1e-5, tmp_path / "epsilon.svg").read_text().startswith("<?xml")
    with pytest.raises(UsageError, match="does not say what to draw"):
        plot_epsilon(fitted(), 1e-5, tmp_path / "epsilon")


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: Ledger("user"), "record, owner"),
        (lambda: Ledger(neighbours="swap"), "replace one"),
        (lambda: Ledger.of_plain({"entries": []}), "no privacy ledger"),
        (lambda: Ledger.of_plain([]), "no privacy ledger"),
        (lambda: Ledger.of_plain({**fitted().as_plain(), "entries": [{"kind": "guess", "name": "x"}]}), "no entry"),
        (lambda: Ledger.of_plain({**fitted().as_plain(), "entries": [{"name": "x"}]}), "no entry"),
        (lambda: Ledger.of_plain({**fitted().as_plain(), "entries": [7]}), "no entry"),
        (lambda: fitted().epsilon(0.0), "delta is"),
    ],
)
def test_bad_input_is_one_clear_sentence(wrong, match):
    with pytest.raises(UsageError, match=match):
        wrong()
