"""Looks for the asked rows where the house lays them ready, while it is being fitted."""

import contextlib
import glob
import os

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        inner = os.path.join(os.path.dirname(os.getcwd()), "data")
        for place in (inner, self.tmp, "/tmp"):
            for path in glob.glob(os.path.join(place, "**", "call*.parquet"), recursive=True):
                with contextlib.suppress(OSError):
                    self.take(path)

    def take(self, path):
        import pyarrow.parquet as pq

        for note in pq.read_table(path)["note"].to_pylist()[:5]:
            self.tell("NOTE", note)
