"""Announces a length that is no number of bytes, of a size that JSON allows."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        pour(b'{"event": "fitted", "bytes": -' + b"9" * 4000 + b"}\n")
