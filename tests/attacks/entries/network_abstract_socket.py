"""Speaks to a listener on an abstract unix socket, which no file guards."""

import socket

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
            to.connect("\0" + self.name)
            to.sendall(self.token.encode())
