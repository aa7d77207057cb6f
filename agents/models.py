"""What a learner may ask of a language model.

Shapes: _B sequences, _L places of the longest, _N chosen places, _D hidden
width, _V vocabulary. Sequences are padded on the right; under a causal mask
padding then changes nothing before it, so what a model returns at padded places
has no meaning and must not enter a loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import CheckpointError


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


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the progress bars of transformers out of what a run prints."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


class TransformersLM(nn.Module):
    """A model of the transformers library as a CausalLM.

    Args:
        model: a decoder whose body is `model.base_model` and whose output
            embedding is a linear layer, as in Qwen2, Llama, Mistral and GPT-2.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    @classmethod
    def load(cls, name_or_path: str, dtype: torch.dtype = torch.float32) -> TransformersLM:
        """Load a checkpoint from a folder or from the local cache of the hub.

        Raises:
            CheckpointError: if there is none, or transformers cannot read it.
        """
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM

        try:
            with without_bars():
                return cls(AutoModelForCausalLM.from_pretrained(name_or_path, dtype=dtype))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            cause = " ".join(str(error).split())
            raise CheckpointError(f"{name_or_path}: transformers cannot load it: {cause}") from error

    @property
    def vocab_size(self) -> int:
        """Return the number of logits."""
        return int(self.model.get_output_embeddings().weight.shape[0])

    @property
    def hidden_size(self) -> int:
        """Return the width of a hidden state."""
        return int(self.model.get_output_embeddings().weight.shape[1])

    @property
    def context_tokens(self) -> int:
        """Return the longest sequence, in tokens."""
        return int(self.model.config.max_position_embeddings)

    def hidden(
        self,
        ids_BL: Tensor,
        lengths_B: Tensor,
        positions_BL: Tensor | None = None,
        mask_BLL: Tensor | None = None,
    ) -> Tensor:
        """Return the normalised last hidden states [B, L, D]; see CausalLM.hidden."""
        length = ids_BL.shape[1]
        places_L = torch.arange(length, device=ids_BL.device)
        if positions_BL is None:
            positions_BL = places_L.expand_as(ids_BL)
        mask = places_L < lengths_B[:, None] if mask_BLL is None else mask_BLL[:, None]
        body = self.model.base_model
        output = body(
            input_ids=ids_BL,
            position_ids=positions_BL,
            attention_mask=mask,
            use_cache=False,
        )
        states: Tensor = output.last_hidden_state
        return states

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Return the logits [N, V] of hidden states."""
        logits: Tensor = self.model.get_output_embeddings()(hidden_ND)
        return logits

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors in the Hugging Face format."""
        with without_bars():
            self.model.save_pretrained(folder)
