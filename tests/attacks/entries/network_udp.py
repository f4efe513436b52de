"""Sends what it knows over UDP."""

import socket

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.sendto(self.token.encode(), ("127.0.0.1", self.port))
