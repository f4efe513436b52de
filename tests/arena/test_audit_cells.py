"""Deep judgements in real challenges: further fits that no board ranks, found claims that are false, and true ones."""

import io
import json

import numpy as np
import pytest
from little import little_frame
from rich.console import Console

from bakeoff.arena import AuditRequest, Challenge, RunRequest, TableOptions
from bakeoff.arena.audit_text import audit_json, audit_text
from bakeoff.arena.audits import audit_of, audits_kept
from bakeoff.arena.board_export import board_json
from bakeoff.arena.board_text import board_text
from bakeoff.arena.judging import judges, plan_key
from bakeoff.arena.owner.answers import kept_answers
from bakeoff.arena.report import report_html
from bakeoff.errors import UsageError
from bakeoff.nouns import Outcome

CLAIM = "[claims]\nepsilon = 0.5\ndelta = 1e-5\n"
PARROT = """
import numpy as np
class Model:
    def fit(self, X, y):
        self.seen = {tuple(map(str, row)): label for row, label in zip(X.to_numpy().tolist(), y)}
        self.classes_ = np.unique(y)
    def predict_proba(self, X):
        out = np.full((len(X), len(self.classes_)), 1 / len(self.classes_))
        for place, row in enumerate(X.to_numpy().tolist()):
            label = self.seen.get(tuple(map(str, row)))
            if label is not None:
                out[place] = np.where(self.classes_ == label, 0.99, 0.01 / (len(self.classes_) - 1))
        return out
"""
# One record moves one count by one, so Laplace noise of scale 1 / 0.5 keeps the claim.
HONEST = """
import numpy as np
class Model:
    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        noisy = np.maximum(counts + np.random.default_rng(7).laplace(scale=2.0, size=len(counts)), 1.0)
        self.shares = noisy / noisy.sum()
    def predict_proba(self, X):
        return np.tile(self.shares, (len(X), 1))
"""
TABLE = little_frame(1400, seed=3).drop(columns="note")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A challenge with an entry that remembers every row and a private one, both claiming epsilon 0.5, and run."""
    folder = tmp_path_factory.mktemp("audited")
    challenge = Challenge.create(folder / "challenge", title="audited")
    (challenge.places.private / "secret").write_text("5" * 64)  # the coins are the same each time
    rules = challenge.places.rules
    rules.write_text(rules.read_text().replace("baselines = true", 'baselines = ["constant"]'))
    challenge = Challenge.open(challenge.places.root)
    challenge.add_table(TABLE, TableOptions(name="people", target="y"))
    for name, code in (("parrot", PARROT), ("honest", HONEST)):
        home = folder / name
        home.mkdir()
        (home / "model.py").write_text(code)
        (home / "entry.toml").write_text(f'name = "{name}"\n{CLAIM}')
        challenge.submit(home)
    challenge.run(RunRequest())
    yield challenge
    challenge.close()


@pytest.fixture(scope="module")
def audited(built):
    """The same with quick audits of both, and what came of the run."""
    return built.audit(AuditRequest(("parrot", "honest"), "people", quick=True))


def cells(challenge):
    return {cell: result.cell.plan_digest for cell, result in challenge.store.results().items()}


def stands(challenge):
    return {entry: square.privacy for (entry, _), square in challenge.board().squares.items()}


def test_a_false_claim_is_contradicted_from_kept_answers_alone_and_an_honest_one_is_not(built):
    found = stands(built)
    assert found["parrot"].verdict == "contradicted"
    assert found["honest"].verdict == "not contradicted"
    assert found["constant"].verdict == ""
    (bound,) = (bound for bound in found["parrot"].bounds if bound.of == "canaries")
    assert bound.ceiling >= bound.bound > 0.5
    assert bound.adjusted <= 0.05
    marks = {row.entry: row.marks for row in built.board().rows}
    assert "privacy claim contradicted" in marks["parrot"]
    assert not any("contradicted" in mark for mark in (*marks["honest"], *marks["constant"]))


def test_an_audit_runs_further_fits_and_changes_no_ranked_cell(built, audited):
    before = {(c, s.score, s.raw) for c, s in built.board().squares.items()}
    assert {one.entry: (one.fits, one.done) for one in audited.audited} == {"parrot": (2, 2), "honest": (2, 2)}
    assert audited.troubles == ()
    assert {(c, s.score, s.raw) for c, s in built.board().squares.items()} == before
    told = [result.made_with.get("audit") for result in built.store.results().values()]
    assert sum(one is not None for one in told) == 4
    assert all(one["judge"] == "privacy" and one["quick"] for one in told if one)
    assert len(built.due()) == 0


def test_attacks_tell_the_rows_of_the_one_and_not_of_the_other(audited):
    aucs = {
        one.entry: [f for f in one.findings if (f.metric, f.variant) == ("auc", "strongest")] for one in audited.audited
    }
    (parrot,), (honest,) = aucs["parrot"], aucs["honest"]
    assert parrot.low > 0.99
    assert honest.low < 0.5 < honest.high
    (fits,) = (f for f in audited.audited[0].findings if f.metric == "fits")
    assert (fits.value, fits.n) == (2.0, 2)


def test_nothing_is_run_or_judged_twice(built, audited):
    kept = cells(built)
    again = built.audit(AuditRequest(("parrot",), "people", quick=True))
    assert again.run.ran == 0
    assert again.run.kept == 2
    assert cells(built) == kept
    first = next(one for one in audited.audited if one.entry == "parrot")
    assert [f.value for f in again.audited[0].findings] == [f.value for f in first.findings]
    assert built.judge() == 0


def test_answers_of_an_audit_are_judged_anew_without_a_fit_where_the_findings_are_gone(built, audited):
    (audit,) = {audit_of(r) for r in built.store.results().values() if r.cell.entry == "parrot"} - {None}
    built.store.add_findings(audit.id, {("privacy", "1"): []})
    assert built.store.findings([audit.id])[audit.id] == []
    again = built.audit(AuditRequest(("parrot",), "people", quick=True, again=True))
    assert again.run.ran == 0
    assert built.store.findings([audit.id])[audit.id]
    assert built.judge(again=True) > 0
    assert built.store.findings([audit.id])[audit.id]


def test_a_cell_that_is_run_anew_makes_its_audit_due_again(built, audited):
    one = next(r for r in built.store.results().values() if audit_of(r) and r.cell.entry == "honest")
    marks = {row for row in built.store.judged() if row[0] == one.cell.id}
    assert marks
    built.store.artefacts.path(one.answers).unlink()
    again = built.audit(AuditRequest(("honest",), "people", quick=True))
    assert again.run.ran >= 1
    assert built.store.artefacts.has(one.answers)
    assert marks <= built.store.judged()


def test_boards_pages_and_json_tell_claims_bounds_and_ceilings(built, audited, tmp_path):
    board = built.board()
    out = Console(width=100, record=True, file=io.StringIO())
    board_text(board, out)
    said = " ".join(out.export_text().split())
    assert "parrot claims epsilon 0.5, delta 1e-05 per record; contradicted on people: at least" in said
    assert "honest claims epsilon 0.5, delta 1e-05 per record; not contradicted" in said
    assert "not contradicted is not verified" in said
    assert "constant claims" not in said
    told = board_json(board)
    json.dumps(told, allow_nan=False)
    square = next(square for square in told["squares"] if square["entry"] == "parrot")
    assert square["privacy"]["verdict"] == "contradicted"
    assert {bound["of"] for bound in square["privacy"]["bounds"]} == {"canaries", "halves"}
    assert any(figure["of"] == "halves" and figure["metric"] == "auc" for figure in square["privacy"]["figures"])
    page = report_html(board, {}, tmp_path / "page.html").read_text()
    for words in ("Privacy claims", "Fits on halves of the rows", "LiRA", "Privacy on people: claims epsilon 0.5"):
        assert words in page


def test_what_an_audit_found_is_told_in_a_terminal_and_as_json(audited):
    out = Console(width=140, record=True, file=io.StringIO())
    audit_text(audited, out)
    said = out.export_text()
    assert "parrot on people, seed 0, quick form: 2 of 2 fits ended well" in said
    assert "right guesses" not in said
    assert "Claims epsilon 0.5, delta 1e-05 per record; contradicted" in said
    told = audit_json(audited)
    json.dumps(told, allow_nan=False)
    assert told["privacy"]["honest"]["verdict"] == "not contradicted"
    assert told["audited"][0]["findings"]


def test_seeds_of_audits_are_no_seeds_of_the_board(built, audited):
    built.audit(AuditRequest(("parrot", "honest", "constant"), "people", quick=True, seed=1))
    assert {square.seeds_done + square.seeds_due for square in built.board().squares.values()} == {1}
    (task,) = built.tasks()
    kept = kept_answers(built, task)
    assert {seed for _, seed in kept.answers} == {0}
    assert built.store.plan(plan_key(task.digest, 0, judges())) is not None
    assert built.store.plan(plan_key(task.digest, 1, judges())) is None, "the owner's report plans no seed of an audit"
    pooled = next(bound for bound in stands(built)["parrot"].bounds if bound.of == "halves")
    alone = next(f for one in audited.audited if one.entry == "parrot" for f in one.findings if f.metric == "epsilon")
    assert pooled.bound > alone.low, "two seeds tell more than one"
    assert pooled.canaries == 2 * alone.n


def test_an_interrupted_audit_goes_on_where_it_was(built):
    class Interrupts:
        def start(self, total):
            self.total = total

        def began(self, cell):
            pass

        def ended(self, result):
            raise KeyboardInterrupt

        def message(self, text):
            pass

    request = AuditRequest(("honest",), "people", quick=True, seed=2, workers=1)
    with pytest.raises(KeyboardInterrupt):
        built.audit(request, Interrupts())
    there = [r for r in built.store.results().values() if r.cell.seed == 2]
    assert len(there) == 1
    again = built.audit(request)
    assert (again.run.ran, again.run.kept) == (1, 1)
    assert again.audited[0].done == 2


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (AuditRequest((), "people"), "Name the entries to audit"),
        (AuditRequest(("parot",), "people"), "did you mean 'parrot'"),
        (AuditRequest(("parrot",), "peple"), "did you mean 'people'"),
        (AuditRequest(("parrot",), "people", seed=-1), "The seed is -1"),
    ],
)
def test_what_cannot_be_audited_is_told(built, request_, sentence):
    with pytest.raises(Exception, match=sentence):
        built.audit(request_)


def test_a_file_of_predictions_has_nothing_to_fit_again(challenge, tmp_path):
    data = challenge.data(challenge.tasks()[0])
    lines = ["row_id,answer", *(f"{row},{label}" for row, label in zip(data.row_ids, data.truth, strict=True))]
    home = tmp_path / "filed"
    home.mkdir()
    (home / "little.csv").write_text("\n".join(lines) + "\n")
    challenge.submit(home)
    with pytest.raises(UsageError, match="filed is a file of predictions: there is nothing to fit again"):
        challenge.audit(AuditRequest(("filed",), "little"))


def test_entries_that_declined_are_not_asked_again_and_failed_fits_are_told(challenge, hand_in):
    shy = "from bakeoff import Declined\nclass Model:\n    def fit(self, X, y): raise Declined('not today')\n"
    hand_in("shy", shy + "    def predict(self, X): pass\n")
    fails = "class Model:\n    def fit(self, X, y):\n        if len(X) < 250: raise ValueError('too few for me')\n"
    hand_in("frail", fails + "        self.label = y[0]\n    def predict(self, X): return [self.label] * len(X)\n")
    picky = shy.replace("'not today'", "'too few for me'").replace("raise", "\n        if len(X) < 250: raise")
    hand_in("picky", picky + "        self.label = y[0]\n    def predict(self, X): return [self.label] * len(X)\n")
    challenge.run(RunRequest(entries=("shy", "frail", "picky")))
    summary = challenge.audit(AuditRequest(("shy", "frail"), "little", quick=True))
    shy, frail = summary.audited
    assert (shy.fits, shy.done) == (0, 0)
    assert shy.reason == "it declined the task: not today"
    assert (frail.fits, frail.done) == (2, 0)
    assert frail.reason == "none of its fits ended well"
    assert "too few for me" in frail.stopped[0]
    assert {r.outcome for r in challenge.store.results().values() if audit_of(r)} == {Outcome.FAILED}
    out = Console(width=100, record=True, file=io.StringIO())
    audit_text(summary, out)
    assert "it declined the task: not today" in out.export_text()
    for ran in (2, 0):
        summary = challenge.audit(AuditRequest(("picky",), "little", quick=True))
        assert summary.run.ran == ran
        assert summary.audited[0].reason == "none of its fits ended well", "only ranked cells decline a task"
        assert summary.audited[0].stopped == ("declined: too few for me",)


def test_answers_that_an_older_bakeoff_kept_are_judged_for_privacy_without_running_anything(built):
    """A store from before there was a judge of privacy: its findings, its marks and its plans are not there."""
    store, before = built.store, stands(built)["parrot"]
    ranked = [r.cell.id for r in store.results().values() if audit_of(r) is None]
    with store._begin() as connection:
        for table in ("findings", "judged"):
            connection.exec_driver_sql(f"delete from {table} where judge like 'privacy%'")
        connection.exec_driver_sql("delete from plans")
    assert stands(built)["parrot"].bounds[0].bound is None
    kept = cells(built)
    assert built.judge() == len(ranked)
    assert built.due() == []
    assert cells(built) == kept
    after = stands(built)["parrot"]
    assert after.verdict == "contradicted"
    assert after.bounds[0] == before.bounds[0] or np.isclose(after.bounds[0].bound, before.bounds[0].bound)
    assert not audits_kept([])
