"""Speaks to a service's unix socket by its path, as to a container engine's."""

import socket

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
            to.connect(self.path)
            to.sendall(self.token.encode())
