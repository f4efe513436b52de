"""Networks of sequences in files: weights and plain values, nothing of which is run when it is read."""

from __future__ import annotations

import os
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import torch

from bakeoff.errors import UsageError

FORMAT = 1
Shape = TypeVar("Shape")


def write_state(path: Path, kind: str, shape: Any, learnt: dict[str, Any], network: Any) -> None:
    """Shape, what was learnt beside weights, and the weights, whole or not at all."""
    weights = {name: held.detach().cpu() for name, held in network.state_dict().items()}
    held = {"format": FORMAT, "kind": kind, "shape": asdict(shape), "learnt": learnt, "weights": weights}
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    torch.save(held, beside)
    os.replace(beside, path)


def read_state(path: Path, kind: str, shape: type[Shape]) -> tuple[Shape, dict[str, Any], dict[str, Any]]:
    """What `write_state` wrote; UsageError when the file is none of that kind."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        if held["format"] == FORMAT and held["kind"] == kind:
            return _restored(shape, held["shape"]), held["learnt"], held["weights"]
    except Exception as problem:  # what torch raises for another file differs between versions
        raise UsageError(f"{path} is not a saved {kind} that can be read; fit one anew and save it.") from problem
    raise UsageError(f"{path} is not a {kind} of this version; fit one anew and save it.")


def _restored(shape: type[Shape], plain: dict[str, Any]) -> Shape:
    """Frozen records within one another, of plain mappings."""
    hints = get_type_hints(shape)
    given: dict[str, Any] = {}
    for one in fields(shape):  # type: ignore[arg-type]
        inner = hints[one.name]
        if isinstance(inner, type) and is_dataclass(inner):
            given[one.name] = _restored(inner, plain[one.name])
        else:
            held = plain[one.name]
            given[one.name] = tuple(held) if isinstance(held, list) else held
    return shape(**given)
