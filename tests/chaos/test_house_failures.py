"""What the house fails at counts against nobody: boxes that never start, and somebody else's kill of a worker."""

import os
import shutil
import sys

import pytest
from chaos import CELLS, Run, copy

from bakeoff.arena import Challenge

pytestmark = pytest.mark.timeout(3600)

SUICIDE = """
import os, signal
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


BWRAP = """#!{python}
import os, sys
count = len(os.listdir({tries!r}))
# Looking at what the level holds comes first; from then on nothing starts.
if count >= {sound} and "bakeoff.arena.wall.worker" in sys.argv:
    print("no box today", file=sys.stderr)
    sys.exit(1)
open(os.path.join({tries!r}, str(os.getpid())), "w").close() if "bakeoff.arena.wall.worker" in sys.argv else None
os.execv({real!r}, ["bwrap", *sys.argv[1:]])
"""


@pytest.mark.parametrize("sound", [0, 1000])
def test_boxes_that_never_start_are_told_and_their_cells_stay_due(require, made, tmp_path, sound):
    require("bubblewrap")
    folder, tries, tools = copy(made, tmp_path / "challenge"), tmp_path / "tries", tmp_path / "tools"
    tries.mkdir(mode=0o777)
    tries.chmod(0o777)
    tools.mkdir()
    for path in (tmp_path, tools, tries):
        path.chmod(0o777)
    script = tools / "bwrap"
    script.write_text(BWRAP.format(python=sys.executable, tries=str(tries), real=shutil.which("bwrap"), sound=sound))
    script.chmod(0o755)
    run = Run(folder, tmp_path / "tmp", PATH=f"{tools}:{os.environ['PATH']}")
    ran, elsewhere, troubles = run.end()
    challenge = Challenge.open(folder)
    if sound:
        assert (ran, elsewhere, troubles) == (CELLS, 0, []), "the partner: with boxes that start all is well"
    else:
        assert (ran, elsewhere) == (0, 0)
        assert len(troubles) == CELLS and all("was not run" in trouble for trouble in troubles)
        assert challenge.store.results() == {}, "nothing is kept against anybody"
    challenge.close()
