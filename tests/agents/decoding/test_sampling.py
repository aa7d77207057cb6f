"""What is drawn, from what, and with which numbers.

1. Order: allowed set, temperature, min-p, top-k, top-p; what crosses p stays; of equals the smaller.
2. Logprob, entropy and support are those of the distribution that was drawn from.
3. Replay on the same logits gives the same logprobs and entropies, with gradients.
4. Random numbers depend on the key and the place alone.
"""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.agents.decoding import Entropy, SamplingRows, replay, sample, uniforms
from turnwise.agents.decoding.replay import num_choices
from turnwise.agents.decoding.sampling import sum_by_doubling
from turnwise.agents.sampling import Sampling
from turnwise.errors import UsageError


def rows_of(
    num: int,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    uniform: float | list[float] = 0.5,
    allowed: list[tuple[int, ...] | None] | None = None,
) -> SamplingRows:
    uniform_B = np.full(num, uniform) if isinstance(uniform, float) else np.array(uniform)
    return SamplingRows(
        [Sampling(temperature, top_p, top_k, min_p)] * num,
        uniform_B,
        allowed or [None] * num,
    )


# Probabilities 1/2, 1/4, 1/8, 1/8 for tokens 2, 0, 1, 3.
LOGITS = torch.tensor([[math.log(0.25), math.log(0.125), math.log(0.5), math.log(0.125)]])


def test_draws_by_the_cumulative_distribution_in_order_of_tokens() -> None:
    wanted = {0.0: 0, 0.24: 0, 0.26: 1, 0.37: 1, 0.38: 2, 0.87: 2, 0.88: 3, 0.999999: 3}
    draw = sample(LOGITS.expand(len(wanted), -1), rows_of(len(wanted), uniform=list(wanted)))
    assert draw.tokens == list(wanted.values())
    assert draw.supports == [None] * len(wanted)
    assert draw.logprobs[0] == pytest.approx(math.log(0.25), abs=1e-7)
    assert draw.entropies[0] == pytest.approx(1.75 * math.log(2), abs=1e-7)


def test_top_k_keeps_the_most_likely_and_the_smaller_of_equals() -> None:
    draw = sample(LOGITS, rows_of(1, top_k=3, uniform=0.3))
    assert draw.supports == [(0, 1, 2)]
    assert draw.tokens == [1]  # 2/7, 1/7, 4/7: 0.3 falls between 2/7 and 3/7
    assert draw.logprobs[0] == pytest.approx(math.log(1 / 7), abs=1e-6)


def test_top_p_keeps_the_token_that_crosses() -> None:
    assert sample(LOGITS, rows_of(1, top_p=0.6)).supports == [(0, 2)]
    assert sample(LOGITS, rows_of(1, top_p=0.49)).supports == [(2,)]
    assert sample(LOGITS, rows_of(1, top_p=0.01)).supports == [(2,)]


def test_top_p_counts_within_top_k() -> None:
    # Of tokens 2 and 0 alone, token 2 has 2/3 and reaches 0.6 by itself.
    assert sample(LOGITS, rows_of(1, top_k=2, top_p=0.6)).supports == [(2,)]


def test_temperature_comes_before_top_p() -> None:
    # At temperature 1/2 the probabilities are 16, 4, 1, 1 of 22: token 2 alone reaches 0.7.
    assert sample(LOGITS, rows_of(1, temperature=0.5, top_p=0.7)).supports == [(2,)]
    assert sample(LOGITS, rows_of(1, temperature=1.0, top_p=0.7)).supports == [(0, 2)]


def test_min_p_keeps_what_is_near_the_likeliest_before_top_p() -> None:
    assert sample(LOGITS, rows_of(1, min_p=0.49)).supports == [(0, 2)]
    assert sample(LOGITS, rows_of(1, min_p=0.51)).supports == [(2,)]
    # Of tokens 2 and 0 alone, token 2 has 2/3 and reaches 0.6 by itself.
    assert sample(LOGITS, rows_of(1, min_p=0.49, top_p=0.6)).supports == [(2,)]
    # At temperature 2 token 0 is 0.71 times as likely as token 2.
    assert sample(LOGITS, rows_of(1, temperature=2.0, min_p=0.6)).supports == [(0, 2)]
    assert sample(LOGITS, rows_of(1, min_p=0.2)).supports == [None]


def test_greedy_is_a_certain_draw() -> None:
    draw = sample(LOGITS, rows_of(1, temperature=0.0, uniform=0.99))
    assert (draw.tokens, draw.logprobs, draw.entropies, draw.supports) == ([2], [0.0], [0.0], [(2,)])


def test_allowed_tokens_restrict_before_anything_else() -> None:
    draw = sample(LOGITS.expand(3, -1), rows_of(3, top_p=0.6, uniform=0.9, allowed=[(0, 1), None, (1, 3)]))
    assert draw.supports == [(0,), (0, 2), (1, 3)]
    assert draw.tokens == [0, 2, 3]
    assert draw.logprobs[2] == pytest.approx(math.log(0.5), abs=1e-7)


def test_a_row_does_not_feel_its_neighbours() -> None:
    logits = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    allowed: list[tuple[int, ...] | None] = [None, (1, 4), None, (0, 2, 3, 44), None, (7,)]
    uniform = [0.1, 0.2, 0.9, 0.7, 0.4, 0.3]
    together = sample(logits, rows_of(6, temperature=0.7, top_p=0.8, uniform=uniform, allowed=allowed))
    for row in range(6):
        rows = rows_of(1, temperature=0.7, top_p=0.8, uniform=[uniform[row]], allowed=[allowed[row]])
        alone = sample(logits[row : row + 1], rows)
        assert alone.tokens == [together.tokens[row]]
        assert alone.logprobs == [together.logprobs[row]]
        assert alone.supports == [together.supports[row]]


def test_a_number_close_to_one_draws_the_last_possible_token() -> None:
    logits = torch.tensor([[0.0, 0.0, -1000.0]])
    draw = sample(logits, rows_of(1, uniform=[np.nextafter(1.0, 0.0)]))
    assert draw.tokens == [1]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.sampled_from([0.0, 0.3, 0.7, 1.0, 2.0]),
    top_k=st.integers(0, 6),
    top_p=st.floats(0.05, 1.0),
    min_p=st.sampled_from([0.0, 0.1, 0.7]),
    masked=st.booleans(),
)
def test_replay_gives_what_sampling_gave(
    seed: int, temperature: float, top_k: int, top_p: float, min_p: float, masked: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(5, 11, generator=generator)
    allowed: list[tuple[int, ...] | None] = (
        [(1, 2, 5), None, (3,), (0, 9, 10), None] if masked else [None] * 5
    )
    uniform = torch.rand(5, generator=generator).tolist()
    draw = sample(
        logits,
        rows_of(
            5,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            uniform=uniform,
            allowed=allowed,
        ),
    )
    logprobs, entropies = replay(logits, draw.tokens, draw.supports, temperature)
    assert logprobs.tolist() == pytest.approx(draw.logprobs, abs=1e-12)
    assert entropies.tolist() == pytest.approx(draw.entropies, abs=1e-12)
    for token, support, mask in zip(draw.tokens, draw.supports, allowed, strict=True):
        assert token in (range(11) if support is None else support)
        assert support is None or mask is None or set(support) <= set(mask)


def test_replay_has_the_gradient_of_a_restricted_softmax() -> None:
    logits = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_(True)
    supports = [None, (0, 2, 5), (4,)]

    def both(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return replay(values, [3, 2, 4], supports, [1.0, 0.5, 0.7])

    assert torch.autograd.gradcheck(both, (logits,))
    sum(part.sum() for part in both(logits)).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad[2], torch.zeros(6, dtype=torch.float64))
    assert logits.grad[1, 1] == 0


def test_replay_leaves_out_what_is_not_asked_for() -> None:
    logits = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits.requires_grad_(True)
    told = {kind: replay(logits, [3, 2, 4], [None, (0, 2, 5), (4,)], 0.7, kind) for kind in get_args(Entropy)}
    assert all(torch.equal(logprobs, told["learned"][0]) for logprobs, _ in told.values())
    assert torch.equal(told["measured"][1], told["learned"][1])
    assert [entropies.requires_grad for _, entropies in told.values()] == [True, False, False]
    assert told["learned"][1][0] > 0
    assert not told["off"][1].any()


def test_num_choices_marks_forced_tokens() -> None:
    assert num_choices([None, (3,), (1, 2)], 9).tolist() == [9, 1, 2]


def test_replay_refuses_a_token_outside_its_support() -> None:
    with pytest.raises(UsageError, match=r"token 1 at place 0 is not in its support \(0, 2\)"):
        replay(torch.zeros(1, 4), [1], [(0, 2)], 1.0)
    with pytest.raises(UsageError, match="2 tokens"):
        replay(torch.zeros(1, 4), [1, 2], [None], 1.0)


def test_random_numbers_depend_on_the_key_alone() -> None:
    assert uniforms((1, 2, 3), 9)[:4].tolist() == uniforms((1, 2, 3), 4).tolist()
    assert uniforms((1, 2, 3), 4).tolist() != uniforms((1, 2, 4), 4).tolist()
    assert uniforms((12, 3), 1) != uniforms((1, 23), 1)
    # Written down once: a change of these numbers would change every stored run.
    assert uniforms((7, 0), 2).tolist() == pytest.approx(EXPECTED, abs=0)


EXPECTED = [0.03975744272132087, 0.8894147967644062]


def test_many_draws_follow_the_distribution() -> None:
    num = 20_000
    uniform = uniforms((0,), num).tolist()
    draw = sample(LOGITS.expand(num, -1), rows_of(num, uniform=uniform))
    shares = np.bincount(draw.tokens, minlength=4) / num
    assert shares == pytest.approx([0.25, 0.125, 0.5, 0.125], abs=0.012)


weights_of_tokens = st.lists(
    st.sampled_from([0.0, 1e-12, 0.1, 1 / 3, 1.0, 7.0]) | st.floats(0, 1e3), min_size=1, max_size=70
)


@given(weights_of_tokens, st.sampled_from([torch.float32, torch.float64]))
def test_sums_in_a_fixed_order_are_those_of_torch_and_never_fall(
    weights: list[float], dtype: torch.dtype
) -> None:
    values_MS = torch.tensor([weights, weights[::-1]], dtype=dtype)
    sums_MS = sum_by_doubling(values_MS)
    torch.testing.assert_close(sums_MS, values_MS.cumsum(-1), rtol=1e-5, atol=1e-9)
    steps_MS = sums_MS.diff(dim=-1)
    assert bool((steps_MS >= 0).all())
    assert bool((steps_MS[values_MS[:, 1:] == 0] == 0).all())


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_sampling_works_where_torch_refuses_to_sum_in_no_fixed_order(
    monkeypatch: pytest.MonkeyPatch, top_p: float
) -> None:
    """As on CUDA under deterministic algorithms, where a cumulative sum of floats raises."""
    logits = torch.randn(40, 500, generator=torch.Generator().manual_seed(0)) * 3
    rows = rows_of(40, top_p=top_p, top_k=50, uniform=np.random.default_rng(0).random(40).tolist())
    expected = sample(logits, rows)

    def refuse(tensor: torch.Tensor, dim: int) -> torch.Tensor:
        raise RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation")

    monkeypatch.setattr(torch.Tensor, "cumsum", refuse)
    with pytest.raises(RuntimeError, match="deterministic"):
        sample(logits, rows)
    monkeypatch.setattr("turnwise.agents.decoding.sampling.running_sum", sum_by_doubling)
    assert sample(logits, rows) == expected
