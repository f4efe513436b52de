"""Products of matrices, where nothing has to be differentiated: the quickest way that the machine has.

torch multiplies matrices of float32 by MKL, which leaves half of an AMD processor's AVX-512 unused; oneDNN, which torch
also brings along, does not (measured: 90 against 160 to 230 GFLOPS on one core).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

LEAST = 1 << 18  # multiplications below which oneDNN's own preparation costs more than it saves
# oneDNN makes a kernel for each shape it sees, and Poisson samples have a new size at nearly every step: it is given
# multiples of these, and the few rows that are left go the plain way.
COARSE, FINE = 64, 16
ROWS = 1024  # that are summed at once: what stands in the cache is turned quicker


@cache
def _onednn() -> Any:
    """oneDNN's linear map, or None where it is no quicker, or not there."""
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return None
    found = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    return None if found is None else found.default


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left @ right.T + bias, (rows, inside) and (columns, inside) to (rows, columns); not for autograd to see."""
    if left.dtype == torch.float32 and left.device.type == "cpu" and left.shape[0] * right.numel() >= LEAST:
        quick, whole = _onednn(), _whole(left.shape[0])
        if quick is not None and whole:
            left, right = _dense(left), _dense(right)
            found: Tensor = quick(left[:whole], right, bias, "none", [], "")
            return found if whole == left.shape[0] else torch.cat([found, _plain(left[whole:], right, bias)])
    return _plain(left, right, bias)


def inner(left: Tensor, right: Tensor) -> Tensor:
    """left @ right.T, (rows, inside) and (columns, inside), where what is inside are a batch's records or positions."""
    if left.dtype == torch.float32 and left.device.type == "cpu" and left.shape[0] * right.numel() >= LEAST:
        quick, whole = _onednn(), _whole(left.shape[1])
        if quick is not None and whole:
            found: Tensor = quick(_dense(left[:, :whole]), _dense(right[:, :whole]), None, "none", [], "")
            return found if whole == left.shape[1] else found.addmm_(left[:, whole:], right[:, whole:].t())
    return left @ right.t()


def _plain(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
    return left @ right.t() if bias is None else torch.addmm(bias, left, right.t())


def _whole(count: int) -> int:
    return count - count % (COARSE if count >= 4 * COARSE else FINE)


def repeated(right: Tensor, rows: int) -> Callable[[Tensor], Tensor]:
    """`product` by the same matrix again and again, for `rows` at a time: it is brought into order once."""
    if right.dtype == torch.float32 and right.device.type == "cpu" and rows * right.numel() >= LEAST:
        quick, order = _onednn(), getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
        if quick is not None and order is not None:
            ordered = order(_dense(right), rows)
            return lambda left: quick(left, ordered, None, "none", [], "")
    turned = right.t()
    return lambda left: left @ turned


def summed(left: Tensor, right: Tensor) -> Tensor:
    """left.T @ right, (rows, a) and (rows, b) to (a, b): what weight gradients are."""
    if left.device.type != "cpu":
        return left.t() @ right
    if left.shape[1] > right.shape[1]:
        return summed(right, left).t()
    found: Tensor | None = None
    for own, other in zip(left.split(ROWS), right.split(ROWS), strict=True):
        part = inner(own.t(), other.t())
        found = part if found is None else found.add_(part)
    return left.new_zeros(left.shape[1], right.shape[1]) if found is None else found


def _dense(matrix: Tensor) -> Tensor:
    """The matrix without gaps, as it is or transposed: oneDNN has no quick way for any other."""
    if matrix.is_contiguous() or matrix.t().is_contiguous():
        return matrix
    return matrix.contiguous()
