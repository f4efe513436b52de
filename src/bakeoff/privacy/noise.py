"""Private noise: Gaussian numbers that nobody can foresee, at little cost.

Bits come from AES-128 in counter mode under a key from the operating system, which is the fastest source there is on a
processor with AES instructions, and a cryptographically secure one: no noise seen tells of any other. They become
numbers by the method of Box and Muller (1958) in float32, with a radius from 85 bits, so that tails reach beyond 10
deviations. On a processor with AVX-512 that takes half the time of torch's own numbers. On a GPU torch's generator of
that device is used, seeded by the operating system.

The numbers are float32, and so is what they are added to: the proofs are about real numbers, and attacks on the lowest
bits of floating-point noise (Mironov 2012) are not defended against.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bakeoff.errors import UsageError
from bakeoff.extras import need
from bakeoff.nouns import Array

PAIRS = 1 << 14  # numbers are made in pairs, so many at once: the workspace stays within a processor's own cache
RARE = 1 << 8  # a radius whose 32 bits are below it is far out, and gets 53 more
# As arrays: numpy takes twice as long to begin where a number has to be made one.
ONE, HALF = np.array(1, dtype=np.float32), np.array(0.5, dtype=np.float32)
TO_UNIT = np.array(2.0**-32, dtype=np.float32)
TO_SQUARE = np.array(-8 * math.log(2), dtype=np.float32)
TO_HALF_ANGLE = np.array(math.pi / 2**32, dtype=np.float32)
TO_ANGLE, MINUS_TWO = np.array(math.pi / 2**31, dtype=np.float32), np.array(-2, dtype=np.float32)


class Noise:
    """Gaussian noise for tensors on one device; every number is used once.

    Without `seed` it comes from the operating system's generator, is never stored, and a copy or a forked process goes
    on with a key of its own. A seed is for tests: noise that can be repeated protects nobody.
    """

    def __init__(self, seed: int | None = None, device: str = "cpu") -> None:
        self.seed, self.device = seed, device
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._cpu: _Stream | None = None
        self._generators: dict[torch.device, torch.Generator] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Noise, (self.seed, self.device)

    def add(self, target: torch.Tensor, deviation: float) -> None:
        """Add N(0, deviation^2) to each value of a tensor, in place; nothing where the deviation is 0."""
        _check(deviation)
        if not deviation or not target.numel():
            return
        if target.device.type != "cpu":
            target.detach().add_(self._drawn(target.shape, target.device), alpha=deviation)
            return
        stream = self._stream()
        if target.numel() <= stream.left:
            target.detach().add_(stream.take(target.numel()).view(target.shape), alpha=deviation)
            return
        if not target.is_contiguous():
            target.detach().add_(self.normal(target.shape), alpha=deviation)
            return
        flat = target.detach().view(-1)
        begin, count = 0, target.numel()
        while begin < count:
            part = stream.take(count - begin)
            end = begin + part.shape[0]  # a tensor is slow to ask for its len
            flat[begin:end].add_(part, alpha=deviation)
            begin = end

    def fill(self, target: torch.Tensor, deviation: float) -> None:
        """Put N(0, deviation^2) in place of each value of a contiguous tensor."""
        _check(deviation)
        if not deviation or target.device.type != "cpu" or target.dtype != torch.float32:
            target.zero_()
            self.add(target, deviation)
            return
        stream = self._stream()
        flat = target.detach().view(-1)
        begin, count = 0, target.numel()
        while begin < count:
            part = stream.take(count - begin)
            end = begin + part.shape[0]
            torch.mul(part, deviation, out=flat[begin:end])
            begin = end

    def normal(self, shape: Sequence[int], device: str | torch.device = "cpu") -> torch.Tensor:
        """A float32 tensor of N(0, 1)."""
        place = torch.device(device)
        if place.type != "cpu":
            return self._drawn(shape, place)
        out = torch.empty(tuple(shape), dtype=torch.float32)
        self.fill(out, 1.0)
        return out

    def number(self, deviation: float) -> float:
        """One number from N(0, deviation^2)."""
        _check(deviation)
        return float(self._stream().take(1)[0]) * deviation

    def _stream(self) -> _Stream:
        if self._process != os.getpid():  # a fork would repeat the parent's noise
            self._begin()
        if self._cpu is None:
            self._cpu = _Stream(self.seed)
        return self._cpu

    def _drawn(self, shape: Sequence[int], place: torch.device) -> torch.Tensor:
        if self._process != os.getpid():
            self._begin()
        if place not in self._generators:
            generator = torch.Generator(place)
            generator.manual_seed(int.from_bytes(os.urandom(7), "big") if self.seed is None else self.seed)
            self._generators[place] = generator
        return torch.randn(tuple(shape), generator=self._generators[place], device=place)


class _Stream:
    """Blocks of standard normal numbers in one workspace, handed out from front to back."""

    def __init__(self, seed: int | None) -> None:
        need("cryptography", "privacy")
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        secret = os.urandom(32) if seed is None else hashlib.sha256(f"bakeoff noise {seed}".encode()).digest()
        self._bits = Cipher(algorithms.AES(secret[:16]), modes.CTR(secret[16:])).encryptor()
        self._raw = np.zeros(2 * PAIRS, dtype=np.uint32)
        self._bytes = self._raw.data.cast("B")
        self._whole, self._turns = self._raw[:PAIRS], self._raw[PAIRS:].view(np.int32)
        self._scale = self._whole.view(np.float32)
        self._block = np.empty(2 * PAIRS, dtype=np.float32)
        self._first, self._second = self._block[:PAIRS], self._block[PAIRS:]
        self._tensor = torch.from_numpy(self._block)
        self._points = _quickest()
        self._used = len(self._block)

    @property
    def left(self) -> int:
        """How many numbers are made already."""
        return len(self._block) - self._used

    def take(self, most: int) -> torch.Tensor:
        """The next numbers, at most so many and at least one; they are overwritten by what is taken later."""
        if self._used == len(self._block):
            self._refill()
        begin = self._used
        self._used = min(begin + most, len(self._block))
        return self._tensor[begin : self._used]

    def _refill(self) -> None:
        # Whatever is encrypted becomes bits like any others, so the workspace is, as it was left.
        self._bits.update_into(self._bytes, self._bytes)
        self._uniform(self._first)
        np.copyto(self._second, self._turns)
        self._points(self._first, self._second, self._scale)  # over bits that were used
        self._used = 0

    def _uniform(self, out: Array) -> None:
        """Numbers in (0, 1] in steps of 2^-32, and of 2^-85 below 2^-24."""
        np.copyto(out, self._whole, casting="unsafe")
        if self._whole.min() < RARE:
            rare = np.flatnonzero(self._whole < RARE)
            further = np.frombuffer(self._bits.update(bytes(8 * len(rare))), dtype=np.uint64)
            out[rare] = self._whole[rare] + ((further >> np.uint64(11)) + 0.5) * 2.0**-53
        np.multiply(out, TO_UNIT, out)


def by_tangent(first: Array, second: Array, scale: Array) -> None:
    """Box-Muller in place: from uniform numbers and turns of 2^-32 to pairs of N(0, 1); `scale` is a workspace.

    With t the tangent of the half angle, the point at r is r (1 - t^2) / (1 + t^2), r 2 t / (1 + t^2): one tangent and
    one division cost less than a sine and a cosine.
    """
    np.log2(first, first)
    np.multiply(first, TO_SQUARE, first)
    np.sqrt(first, first)  # 2 r
    np.multiply(second, TO_HALF_ANGLE, second)
    np.tan(second, second)
    np.square(second, scale)
    np.add(scale, ONE, scale)
    np.divide(first, scale, scale)
    np.multiply(second, scale, second)
    np.multiply(first, HALF, first)
    np.subtract(scale, first, first)


def by_sine(first: Array, second: Array, scale: Array) -> None:
    """The same with a sine and a cosine, which numpy works out for whole vectors on more processors."""
    np.log(first, first)
    np.multiply(first, MINUS_TWO, first)
    np.sqrt(first, first)
    np.multiply(second, TO_ANGLE, second)
    np.cos(second, scale)
    np.sin(second, second)
    np.multiply(second, first, second)
    np.multiply(first, scale, first)


def _quickest() -> Callable[[Array, Array, Array], None]:
    # numpy has a tangent for whole vectors only where AVX-512 is, and only on Linux.
    vectors = sys.platform == "linux" and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return by_tangent if vectors else by_sine


def _check(deviation: float) -> None:
    if not (deviation >= 0 and math.isfinite(deviation)):
        raise UsageError(f"The deviation of private noise is {deviation}; give a number of at least 0.")
