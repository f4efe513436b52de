"""What entries say: shown so that it can do nothing to who reads it, and kept back where the rules want it."""

from __future__ import annotations

import json
import re
import unicodedata
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bakeoff.arena import Challenge
from bakeoff.arena.escaping import WIDTH, clean, last_lines
from bakeoff.arena.withheld import KEPT, withheld
from bakeoff.nouns import Cell, CellResult, Level, Outcome

SAID = "row 17 is owed 4711"
TRICKS = "\x1b[31mred\x1b]0;title\x07\x9b2J \u202egnp.exe \u2066\u200b \x00\x7f\r over <script>alert(1)</script>"
LONG = "x" * 5000
ENTRY = f"""
import numpy as np
class Model:
    notes = [{("noted " + SAID + TRICKS)!r}]
    def fit(self, X, y):
        print({(TRICKS + LONG)!r})
        print({("printed " + SAID)!r})
        raise ValueError({("raised " + SAID + TRICKS)!r})
    def predict(self, X): pass
"""
NOTED = f"""
import numpy as np
class Model:
    notes = [{("noted " + SAID)!r}]
    def fit(self, X, y): self.classes_ = np.unique(y)
    def predict_proba(self, X): return np.full((len(X), 2), 0.5)
"""
DECLINING = f"""
from bakeoff import Declined
class Model:
    def fit(self, X, y): raise Declined({("declined " + SAID)!r})
    def predict(self, X): pass
"""


def harmless(text: str) -> bool:
    """Whether nothing in a text moves the cursor, turns the direction of writing, or hides."""
    return not [c for c in text if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_the_check_itself_can_fail():
    assert not any(harmless(trick) for trick in ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00", "\r", "\u2028"))
    assert harmless("caf\u00e9 \u2026\n")


@pytest.fixture(scope="module")
def held(say, tmp_path_factory, orders_csv) -> Path:
    """A challenge in which three entries have said what they should not."""
    folder = tmp_path_factory.mktemp("words") / "shop"
    say("new", "challenge", folder)
    rules = folder / "challenge.toml"
    rules.write_text(rules.read_text().replace("baselines = true", 'baselines = ["constant"]'))
    say("table", "add", orders_csv, "--target", "back", "-C", folder)
    for name, code in (("failing", ENTRY), ("noting", NOTED), ("declining", DECLINING)):
        path = folder.parent / f"{name}.py"
        path.write_text(code)
        say("submit", path, "--to", folder, "--no-try")
    said = say("run", "-C", folder)
    (folder.parent / "run.txt").write_text(said.out + said.err)
    return folder


def pages(say, held: Path, *more: str) -> dict[str, str]:
    """All that shows results, by what it is."""
    html = held.parent / "board.html"
    say("board", "-C", held, "--html", html, *more)
    return {
        "text": say("board", "-C", held, *more).out,
        "json": say("board", "-C", held, "--json", *more).out,
        "csv": say("board", "-C", held, "--csv", *more).out,
        "html": html.read_text(),
        "versus": say("board", "-C", held, "--versus", "failing", "constant", *more).out,
        "owner": say("table", "report", "orders", "-C", held).out,
    }


def test_hostile_words_do_nothing_wherever_they_are_shown(say, held):
    found = pages(say, held)
    found["run"] = (held.parent / "run.txt").read_text()
    for where, text in found.items():
        assert harmless(text), where
    assert "<script>alert" not in found["html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found["html"]
    assert harmless(json.dumps(json.loads(found["json"]), ensure_ascii=False))
    # They were there: the organiser reads them while the cells run.
    assert f"raised {SAID}" in found["run"]
    assert f"declined {SAID}" in found["run"]
    assert max(map(len, found["run"].splitlines())) < 2500


@pytest.mark.parametrize("by", ["rules", "table"])
def test_words_are_kept_back_where_the_organiser_or_the_owner_wants_it(say, held, by):
    shown = pages(say, held)
    for where in ("json", "html"):
        assert len(re.findall(r"(?:raised|declined|noted|printed) row 17", shown[where])) >= 3, where
    path = held / ("challenge.toml" if by == "rules" else "tables/orders/table.toml")
    was = path.read_text()
    path.write_text('logs = "organiser"\n' + was)
    try:
        kept = pages(say, held)
        for where, text in kept.items():
            assert SAID not in text, where
        assert KEPT in kept["json"]
        assert KEPT in kept["html"]
        again = pages(say, held, "--logs")
        assert [SAID in again[where] for where in ("json", "html")] == [True, True]
    finally:
        path.write_text(was)


def test_a_store_that_somebody_wrote_into_is_no_way_round(say, held):
    with closing(Challenge.open(held)) as opened:
        results = opened.store.results()
        (failed,) = [result for result in results.values() if result.cell.entry == "failing"]
        opened.store.save(replace(failed, reason=TRICKS, log=f"{TRICKS}\n{LONG}", notes=(TRICKS,)), {})
    found = pages(say, held)
    for where, text in found.items():
        assert harmless(text), where
    assert "<script>alert" not in found["html"]


def test_the_words_of_a_prediction_file_stay_since_nothing_ran():
    cell = Cell("a", "", "t", "", 0, "", "")
    made = CellResult(cell, Outcome.REFUSED, "lacks rows", "printed", level=Level.PREDICTIONS)
    assert withheld(made) is made
    kept = withheld(replace(made, level=Level.PROCESS, notes=("mine",)))
    assert (kept.reason, kept.log, kept.notes) == (KEPT, "", ())
    late = replace(made, level=Level.PROCESS, outcome=Outcome.TIMED_OUT, reason="it had not answered after 1 s.")
    assert (withheld(late).reason, withheld(late).log) == ("it had not answered after 1 s.", "")


def test_a_log_is_cut_in_length_and_width():
    log = "\n".join([f"{i} {LONG}" for i in range(50)]) + "\n\n"
    lines = last_lines(log, 6)
    assert [line[:2] for line in lines] == [f"{i}" for i in range(44, 50)]
    assert {len(line) for line in lines} == {WIDTH + 1}
    assert last_lines("", 6) == []
    assert clean("\ud800\ufeff", 9) == "?\ufffd"


def test_who_may_read_is_said_in_words_that_are_known(say, tmp_path, orders_csv):
    say("new", "challenge", tmp_path / "c")
    said = say("table", "add", orders_csv, "--target", "back", "-C", tmp_path / "c", "--logs", "nobody", code=2)
    assert said.err == "bakeoff: --logs is 'nobody'; say shown or organiser, or leave it out.\n"
    say("table", "add", orders_csv, "--target", "back", "-C", tmp_path / "c", "--logs", "organiser")
    assert 'logs = "organiser"' in (tmp_path / "c" / "tables" / "orders" / "table.toml").read_text()
