"""Value heads for methods with critics: small networks on the policy's hidden states.

The states are read before the update and are constants to the critic: it does not
move the policy's body, and may take many cheap steps on every batch.

Shapes: _P states, _D hidden width, _K known targets.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...agents.models import CausalLM
from ...agents.types import Trajectory
from ...errors import TrainingError
from ...streams import Stream, rng, torch_seed
from ..credit import Credit, Head
from ..credit.table.tokens import split
from .config import CriticConfig
from .states import At, CriticStates, read_states

Floats = NDArray[np.float64]
_MAX_GRAD_NORM = 1.0


class Critic:
    """Value heads that fill columns of the turn table, and learn the targets that the estimator returns.

    A head is a layer of hidden units on the normalised state; its last layer begins
    at 0, so a new critic says 0 everywhere. Twin heads differ in their first layer.

    Args:
        hidden_size: width of the policy's hidden states.
        heads: which there are; at least one.
        config: their width and their steps.
        max_tokens: padded size of one forward pass of the policy.
        seed: of the first weights and of the order of targets.
    """

    def __init__(
        self,
        hidden_size: int,
        heads: Sequence[Head],
        config: CriticConfig,
        *,
        max_tokens: int = 4096,
        seed: int = 0,
    ) -> None:
        self.heads, self.config = tuple(heads), config
        self._max_tokens, self._seed = max_tokens, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed(seed, Stream.VALUE_WEIGHTS))
            self._networks = nn.ModuleDict({head.name: _network(hidden_size, config.width) for head in heads})
        self._slow = nn.ModuleDict(
            {head.name: copy.deepcopy(self._networks[head.name]) for head in heads if head.slow}
        )
        self._optimizer = torch.optim.AdamW(self._networks.parameters(), lr=config.learning_rate)
        self._num_fits = 0

    def read(self, model: CausalLM, trajectories: Sequence[Trajectory], at: At | None = None) -> CriticStates:
        """Return the policy's states at the places that the heads read; see read_states."""
        places = {head.place for head in self.heads}
        return read_states(model, trajectories, places, self._max_tokens, at)

    def columns(self, states: CriticStates) -> dict[str, Any]:
        """Return the columns of the turn table: values, slow values, values beyond the end."""
        columns: dict[str, Any] = {}
        for head in self.heads:
            judge = self._networks[head.name]
            columns[head.name] = _column(judge, head, states)
            if head.slow:
                judge = self._slow[head.name]
                columns[f"target_{head.name}"] = _column(judge, head, states)
            if head.beyond:
                beyond_R = _values(judge, states, states.after_R)
                columns[f"next_{head.name}"] = np.where(states.after_R >= 0, beyond_R, 0.0)
        return columns

    def fit(self, states: CriticStates, credit: Credit) -> dict[str, float]:
        """Take the steps of one batch.

        Args:
            states: those that the values were read from.
            credit: with the targets of every head.

        Returns:
            value_loss, half the mean squared error summed over heads, and of each
            head its own and explained_variance, 1 - var(target - value) / var(target):
            all of the values as they were read, before these steps.

        Raises:
            TableError: if a head has no target.
            TrainingError: if a loss is not finite.
        """
        figures = {"value_loss": 0.0}
        for number, head in enumerate(self.heads):
            target_P = head.targets(credit)
            known_K = np.flatnonzero(~np.isnan(target_P))
            state_KD = states.state_PD[states.index[head.place][known_K]]
            target_K = torch.from_numpy(target_P[known_K]).float()
            loss, explained = self._judge(head, state_KD, target_K)
            figures[f"value_loss/{head.name}"] = loss
            figures[f"explained_variance/{head.name}"] = explained
            figures["value_loss"] += loss
            self._learn(head, state_KD, target_K, self._order(number))
        self._follow()
        self._num_fits += 1
        return figures

    def state_dict(self) -> dict[str, Any]:
        """Return all that an equal continuation needs."""
        return {
            "heads": self._networks.state_dict(),
            "slow": self._slow.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "num_fits": self._num_fits,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self._networks.load_state_dict(state["heads"])
        self._slow.load_state_dict(state["slow"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._num_fits = int(state["num_fits"])

    def _order(self, head: int) -> np.random.Generator:
        return rng(self._seed, Stream.VALUE_BATCHES, self._num_fits, head)

    @torch.no_grad()
    def _judge(self, head: Head, state_KD: Tensor, target_K: Tensor) -> tuple[float, float]:
        """Return half the mean squared error and the explained variance of the values as they are."""
        if not len(target_K):
            return 0.0, 0.0
        error_K = target_K - self._networks[head.name](state_KD)[:, 0]
        loss, spread = 0.5 * float(error_K.square().mean()), float(target_K.var(correction=0))
        if not np.isfinite(loss):
            raise TrainingError(f"value head {head.name}: loss {loss}; lower critic.learning_rate")
        return loss, 1.0 - float(error_K.var(correction=0)) / spread if spread > 1e-12 else 0.0

    def _learn(self, head: Head, state_KD: Tensor, target_K: Tensor, drawn: np.random.Generator) -> None:
        network = self._networks[head.name]
        for _ in range(self.config.num_epochs):
            order = torch.from_numpy(drawn.permutation(len(target_K)))
            for start in range(0, len(order), self.config.batch_size):
                chosen = order[start : start + self.config.batch_size]
                self._optimizer.zero_grad(set_to_none=True)
                error = network(state_KD[chosen])[:, 0] - target_K[chosen]
                torch.autograd.backward(0.5 * error.square().mean())
                nn.utils.clip_grad_norm_(network.parameters(), _MAX_GRAD_NORM)
                self._optimizer.step()

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the slow copies towards the heads by tau (ArCHer, arXiv 2402.19446)."""
        for name, slow in self._slow.items():
            pairs = zip(slow.parameters(), self._networks[name].parameters(), strict=True)
            for parameter, target in pairs:
                parameter.lerp_(target, self.config.tau)


def _network(hidden_size: int, width: int) -> nn.Sequential:
    last = nn.Linear(width, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.LayerNorm(hidden_size, elementwise_affine=False),
        nn.Linear(hidden_size, width),
        nn.SiLU(),
        last,
    )


def _column(network: nn.Module, head: Head, states: CriticStates) -> Floats | list[Floats]:
    """Return one value a turn, or one array a turn for a head that reads at every token."""
    value_P = _values(network, states, states.index[head.place])
    return split(value_P, states.length_R) if head.place == "tokens" else value_P


@torch.no_grad()
def _values(network: nn.Module, states: CriticStates, index_P: NDArray[np.int64]) -> Floats:
    if not index_P.size:
        return np.zeros(0)
    values: Floats = network(states.state_PD[index_P])[:, 0].double().numpy()
    return values
