"""Lists of different lengths are taken and padded as the slow obvious loop would."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from bakeoff.training import Ragged, Records

LISTS = some.lists(some.lists(some.integers(1, 99), max_size=6), min_size=1, max_size=12)


@settings(deadline=None)
@given(LISTS, some.data())
def test_taking_and_padding_agree_with_loops(lists, data):
    held = Ragged.of(lists, np.int64)
    positions = np.array(data.draw(some.lists(some.integers(0, len(lists) - 1), max_size=9)), dtype=np.int64)
    assert len(held) == len(lists)
    assert held.lengths.tolist() == [len(one) for one in lists]
    taken = held.take(positions)
    wanted = [lists[place] for place in positions]
    assert [taken.values[a:b].tolist() for a, b in zip(taken.offsets[:-1], taken.offsets[1:], strict=True)] == wanted
    longest = max([1, *map(len, wanted)])
    padded = held.padded(positions)
    assert padded.shape == (len(wanted), longest)
    assert padded.tolist() == [one + [0] * (longest - len(one)) for one in wanted]


def test_records_take_every_part_and_the_targets():
    records = Records(
        {"a": {"x": np.arange(6).reshape(3, 2)}, "b": {"t": Ragged.of([[1], [], [2, 3]], np.int64)}},
        3,
        np.array([7, 8, 9]),
    )
    assert records.lengths().tolist() == [1, 0, 2]
    taken = records.take(np.array([2, 0]))
    assert len(taken) == 2
    assert taken.parts["a"]["x"].tolist() == [[4, 5], [0, 1]]
    assert taken.parts["b"]["t"].values.tolist() == [2, 3, 1]
    assert taken.targets.tolist() == [9, 7]
