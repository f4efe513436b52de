"""Looks for a token in its own environment and in that of every process it can see."""

import contextlib
import os

from hostile import Hostile, processes


class Model(Hostile):
    def attack(self):
        self.look(os.environb.get(b"HOUSE_TOKEN", b""))
        for pid in processes():
            with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
                for word in file.read().split(b"\0"):
                    if word.startswith(b"HOUSE_TOKEN="):
                        self.look(word.partition(b"=")[2])

    def look(self, token):
        if token:
            self.tell("TOKEN", token.decode())
