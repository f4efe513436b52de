"""Sends a message that claims another event than the one that is due."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        pour(b'{"event": "links", "form": "scored", "bytes": 0}\n')
