"""What the house fails at counts against nobody: it is tried again, then told, and due again in the next run."""

import threading
import time

import psutil
from chaos import CELLS, Run, copy, picture

from bakeoff.arena import Challenge

SUICIDE = """
import os, signal

pytestmark = pytest.mark.timeout(3600)
class Model:
    def fit(self, X, y): os.kill(os.getpid(), signal.SIGKILL)
    def predict(self, X): pass
"""


def test_boxes_that_never_start_are_told_and_their_cells_stay_due(made, undisturbed, tmp_path):
    folder = copy(made, tmp_path / "challenge")
    run = Run(folder, tmp_path / "tmp")

    def kill_all():
        while run.process.poll() is None:
            try:
                for worker in psutil.Process(run.pid).children(recursive=True):
                    worker.kill()
            except psutil.Error:
                pass
            time.sleep(0.02)

    run.wait_for("start")  # before that the wall itself is tried
    killer = threading.Thread(target=kill_all)
    killer.start()
    ran, elsewhere, troubles = run.end()
    killer.join()
    assert (ran, elsewhere) == (0, 0)
    assert len(troubles) == CELLS
    assert all("was not run: A worker" in trouble for trouble in troubles), troubles
    assert all(run.began().count(cell) == 3 for cell in run.began()), "each was tried three times"
    challenge = Challenge.open(folder)
    assert challenge.store.results() == {}
    assert len(challenge.due()) == CELLS
    challenge.close()
    assert Run(folder, tmp_path / "tmp").end() == (CELLS, 0, [])
    assert picture(folder) == undisturbed


def test_an_entry_that_kills_itself_has_failed_in_the_end(made, tmp_path):
    folder = copy(made, tmp_path / "challenge")
    (tmp_path / "suicide.py").write_text(SUICIDE)
    challenge = Challenge.open(folder)
    challenge.submit(tmp_path / "suicide.py")
    run = Run(folder, tmp_path / "tmp")
    assert run.end() == (CELLS + 1, 0, [])
    assert sorted(run.began()).count("suicide little 0") == 3
    (result,) = [one for one in challenge.store.results().values() if one.cell.entry == "suicide"]
    assert (result.outcome.value, result.answers) == ("failed", "")
    assert "it ended without answering" in result.reason
    challenge.close()
