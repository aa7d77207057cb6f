"""TRL's own GRPOTrainer plays our environments, and its tokens have the advantages of our credit.

The model is random, of one layer. In the first half its messages are written out, so that episodes
are known; all else is TRL's: chat template, reading of calls, tools, tokens, loss.
"""

from __future__ import annotations

import importlib.metadata
import json
import runpy
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from calling_model import write_calling_model

import turnwise
from turnwise.credit import TurnTable, gigpo, salt
from turnwise.envs.tools import command
from turnwise.errors import UsageError

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("ignore")]
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
ROWS = [["east", "east", None], ["west", "east", "east", None]]  # one call a message; None: no call
MEMBERS = len(ROWS)


class Corridor(turnwise.TextEnv):
    """A corridor whose third place is the goal; a step west from the first changes nothing."""

    tools: ClassVar = [command("go", "go {where}", "Go a step.")]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return self._shown(), {"tools": self.tools, "instruction": "Reach place 2."}

    def step(self, action):
        self.place = max(0, self.place + (1 if action == "go east" else -1))
        won = self.place == 2
        return self._shown(), float(won), won, False, {"won": won}

    def _shown(self):
        return f"You are in place {self.place}."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trl.chat_template_utils import qwen3_chat_template

    return write_calling_model(tmp_path_factory.mktemp("model"), qwen3_chat_template)


def trainer_of(model: Path, tmp_path: Path, credit: str | None, **more: Any) -> Any:
    """Return a trainer with our credit, or TRL's own with None."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from turnwise.integrations.trl import CreditTrainer, tasks

    settings = {
        "max_steps": 1, "report_to": [], "use_cpu": True, "bf16": False, "disable_tqdm": True,
        "per_device_train_batch_size": MEMBERS, "num_generations": MEMBERS, "max_completion_length": 900,
        "save_strategy": "no", "loss_type": "dapo", "model_init_kwargs": {"dtype": "float32"},
    }  # fmt: skip
    return (CreditTrainer if credit else GRPOTrainer)(
        model=str(model),
        args=GRPOConfig(str(tmp_path), **settings),
        train_dataset=Dataset.from_list(tasks([0])),
        **({"credit": credit} if credit else {}),
        **more,
    )


def written(where: str | None) -> str:
    """Write a message as models of the Qwen family do."""
    if where is None:
        return "Done."
    return f"<tool_call>\n{json.dumps({'name': 'go', 'arguments': {'where': where}})}\n</tool_call>"


def rows_of(trainer: Any) -> list[dict[str, Any]]:
    """Return the rows of one group, as the trainer's loader gives them."""
    return [dict(trainer.train_dataset[0]) for _ in range(MEMBERS)]


def say(trainer: Any, rows: list[list[str | None]]) -> None:
    """Write out the messages of the model, and how they end."""
    said = [0]

    def turn(prompt_ids: Any, *_: Any, **__: Any) -> Any:
        texts = [row[said[0]] for row in rows if len(row) > said[0]]
        said[0] += 1
        assert len(texts) == len(prompt_ids)
        ids = trainer.processing_class([f"{written(text)}<|im_end|>" for text in texts])["input_ids"]
        return [list(each) for each in ids], None

    trainer._generate_single_turn = turn


@pytest.fixture(scope="module")
def batch(model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    from turnwise.integrations.trl import environment_factory

    factory = environment_factory(Corridor)
    trainer = trainer_of(model, tmp_path_factory.mktemp("out"), "gigpo", environment_factory=factory)
    say(trainer, ROWS)
    return trainer, trainer._generate_and_score_completions(rows_of(trainer))


def test_a_token_has_the_advantage_of_its_turn(batch: Any) -> None:
    trainer, made = batch
    keys = [f"You are in place {place}." for place in (0, 1, 2)]
    table = TurnTable.from_columns(
        group=[0] * 7,
        trajectory=[0] * 3 + [1] * 4,
        reward=[0, 1, 0, 0, 0, 1, 0],
        state_key=[keys[place] for place in (0, 1, 2, 0, 0, 1, 2)],
    )
    expected = gigpo(table).advantage
    assert len(set(expected.round(6))) == 3
    mask = (made["completion_mask"] * made["tool_mask"]).bool().numpy()
    found = []
    for row, texts in enumerate(ROWS):
        values, ids = made["advantages"][row].numpy(), made["completion_ids"][row].numpy()
        starts = np.flatnonzero(np.diff(mask[row].astype(int), prepend=0) == 1)
        ends = np.flatnonzero(np.diff(mask[row].astype(int), append=0) == -1) + 1
        for start, end, text in zip(starts, ends, texts, strict=True):
            assert trainer.processing_class.decode(ids[start:end]) == f"{written(text)}<|im_end|>"
            assert len(set(values[start:end])) == 1
            found.append(values[start])
        assert not values[~mask[row]].any()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_loss_is_made_of_them(batch: Any) -> None:
    trainer, made = batch
    trainer.current_gradient_accumulation_steps = 1
    loss = trainer._compute_loss(trainer.model.train(), made).item()
    mask = made["completion_mask"] * made["tool_mask"]
    assert loss == pytest.approx(-float((made["advantages"] * mask).sum() / mask.sum()), abs=1e-6)


def test_what_was_played_is_a_trajectory(batch: Any) -> None:
    first, second = batch[0].trajectories
    assert [turn.action for turn in first.turns] == ["go east", "go east", ""]
    assert (first.end, first.success, second.episode_return) == ("terminated", True, 1.0)
    assert [turn.valid for turn in second.turns] == [True] * 4
    assert (first.group, second.member) == ("0", 1)


def test_calls_that_reach_nothing_and_other_rewards(model: Path, tmp_path: Path) -> None:
    from turnwise.integrations.trl import environment_factory

    def spoken(completions: Any, **_: Any) -> list[float]:
        return [float(len(completion)) for completion in completions]

    trainer = trainer_of(
        model, tmp_path, "grpo", environment_factory=environment_factory(Corridor), reward_funcs=spoken
    )
    say(trainer, [[None], ["east", None]])
    trainer._generate_and_score_completions(rows_of(trainer))
    first, second = trainer.trajectories
    assert [(turn.malformed, turn.reward) for turn in first.turns] == [(True, 1.0)]
    assert [(turn.malformed, turn.reward) for turn in second.turns] == [(False, 0.0), (True, 3.0)]


@pytest.mark.parametrize("adapter", [False, True])
def test_our_rollout_in_its_trainer(model: Path, tmp_path: Path, adapter: bool) -> None:
    """What our engine sampled is what TRL learns from: the logprobs agree, and so do the advantages."""
    from peft import LoraConfig

    from turnwise.agents.rollout.config import RolloutConfig
    from turnwise.integrations.trl import episode_return, rollout_func

    play = rollout_func("household/demo-v0", config=RolloutConfig(max_turns=2, max_tokens=6))
    lora = LoraConfig(target_modules=["q_proj", "down_proj"], init_lora_weights=False) if adapter else None
    more = {"rollout_func": play, "reward_funcs": episode_return, "peft_config": lora}
    trainer = trainer_of(model, tmp_path, "salt", **more)
    made = trainer._generate_and_score_completions(rows_of(trainer))
    mask = (made["completion_mask"] * made["tool_mask"]).bool()
    played = trainer.trajectories
    tokens = [token for each in played for turn in each.turns for token in turn.generation.token_ids]
    assert made["completion_ids"][mask].tolist() == tokens
    ids = [made[f"{part}_ids"] for part in ("prompt", "completion")]
    attended = [made[f"{part}_mask"] for part in ("prompt", "completion")]
    import torch

    with torch.no_grad():
        logprobs, *_ = trainer._get_per_token_logps_and_entropies(
            trainer.model, torch.cat(ids, 1), torch.cat(attended, 1), ids[1].shape[1]
        )
    sampled = made["sampling_per_token_logps"]
    assert float((logprobs - sampled)[mask].abs().max()) < 1e-5
    advantage = salt(TurnTable.from_trajectories(played)).advantage
    lengths = [len(turn.generation.token_ids) for each in played for turn in each.turns]
    np.testing.assert_allclose(made["advantages"][mask].numpy(), np.repeat(advantage, lengths), atol=1e-6)


@pytest.mark.parametrize("example", [pytest.param("trl_environment", marks=pytest.mark.slow), "trl_rollout"])
def test_the_example_trains(
    model: Path, tmp_path: Path, example: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import trl

    file = EXAMPLES / f"{example}.py"
    short = partial(trl.GRPOConfig, max_completion_length=48)  # a random model does not end by itself
    monkeypatch.setattr(trl, "GRPOConfig", short)
    assert len(file.read_text().splitlines()) <= 36
    monkeypatch.setattr(sys, "argv", [str(file), str(model), str(tmp_path)])
    runpy.run_path(str(file), run_name="__main__")
    assert capsys.readouterr().out.count("[(") == 8


def test_its_own_trainer_plays_ours(model: Path, tmp_path: Path) -> None:
    """Without our credit a completion has one advantage, of its return among its group."""
    from turnwise.integrations.trl import environment_factory

    trainer = trainer_of(model, tmp_path, None, environment_factory=environment_factory(Corridor))
    say(trainer, [["west", None], ["east", "east", None]])
    made = trainer._generate_and_score_completions(rows_of(trainer))
    np.testing.assert_allclose(made["advantages"].numpy(), [-(0.5**0.5), 0.5**0.5], rtol=1e-3)


def test_a_rollout_of_somebody_elses_is_refused(model: Path, tmp_path: Path) -> None:
    def play(prompts: Any, trainer: Any) -> dict[str, Any]:
        return {"prompt_ids": [[1]] * 2, "completion_ids": [[2]] * 2, "logprobs": [[0.0]] * 2}

    trainer = trainer_of(model, tmp_path, "gigpo", rollout_func=play, reward_funcs=lambda **_: [0.0] * 2)
    with pytest.raises(UsageError, match="gives no `trajectory`"):
        trainer._generate_and_score_completions(rows_of(trainer))
    with pytest.raises(UsageError, match="needs the turns"):
        trainer_of(model, tmp_path, "gigpo", reward_funcs=lambda **_: [0.0])
    with pytest.raises(UsageError, match="critics"):
        trainer_of(model, tmp_path, "turn_ppo", rollout_func=play)


def test_versions_are_told(record_testsuite_property: Any) -> None:
    for package in ("trl", "datasets", "accelerate", "transformers"):
        record_testsuite_property(package, importlib.metadata.version(package))
