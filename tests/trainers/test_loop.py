"""The trainer, end to end, on a user's own environment.

What is pinned here:
1. it learns: held-out success rises within seconds;
2. the first ratio is 1 to 1e-5 with admissible decoding, temperature 0.7 and top-p 0.9;
3. a resumed run equals the uninterrupted one bit for bit;
4. failed rollouts are data up to a share, and a clear error beyond it;
5. nothing is written for a recipe that is wrong, and no run is overwritten;
6. a broken checkpoint is named, and the one before is used only when asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from turnwise.agents.control import standing
from turnwise.agents.policies.places import policy_folder
from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.trajectories import read_trajectories
from turnwise.envs import fingerprint
from turnwise.errors import CheckpointError, TrainingError, UsageError
from turnwise.trainers.credit import Credit, TurnTable, register
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.best import best_of
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

Lights = Callable[..., Recipe]


@register("less_the_value")
def less_the_value(table: TurnTable) -> Credit:
    """Be a method of one's own with a critic of its own, read before the action."""
    return_N = table.returns(1.0)
    return Credit(return_N - table.numbers("mine"), targets={"mine": return_N})


CLOCKS = ("seconds", "step_time", "_per_s")


def figures(run: Path) -> list[dict[str, Any]]:
    """Return the log without what a clock decides."""
    return [
        {
            key: value
            for key, value in entry.items()
            if not key.startswith("time/") and not any(clock in key for clock in CLOCKS)
        }
        for entry in read_log(run)
    ]


def last_weights(run: Path) -> dict[str, torch.Tensor]:
    folder = checkpoint.load(checkpoint.latest(run / "checkpoints")).policy
    return dict(load_model(folder).state_dict())


def test_it_learns_and_leaves_its_results(lights: Lights, tmp_path: Path) -> None:
    recipe = lights(train={"num_updates": 24, "save_every": 12}, eval={"every": 0, "episodes": 64})
    run = tmp_path / "run"
    state = train(recipe, run)
    log = read_log(run)
    before, after = [entry for entry in log if entry["kind"] == "eval"]
    assert before["eval/success_rate"] < 0.3
    assert after["eval/success_rate"] > 0.7
    assert state.update == 24
    update = next(entry for entry in log if entry["kind"] == "update")
    documented = (
        "reward reward_std frac_reward_zero_std completions/mean_length entropy clip_ratio/low "
        "clip_ratio/high grad_norm step_time num_tokens success_rate turns/mean credit/mean credit/std "
        "credit/dead_groups credit/anchor_size rollout/errors rollout/truncated staleness mismatch_kl "
        "ratio_max loss"
    )
    assert set(documented.split()) <= set(update)
    stored = read_trajectories(run / "trajectories" / "update-000024.jsonl.gz")
    assert len(stored) == 16
    assert (run / "run.json").is_file()
    assert (run / "recipe.toml").is_file()


@pytest.mark.parametrize("mode", ["conversation", "window"])
def test_first_ratio_is_one_under_every_transformation(lights: Lights, tmp_path: Path, mode: str) -> None:
    recipe = lights(
        rollout={"temperature": 0.7, "top_p": 0.9},
        prompt={"mode": mode},
        optim={"old_logprobs": "behaviour"},
        train={"num_updates": 2},
        eval={"episodes": 0},
    )
    train(recipe, tmp_path / "run")
    first = read_log(tmp_path / "run")[0]
    assert 0.0 <= first["mismatch_max"] <= 1e-5
    assert first["num_forced"] > 0


def test_evaluation_samples_among_as_many_tokens_as_training(lights: Lights, tmp_path: Path) -> None:
    """Among one token there is no choice, so an evaluation is what a greedy one is."""
    told = {}
    for name, top_k, temperature in (("one", 1, 1.0), ("greedy", 0, 0.0), ("all", 0, 1.0)):
        recipe = lights(rollout={"top_k": top_k}, eval={"temperature": temperature}, train={"num_updates": 1})
        with nullcontext() if name != "one" else pytest.raises(TrainingError, match=r"every token .* forced"):
            train(recipe, tmp_path / name)  # learning wants a choice, but the evaluation before it does not
        entry = next(entry for entry in read_log(tmp_path / name) if entry["kind"] == "eval")
        assert entry["update"] == 0
        told[name] = entry
    assert told["one"] == told["greedy"]
    assert told["all"]["eval/reward"] != told["greedy"]["eval/reward"]


def test_a_resumed_run_equals_the_uninterrupted_one(
    lights: Lights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    train(lights(), straight)
    train(lights(train={"num_updates": 3}), parted)
    assert (told := standing(parted)) and (told.state, told.running) == ("done", False)
    train(lights(log={"console": True}), parted, resume=True)
    table = capsys.readouterr().err.rpartition("held-out tasks")[2]
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["0", "2", "3", "4"]
    # the first part ended, and so evaluated, after update 3; that line apart the logs are equal
    extra = [entry for entry in figures(parted) if entry["kind"] == "eval" and entry["update"] == 3]
    assert len(extra) == 1
    assert [entry for entry in figures(parted) if entry not in extra] == figures(straight)
    one, two = last_weights(straight), last_weights(parted)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_best_checkpoint_outlives_pruning_and_resuming(lights: Lights, tmp_path: Path) -> None:
    changes = {"eval": {"every": 1, "episodes": 32}}
    run = tmp_path / "run"
    for updates in (3, 5):
        train(lights(train={"num_updates": updates, "save_every": 1, "keep": 1}, **changes), run, resume=True)
    rates = {e["update"]: e["eval/success_rate"] for e in figures(run) if e["kind"] == "eval"}
    best = max(rates, key=lambda update: (rates[update], update))
    chosen = best_of(run)
    assert chosen is not None and (chosen.update, chosen.success_rate) == (best, rates[best])
    assert [path.name for path in (run / "best").iterdir()] == [f"update-{best:06d}"]
    assert policy_folder(run) == run / "best" / f"update-{best:06d}" / "policy"
    again = {"train": {"num_updates": 1}, "policy": {"checkpoint": str(run)}, **changes}
    train(lights(**again), tmp_path / "again")
    first = next(entry for entry in figures(tmp_path / "again") if entry["kind"] == "eval")
    assert first["eval/success_rate"] == rates[best]


def test_a_critic_and_a_reference_train_and_resume(lights: Lights, tmp_path: Path) -> None:
    changes = {
        "loss": {"kl": "k3", "kl_coef": 0.01, "entropy_coef": 0.001, "name": "gspo", "ratio_level": "turn"},
        "reward": {"kl_coef": 0.001, "scale": 10.0},
        "advantage": {"transforms": [{"name": "whiten"}, {"name": "clip", "limit": 3.0}]},
        "critic": {"heads": ["mine@action"]},
        "credit": {"name": "less_the_value"},
        "optim": {"num_epochs": 2},
    }
    straight, parted = tmp_path / "straight", tmp_path / "parted"
    train(lights(**changes), straight)
    train(lights(**changes, train={"num_updates": 2}), parted)
    train(lights(**changes), parted, resume=True)
    one, two = last_weights(straight), last_weights(parted)
    assert all(torch.equal(one[name], two[name]) for name in one)
    last = read_log(straight)[-2]
    assert last["kl"] > 0
    assert last["value_loss"] == last["value_loss/mine"] > 0


def test_few_failures_are_data(lights: Lights, tmp_path: Path) -> None:
    recipe = lights(
        env={"kwargs": {"fail_share": 0.05}},
        rollout={"retries": 0},
        log={"trajectories": "all"},
        train={"max_failed": 0.9},
    )
    run = tmp_path / "run"
    train(recipe, run)
    updates = [entry for entry in read_log(run) if entry["kind"] == "update"]
    failed = [entry for entry in updates if entry["rollout/errors"]]
    assert failed
    assert "the fuse has blown" in next(iter(failed[0]["rollout/causes"]))
    stored = [
        each
        for n in range(1, 5)
        for each in read_trajectories(run / f"trajectories/update-00000{n}.jsonl.gz")
    ]
    assert sum(each.end == "error" for each in stored) == sum(entry["rollout/errors"] for entry in updates)


def test_many_failures_stop_the_run_and_keep_the_checkpoint(lights: Lights, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(lights(train={"num_updates": 1}), run)
    policy = str(checkpoint.latest(run / "checkpoints") / "policy")
    failing = {"env": {"train_kwargs": {"fail_share": 0.5}}, "rollout": {"retries": 0}}
    with pytest.raises(TrainingError, match=r"% of the rollouts failed.*the fuse has blown"):
        train(lights(policy={"checkpoint": policy}, **failing), tmp_path / "failing")
    assert checkpoint.load(checkpoint.latest(tmp_path / "failing" / "checkpoints")).update == 0
    with pytest.raises(TrainingError, match=r"% of the demonstrations failed.*the fuse has blown"):
        train(lights(**failing), tmp_path / "cold")


def test_a_full_disk_leaves_the_last_checkpoint_valid(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = torch.save

    def full(obj: Any, path: Path) -> None:
        if "update-000004" in str(path):
            raise OSError(28, "No space left on device")
        real(obj, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="No space left"):
        train(lights(), tmp_path / "run")
    monkeypatch.undo()
    assert checkpoint.load(checkpoint.latest(tmp_path / "run" / "checkpoints")).update == 2
    assert train(lights(), tmp_path / "run", resume=True).update == 4


def test_a_learner_that_diverges_leaves_the_last_checkpoint_valid(lights: Lights, tmp_path: Path) -> None:
    recipe = lights(optim={"learning_rate": 10.0, "spike_limit": 0.5, "max_grad_norm": 0.0})
    with pytest.raises(TrainingError, match="the policy moved by"):
        train(recipe, tmp_path / "run")
    saved = checkpoint.load(checkpoint.latest(tmp_path / "run" / "checkpoints"))
    assert saved.update == 0
    assert all(weight.isfinite().all() for weight in load_model(saved.policy).parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"credit": {"name": "gigppo"}}, "did you mean 'gigpo'"),
        ({"credit": {"gama": 0.9}}, "did you mean 'gamma'"),
        ({"loss": {"name": "pppo"}}, "did you mean 'ppo'"),
        ({"loss": {"clip": 0.9}}, "clip_low"),
        ({"weights": {"name": "turns"}}, "did you mean 'turn'"),
        ({"reward": {"transforms": [{"name": "gatd"}]}}, "did you mean 'gated'"),
        ({"reward": {"transforms": [{"value": 1}]}}, "has no name"),
        ({"advantage": {"transforms": [{"name": "whitn"}]}}, "did you mean 'whiten'"),
        ({"env": {"id": "household/dem-v0"}}, "did you mean 'household/demo-v0'"),
        ({"env": {"kwargs": {"fail": 1}}}, "fail"),
        ({"rollout": {"group_size": 1}}, "nothing to compare"),
        ({"rollout": {"temperature": 0.0}}, "greedy"),
        ({"rollout": {"top_p": 0.0}}, "top_p"),
        ({"optim": {"num_minibatches": 65}}, "more than the 64"),
        ({"train": {"save_every": 0}}, "save_every"),
    ],
)
def test_wrong_recipes_are_refused_before_anything_is_written(
    lights: Lights, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train(lights(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_run_is_overwritten_and_a_resumed_one_keeps_its_recipe(lights: Lights, tmp_path: Path) -> None:
    short = lights(train={"num_updates": 1}, eval={"episodes": 0})
    train(short, tmp_path / "run")
    with pytest.raises(UsageError, match="holds a run already"):
        train(short, tmp_path / "run")
    other = lights(train={"num_updates": 1}, eval={"episodes": 0}, optim={"learning_rate": 1e-3})
    with pytest.raises(UsageError, match=r"optim\.learning_rate was 0\.005 and is now 0\.001"):
        train(other, tmp_path / "run", resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="files that are not a run"):
        train(short, tmp_path / "mine")


def test_a_broken_checkpoint_is_named_and_the_previous_used_only_when_asked(
    lights: Lights, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train(lights(train={"num_updates": 3}), run)
    newest = checkpoint.latest(run / "checkpoints")
    weights = newest / "policy" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: has .* --previous"):
        train(lights(), run, resume=True)
    assert train(lights(), run, previous=True).update == 4


def test_a_changed_environment_stops_a_resumed_run(lights: Lights, lights_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(lights(train={"num_updates": 2}), run)
    saved = checkpoint.load(checkpoint.latest(run / "checkpoints"))
    assert saved.state["fingerprints"]
    lights_file.write_text(lights_file.read_text() + "\n# changed\n")
    sys.modules.pop("turnwise_user_lights", None)
    fingerprint._FINGERPRINTS.clear()
    with pytest.raises(TrainingError, match="its code has changed"):
        train(lights(), run, resume=True)


def test_the_same_folder_trains_as_a_transformers_model(lights: Lights, tmp_path: Path) -> None:
    """Only [policy] changes; both forward passes give the same first update."""
    changes = {"train": {"num_updates": 1}, "eval": {"episodes": 0}}
    train(lights(**changes), tmp_path / "tiny")
    policy = {"checkpoint": str(tmp_path / "tiny" / "warmstart"), "kind": "transformers"}
    train(lights(**changes, policy=policy), tmp_path / "large")
    tiny, large = (read_log(tmp_path / name)[0] for name in ("tiny", "large"))
    assert large["mismatch_max"] <= 1e-5
    assert large["reward"] == tiny["reward"]
    assert large["loss"] == pytest.approx(tiny["loss"], abs=1e-5)
    state = train(
        lights(train={"num_updates": 2}, eval={"episodes": 0}, policy=policy), tmp_path / "large", resume=True
    )
    assert state.update == 2
