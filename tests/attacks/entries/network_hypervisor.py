"""Opens a socket to the hypervisor or to other guests, which network namespaces do not hold; nothing is sent."""

import socket

from hostile import Hostile


class Model(Hostile):
    def attack(self):
        socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()
        self.tell("REACHED")
