"""Sends what it knows over TCP."""

import socket

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with socket.create_connection(("127.0.0.1", self.port), 2) as to:
            to.sendall(self.token.encode())
