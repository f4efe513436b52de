"""Bytes in any encoding as a stream of UTF-8: looked at block by block, never character by character."""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np

from bakeoff.tables.readers.locations import Readable
from bakeoff.tables.sentences import SHOWN

BLOCK = 1 << 20
LINE_END = ord("\n")
MARKS = (  # the longest first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 1 << 16
CERTAIN = 12  # letters beyond ASCII from which a guess at the encoding is worth more than the usual one
MARGIN = 0.02  # of charset-normalizer's coherence, from 0 to 1
MANY_LINES = 20  # lines from which one strange line says nothing about the encoding of the others
FEW_LINES = 0.01  # share of lines up to which they are few
WESTERN = {*map(chr, range(128)), *"ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŒŠŽŸàáâãäåæçèéêëìíîïñòóôõöøùúûüßœšž"}
WESTERN |= {*"\u00a0€£¥¢§©®°±²³¹µ·¼½¾¿¡ªº«»„“”‚‘’…–—•™´¨×÷†‰‹›"}
SPELT = {"cp1252": "Windows-1252", "latin_1": "Latin-1", "utf_16_le": "UTF-16", "utf_16_be": "UTF-16"}


class Utf8:
    """A stream of bytes in some encoding, read as UTF-8 without a byte order mark.

    ASCII says nothing about the encoding, so it is decided where the first other byte stands: UTF-8 if that block is
    valid, or valid but for few bytes, or but for few lines that no Western text would hold (a broken cell says nothing
    about the others); else what charset-normalizer finds. Bytes that are wrong in the encoding become
    U+FFFD and a problem that names their lines; zero bytes stay and are a problem too.
    """

    def __init__(self, file: Readable, name: str) -> None:
        self.file = file
        self.name = name
        self.encoding = ""  # decided: utf-8, or the name of another codec
        self.lines = 0  # line ends that have been passed on
        self.wrong: list[tuple[int, int]] = []  # line and byte, the first ones
        self.wrongs = 0
        self.zeros: list[int] = []
        self.decoder: Any = None
        self.held = b""  # passed, but not yet read
        self.tail = b""  # the beginning of a character that the next block ends
        self.begun = self.ended = False

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes in UTF-8: as many as asked for, save at the end."""
        pieces, total = [self.held], len(self.held)
        while (size < 0 or total < size) and not self.ended:
            block = self._next()
            pieces.append(block)
            total += len(block)
        last = pieces.pop()
        cut = len(last) if size < 0 else max(size - total + len(last), 0)
        self.held = last[cut:]
        return b"".join([*pieces, last[:cut]])

    def some(self) -> bytes:
        """The next bytes in UTF-8, as many as are at hand without a copy; none at the end."""
        block, self.held = self.held, b""
        while len(block) < SAMPLE and not self.ended:
            more = self._next()
            block = block + more if block else more
        return block

    def push(self, data: bytes) -> None:
        """Give bytes back, to be read next."""
        self.held = data + self.held

    def _next(self) -> bytes:
        raw = self.file.read(BLOCK)
        self.ended = not raw
        if not self.begun:
            self.begun = True
            raw = self._marked(raw)
        block = self._decoded(raw) if self.decoder else self._checked(self.tail + raw if self.tail else raw)
        if b"\0" in block and len(self.zeros) <= SHOWN:
            self.zeros.append(self.lines + block[: block.index(b"\0")].count(b"\n") + 1)
        # Of a single byte numpy counts many times faster than bytes do.
        self.lines += int(np.count_nonzero(np.frombuffer(block, np.uint8) == LINE_END))
        return block

    def _marked(self, raw: bytes) -> bytes:
        for mark, encoding in MARKS:
            if raw.startswith(mark):
                if encoding == "utf-8":
                    self.encoding = "utf-8"
                    return raw[len(mark) :]
                self._take(encoding)
                return raw
        # Without a mark, text in UTF-16 still shows by a zero in every other byte.
        head = raw[:SAMPLE]
        for offset, encoding in ((1, "utf_16_le"), (0, "utf_16_be")):
            ours, others = head[offset::2], head[1 - offset :: 2]
            if len(head) >= 4 and ours.count(0) > 0.6 * len(ours) and not others.count(0):
                self._take(encoding)
        return raw

    def _take(self, encoding: str) -> None:
        self.encoding = encoding
        self.decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def _checked(self, block: bytes) -> bytes:
        self.tail = b""
        if block.isascii():
            return block
        try:
            block.decode("utf-8")
        except UnicodeDecodeError as fault:
            if fault.start >= len(block) - 3 and fault.reason == "unexpected end of data" and not self.ended:
                block, self.tail = block[: fault.start], block[fault.start :]
                self.encoding = self.encoding or ("" if block.isascii() else "utf-8")
                return block
            return self._faulty(block)
        self.encoding = "utf-8"
        return block

    def _faulty(self, block: bytes) -> bytes:
        sound = block.decode("utf-8", "ignore")
        kept = len(sound.encode())
        few = _few_strange(block)
        if not self.encoding and kept - len(sound) <= len(block) - kept and not few:
            self._take(guess(block))
            return self._decoded(block)
        self.encoding = "utf-8"
        if not self.ended:  # the last character may go on in the next block
            start = max(len(block) - 3, 0)
            for place in range(start, len(block)):
                if block[place] >= 0xC0 and _unfinished(block[place:]):
                    block, self.tail = block[:place], block[place:]
                    break
        return self._mended(block)

    def _mended(self, block: bytes) -> bytes:
        mended = block.decode("utf-8", "replace")
        literal = block.count("\ufffd".encode())
        self.wrongs += mended.count("\ufffd") - literal
        start = 0
        while len(self.wrong) < SHOWN:
            try:
                block[start:].decode("utf-8")
                break
            except UnicodeDecodeError as fault:
                place = start + fault.start
                self.wrong.append((self.lines + block[:place].count(b"\n") + 1, block[place]))
                start = place + max(fault.end - fault.start, 1)
        return mended.encode()

    def _decoded(self, raw: bytes) -> bytes:
        text = self.decoder.decode(raw, final=self.ended)
        block: bytes = text.encode("utf-8", "replace")
        if "\ufffd" in text:
            self.wrongs += text.count("\ufffd")
            place = -1
            while len(self.wrong) < SHOWN and (place := text.find("\ufffd", place + 1)) >= 0:
                self.wrong.append((self.lines + text[:place].count("\n") + 1, -1))
        return block

    def notes(self) -> list[str]:
        """What was taken for the encoding, where it is not plain UTF-8."""
        if self.encoding in ("", "utf-8"):
            return []
        spelt = SPELT.get(self.encoding, self.encoding.replace("_", "-").upper())
        return [f"{self.name!r} is not UTF-8; it was read as {spelt}. Save it as UTF-8 if letters look wrong."]

    def problems(self) -> list[str]:
        """The lines that hold bytes which are none in the encoding."""
        found = []
        if self.wrongs:
            each = [
                f"line {line}" + (f" holds the byte 0x{byte:02x}" if byte >= 0 else "") for line, byte in self.wrong
            ]
            more = f" and {self.wrongs - len(each):,} more" if self.wrongs > len(each) else ""
            spelt = "UTF-8" if self.encoding == "utf-8" else SPELT.get(self.encoding, self.encoding)
            found.append(
                f"{self.name!r} is {spelt} but for {self.wrongs:,} {'place' if self.wrongs == 1 else 'places'}: "
                f"{', '.join(each)}{more}; save it as UTF-8."
            )
        if self.zeros:
            lines = [str(line) for line in self.zeros[:SHOWN]]
            more = " and more" if len(self.zeros) > SHOWN else ""
            found.append(
                f"{self.name!r} is not a text file: line {', '.join(lines)}{more} holds a zero byte; remove it."
            )
        return found


def _few_strange(block: bytes) -> bool:
    """Whether few lines of many are not UTF-8, with bytes that are no letters or signs of Western texts either."""
    if block.count(b"\n") < MANY_LINES:
        return False
    lines = block.splitlines()
    wrong = [line for line in lines if not line.isascii() and not _decodes(line, "utf-8")]
    if len(wrong) > max(1, FEW_LINES * len(lines)):
        return False
    return any(set(line.decode("cp1252", "replace")) - WESTERN for line in wrong)


def _unfinished(piece: bytes) -> bool:
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as fault:
        return fault.start == 0 and fault.reason == "unexpected end of data"
    return False


def guess(block: bytes) -> str:
    """The codec of bytes that are not UTF-8: Windows-1252 where they are few, else what charset-normalizer finds."""
    lines = b"\n".join([line for line in block.splitlines() if not line.isascii()])[:SAMPLE]
    usual = next((name for name in ("cp1252", "latin_1") if _decodes(lines, name)), "latin_1")
    if sum(byte > 127 for byte in lines) < CERTAIN:
        return usual
    from charset_normalizer import from_bytes

    found = list(from_bytes(lines))
    if not found:
        return usual
    # Of encodings that differ in a few letters the usual one is taken, unless another gives better words.
    names = {name: match for match in found for name in (*match.could_be_from_charset, match.encoding)}
    if usual in names and names[usual].coherence >= found[0].coherence - MARGIN:
        return usual
    return str(found[0].encoding)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
