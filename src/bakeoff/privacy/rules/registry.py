"""Which rule bounds the layers of which type: the one place where all rules are listed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from torch import nn

from bakeoff.privacy.rules.mapped import Mapped
from bakeoff.privacy.rules.rule import Rule

# By the type's full name: a rule, and the library of its type, are read when a network has such a layer.
RULES: dict[str, tuple[str, str]] = {
    "bakeoff.training.layers.numbers.NumericLayers": ("expanded", "numeric_layers"),
    "bakeoff.training.layers.pictures.PictureLayers": ("expanded", "picture_layers"),
    "bakeoff.training.sequences.chain.Chain": ("chain", "ChainRule"),
    "torch.nn.modules.linear.Linear": ("linear", "LinearRule"),
    "transformers.pytorch_utils.Conv1D": ("turned", "TurnedLinearRule"),
    "torch.nn.modules.activation.MultiheadAttention": ("attention", "AttentionRule"),
    "torch.nn.modules.rnn.LSTM": ("recurrent", "RecurrentRule"),
    "torch.nn.modules.rnn.GRU": ("recurrent", "RecurrentRule"),
    "torch.nn.modules.rnn.RNN": ("recurrent", "RecurrentRule"),
    "torch.nn.modules.sparse.Embedding": ("embedding", "EmbeddingRule"),
    "torch.nn.modules.sparse.EmbeddingBag": ("embedding", "EmbeddingBagRule"),
    "torch.nn.modules.conv.Conv1d": ("convolution", "ConvolutionRule"),
    "torch.nn.modules.conv.Conv2d": ("convolution", "ConvolutionRule"),
    "torch.nn.modules.conv.Conv3d": ("convolution", "ConvolutionRule"),
    "torch.nn.modules.normalization.LayerNorm": ("norms", "LayerNormRule"),
    "torch.nn.modules.normalization.GroupNorm": ("norms", "GroupNormRule"),
    "torch.nn.modules.normalization.RMSNorm": ("norms", "RMSNormRule"),
    "torch.nn.modules.instancenorm.InstanceNorm1d": ("norms", "GroupNormRule"),
    "torch.nn.modules.instancenorm.InstanceNorm2d": ("norms", "GroupNormRule"),
    "torch.nn.modules.instancenorm.InstanceNorm3d": ("norms", "GroupNormRule"),
    "bakeoff.training.layers.numbers.EachLinear": ("numbers", "EachLinearRule"),
    "bakeoff.training.layers.numbers.Periodic": ("numbers", "PeriodicRule"),
}


def rule_for(module: nn.Module) -> Rule:
    """The rule of a module's type, or of a type it inherits `forward` from; `Mapped`, for any module, where none is.

    A subclass with a `forward` of its own does something else than its parent, and so does a parametrised module.
    """
    if _parametrised(module) or "forward" in module.__dict__:
        return Mapped(whole=_parametrised(module))
    for kind in type(module).__mro__:
        found = RULES.get(f"{kind.__module__}.{kind.__qualname__}")
        if found is not None and getattr(kind, "forward", None) is type(module).forward:
            rule: Rule = _rule(*found)
            return rule
    return Mapped(whole=False)


def _parametrised(module: nn.Module) -> bool:
    """Whether torch.nn.utils.parametrize makes this module's tensors of others."""
    return "parametrizations" in module._modules


@cache
def _rule(home: str, name: str) -> Any:
    return getattr(import_module(f"bakeoff.privacy.rules.{home}"), name)()
