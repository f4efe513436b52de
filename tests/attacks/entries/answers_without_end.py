"""Announces more bytes than any machine holds."""

from hostile import Hostile, pour


class Model(Hostile):
    ends = False

    def attack(self):
        """Nothing yet."""

    def predict_proba(self, X):
        pour(b'{"event": "answers", "bytes": 1000000000000000000}\n')
        return super().predict_proba(X)
