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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...errors import UsageError
from ..credit.naming import Named, Registry

if TYPE_CHECKING:
    from .objective import TokenBatch

__all__ = ["NamedTerm", "Term", "get_term", "named_terms", "register_term", "term_names"]


@dataclass(frozen=True)
class Term(Named):
    """Be a registered term: call it with the tokens of a micro-batch."""

    def __call__(self, batch: TokenBatch, **params: Any) -> Tensor:
        """Return the micro-batch's part of the term, a scalar with gradient."""
        value: Tensor = self.function(batch, **params)
        return value


_REGISTRY = Registry("loss term", Term)
register_term, get_term, term_names = _REGISTRY.register, _REGISTRY.get, _REGISTRY.names


@dataclass(frozen=True, slots=True)
class NamedTerm:
    """Be a term with the parameters of a recipe."""

    term: Term
    params: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the term's name, under which its value is logged."""
        return self.term.name

    def __call__(self, batch: TokenBatch) -> Tensor:
        """Return the micro-batch's part of the term."""
        return self.term(batch, **self.params)


def named_terms(parts: Sequence[Mapping[str, Any]]) -> tuple[NamedTerm, ...]:
    """Find the terms that a recipe lists.

    Raises:
        UnknownName: for a term or a parameter that is not there.
        UsageError: if an entry has no name, or a term is listed twice.
    """
    terms = []
    for part in parts:
        name = part.get("name")
        if not isinstance(name, str):
            raise UsageError(f"[loss] terms: {dict(part)!r} has no name; expected {{name = ..., ...}}")
        params = {key: value for key, value in part.items() if key != "name"}
        term = get_term(name)
        term.check_params(params)
        terms.append(NamedTerm(term, params))
    names = [term.name for term in terms]
    if len(set(names)) < len(names):
        raise UsageError(f"[loss] terms lists {names}: name each term once")
    return tuple(terms)
