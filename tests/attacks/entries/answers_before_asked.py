"""Says that it is fitted and sends answers before anything is asked."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        pour(b'{"event": "fitted", "bytes": 0}\n{"event": "answers", "bytes": 1600}\n' + bytes(1600))
