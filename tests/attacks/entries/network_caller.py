"""Listens, so that a friend outside can call and be told."""

import socket

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", self.port))
            listening.listen()
            listening.settimeout(2)
            caller, _ = listening.accept()
            caller.sendall(self.token.encode())
            caller.close()
