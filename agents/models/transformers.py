"""A model of the transformers library, as what a learner asks of one.

Shapes: as in causal.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ...errors import UsageError
from .agreement import check_agreement
from .complete import check_complete, unloadable
from .hub import check_reachable
from .lora import Adapter, attach, base_of_adapter, load_adapter


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep the progress bars of transformers out of what a run prints."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


class TransformersLM(nn.Module):
    """A model of the transformers library as a CausalLM.

    Args:
        model: a decoder whose body is `model.base_model` and whose output
            embedding is a linear layer, as in Qwen2, Llama, Mistral and GPT-2.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.adapter: Adapter | None = None

    @classmethod
    def load(cls, name_or_path: str, dtype: torch.dtype = torch.float32) -> TransformersLM:
        """Load a checkpoint from a folder or from the hub, whose local cache is asked first.

        Raises:
            CheckpointError: if there is none, transformers cannot read it, weights are missing, or what we
                compute with it is not what it computes itself.
        """
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM

        if base := base_of_adapter(name_or_path):
            lm = cls.load(base, dtype)
            lm.adapter = load_adapter(lm.model, name_or_path, base)
            return lm
        check_reachable(name_or_path)
        try:
            with without_bars():
                model, told = cast(Any, AutoModelForCausalLM).from_pretrained(
                    name_or_path, dtype=dtype, output_loading_info=True
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise unloadable(name_or_path, "transformers", error) from error
        check_complete(model, told, name_or_path)
        lm = cls(model)
        lm.eval()
        check_agreement(lm, name_or_path)
        return lm

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
        """Return the longest sequence, in tokens.

        Rotary positions whose angles depend on the length of the text (dynamic, longrope) are the same
        for a text as a whole and in pieces up to the length that the model was first trained on.
        """
        config = self.model.config.get_text_config()
        rope = getattr(config, "rope_parameters", None) or {}
        if rope.get("rope_type") in ("dynamic", "longrope"):
            return int(rope.get("original_max_position_embeddings") or config.max_position_embeddings)
        return int(config.max_position_embeddings)

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
        """Write config.json and model.safetensors in the Hugging Face format; of an adapter it alone."""
        if self.adapter is not None:
            self.adapter.save(folder)
            return
        with without_bars():
            self.model.save_pretrained(folder)

    def adapt(self, base: str, rank: int, alpha: float, targets: Sequence[str]) -> None:
        """Put a LoRA adapter on the model, which alone trains from now on; see lora.attach."""
        self.adapter = attach(self.model, base, rank, alpha, targets)

    def merge(self) -> None:
        """Add the adapter to the weights for good; without one, change nothing."""
        if self.adapter is not None:
            self.model, self.adapter = self.adapter.merged(), None

    @contextmanager
    def unadapted(self) -> Iterator[TransformersLM]:
        """Answer as the model does without its adapter."""
        with self.adapter.off() if self.adapter is not None else nullcontext():
            yield self

    @contextmanager
    def checkpointed(self) -> Iterator[None]:
        """Keep of each layer only its input for the backward pass; see CausalLM.checkpointed.

        A layer of transformers does so in training mode. What lies inside it (dropout, the noise of a
        router) stays in evaluation mode, so that the logprobs are those of the engine.
        """
        from transformers.modeling_layers import GradientCheckpointingLayer

        layers = [module for module in self.model.modules() if isinstance(module, GradientCheckpointingLayer)]
        if not layers:
            raise UsageError(
                f"optim.checkpointing: {type(self.model).__name__} has no layers that can be computed again; "
                "set it to false"
            )
        again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
        _set(layers, _gradient_checkpointing_func=again, gradient_checkpointing=True, training=True)
        try:
            yield
        finally:
            _set(layers, gradient_checkpointing=False, training=False)


def _set(layers: Iterable[Any], **values: Any) -> None:
    for layer in layers:
        vars(layer).update(values)
