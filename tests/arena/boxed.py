"""A box that runs a few lines instead of the worker: what they say comes out, while the box is still there."""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bakeoff.arena.wall.box import PLAIN, Box, Fittings, Opening, open_by
from bakeoff.arena.wall.levels import tried
from bakeoff.nouns import Level

HEAD = """
import ctypes, errno, json, os, signal, socket, subprocess, sys, time
ASKS, ANSWERS = int(sys.argv[-2]), int(sys.argv[-1])
def say(thing):
    os.write(ANSWERS, json.dumps(thing).encode() + b"\\n")
def attempt(thing, *arguments):
    try:
        thing(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
"""
TAIL = "\nos.read(ASKS, 1)\n"


@contextlib.contextmanager
def boxed(
    level: Level, code: str, fittings: Fittings = PLAIN, *, packages: bool = False, **changes: Any
) -> Iterator[Box]:
    """A box at `level` that runs `code`; `changes` make its way another one, `packages` lets it import the house's."""
    way = tried(level).way
    assert way is not None
    program = (sys.executable, "-I", *(() if packages else ("-S",)), "-c", HEAD + code + TAIL)
    box = open_by(Opening(level, replace(way, **changes), fittings, program=program))
    try:
        yield box
    finally:
        box.close()


def heard(box: Box, seconds: float = 120.0) -> Any:
    """The next thing that the code says; AssertionError with its log when it ends before that."""
    said, deadline = b"", time.monotonic() + seconds
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([box.answers], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(box.answers, 1) if ready else b""
        if not data:
            os.set_blocking(box.log, False)
            raise AssertionError(os.read(box.log, 1 << 16).decode())
        said += data
    return json.loads(said)


def told(level: Level, code: str, fittings: Fittings = PLAIN, *, packages: bool = False, **changes: Any) -> Any:
    """What the code says first."""
    with boxed(level, code, fittings, packages=packages, **changes) as box:
        return heard(box)
