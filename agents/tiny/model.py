"""TinyLM: the Qwen2 architecture, compact and fast on one CPU thread.

Architecture: Qwen2 Technical Report, arXiv 2407.10671 (RMSNorm, rotary
positions, grouped queries, SwiGLU, bias on q, k and v, tied embeddings).
The projections q, k, v and gate, up are fused into one matrix each; checkpoint.py
splits and joins them, so a folder is a Hugging Face one like any other.

Shapes: _B rows, _L places, _N packed tokens, _D hidden, _H heads, _V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import UsageError


@dataclass(frozen=True, slots=True)
class TinyConfig:
    """The sizes of a TinyLM; the default has about 0.75 million parameters."""

    vocab_size: int = 1024
    hidden_size: int = 128
    num_layers: int = 4
    num_heads: int = 4
    num_kv_heads: int = 2
    intermediate_size: int = 288
    max_positions: int = 2048
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        for name in ("vocab_size", "num_layers", "num_heads", "num_kv_heads", "intermediate_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"TinyConfig.{name} must be at least 1, got {getattr(self, name)}")
        if self.hidden_size % self.num_heads or (self.hidden_size // self.num_heads) % 2:
            raise UsageError(
                f"TinyConfig.hidden_size {self.hidden_size} over {self.num_heads} heads: expected an even "
                "whole number per head"
            )
        if self.num_heads % self.num_kv_heads:
            raise UsageError(
                f"TinyConfig.num_heads {self.num_heads} must be a multiple of num_kv_heads "
                f"{self.num_kv_heads}"
            )

    @property
    def head_size(self) -> int:
        """Return the width of one head."""
        return self.hidden_size // self.num_heads

    @property
    def q_size(self) -> int:
        """Return the width of all queries."""
        return self.num_heads * self.head_size

    @property
    def kv_size(self) -> int:
        """Return the width of all keys, which is that of all values."""
        return self.num_kv_heads * self.head_size


def rotate(x_NHd: Tensor, cos_Nd: Tensor, sin_Nd: Tensor) -> Tensor:
    """Apply rotary positions (arXiv 2104.09864) in the half-split layout of Qwen2.

    Args:
        x_NHd: queries or keys [..., H, d].
        cos_Nd: cosines [..., d/2] of each token's angles.
        sin_Nd: sines [..., d/2].
    """
    first, second = x_NHd.chunk(2, dim=-1)
    cos, sin = cos_Nd.unsqueeze(-2), sin_Nd.unsqueeze(-2)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Layer(nn.Module):
    """The weights of one block, which computes its parts."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        c = config
        self.config = c
        self.attention_norm = nn.Parameter(torch.ones(c.hidden_size))
        self.mlp_norm = nn.Parameter(torch.ones(c.hidden_size))
        self.qkv = nn.Linear(c.hidden_size, c.q_size + 2 * c.kv_size)
        self.out = nn.Linear(c.q_size, c.hidden_size, bias=False)
        self.gate_up = nn.Linear(c.hidden_size, 2 * c.intermediate_size, bias=False)
        self.down = nn.Linear(c.intermediate_size, c.hidden_size, bias=False)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rotated queries [..., H, d], rotated keys and values [..., Hkv, d]."""
        c = self.config
        normed = functional.rms_norm(x, (c.hidden_size,), self.attention_norm, c.rms_norm_eps)
        heads = self.qkv(normed).view(*x.shape[:-1], -1, c.head_size)
        qk, v = torch.split(heads, [c.num_heads + c.num_kv_heads, c.num_kv_heads], dim=-2)
        q, k = torch.split(rotate(qk, cos, sin), [c.num_heads, c.num_kv_heads], dim=-2)
        return q, k, v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """Add the attention output [..., H*d] and the feed-forward part to the residual x."""
        c = self.config
        x = x + self.out(attended)
        normed = functional.rms_norm(x, (c.hidden_size,), self.mlp_norm, c.rms_norm_eps)
        gate, up = self.gate_up(normed).chunk(2, dim=-1)
        down: Tensor = self.down(functional.silu(gate) * up)
        return x + down


class TinyLM(nn.Module):
    """A small causal language model with tied embeddings, a CausalLM.

    Args:
        config: the sizes.
        seed: seed of the initial weights (normal, 0.02; outputs of a block scaled
            by 1/sqrt(2 layers) as in GPT-2); the global generator stays untouched.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: TinyConfig | None = None, *, seed: int = 0) -> None:
        super().__init__()
        c = self.config = config or TinyConfig()
        with torch.random.fork_rng(devices=[]):
            self.embed = nn.Embedding(c.vocab_size, c.hidden_size)
            self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_layers))
        self.norm = nn.Parameter(torch.ones(c.hidden_size))
        # In float32 throughout, as the transformers library does it, so that both give the same logits.
        frequency = 1.0 / c.rope_theta ** (torch.arange(0, c.head_size, 2).float() / c.head_size)
        angles = torch.arange(c.max_positions).float()[:, None] * frequency
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self._initialise(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        for name, weight in sorted(self.named_parameters()):
            if name.endswith("bias"):
                weight.zero_()
            elif weight.dim() == 2:
                output = ".out." in name or ".down." in name
                scale = 0.02 / math.sqrt(2 * self.config.num_layers) if output else 0.02
                weight.normal_(0.0, scale, generator=generator)

    @property
    def vocab_size(self) -> int:
        """Return the number of logits."""
        return self.config.vocab_size

    @property
    def hidden_size(self) -> int:
        """Return the width of a hidden state."""
        return self.config.hidden_size

    @property
    def context_tokens(self) -> int:
        """Return the longest sequence, in tokens."""
        return self.config.max_positions

    @property
    def num_parameters(self) -> int:
        """Return the number of weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    def checkpointed(self) -> AbstractContextManager[None]:
        """Keep what the backward pass needs, as always: a model so small gains nothing by less."""
        return nullcontext()

    def blocks(self) -> list[Layer]:
        """Return the layers, typed."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def hidden(
        self,
        ids_BL: Tensor,
        lengths_B: Tensor,
        positions_BL: Tensor | None = None,
        mask_BLL: Tensor | None = None,
    ) -> Tensor:
        """Return the normalised last hidden states [B, L, D]; see CausalLM.hidden.

        Raises:
            UsageError: if a row is longer than the model's positions.
        """
        c = self.config
        if ids_BL.shape[1] > c.max_positions and positions_BL is None:
            raise UsageError(
                f"a sequence of {ids_BL.shape[1]} tokens; the model has {c.max_positions} positions"
            )
        if positions_BL is None:
            cos, sin = self.cos[: ids_BL.shape[1]], self.sin[: ids_BL.shape[1]]
        else:
            cos, sin = self.cos[positions_BL], self.sin[positions_BL]
        mask = None if mask_BLL is None else mask_BLL[:, None]
        group = c.num_heads // c.num_kv_heads
        x = self.embed(ids_BL)
        for layer in self.blocks():
            q, k, v = layer.project(x, cos, sin)
            # Query heads of one key head are neighbours, as in Qwen2.
            k, v = (t.repeat_interleave(group, dim=-2) if group > 1 else t for t in (k, v))
            attended = functional.scaled_dot_product_attention(
                q.transpose(1, 2),
                k.transpose(1, 2),
                v.transpose(1, 2),
                attn_mask=mask,
                is_causal=mask is None,
            )
            x = layer.finish(x, attended.transpose(1, 2).flatten(-2))
        return functional.rms_norm(x, (c.hidden_size,), self.norm, c.rms_norm_eps)

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Return the logits [N, V] of hidden states."""
        return functional.linear(hidden_ND, self.embed.weight)

    def copy_weights(self, state_dict: Mapping[str, Tensor]) -> None:
        """Copy weights by name into this model's own memory.

        Raises:
            UsageError: if names or shapes differ.
        """
        own = dict(self.named_parameters())
        if own.keys() != state_dict.keys():
            different = sorted(own.keys() ^ state_dict.keys())
            raise UsageError(f"weights of another model: {different[:4]} are not in both")
        with torch.no_grad():
            for name, weight in own.items():
                if weight.shape != state_dict[name].shape:
                    given = tuple(state_dict[name].shape)
                    raise UsageError(f"weight {name} has the shape {given}; expected {tuple(weight.shape)}")
                weight.copy_(state_dict[name])
