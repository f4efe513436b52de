"""Sends fewer answers than were asked for, and says so."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        """Nothing yet."""

    def predict_proba(self, X):
        pour(b'{"event": "answers", "bytes": 16}\n' + bytes(16))
        return super().predict_proba(X)
