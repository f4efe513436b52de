"""The judge of linkage entries: figures of links and groups, and the reason where there are none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from cells_made import answered, task

from bakeoff.judges import Linkage
from bakeoff.nouns import Sides, Task
from bakeoff.tasks.linkage import MEASURES, OF_PAIRS

# Left records 0-3 match right records 0-3; 4 and 5 match nothing. Right record 6 is in no pair.
TRAIN = np.array([[0, 0], [1, 2], [4, 4]])
TEST = np.array([[1, 1], [2, 2], [3, 3], [1, 3], [5, 5], [4, 5]])
LABELS, TRUTH = np.array([1, 0, 0]), np.array([1, 1, 1, 0, 0, 0])
SIDES = Sides(pd.DataFrame(index=range(6)), pd.DataFrame(index=range(7)), TRAIN, TEST, complete=True)
MATCHING = Task("m", "m", "d" * 64, "matching", "label", "f1", (0, 1))


def judged(links, sides=SIDES, question=MATCHING, truth=TRUTH, public=None):
    answers = np.tile([0.5, 0.5], (len(TRUTH), 1))
    made = answered(question, truth, answers, y=LABELS)
    return list(Linkage().judge(replace(made, sides=sides, links=links, public=public)))


def by_part(found):
    parts = {}
    for finding in found:
        parts.setdefault(finding.split, {})[finding.metric] = finding.value
    return parts


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


PUBLIC = np.array([True, False, False, True, True, False])


def test_a_divided_test_is_judged_by_part_as_well():
    links = np.array([[0, 0, 0.9], [1, 1, 0.8], [3, 3, 0.7], [5, 5, 0.6], [4, 5, 0.6]])
    parts = by_part(judged(links, public=PUBLIC))
    assert list(parts) == ["test", "public", "private"]
    assert parts["test"] == by_part(judged(links))["test"]
    # Of the public pairs 1-1 is a match, found, and 5-5 is none, linked; of the private ones 2-2 is missed.
    assert parts["public"]["link_recall"] == 1.0 and parts["public"]["link_precision"] == pytest.approx(1 / 2)
    assert parts["private"]["link_recall"] == parts["private"]["link_precision"] == pytest.approx(1 / 2)
    assert set(parts["private"]) == set(MEASURES)
    assert set(parts["public"]) == set(OF_PAIRS)


def test_figures_of_the_public_pairs_tell_nothing_of_private_labels():
    links = np.array([[0, 0, 0.9], [1, 1, 0.8], [2, 2, 0.7], [3, 3, 0.7], [5, 5, 0.6], [2, 3, 0.9], [4, 6, 0.9]])
    seen = []
    for flipped in range(8):
        truth = TRUTH.copy()
        for bit, row in enumerate(np.flatnonzero(~PUBLIC)):
            truth[row] = flipped >> bit & 1
        seen.append(by_part(judged(links, truth=truth, public=PUBLIC)))
    assert all(parts["public"] == seen[0]["public"] for parts in seen)
    assert len({parts["private"]["link_precision"] for parts in seen}) > 1, "the partner: private figures do tell"
    assert len({parts["test"]["b_cubed_f1"] for parts in seen}) > 1


def test_other_kinds_of_task_have_no_findings_and_nothing_is_planned():
    assert judged(None, None, task((0, 1))) == []
    assert judged(np.empty((0, 3))), "the partner: a matching task has some"
    assert Linkage().plan(None).ask == Linkage().plan(None).withhold == ()
