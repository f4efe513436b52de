"""Predictors that are taken home and asked there, in a process of the caller's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from attacking import Attack, Told, path_for, sign

ASK = """
import sys
import bakeoff
from bakeoff.arena import Challenge
from bakeoff.errors import BakeoffError
challenge, entry, to = sys.argv[1:]
opened = Challenge.open(challenge)
try:
    opened.take(entry, "little", to)
    (task,) = opened.tasks()
    with bakeoff.load(to) as predictor:
        print("ANSWERS", len(predictor.predict(opened.data(task).test)))
except BakeoffError as error:
    print("REFUSED", error)
"""


class Take:
    """Take the entry home and ask it, where bubblewrap can be found or where it cannot."""

    plainly = None

    @staticmethod
    def behind(attacks: Sequence[Attack], scene: Any) -> dict[str, Told]:
        """What came of each; a house that ends otherwise than by answers or a sentence has fallen."""
        return {attack.name: _take(attack, scene) for attack in attacks}


def _take(attack: Attack, scene: Any) -> Told:
    from running import hand_in

    hand_in(attack, scene)
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(scene.challenge.places.root), attack.name, str(scene.folder / "taken")],
        env={**os.environ, "PATH": path_for(scene)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    fell = "" if done.returncode == 0 else done.stderr
    return Told(reason=done.stdout.strip(), fell=fell, signs=frozenset(scene.signs(attack.name)))


TAKEN = [
    Attack(
        "predictor_that_acts",
        "a taken predictor that runs code wherever it is unpickled",
        sign("file left"),
        given=lambda scene: {"path": str(scene.folder / scene.token("predictor_that_acts"))},
        way=Take(),
    ),
]
