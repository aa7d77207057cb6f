"""Terms that are added to a loss, by name.

A term is a function of the tokens of a micro-batch and returns one scalar, its
part of the mini-batch's loss: the parts of all micro-batches add up to it. It
divides by `batch.num_tokens`, which counts the tokens of the whole mini-batch.

    @register_term("towards_old")
    def towards_old(batch: TokenBatch, *, coef: float = 0.1) -> Tensor:
        return coef * (batch.logp_N - batch.old_N).square().sum() / batch.num_tokens
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ...errors import UsageError
from ..parts import Named, Part, Registry


@dataclass(eq=False)
class Term(Named[Tensor]):
    """A registered loss term: call it with a micro-batch.

    Args:
        whole: values of its parameters under which it must see trajectories uncut.
    """

    whole: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_whole(self) -> bool:
        """Tell whether a micro-batch must not cut a trajectory apart for it."""
        return any(name in self.params and self.params[name] == value for name, value in self.whole.items())


REGISTRY = Registry("loss term", Term)
register_term, get_term, term_names = REGISTRY.register, REGISTRY.get, REGISTRY.names


def bind_terms(parts: Sequence[Part]) -> tuple[Term, ...]:
    """Bind the terms that a recipe lists.

    Raises:
        UnknownName: for a term or a parameter that is not there.
        UsageError: if a term is listed twice.
    """
    terms = tuple(REGISTRY.bind(part) for part in parts)
    names = [term.name for term in terms]
    if len(set(names)) < len(names):
        raise UsageError(f"[loss] terms lists {names}: name each term once")
    return terms
