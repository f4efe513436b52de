"""Looking training rows up among the questions hides memorisation from an audit: how much is gained by it.

Probes are training rows, so an entry that has kept its training rows knows those that it meets again. It cannot know
the ones that were withheld. The figures are stated in docs/reference/attacks.md; an audit never acquits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.nouns import Outcome

pytestmark = pytest.mark.timeout(600)
ENTRIES = Path(__file__).parent / "entries"


def rows(count=4000):
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, count)
    columns = {f"x{number}": y * 0.6 + rng.normal(0, 1, count) for number in range(4)}
    return pd.DataFrame({**columns, "y": np.where(y, "yes", "no")})


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """The gap of each entry by memorisation, and its accuracy on the test rows."""
    folder = tmp_path_factory.mktemp("lookup")
    made = Challenge.create(folder / "challenge", title="lookup")
    text = made.places.rules.read_text()
    made.places.rules.write_text(text.replace("baselines = true", 'baselines = ["constant"]'))
    # Which rows are withheld derives from the secret, so the figures are the same each time.
    (made.places.private / "secret").write_text(bytes(range(32)).hex())
    made = Challenge.open(made.places.root)
    made.add_table(rows(), TableOptions(name="lookup", target="y"))
    for name in ("remembers", "remembers_and_hides"):
        made.submit(ENTRIES / f"{name}.py")
    made.run(RunRequest(entries=("remembers", "remembers_and_hides")))
    results = {result.cell.id: result for result in made.store.results().values()}
    assert {result.outcome for result in results.values()} == {Outcome.DONE}
    found = {}
    for cell, kept in made.store.findings(list(results)).items():
        found[results[cell].cell.entry] = {(one.judge, one.metric): one for _, one in kept}
    yield found
    made.close()


def gap(found):
    return found["memorisation", "gap"]


def told(found):
    """A gap with its interval, as the page writes it."""
    return f"{gap(found).value:.2f} ({gap(found).low:.2f} to {gap(found).high:.2f})"


def test_one_that_remembers_is_accused(findings):
    assert gap(findings["remembers"]).low > 0.2


def test_one_that_looks_rows_up_hides_it(findings):
    hidden = gap(findings["remembers_and_hides"])
    assert hidden.low < 0 < hidden.high or abs(hidden.value) < 0.1


def test_hiding_gains_nothing_on_the_test_rows(findings):
    honest, hiding = (
        {key: one.value for key, one in findings[name].items() if key[0] == "quality"}
        for name in ("remembers", "remembers_and_hides")
    )
    assert honest
    assert hiding == pytest.approx(honest, abs=1e-9)


def test_the_page_states_the_figures(findings):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "attacks.md").read_text(encoding="utf-8")
    assert [told(found) for found in findings.values() if told(found) not in page] == []
