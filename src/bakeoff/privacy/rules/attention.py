"""`nn.MultiheadAttention`, and so torch's transformer layers: the rest of them are layers with rules of their own.

What asks, what is looked at and what is taken up are linear maps, bounded as such; between them stands arithmetic that
learns nothing. The last map is a module of its own, with a rule of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bakeoff.errors import UsageError
from bakeoff.privacy.rules.linear import Pairs, learnt, lengths, whole
from bakeoff.privacy.rules.norms import weighted
from bakeoff.privacy.rules.products import summed
from bakeoff.privacy.rules.rule import Tape, Use
from bakeoff.privacy.tape import folded

PARTS = ("q", "k", "v")
ENDS = ("bias_k", "bias_v")  # what is learnt to be looked at beside every sequence


@dataclass(frozen=True)
class _Asked:
    """What `nn.MultiheadAttention.forward` is given; `is_causal` is a hint that a mask makes needless."""

    query: Tensor
    key: Tensor
    value: Tensor
    key_padding_mask: Tensor | None = None
    need_weights: bool = True
    attn_mask: Tensor | None = None
    average_attn_weights: bool = True
    is_causal: bool = False

    def bias(self, sizes: tuple[int, int], beyond: int) -> Tensor | None:
        """What is added to the scores (records, heads, asking, looked at), or to all of them alike; None: nothing.

        `beyond` is how much stands beside every sequence, which is always looked at.
        """
        found: Tensor | None = None
        if self.attn_mask is not None:
            found = _added(self.attn_mask, self.query.dtype)
            found = found.view(*sizes, *found.shape[1:]) if found.ndim == 3 else found[None, None]
        if self.key_padding_mask is not None:
            other = _added(self.key_padding_mask, self.query.dtype)[:, None, None]
            found = other if found is None else found + other
        return functional.pad(found, (0, beyond)) if found is not None and beyond else found


class AttentionRule:
    """Of self-attention and attention to another sequence, with keys and values of any width."""

    whole = False

    def call(self, module: nn.MultiheadAttention, tape: Tape, *args: Any, **kwargs: Any) -> Any:
        """As the module's own forward."""
        asked = _Asked(*args, **kwargs)
        if asked.query.ndim != 3:
            raise UsageError(
                f"Attention was given {tuple(asked.query.shape)}; private training needs a batch of sequences, "
                "(records, steps, features), or (steps, records, features) without batch_first."
            )
        parts = self._projected(module, tape, asked)
        looked = parts[1].shape[1]
        if module.bias_k is not None:
            own = [getattr(module, name).detach().expand(len(parts[0]), 1, -1) for name in ENDS]
            ends = [tape.note(Use(module, (), kept={"part": name}), one) for name, one in zip(ENDS, own, strict=True)]
            parts[1:] = [torch.cat([part, end], dim=1) for part, end in zip(parts[1:], ends, strict=True)]
        if module.add_zero_attn:
            parts[1:] = [functional.pad(part, (0, 0, 0, 1)) for part in parts[1:]]
        bias = asked.bias((len(parts[0]), module.num_heads), parts[1].shape[1] - looked)
        found, weights = _attended(module, parts, bias, asked.need_weights)
        out = module.out_proj(found)
        if weights is not None and asked.average_attn_weights:
            weights = weights.mean(dim=1)
        return (out if module.batch_first else out.transpose(0, 1)), weights

    def _projected(self, module: nn.MultiheadAttention, tape: Tape, asked: _Asked) -> list[Tensor]:
        """What asks, what is looked at and what is taken up, each (records, steps, width)."""
        query, key, value = asked.query, asked.key, asked.value
        alike = module._qkv_same_embed_dim
        if alike and query is key and key is value:
            joined = self._map(module, tape, query, ("in", module.in_proj_weight, module.in_proj_bias))
            return list(joined.chunk(3, dim=-1))
        if alike:
            weights = module.in_proj_weight.chunk(3)
        else:
            weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        biases = (None,) * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
        return [
            self._map(module, tape, given, own)
            for given, own in zip((query, key, value), zip(PARTS, weights, biases, strict=True), strict=True)
        ]

    def _map(
        self, module: nn.MultiheadAttention, tape: Tape, given: Tensor, own: tuple[str, Tensor, Tensor | None]
    ) -> Tensor:
        given = given if module.batch_first else given.transpose(0, 1)
        held = given.detach()
        use = Use(module, (held,), kept={"part": own[0], "shared": tape.shared(held)})
        return tape.note(use, functional.linear(given, own[1], own[2]))

    def squared_norms(self, module: nn.MultiheadAttention, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Of what is learnt by this module itself."""
        found: dict[str, list[Tensor]] = {}
        for part, pairs in _maps(uses, records).items():
            weight, bias = _squares(pairs)
            found.setdefault(_weight(module, part), []).append(weight)
            found.setdefault("in_proj_bias", []).append(bias)
        for name, gradient in _ends(uses, records).items():
            found[name] = [lengths(gradient)]
        return {name: torch.stack(found[name]).sum(0).clamp_(min=0) for name in learnt(module) if name in found}

    def sums(
        self, module: nn.MultiheadAttention, uses: Sequence[Use], factors: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """One product for each map, and one for all biases."""
        own = {name: module.get_parameter(name) for name in factors}
        found = {name: torch.zeros_like(one, dtype=_kind(one)) for name, one in own.items()}
        records = len(next(iter(factors.values())))
        for part, pairs in _maps(uses, records).items():
            gradient = pairs.gradient.flatten(0, 1)
            name, rows = _weight(module, part), _rows(module, part)
            if name in factors:
                entered = pairs.given * factors[name].to(pairs.given.dtype).view(-1, 1, 1)
                room = found[name] if name != "in_proj_weight" else found[name][rows]
                room.copy_(summed(gradient, entered.flatten(0, 1)))
            if "in_proj_bias" in factors:
                along = factors["in_proj_bias"].to(gradient.dtype).repeat_interleave(pairs.gradient.shape[1])
                found["in_proj_bias"][rows] = along @ gradient
        for name, gradient in _ends(uses, records).items():
            if name in factors:
                found[name].copy_(weighted(gradient, factors[name]).view_as(found[name]))
        return found

    def per_record(self, module: nn.MultiheadAttention, uses: Sequence[Use], records: int) -> Mapping[str, Tensor]:
        """Each record's gradients."""
        own = {name: module.get_parameter(name) for name in learnt(module)}
        found = {name: one.new_zeros(records, *one.shape, dtype=_kind(one)) for name, one in own.items()}
        for part, pairs in _maps(uses, records).items():
            name, rows = _weight(module, part), _rows(module, part)
            if name in found:
                room = found[name] if name != "in_proj_weight" else found[name][:, rows]
                room.copy_(pairs.each())
            if "in_proj_bias" in found:
                found["in_proj_bias"][:, rows] = pairs.gradient.sum(1)
        for name, gradient in _ends(uses, records).items():
            if name in found:
                found[name].copy_(gradient.view_as(found[name]))
        return found


def _kind(parameter: Tensor) -> torch.dtype:
    return torch.promote_types(parameter.dtype, torch.float32)


def _weight(module: nn.MultiheadAttention, part: str) -> str:
    return "in_proj_weight" if module._qkv_same_embed_dim else f"{part}_proj_weight"


def _rows(module: nn.MultiheadAttention, part: str) -> slice:
    """Where a part stands in what is held for all three."""
    if part == "in":
        return slice(None)
    place = PARTS.index(part)
    return slice(place * module.embed_dim, (place + 1) * module.embed_dim)


def _maps(uses: Sequence[Use], records: int) -> dict[str, Pairs]:
    """By part what was mapped and the gradient of what came out, over all calls."""
    given: dict[str, list[tuple[Tensor, Tensor]]] = {}
    shared: dict[str, dict[str, Any]] = {}
    parts = [use.kept["part"] for use in uses]
    split = any(part in PARTS for part in parts) and "in" in parts
    for use in uses:
        part, gradient = use.kept["part"], use.gradient
        assert gradient is not None
        if part in ENDS:
            continue
        own = zip(PARTS, gradient.chunk(3, dim=-1), strict=True) if split and part == "in" else [(part, gradient)]
        for name, one in own:
            given.setdefault(name, []).append((folded(use.inputs[0], records), folded(one, records)))
            shared[name] = use.kept["shared"] if len(given[name]) == 1 else {}
    return {
        name: Pairs(_along([one for one, _ in some]), _along([one for _, one in some]), shared[name])
        for name, some in given.items()
    }


def _ends(uses: Sequence[Use], records: int) -> dict[str, Tensor]:
    """Each record's gradients of what is learnt to be looked at, (records, width)."""
    found: dict[str, Tensor] = {}
    for use in uses:
        name = use.kept["part"]
        if name in ENDS:
            assert use.gradient is not None
            own = whole(folded(use.gradient, records)).sum(1)
            found[name] = found[name] + own if name in found else own
    return found


def _along(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)


def _squares(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Squared norms of each record's gradients of a map's weight and bias."""
    if pairs.made:
        return lengths(pairs.each().flatten(1)), lengths(pairs.gradient.sum(1))
    gram = torch.bmm(pairs.gradient, pairs.gradient.transpose(1, 2))
    return torch.linalg.vecdot(gram.flatten(1), pairs.gram().flatten(1)), gram.sum((1, 2))


def _added(mask: Tensor, kind: torch.dtype) -> Tensor:
    """A mask as numbers: true, which is not to be looked at, as minus infinity."""
    if mask.dtype != torch.bool:
        return mask.to(kind)
    return torch.zeros(mask.shape, dtype=kind, device=mask.device).masked_fill(mask, -math.inf)


def _attended(
    module: nn.MultiheadAttention, parts: Sequence[Tensor], bias: Tensor | None, need_weights: bool
) -> tuple[Tensor, Tensor | None]:
    """(records, asking, width), and weights (records, heads, asking, looked at) where they are wanted."""
    query, key, value = (part.unflatten(-1, (module.num_heads, module.head_dim)).transpose(1, 2) for part in parts)
    share = module.dropout if module.training else 0.0
    if not need_weights:
        bias = bias if bias is None else bias.to(query.dtype)
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=share)
        return found.transpose(1, 2).flatten(2), None
    scores = (query / math.sqrt(module.head_dim)) @ key.transpose(-1, -2)
    weights = functional.dropout((scores if bias is None else scores + bias).softmax(-1), share)
    return (weights @ value).transpose(1, 2).flatten(2), weights
