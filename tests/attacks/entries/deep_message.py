"""Sends a message that is nested deeper than a reader can follow."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        pour(b'{"event": "fitted", "bytes": 0, "notes": ' + b"[" * 30000 + b"]" * 30000 + b"}\n")
