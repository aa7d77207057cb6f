"""Losses that see a mini-batch whole: their gradient is that of one piece, however it is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_learner import advantages, build_model, collect, gradient, make_learner
from torch import Tensor

from turnwise.agents.decoding import filtered
from turnwise.agents.types import Trajectory
from turnwise.errors import UsageError
from turnwise.trainers import recipe
from turnwise.trainers.learner.forward import filtered_batch, group_units, micro_batches, score
from turnwise.trainers.learner.sequences import PackedBatch, pack
from turnwise.trainers.losses import Objective, TokenBatch, base, segment_mean
from turnwise.trainers.losses.base import Whole
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.user_files import import_parts

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "losses.md").read_text()
SEEN: list[TokenBatch] = []


@pytest.fixture(autouse=True)
def seen() -> Iterator[None]:
    """Register a loss in which every token of a group meets every other."""

    @base.register("test_apart", aggregation="token_mean", ratio_level="token", sees="groups", credit=False)
    def apart(ratio_N: Tensor, batch: TokenBatch) -> Whole:
        SEEN.append(batch)
        assert batch.group_N is not None and batch.won_N is not None
        mean_N = segment_mean(batch.logp_N, batch.trajectory_N)
        ahead_N = mean_N - segment_mean(batch.logp_N, batch.group_N)
        loss = -(torch.sigmoid(ahead_N * (2 * batch.won_N - 1)) * ratio_N * batch.weight_N).sum()
        return Whole(loss, {"apart": ahead_N.square().mean()})

    before = dict(base.REGISTRY._methods)
    yield
    base.REGISTRY._methods.clear()
    base.REGISTRY._methods.update({name: loss for name, loss in before.items() if name != "test_apart"})
    SEEN.clear()


def played(num: int = 6) -> list[Trajectory]:
    """Return groups of two, of which one trajectory won."""
    trajectories = collect(build_model(), True, num=num)
    return [replace(t, success=n % 2 == 0) for n, t in enumerate(trajectories)]


def by_hand(batch: PackedBatch) -> Tensor:
    """Return the gradient of the loss above, written down for one forward pass over the batch."""
    model = build_model()
    units = group_units(batch, "turn")
    (micro,) = micro_batches(batch, units, 100_000, torch.device("cpu"))
    logp_N, order = score(model, micro).logp_N, micro.index_N
    total = torch.zeros((), dtype=torch.float64)
    for group in range(3):
        in_group = torch.from_numpy(np.isin(batch.trajectory_N[order], (2 * group, 2 * group + 1)))
        for trajectory, sign in ((2 * group, 1.0), (2 * group + 1, -1.0)):
            mine = torch.from_numpy(batch.trajectory_N[order] == trajectory)
            ahead = logp_N[mine].mean() - logp_N[in_group].mean()
            ratio_N = (logp_N[mine] - logp_N[mine].detach()).exp()
            total = total - (torch.sigmoid(sign * ahead) * ratio_N).sum() / batch.num_targets
    total.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("micro_tokens", [100_000, 64, 1])
def test_the_gradient_is_that_of_one_piece(micro_tokens: int) -> None:
    batch = pack(played())
    found = gradient(build_model(), batch, ObjectiveConfig("test_apart"), micro_tokens=micro_tokens)
    expected = by_hand(batch)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_other_parts_of_the_objective_keep_their_gradient_and_figures() -> None:
    """Entropy and several mini-batches beside it: no cut matters."""
    batch = pack(played(12))
    objective = ObjectiveConfig("test_apart", entropy_coef=0.01, aggregation="turn_mean")
    optim = {"num_minibatches": 3, "num_epochs": 2, "learning_rate": 1e-3}
    logs = [
        make_learner(build_model(), objective, micro_tokens=size, **optim).update(batch, advantages(batch))
        for size in (1, 64, 100_000)
    ]
    assert logs[0]["apart"] > 0
    for log in logs[1:]:
        assert log == pytest.approx(logs[0], rel=1e-6, abs=1e-9)


def test_mini_batches_keep_groups_whole() -> None:
    batch = pack(played(12))
    make_learner(build_model(), ObjectiveConfig("test_apart"), num_minibatches=4).update(
        batch, np.zeros(batch.num_targets)
    )
    pairs = [len(np.unique(piece.trajectory_N)) / len(np.unique(piece.group_N)) for piece in SEEN]
    assert len(SEEN) == 4
    assert pairs == [2.0] * 4
    assert sum(len(piece.logp_N) for piece in SEEN) == batch.num_targets
    for piece in SEEN:
        assert piece.won_N is not None and set(piece.won_N.tolist()) == {0.0, 1.0}


def test_a_batch_says_which_trajectories_are_a_group_and_which_won() -> None:
    trajectories = played(4)
    trajectories[3] = replace(trajectories[3], success=None)
    mixed = [trajectories[i] for i in (2, 0, 3, 1)]  # groups g1 g0 g1 g0
    batch = pack(mixed)
    assert batch.group_T.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(batch.won_T, [1.0, 1.0, np.nan, 0.0])
    owner_S = [sequence.trajectory for sequence in batch.sequences]
    units = group_units(batch, "group")
    assert [{owner_S[i] % 2 for i in unit} for unit in units] == [{0}, {1}]


def test_it_teaches_without_advantages_and_takes_no_weight_of_single_tokens() -> None:
    objective = Objective(ObjectiveConfig("test_apart"))
    assert objective.teaches_all
    assert objective.unit == "group"
    with pytest.raises(UsageError, match=r"set loss\.off_policy = 'none'"):
        Objective(ObjectiveConfig("test_apart", off_policy="truncate"))


@pytest.mark.parametrize(
    ("name", "params", "figures"),
    [
        ("hapo", {"pivot": 0.5}, ("hapo/high_entropy", "hapo/factor")),
        ("lp_reg", {"share": 0.5, "min_p": 0.5}, ("lp_reg/rare", "lp_reg/held")),
        ("disco", {"tau": 0.5, "beta": 10.0}, ("disco/gap", "disco/kl")),
        ("pacs", {}, ("pacs/right", "pacs/psi")),
    ],
)
def test_those_that_ship(name: str, params: dict, figures: tuple[str, ...]) -> None:
    """Some groups without an advantage, several steps on one batch: no cut into micro-batches matters."""
    batch = pack(played(12))
    idle_N = np.where(batch.group_T[batch.trajectory_N] % 3 == 0, 0.0, advantages(batch))
    objective = ObjectiveConfig(name, params=params)
    logs, weights = [], []
    for size in (1, 100_000):
        model = build_model()
        optim = {"num_minibatches": 2, "num_epochs": 2, "learning_rate": 3e-3, "spike_limit": 100.0}
        logs.append(make_learner(model, objective, micro_tokens=size, **optim).update(batch, idle_N))
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert logs[0] == pytest.approx(logs[1], rel=1e-6, abs=1e-9)
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-7)
    assert all(abs(logs[0][figure]) > 1e-6 for figure in figures)
    start = torch.cat([p.detach().flatten() for p in build_model().parameters()])
    assert (weights[0] - start).abs().max() > 1e-3


def test_the_filtered_policy_by_hand() -> None:
    """Of chances 0.6, 0.3 and 0.1 those under 0.4 * 0.6 go: 2/3, 1/3, none. A support has its own."""
    logits_NV = torch.tensor([[0.6, 0.3, 0.1]] * 4, dtype=torch.float64).log()
    found = filtered(logits_NV, [0, 1, 2, 2], [None, None, None, (1, 2)], 1.0, 0.4)
    assert found.exp().tolist() == pytest.approx([2 / 3, 1 / 3, 0.0, 0.0])
    found = filtered(logits_NV[:2], [1, 2], [None, (1, 2)], 0.5, 0.2)  # 36/46, 9/46, 1/46; 9/10, 1/10
    assert found.exp().tolist() == pytest.approx([1 / 5, 0.0])


def test_the_learner_filters_the_policy_that_the_batch_began_with() -> None:
    batch, model = pack(played(4)), build_model()
    learner = make_learner(model, ObjectiveConfig("lp_reg", params={"min_p": 0.95}), num_epochs=2)
    assert learner.objective.min_p == 0.95
    assert Objective(ObjectiveConfig("lp_reg")).min_p == 0.02
    logp_N, expected_N = filtered_batch(model, batch, 4096, 0, 0.95)
    np.testing.assert_allclose(filtered_batch(model, batch, 1, 2, 0.95)[1], expected_N, rtol=1e-9)
    np.testing.assert_allclose(logp_N, learner.logprobs(batch), rtol=1e-9)
    kept = np.isfinite(expected_N)
    assert 0 < kept.sum() < len(kept)
    assert (expected_N[kept] >= logp_N[kept] - 1e-12).all()
    seen_N: list[Tensor] = []
    inner = learner.objective.loss.function
    learner.objective.loss.function = lambda ratio_N, tokens, **p: (
        seen_N.append(tokens.filtered_N) or inner(ratio_N, tokens, **p)
    )
    learner.update(batch, advantages(batch))
    assert len(seen_N) == 2
    for column_N in seen_N:
        np.testing.assert_allclose(np.sort(column_N.numpy()), np.sort(expected_N), rtol=1e-9)


def test_the_example_of_the_page(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    assert len(code.splitlines()) <= 20
    (tmp_path / "margin.py").write_text(code)
    (tmp_path / "margin.toml").write_text(text)
    import_parts([str(tmp_path / "margin.py")])
    chosen = recipe.load(str(tmp_path / "margin.toml"))
    assert Objective(chosen.loss).loss.params == {"scale": 5.0}
    batch, objective = pack(played()), ObjectiveConfig("margin")
    whole, pieces = (gradient(build_model(), batch, objective, micro_tokens=size) for size in (100_000, 1))
    assert whole.abs().max() > 1e-3
    torch.testing.assert_close(pieces, whole, rtol=1e-9, atol=1e-12)
    log = make_learner(build_model(), objective).update(batch, np.zeros(batch.num_targets))
    assert log["margin/ahead"] == pytest.approx(_ahead(batch))


def _ahead(batch: PackedBatch) -> float:
    """Return by how much a token's trajectory is likelier than its group, taken by the side that it is on."""
    logp_N = make_learner(build_model()).logprobs(batch)
    group_N = batch.group_T[batch.trajectory_N]
    means = [
        logp_N[batch.trajectory_N == owner].mean() - logp_N[group_N == group].mean()
        for owner, group in zip(batch.trajectory_N, group_N, strict=True)
    ]
    return float(np.mean(np.array(means) * (2 * batch.won_T[batch.trajectory_N] - 1)))
