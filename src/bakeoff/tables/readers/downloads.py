"""What lies at a web address, read as it comes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from bakeoff.errors import NotFound, UsageError

SECONDS = 60.0
LOCKED = (401, 403, 407)
ABSENT = (404, 410, 412)  # OpenML answers 412 where it has no such data set


class Download:
    """The body at an http or https address; `name` is how messages call it.

    Raises NotFound where nothing lies there, UsageError where the server cannot be reached or refuses.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.answer: Any = None
        self.came = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; none at the end."""
        import http.client
        import urllib.error
        import urllib.request

        try:
            if self.answer is None:
                request = urllib.request.Request(*_authorised(self.url))
                self.answer = urllib.request.urlopen(request, timeout=SECONDS)
            data: bytes = self.answer.read(None if size < 0 else size)
        except urllib.error.HTTPError as fault:
            fault.close()
            if fault.code in ABSENT:
                raise NotFound(f"There is nothing at {self.name!r} (the server answered {fault.code}).") from None
            mend = "give a user and password that may read it" if fault.code in LOCKED else "try again later"
            raise UsageError(
                f"{self.name!r} cannot be read: the server answered {fault.code} {fault.reason}; {mend}."
            ) from None
        except (OSError, ValueError, http.client.HTTPException) as fault:
            reason = getattr(fault, "reason", None) or fault
            said = getattr(reason, "strerror", None) or str(reason).rstrip(".") or type(fault).__name__
            raise UsageError(
                f"{self.name!r} cannot be read: {said}; check the address and the network, and try again."
            ) from None
        self.came += len(data)
        promised = self.answer.headers.get("Content-Length")
        if not data and size and promised and self.came < int(promised):
            raise UsageError(f"{self.name!r} broke off after {self.came:,} of {int(promised):,} bytes; try again.")
        return data


def _authorised(url: str) -> tuple[str, None, dict[str, str]]:
    """A URL without its user and password, no body, and the headers that say them instead."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    headers = {"User-Agent": "bakeoff"}
    if at:
        headers["Authorization"] = f"Basic {b64encode(unquote(user).encode()).decode()}"
    return urlunsplit((*parts[:1], host, *parts[2:])), None, headers
