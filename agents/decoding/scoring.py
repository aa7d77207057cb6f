"""Logprobs of given continuations under a causal language model, in batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..models import CausalLM
from .sampling import precise

Job = tuple[tuple[int, ...], tuple[int, ...]]
_MAX_TOKENS = 32_768


def score_continuations(
    model: CausalLM, jobs: Sequence[Job], max_tokens: int = _MAX_TOKENS
) -> list[tuple[float, ...]]:
    """Return the logprob of each continuation token after its prompt.

    Args:
        model: runs the jobs in padded batches.
        jobs: (prompt tokens, continuation tokens), neither empty.
        max_tokens: padded size of a batch; a job that is longer has one of its own.
    """
    length_J = [len(prompt) + len(continuation) for prompt, continuation in jobs]
    scores: list[tuple[float, ...]] = [()] * len(jobs)
    batch: list[int] = []
    for job in sorted(range(len(jobs)), key=length_J.__getitem__, reverse=True):
        if batch and (len(batch) + 1) * length_J[batch[0]] > max_tokens:
            _score_batch(model, jobs, batch, scores)
            batch = []
        batch.append(job)
    if batch:
        _score_batch(model, jobs, batch, scores)
    return scores


@torch.inference_mode()
def _score_batch(
    model: CausalLM, jobs: Sequence[Job], batch: Sequence[int], scores: list[tuple[float, ...]]
) -> None:
    device = next(model.parameters()).device
    rows = [torch.tensor([*jobs[job][0], *jobs[job][1]]) for job in batch]
    lengths_B = torch.tensor([len(row) for row in rows])
    ids_BL = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    hidden_BLD = model.hidden(ids_BL.to(device), lengths_B.to(device))
    for row, job in enumerate(batch):
        prompt, continuation = jobs[job]
        places = slice(len(prompt) - 1, len(prompt) + len(continuation) - 1)
        logprobs_NV = precise(model.head(hidden_BLD[row, places])).log_softmax(dim=-1)
        chosen_N1 = torch.tensor(continuation, device=device)[:, None]
        scores[job] = tuple(logprobs_NV.gather(1, chosen_N1)[:, 0].tolist())
