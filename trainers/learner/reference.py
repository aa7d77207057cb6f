"""The reference of a KL term: a model to ask, for as long as a context lasts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ...agents.models import CausalLM

Reference = Callable[[], AbstractContextManager[CausalLM]]
"""Makes a context in which the model that it yields answers as the reference."""


def frozen(model: CausalLM) -> Reference:
    """Return a model that stays as it is as a reference."""
    model.train(False)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return lambda: nullcontext(model)
