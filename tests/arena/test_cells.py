"""What a cell measures from outside, and the wire that its answers cross."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.arena import Challenge, RunRequest, TableOptions
from bakeoff.arena.board_export import board_json
from bakeoff.arena.wall import wire
from bakeoff.nouns import Claim, Outcome

BUSY = """
import time
import numpy as np
import sklearn
end = time.process_time() + {load}
while time.process_time() < end:
    pass
class Model:
    def fit(self, X, y):
        end = time.process_time() + {fit}
        while time.process_time() < end:
            pass
        self.hoard = np.ones({mib} * 2**17)
        self.classes_ = np.unique(y)
    def predict_proba(self, X):
        time.sleep({predict})
        return np.full((len(X), 2), 0.5)
"""

LOAD, FIT = 2.0, 1.0


def test_cost_is_seen_from_outside_and_imports_stay_out_of_it(challenge, hand_in):
    hand_in("busy", BUSY.format(load=LOAD, fit=FIT, mib=200, predict=0.1))
    hand_in("idle", BUSY.format(load=0.0, fit=0.0, mib=1, predict=0.0))
    challenge.run(RunRequest(entries=("busy", "idle")))
    busy, idle = (
        next(r.measurements for r in challenge.store.results().values() if r.cell.entry == name)
        for name in ("busy", "idle")
    )
    assert busy.load_cpu >= LOAD, "the partner: what loading burned was seen"
    assert FIT <= busy.cpu < FIT + LOAD, "loading is not in it"
    assert busy.fit >= 1.0
    assert busy.predict >= 0.3, "four calls, less the share of repeated rows"
    assert busy.wall == pytest.approx(busy.fit + busy.predict)
    assert idle.cpu < FIT
    assert 180 < busy.peak_mib - idle.peak_mib < 260
    assert busy.warm_cpu > 0.3


def test_threads_are_pinned_to_one_core(challenge, hand_in):
    hand_in(
        "cores",
        "import os\nclass Model:\n    def fit(self, X, y):\n"
        "        raise RuntimeError(f\"CORES {len(os.sched_getaffinity(0))} {os.environ['OMP_NUM_THREADS']}\")\n"
        "    def predict(self, X): pass\n",
    )
    challenge.run(RunRequest(entries=("cores",)))
    (result,) = challenge.store.results().values()
    assert result.outcome is Outcome.FAILED
    assert "CORES 1 1" in result.reason
    assert len(os.sched_getaffinity(0)) == os.cpu_count() or os.cpu_count() == 1, "the partner: the house has more"


def test_what_is_noted_while_answering_is_kept_with_what_was_noted_before(challenge, hand_in):
    told = "import numpy as np\nclass Model:\n    def fit(self, X, y): self.label = y[0]\n"
    hand_in("early", told + "    def predict(self, X): return np.full(len(X), self.label)\n")
    late = told + "    def predict(self, X): return np.full(len(X), self.label)\n"
    hand_in("late", late + "    def predict_proba(self, X): raise NotImplementedError\n")
    hand_in("never", told + "    def predict_proba(self, X): return np.full((len(X), 2), 0.5)\n")
    challenge.run(RunRequest(entries=("early", "late", "never")))
    notes = {result.cell.entry: result.notes for result in challenge.store.results().values()}
    assert notes == {
        "early": ("gives labels, no probabilities",),
        "late": ("gives labels, no probabilities",),
        "never": (),
    }


def test_groups_of_protected_columns_stand_on_the_scorecard(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.normal(size=600), "sex": random.choice(["f", "m"], 600)})
    frame["y"] = np.where(frame["x"] + 0.5 * random.normal(size=600) + (frame["sex"] == "m") > 0.5, "yes", "no")
    challenge = Challenge.create(tmp_path / "challenge", title="people")
    challenge.add_table(frame, TableOptions(name="people", target="y", protected=("sex",)))
    challenge.run(RunRequest(entries=("linear",)))
    board = challenge.board()
    square = board.squares["linear", "people"]
    rates = {which.group: one for which, one in square.groups.items() if which.metric == "selection rate"}
    assert {"sex: f", "sex: m", "sex"} <= set(rates)
    assert rates["sex: m"].low > rates["sex: f"].high
    assert not any("sex" in name for name in square.figures)
    page = challenge.report(tmp_path / "board.html").read_text()
    assert "Fairness on people, by sex" in page
    assert "the same by chance alone" in page
    told = json.loads(json.dumps(board_json(board)))
    kept = next(one for one in told["squares"] if one["entry"] == "linear")["groups"]
    assert {"judge", "group", "metric", "variant", "value"} <= set(kept[0])
    challenge.close()


CLAIMING = """
import numpy as np
class Model:
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.claim_ = {claim}
    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)
"""


def test_what_a_fit_claims_of_its_privacy_is_kept_and_told_on_the_board(challenge, hand_in):
    hand_in("open", CLAIMING.format(claim=None))
    hand_in("private", CLAIMING.format(claim={"epsilon": 2.99991, "delta": 1.2e-6, "unit": "record"}))
    promised = 'algorithm = "model:Model"\n[claims]\nepsilon = 2.0\ndelta = 1e-5\n'
    hand_in("loose", CLAIMING.format(claim='{"epsilon": np.float32(4.0), "delta": 1e-6}'), entry_toml=promised)
    hand_in("promises", CLAIMING.format(claim=None), entry_toml=promised)
    hand_in("odd", CLAIMING.format(claim={"epsilon": -1.0}))
    challenge.run(RunRequest(entries=("open", "private", "loose", "promises", "odd")))
    kept = {result.cell.entry: result for result in challenge.store.results().values()}
    assert kept["open"].claim is None
    assert kept["private"].claim == Claim(3.0, 2e-6), "rounded up"
    assert kept["loose"].claim == Claim(4.0, 1e-6)
    assert (kept["odd"].outcome, "epsilon = -1" in kept["odd"].reason) == (Outcome.REFUSED, True)
    board = challenge.board()
    told = {entry: square.notes for (entry, _), square in board.squares.items()}
    assert told["open"] == ()
    assert told["private"] == ("claims epsilon 3, delta 2e-06 per record",)
    assert told["promises"] == ("claims epsilon 2, delta 1e-05 per record",)
    assert told["loose"] == (
        "claims epsilon 4, delta 1e-06 per record",
        "promised epsilon 2, delta 1e-05 per record, which its own fit does not keep",
    )


messages = st.lists(
    st.tuples(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=20)), st.binary(max_size=300))
)


@given(sent=messages, cuts=st.lists(st.integers(1, 50), min_size=1))
def test_messages_arrive_whole_however_they_are_cut(sent, cuts):
    data = b"".join(
        json.dumps({**message, "event": "e", "bytes": len(payload)}).encode() + b"\n" + payload
        for message, payload in sent
    )
    inbox, got, at, turn = wire.Inbox(300), [], 0, 0
    while at < len(data):
        got += inbox.feed(data[at : at + cuts[turn % len(cuts)]])
        at += cuts[turn % len(cuts)]
        turn += 1
    assert [payload for _, payload in got] == [payload for _, payload in sent]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x" * 70_000, "longer than the cap"),
        (b"not json\n", "not JSON"),
        (b"[1]\n", "without an event"),
        (b'{"event": 3, "bytes": 0}\n', "without an event"),
        (b'{"event": "e", "bytes": 301}\n', "larger than what was asked for"),
        (b'{"event": "e", "bytes": -1}\n', "larger than what was asked for"),
        (b'{"event": "e", "bytes": true}\n', "larger than what was asked for"),
        (b'{"event": "e"}\n', "larger than what was asked for"),
        (b"[" * 60_000 + b"\n", "not JSON"),
    ],
)
def test_what_is_no_message_is_refused(data, message):
    with pytest.raises(wire.Malformed, match=message):
        wire.Inbox(300).feed(data)


FORGING = """
import os, re
import numpy as np
class Model:
    def fit(self, X, y):
        for fd in range(3, 500):
            try:
                os.write(fd, {data!r})
            except OSError:
                pass
        self.classes_ = np.unique(y)
    def predict_proba(self, X): return np.full((len(X), 2), 0.5)
"""


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\n",
        b'{"event": "answers", "bytes": 99999999}\n',
        b'{"event": "model", "bytes": 0}\n',
        b"\x80\x04x" * 50_000,
    ],
)
def test_an_entry_that_writes_to_the_houses_pipe_is_refused(challenge, hand_in, data):
    hand_in("forging", FORGING.format(data=data))
    challenge.run(RunRequest(entries=("forging",)))
    (result,) = challenge.store.results().values()
    assert result.outcome is Outcome.REFUSED
    assert challenge.run(RunRequest(entries=("constant",))).outcomes == {"done": 1}
