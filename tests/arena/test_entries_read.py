"""What an entry says of the kinds of task it is for, and that it is read whole whatever else runs meanwhile."""

import ast
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from bakeoff.arena import RunRequest
from bakeoff.arena.entries import read_entry
from bakeoff.errors import EntryError
from bakeoff.nouns import TEXT_KINDS, Entry, Source, Task
from bakeoff.tasks import kinds

MODEL = "class Model:\n    def fit(self, X, y): return self\n    def predict(self, X): return [0] * len(X)\n"


def folder(home, **files):
    home.mkdir(exist_ok=True)
    for file, text in files.items():
        (home / file.replace("__", ".")).write_text(text)
    return home


def test_an_entry_says_for_which_kinds_of_task_it_is(challenge, tmp_path):
    tags = 'algorithm = "model:Model"\nkinds = ["tagging"]\n'
    home = folder(tmp_path / "mine", model__py=MODEL, entry__toml=tags)
    entry = read_entry(home)
    assert entry.kinds == ("tagging",)
    every = folder(tmp_path / "other", model__py=MODEL, entry__toml=tags.splitlines()[0])
    assert entry.digest == read_entry(every).digest, "kinds are not its identity"
    challenge.submit(home)
    challenge.run(RunRequest())
    assert {result.cell.entry for result in challenge.store.results().values()} == {"constant", "linear"}
    (home / "entry.toml").write_text(tags.replace("tagging", "classification"))
    challenge.submit(home)
    challenge.run(RunRequest())
    assert "mine" in {result.cell.entry for result in challenge.store.results().values()}, "the partner"
    for wrong, told in (('["taging"]', "did you mean 'tagging'"), ('"tagging"', "it must be a list")):
        (home / "entry.toml").write_text(tags.replace('["tagging"]', wrong))
        with pytest.raises(EntryError, match=told):
            read_entry(home)


def test_entries_are_read_by_several_threads_at_once(tmp_path):
    """Python fails with SystemError where two threads build trees and the garbage collector lets the other go on."""
    home = folder(
        tmp_path / "mine",
        model__py=MODEL + "".join(f"\n\ndef step_{n}(x):\n    return [x, (x, {n})]\n" for n in range(300)),
    )

    def slow(phase, info):
        return [None for _ in range(200)]

    before = sys.getswitchinterval()
    gc.callbacks.append(slow)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(read_entry, [home] * 120))
    finally:
        sys.setswitchinterval(before)
        gc.callbacks.remove(slow)
    assert {entry.digest for entry in read} == {read_entry(home).digest}


def test_an_entry_is_read_while_others_build_trees(tmp_path):
    """The garbage collector may run in the middle of a tree, and its callbacks and finalizers build trees too."""
    code = MODEL + "".join(f"\n\ndef step_{n}(x):\n    return [x, (x, {n})]\n" for n in range(300))
    home = folder(tmp_path / "mine", model__py=code)
    failed, built = [], []

    def meddle(phase, info):
        if phase == "start" and len(built) < 100 and not len(built) % 2:
            built.append(ast.parse("x + 1"))
        elif len(built) < 100:
            built.append(None)

    gc.callbacks.append(meddle)
    try:
        for _ in range(20):
            read_entry(home)
        built.clear()
        for _ in range(20):
            try:
                ast.parse(code)
            except SystemError as error:
                failed.append(error)
    finally:
        gc.callbacks.remove(meddle)
    assert failed, "the partner: a tree does fail when another is built in its middle"


def test_the_general_baselines_are_for_every_kind_of_task_but_texts():
    def asked(kind):
        return [Task("t", "t", "", kind, "y", "")]

    general = Entry("linear", Source("baseline", "linear"), "1", baseline=True)
    crf = replace(general, kinds=("tagging",))
    theirs = replace(general, baseline=False)
    assert all(
        general.is_for(asked(kind)) for kind in ("classification", "regression", "matching", "of another package")
    )
    assert not any(general.is_for(asked(kind)) for kind in TEXT_KINDS)
    assert [kind for kind in TEXT_KINDS if crf.is_for(asked(kind))] == ["tagging"]
    assert all(theirs.is_for(asked(kind)) for kind in TEXT_KINDS), "who says no kind takes part everywhere"
    assert set(TEXT_KINDS) < set(kinds())
