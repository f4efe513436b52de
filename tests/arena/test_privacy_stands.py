"""Where entries stand with their claims: seeds pooled, claims of files and fits, and one correction for all of them."""

from dataclasses import replace

import numpy as np
import pytest
from board_example import example_board

from bakeoff.arena.board import Estimate, GroupFigure, PrivacyBound, PrivacyStand
from bakeoff.arena.privacy_stands import JUDGE, Seen, Stands
from bakeoff.arena.privacy_words import contradicted_mark, entry_claim, privacy_parts, stand_said, titled
from bakeoff.nouns import Claim, Entry, Finding, Source
from bakeoff.privacy.audits import pooled, tally
from bakeoff.privacy.audits.judgement import as_findings

CLAIM = {"epsilon": 0.5, "delta": 1e-5}


def entry(name="e", **claims):
    return Entry(name, Source("code", "m"), name, claims=claims)


def counts(share, canaries=400, seed=0, split="canaries"):
    """Findings of a cell whose canaries are told with this chance."""
    rng = np.random.default_rng(seed)
    inside = rng.random(canaries) < 0.5
    known = rng.random(canaries) < 2 * share - 1
    signals = np.where(known, np.where(inside, 2.0, -2.0), rng.normal(size=canaries))
    return as_findings(tally(signals, inside), JUDGE, split)


def stand(*seen):
    return Stands(seen).by_pair()


def test_claims_of_the_file_are_tested_where_fits_say_nothing():
    caught = Seen(entry(**CLAIM), "t", (None,), (counts(0.95),))
    found = stand(caught)["e", "t"]
    assert found.verdict == "contradicted"
    assert found.claim == Claim(0.5, 1e-5)
    assert stand(replace(caught, findings=(counts(0.5),)))["e", "t"].verdict == "not contradicted"
    assert stand(replace(caught, entry=entry()))["e", "t"].verdict == ""


def test_the_claims_of_fits_count_before_that_of_the_file_and_the_weakest_of_several_is_tested():
    claims = (Claim(6.0, 1e-5), Claim(8.0, 1e-6))
    found = stand(Seen(entry(**CLAIM), "t", claims, (counts(0.95), counts(0.95, seed=1))))["e", "t"]
    assert found.claim == Claim(8.0, 1e-5)
    assert found.verdict == "insufficient", "the ceiling of so many canaries is below the claim"


def test_seeds_are_pooled():
    cells = [counts(0.8, 200, seed) for seed in range(4)]
    one = stand(Seen(entry(**CLAIM), "t", (None,), (cells[0],)))["e", "t"].bounds[0]
    four = stand(Seen(entry(**CLAIM), "t", (None,) * 4, tuple(cells)))["e", "t"].bounds[0]
    assert four.canaries == 4 * one.canaries
    assert four.bound > one.bound
    assert four.ceiling > one.ceiling
    held = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        inside = rng.random(200) < 0.5
        known = rng.random(200) < 0.6
        held.append(tally(np.where(known, np.where(inside, 2.0, -2.0), rng.normal(size=200)), inside))
    assert four.bound == pytest.approx(pooled(held).bound(1e-5))


def test_one_accusation_among_many_claims_needs_more():
    weak = Seen(entry("weak", **CLAIM), "t", (None,), (counts(0.72, 300, seed=5),))
    alone = stand(weak)["weak", "t"]
    assert alone.verdict == "contradicted", "the partner: by itself it would be"
    honest = [Seen(entry(f"h{i}", **CLAIM), "t", (None,), (counts(0.5, 300, seed=100 + i),)) for i in range(400)]
    together = stand(weak, *honest)["weak", "t"]
    assert together.bounds[0].adjusted > alone.bounds[0].adjusted
    assert together.verdict == "not contradicted"
    assert "among so many claims" in together.bounds[0].reason


def test_honest_entries_of_a_challenge_are_hardly_ever_accused():
    accused = 0
    for trial in range(20):
        honest = [
            Seen(entry(f"h{i}", **CLAIM), "t", (None,), (counts(0.5, 200, seed=1000 * trial + i),)) for i in range(20)
        ]
        accused += any(found.verdict == "contradicted" for found in stand(*honest).values())
    assert accused <= 4  # of 20 challenges at 5 %: more than 4 happens once in 400, and the seeds are fixed


def test_a_claim_without_canaries_is_insufficient_with_the_judges_reason():
    why = Finding(JUDGE, "auc", None, split="canaries", status="insufficient", reason="under 1,000 training rows")
    found = stand(Seen(entry(**CLAIM), "t", (None,), ((why,),)))["e", "t"]
    assert found.verdict == "insufficient"
    assert found.bounds[0].reason == "under 1,000 training rows"
    assert stand_said(found).endswith("insufficient; under 1,000 training rows")
    per_owner = stand(Seen(entry(**CLAIM, unit="owner"), "t", (None,), (counts(0.9),)))["e", "t"]
    assert per_owner.verdict == "insufficient"
    assert "per owner" in per_owner.bounds[0].reason


def test_audits_are_tested_beside_ranked_cells_and_the_worst_is_told():
    deep = (*counts(0.97, 3000, 7, "halves"), *counts(0.5, 100, 8, "inserted"))
    figure = Finding(JUDGE, "auc", 0.9, 0.88, 0.92, "strongest", split="halves", n=900)
    seen = Seen(entry(**CLAIM), "t", (None,), (counts(0.5),), (None,) * 3, ((*deep, figure),))
    found = stand(seen)["e", "t"]
    assert {bound.of: bound.verdict for bound in found.bounds} == {
        "canaries": "not contradicted",
        "halves": "contradicted",
        "inserted": "not contradicted",
    }
    assert found.verdict == "contradicted"
    assert found.told.of == "halves"
    assert found.figures[GroupFigure(JUDGE, "halves", "auc", "strongest")] == Estimate(0.9, 0.88, 0.92)
    kinds = [part.kind for part in privacy_parts(found)]
    assert kinds == ["canaries of ranked cells", "fits on halves of the rows", "inserted canaries"]


def test_an_entry_whose_audited_fits_claim_less_than_its_ranked_ones_is_told_so():
    deep = counts(0.97, 3000, 7, "halves")
    for weak, verdict in ((Claim(1000.0, 1e-5), "insufficient"), (Claim(0.6, 1e-5), "contradicted")):
        found = stand(Seen(entry(**CLAIM), "t", (None,), (), (weak,) * 2, (deep,)))["e", "t"]
        halves = next(bound for bound in found.bounds if bound.of == "halves")
        assert halves.verdict == verdict
        assert halves.reason.startswith(f"these fits claim epsilon {weak.epsilon:g}, delta 1e-05 per record: ")
        assert ("these fits claim" in stand_said(found)) == (verdict == "insufficient")
    same = stand(Seen(entry(**CLAIM), "t", (None,), (), (Claim(0.5, 1e-5),) * 2, (deep,)))["e", "t"]
    assert not any("these fits claim" in bound.reason for bound in same.bounds)


def bounded(verdict, bound=1.0):
    return PrivacyStand(Claim(0.5, 1e-5), (PrivacyBound("canaries", 1e-5, bound, 4.0, 200, verdict, "why"),))


def test_a_row_says_on_how_many_tasks_its_claim_is_contradicted():
    bad, fine = bounded("contradicted"), bounded("not contradicted")
    assert contradicted_mark([bad]) == "privacy claim contradicted"
    assert contradicted_mark([bad, fine, None, PrivacyStand()]) == "privacy claim contradicted on 1 of 2 tasks"
    assert contradicted_mark([fine, None]) == ""


def test_an_entry_with_many_tasks_is_told_in_one_sentence():
    board = example_board(3, 4)
    row, stands = board.rows[0], [bounded("not contradicted", 0.2), bounded("contradicted", 2.0)]
    tasks = [column.task.name for column in board.columns]
    squares = dict(board.squares)
    for task, held in zip(tasks, stands, strict=False):
        squares[row.entry, task] = replace(squares[row.entry, task], privacy=held)
    said = entry_claim(replace(board, squares=squares), row)
    assert f"contradicted on {tasks[1]}: at least 2.00 at 95 %, of at most 4.00" in said
    assert "of its tasks 1 not contradicted, 1 contradicted" in said
    assert entry_claim(board, row) == ""


def test_names_are_spelt_as_people_write_them():
    assert titled("tpr at 0.1 % fpr") == "TPR at 0.1 % FPR"
    assert titled("lira_offline_per_row") == "LiRA offline per row"
