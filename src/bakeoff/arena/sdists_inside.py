"""Building an sdist inside a box, with what it needs for that from the wheelhouse alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.arena.unpacking import PIECE
from bakeoff.errors import Refused


def send_wheel(worker: Any, message: Mapping[str, Any]) -> None:
    """Build the sdist that was handed in, and send the wheel out; Refused with the builder's last words."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += [
            "--isolated",
            "--no-cache-dir",
            "--no-deps",
            "--no-index",
            "--find-links",
            os.environ["BAKEOFF_MODELS"],
        ]
        command += ["--wheel-dir", folder, str(worker.folder / "data" / message["file"])]
        made = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        wheels = sorted(Path(folder).glob("*.whl"))
        if made.returncode or len(wheels) != 1:
            raise Refused(_words(made.stderr))
        with wheels[0].open("rb") as file:
            worker.say("piece", file.read(PIECE), name=wheels[0].name)
            while piece := file.read(PIECE):
                worker.say("piece", piece)
        worker.say("piece", done=True)


def _words(said: str) -> str:
    """The one line that tells most of why a build failed: what it lacks, the last exception, or the last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    lacks = [line for line in lines if "No matching distribution" in line]
    raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    return ([*lines, *raised, *lacks] or ["the builder made no wheel"])[-1]
