"""Logprobs of given continuations under a causal language model, in batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..causal_lm import CausalLM
from .sampling import precise

__all__ = ["score_continuations"]


@torch.inference_mode()
def score_continuations(
    model: CausalLM, jobs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]
) -> list[tuple[float, ...]]:
    """Return the logprob of each continuation token after its prompt.

    Args:
        model: runs all jobs as one padded batch.
        jobs: (prompt tokens, continuation tokens), neither empty.
    """
    device = next(model.parameters()).device
    rows = [torch.tensor(prompt + continuation) for prompt, continuation in jobs]
    lengths_B = torch.tensor([len(row) for row in rows])
    ids_BL = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    hidden_BLD = model.hidden(ids_BL.to(device), lengths_B.to(device))
    scores = []
    for row, (prompt, continuation) in enumerate(jobs):
        places = slice(len(prompt) - 1, len(prompt) + len(continuation) - 1)
        logprobs_NV = precise(model.head(hidden_BLD[row, places])).log_softmax(dim=-1)
        chosen_N1 = torch.tensor(continuation, device=device)[:, None]
        scores.append(tuple(logprobs_NV.gather(1, chosen_N1)[:, 0].tolist()))
    return scores
