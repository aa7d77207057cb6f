"""Scores do not depend on how the jobs are cut into batches, and stand in the order of the jobs."""

from __future__ import annotations

import pytest
import torch

from turnwise.agents.decoding.scoring import score_continuations
from turnwise.agents.tiny.model import TinyConfig, TinyLM

MODEL = TinyLM(
    TinyConfig(
        vocab_size=16,
        hidden_size=8,
        num_layers=1,
        num_heads=1,
        num_kv_heads=1,
        intermediate_size=8,
        max_positions=32,
    ),
    seed=0,
)
JOBS = [((1, 2, 3), (4, 5)), ((6,), (7,)), ((1, 2, 3, 4, 5, 6), (8, 9, 10)), ((6,), (9,))]


def alone(prompt: tuple[int, ...], continuation: tuple[int, ...]) -> list[float]:
    """Return the scores from the logits of one sequence, token by token."""
    ids = torch.tensor([[*prompt, *continuation]])
    with torch.inference_mode():
        logits = MODEL.head(MODEL.hidden(ids, torch.tensor([ids.shape[1]])))[0].log_softmax(-1)
    return [float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(continuation)]


@pytest.mark.parametrize("max_tokens", [1, 10, 14, 1000])
def test_scores_by_hand(max_tokens: int) -> None:
    found = score_continuations(MODEL, JOBS, max_tokens)
    for job, scores in zip(JOBS, found, strict=True):
        assert list(scores) == pytest.approx(alone(*job), abs=1e-5)


def test_batches_stay_within_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    hidden = TinyLM.hidden

    def noting(self: TinyLM, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(ids.shape))
        return hidden(self, ids, lengths)

    monkeypatch.setattr(TinyLM, "hidden", noting)
    score_continuations(MODEL, JOBS, 10)  # lengths 5, 2, 9, 2
    assert seen == [(1, 9), (2, 5), (1, 2)]
    assert score_continuations(MODEL, []) == []
