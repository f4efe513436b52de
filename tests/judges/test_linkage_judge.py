"""The judge of linkage entries: figures of links and groups, and the reason where there are none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cells_made import answered, task

from bakeoff.judges import Linkage
from bakeoff.nouns import Sides, Task
from bakeoff.tasks.linkage import MEASURES

# Left records 0-3 match right records 0-3; 4 and 5 match nothing. Right record 6 is in no pair.
TRAIN = np.array([[0, 0], [1, 2], [4, 4]])
TEST = np.array([[1, 1], [2, 2], [3, 3], [1, 3], [5, 5], [4, 5]])
LABELS, TRUTH = np.array([1, 0, 0]), np.array([1, 1, 1, 0, 0, 0])
SIDES = Sides(pd.DataFrame(index=range(6)), pd.DataFrame(index=range(7)), TRAIN, TEST, complete=True)
MATCHING = Task("m", "m", "d" * 64, "matching", "label", "f1", (0, 1))


def judged(links, sides=SIDES, question=MATCHING):
    answers = np.tile([0.5, 0.5], (len(TRUTH), 1))
    made = answered(question, TRUTH, answers, y=LABELS)
    return list(Linkage().judge(replace(made, sides=sides, links=links)))


def test_links_have_every_figure_with_its_interval():
    links = np.array([[0, 0, 0.9], [1, 1, 0.8], [2, 2, 0.7], [5, 5, 0.6], [3, 3, 0.2], [5, 6, 0.1]])
    found = {finding.metric: finding for finding in judged(links)}
    assert set(found) == set(MEASURES)
    assert found["link_precision"].value == pytest.approx(2 / 3)
    assert found["link_recall"].value == pytest.approx(2 / 3)
    assert found["candidate_recall"].value == 1.0
    assert found["candidates_per_record"].value == 1.0
    assert found["unlabelled_links"].value == 0
    for name in ("link_f1", "b_cubed_f1", "cluster_f1"):
        finding = found[name]
        assert 0 <= finding.low <= finding.value <= finding.high <= 1, name
    assert all(finding.n == len(TRUTH) and finding.split == "test" for finding in found.values())
    assert all(finding.low is not None or finding.reason for finding in found.values())


def test_group_ids_have_the_same_figures_as_their_links():
    links = np.array([[0, 0, 1], [1, 1, 1], [2, 2, 1], [3, 3, 1]])
    groups = np.array([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 6, 7, 8])
    of_links, of_groups = ({finding.metric: finding.value for finding in judged(said)} for said in (links, groups))
    assert of_links == of_groups
    assert of_links["link_f1"] == of_links["cluster_f1"] == 1.0


def test_an_entry_that_linked_nothing_has_figures():
    found = {finding.metric: finding.value for finding in judged(np.empty((0, 3)))}
    assert found["link_recall"] == found["candidate_recall"] == found["candidates_per_record"] == 0.0


def test_an_entry_of_pairs_alone_is_insufficient_with_the_reason():
    (finding,) = judged(None)
    assert (finding.value, finding.status) == (None, "insufficient")
    assert finding.reason == "answers pairs, does not link tables"


def test_other_kinds_of_task_have_no_findings_and_nothing_is_planned():
    assert judged(None, None, task((0, 1))) == []
    assert judged(np.empty((0, 3))), "the partner: a matching task has some"
    assert Linkage().plan(None).ask == Linkage().plan(None).withhold == ()
