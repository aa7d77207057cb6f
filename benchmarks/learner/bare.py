"""The loop that one would write by hand: one optimizer step of clipped PPO, at the learner's memory settings.

Weights in 16 bits have copies and gradients in float32, layers are computed again in the backward pass by
transformers' own means, logits exist for a chunk of targets. Rows are turns: a prompt and a message. The
entropy is computed too, which every log shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from turnwise.agents.types import Generation, Trajectory, Turn


def synthesise(num_turns: int, vocabulary: int, prompt: tuple[int, int], said: int) -> list[Trajectory]:
    """Make trajectories of one turn: a prompt of between two lengths, and a message."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(num_turns):
        length = int(rng.integers(prompt[0], prompt[1] + 1))
        ids = tuple(rng.integers(5, vocabulary, size=length).tolist())
        tokens = tuple(rng.integers(5, vocabulary, size=said).tolist())
        generation = Generation("", ids, tokens, (-10.0,) * said)
        turn = Turn(0, "", "", "", 0.0, "", generation=generation)
        made.append(Trajectory("e", "t", 0, str(number), (turn,), "terminated"))
    return made


class Bare:
    """A model and its optimizer.

    Args:
        model: of transformers, with or without an adapter; what requires a gradient trains.
        rate: of AdamW.
        micro_tokens: padded tokens of one forward pass.
        chunk: targets whose logits exist at once.
    """

    def __init__(self, model: Any, *, rate: float, micro_tokens: int, chunk: int) -> None:
        self.model, self._micro_tokens, self._chunk = model, micro_tokens, chunk
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.train()
        self._device = next(model.parameters()).device
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.masters = [torch.nn.Parameter(weight.detach().float()) for weight in self._weights]
        self._optimizer = torch.optim.AdamW(
            self.masters, lr=rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )

    def step(self, episodes: Sequence[Trajectory], advantages: np.ndarray) -> None:
        rows = []
        for episode, advantage in zip(episodes, advantages, strict=True):
            g = episode.turns[0].generation
            rows.append(([*g.prompt_ids, *g.token_ids[:-1]], g.token_ids, float(advantage)))
        rows.sort(key=lambda row: -len(row[0]))
        num = sum(len(tokens) for _, tokens, _ in rows)
        while rows:
            size = max(1, self._micro_tokens // len(rows[0][0]))
            part, rows = rows[:size], rows[size:]
            self._backward(part, num)
            self._hand_over()
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for weight, master in zip(self._weights, self.masters, strict=True):
                weight.copy_(master)

    @torch.no_grad()
    def _hand_over(self) -> None:
        for weight, master in zip(self._weights, self.masters, strict=True):
            if weight.grad is not None:
                if master.grad is None:
                    master.grad = weight.grad.float()
                else:
                    master.grad += weight.grad
                weight.grad = None

    def _backward(self, part: list[Any], num: int) -> None:
        width, device = len(part[0][0]), self._device
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _, _ in part], device=device)
        mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _, _ in part], device=device)
        body = self.model.base_model
        hidden = body(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        chosen = torch.cat(
            [hidden[b, len(ids) - len(said) : len(ids)] for b, (ids, said, _) in enumerate(part)]
        )
        tokens = torch.tensor([token for _, said, _ in part for token in said], device=device)
        starts = range(0, len(tokens), self._chunk)
        pieces = [(chosen[i : i + self._chunk], tokens[i : i + self._chunk]) for i in starts]
        found = [checkpoint(self._said, *piece, use_reentrant=False) for piece in pieces]
        logp = torch.cat([each[0] for each in found])
        advantage = torch.tensor([value for _, said, value in part for _ in said], device=device)
        ratio = (logp - logp.detach()).exp()
        loss = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).sum() / num
        loss.backward()

    def _said(self, hidden: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logps = self.model.get_output_embeddings()(hidden).float().log_softmax(-1)
        with torch.no_grad():
            entropy = -(logps.exp() * logps).sum(-1)
        return logps.gather(1, tokens[:, None])[:, 0], entropy
