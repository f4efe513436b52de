"""What crosses the wall: one JSON line at a time, and after some lines a run of raw bytes of announced length.

The parent trusts nothing that comes out: a line is capped, an announced length must be the expected one, and bytes
are only ever read as numbers or kept as they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

CONTRACT = "1"  # raised when a kept answer would no longer mean the same
LINE_CAP = 64 * 1024


def line(message: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """A message as the line that announces its payload."""
    return json.dumps({**message, "bytes": len(payload)}, ensure_ascii=True).encode() + b"\n"


def write(fd: int, message: Mapping[str, Any], payload: bytes = b"") -> None:
    """Write one message, and its payload if any, to a pipe."""
    for data in (line(message, payload), payload):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]


def read(fd: int) -> dict[str, Any]:
    """Read one message without payload, waiting for it; EOFError when the other side is gone."""
    said = bytearray()
    while not said.endswith(b"\n"):
        byte = os.read(fd, 1)
        if not byte:
            raise EOFError("the other side has closed the pipe")
        said += byte
    message = json.loads(said)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message


class Malformed(Exception):
    """What came out of the box is not a message."""


class Inbox:
    """Puts together the messages that arrive in pieces on the parent's side of the pipe."""

    def __init__(self, payload_cap: int) -> None:
        self._data = bytearray()
        self._header: dict[str, Any] | None = None
        self.payload_cap = payload_cap

    def feed(self, data: bytes) -> list[tuple[dict[str, Any], bytes]]:
        """Take bytes in, and give the messages that are now whole; Malformed when they cannot become one."""
        self._data += data
        whole = []
        while (message := self._next()) is not None:
            whole.append(message)
        return whole

    def _next(self) -> tuple[dict[str, Any], bytes] | None:
        if self._header is None:
            end = self._data.find(b"\n")
            if end < 0:
                if len(self._data) > LINE_CAP:
                    raise Malformed("a line longer than the cap")
                return None
            self._header = self._parse(bytes(self._data[:end]))
            del self._data[: end + 1]
        size = self._header["bytes"]
        if len(self._data) < size:
            return None
        with memoryview(self._data) as held:
            payload = bytes(held[:size])
        header = self._header
        del self._data[:size]
        self._header = None
        return header, payload

    def _parse(self, said: bytes) -> dict[str, Any]:
        try:
            header = json.loads(said)
        except (ValueError, RecursionError) as error:
            raise Malformed("a line that is not JSON") from error
        if not isinstance(header, dict) or not isinstance(header.get("event"), str):
            raise Malformed("a message without an event")
        size = header.get("bytes")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= self.payload_cap:
            raise Malformed("a payload larger than what was asked for")
        return header
