"""Heads that look at the token before: a start from which copying is learned in a hundred steps.

To copy a name takes two layers (induction heads, Olsson et al. 2022, arXiv
2209.11895): the first marks each token with the one before it, the second finds
where the present token stood earlier and reads what came next. The first part is a
matter of position alone, and the biases of q and k say it under rotary positions:
with k = a (1, 0) and q = a (cos f t, -sin f t) in each pair of coordinates of
frequency f, the score of a key that lies D tokens back is

    a^2 / sqrt(d) * sum over f of cos(f (D - t)),

which is largest at D = t. Weights stay as they were drawn, so nothing is said
about what is copied.
"""

from __future__ import annotations

import torch

from .model import TinyLM

_SHARPNESS = 5.0  # a: the right token gets about nine tenths of the attention at a width of 32


@torch.no_grad()
def look_back(model: TinyLM) -> None:
    """Let the query heads of the first layer's first key head look 1, 2, ... tokens back.

    Args:
        model: changed in place; only biases of q and k of one key head are set.
    """
    c = model.config
    half, bias = c.head_size // 2, model.blocks()[0].qkv.bias
    frequency = 1.0 / c.rope_theta ** (torch.arange(0, c.head_size, 2).float() / c.head_size)
    bias[c.q_size : c.q_size + half] = _SHARPNESS
    for head in range(c.num_heads // c.num_kv_heads):
        angle, start = frequency * (head + 1), head * c.head_size
        bias[start : start + half] = _SHARPNESS * angle.cos()
        bias[start + half : start + c.head_size] = -_SHARPNESS * angle.sin()
