"""What a learner may ask of a language model.

Shapes: _B sequences, _L places of the longest, _N chosen places, _D hidden
width, _V vocabulary. Sequences are padded on the right; under a causal mask
padding then changes nothing before it, so what a model returns at padded places
has no meaning and must not enter a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import Tensor, nn


class CausalLM(Protocol):
    """A causal language model that trains: hidden states first, logits where needed.

    `head(hidden(...)[rows, places])` computes logits only at the places that
    enter a loss, which is most of the memory of a training step.
    """

    @property
    def vocab_size(self) -> int:
        """Return the number of logits."""
        ...

    @property
    def hidden_size(self) -> int:
        """Return the width of a hidden state."""
        ...

    @property
    def context_tokens(self) -> int:
        """Return the longest sequence, in tokens."""
        ...

    def hidden(
        self,
        ids_BL: Tensor,
        lengths_B: Tensor,
        positions_BL: Tensor | None = None,
        mask_BLL: Tensor | None = None,
    ) -> Tensor:
        """Return the normalised last hidden states [B, L, D].

        Args:
            ids_BL: int64 tokens, padded on the right with any valid token.
            lengths_B: int64 lengths without padding.
            positions_BL: int64 positions; by default 0, 1, ... in each row.
            mask_BLL: true where the second place may be attended from the first;
                by default causal. Rows that share a prefix pass their tree here,
                together with positions.
        """
        ...

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Return the logits [N, V] of hidden states."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield the parameters with their names."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the weights by name."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """Take over weights by name."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch to training (or evaluation) behaviour."""
        ...

    def checkpointed(self) -> AbstractContextManager[None]:
        """Keep of each layer only its input for the backward pass, which computes the rest again.

        Forward and backward pass lie inside; what they compute is the same, and dropout stays off.

        Raises:
            UsageError: if the model cannot.
        """
        ...
