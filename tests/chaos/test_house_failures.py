"""An entry that kills itself has failed in the end: what counts against nobody is somebody else's kill."""

from chaos import CELLS, Run, copy

from bakeoff.arena import Challenge

SUICIDE = """
import os, signal

pytestmark = pytest.mark.timeout(3600)
class Model:
    def fit(self, X, y): os.kill(os.getpid(), signal.SIGKILL)
    def predict(self, X): pass
"""


def test_an_entry_that_kills_itself_has_failed_in_the_end(made, tmp_path):
    folder = copy(made, tmp_path / "challenge")
    (tmp_path / "suicide.py").write_text(SUICIDE)
    challenge = Challenge.open(folder)
    challenge.submit(tmp_path / "suicide.py")
    run = Run(folder, tmp_path / "tmp")
    assert run.end() == (CELLS + 1, 0, [])
    # Where the wall lets no signal through, it has failed at once; else it is tried as often as any killed one.
    assert run.began().count("suicide little 0") in (1, 3)
    (result,) = [one for one in challenge.store.results().values() if one.cell.entry == "suicide"]
    assert (result.outcome.value, result.answers) == ("failed", "")
    assert result.reason
    challenge.close()
