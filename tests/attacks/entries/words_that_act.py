"""Prints and says what a terminal or a browser would obey."""

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        self.tell(f"\x1b]0;owned\x07\x1b[2J<script>alert('{self.token}')</script>")
