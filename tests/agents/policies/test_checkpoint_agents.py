"""`ckpt:RUN-OR-DIR`: a checkpoint is played as it was trained to be asked, without further options."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from turnwise.agents.policies import AgentSettings, read_settings, write_settings
from turnwise.agents.policies.by_name import make_policy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.prompts.config import EXPLAINED, PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyTokenizer, save_checkpoint
from turnwise.errors import CheckpointError, UnknownName, UsageError

SETTINGS = AgentSettings(
    PromptConfig(style="plain", system="", show_admissible=False, task_label="Task: "), "admissible", 9
)


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """Return the folder of an untrained tiny policy."""
    texts = [f"You are at {place}. The door is at 4. go to the door left right" for place in range(5)]
    tokenizer = TinyTokenizer.train(texts, vocab_size=300)
    sizes = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1, "intermediate_size": 48}
    save_checkpoint(TinyLM(TinyConfig(vocab_size=tokenizer.vocab_size, **sizes)), tokenizer, tmp_path / "c")
    return tmp_path / "c"


def test_settings_come_back(tmp_path):
    write_settings(tmp_path, SETTINGS)
    assert read_settings(tmp_path) == SETTINGS
    assert read_settings(tmp_path / "none") is None


@pytest.mark.parametrize(
    "change",
    [{"prompt": {"mode": "windows"}}, {"prompt": 3}, {"constraint": "some"}, {"max_tokens": 0}, {"extra": 1}],
)
def test_broken_settings_name_the_file(tmp_path, change):
    write_settings(tmp_path, SETTINGS)
    path = tmp_path / "agent.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=r"agent.json: cannot be read: "):
        read_settings(tmp_path)
    path.write_text("{")
    with pytest.raises(CheckpointError, match=r"agent.json"):
        read_settings(tmp_path)


def test_a_checkpoint_is_asked_as_it_was_trained(play, room, checkpoint):
    write_settings(checkpoint, SETTINGS)
    policy = make_policy(f"ckpt:{checkpoint}")
    assert policy.asked(None, None, None) == SETTINGS
    tasks = [TaskItem(room("Corridor"), seed=seed) for seed in range(6)]
    config = RolloutConfig(max_turns=5, max_tokens=None, constraint=None)
    result, _ = play(policy, tasks, config)
    assert (result.stats.errors, result.stats.malformed, result.stats.inadmissible) == (0, 0, 0)
    assert result.stats.tokens > 0
    again, _ = play(make_policy(f"ckpt:{checkpoint}"), tasks, config)
    assert [t.turns for t in again.trajectories] == [t.turns for t in result.trajectories]
    asyncio.run(policy.aclose())


def test_without_settings_the_defaults_hold(checkpoint):
    policy = make_policy(f"ckpt:{checkpoint}")
    assert policy.asked(None, None, None) == AgentSettings(EXPLAINED, "none", 128)  # a sixteenth of 2048
    assert policy.asked(SETTINGS.prompt, None, None).prompt == SETTINGS.prompt
    assert RandomPolicy().asked(None, "admissible", None).constraint == "admissible"
    assert RandomPolicy().asked(None, None, 7) == AgentSettings(replace(EXPLAINED, style="plain"), "none", 7)
    asyncio.run(policy.aclose())


def lay(checkpoint: Path, folder: Path, max_tokens: int) -> Path:
    """Put a checkpoint in a run, told from others by what it may say."""
    shutil.copytree(checkpoint, folder / "policy")
    write_settings(folder / "policy", replace(SETTINGS, max_tokens=max_tokens))
    return folder / "policy"


@pytest.mark.parametrize("kind", ["ckpt", "hf"])
def test_every_level_of_a_run_is_understood(checkpoint, tmp_path, kind):
    run = tmp_path / "run"
    lay(checkpoint, run / "checkpoints" / "update-999999", 3)
    last = lay(checkpoint, run / "checkpoints" / "update-1000000", 4)
    assert make_policy(f"{kind}:{run}").settings.max_tokens == 4  # nothing was evaluated
    best = lay(checkpoint, run / "best" / "update-000008", 9)
    levels = {run: 9, run / "best": 9, best.parent: 9, best: 9}
    levels |= {run / "checkpoints": 4, last.parent: 4, last: 4}
    for folder, max_tokens in levels.items():
        policy = make_policy(f"{kind}:{folder}")
        assert policy.settings == replace(SETTINGS, max_tokens=max_tokens), folder
        asyncio.run(policy.aclose())


def test_the_checkpoint_of_a_run_that_trained_another_model_is_played_as_such(checkpoint, tmp_path):
    place = lay(checkpoint, tmp_path / "run" / "best" / "update-000001", 9)
    path = place / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tie_word_embeddings": False}))
    weights = load_file(place / "model.safetensors")
    head = weights["model.embed_tokens.weight"].clone()
    save_file({**weights, "lm_head.weight": head}, place / "model.safetensors", {"format": "pt"})
    policy = make_policy(f"ckpt:{tmp_path / 'run'}", max_batch=2)
    assert type(policy).__name__ == "TransformersPolicy"
    assert policy.settings == SETTINGS
    asyncio.run(policy.aclose())


def test_what_holds_no_policy_is_named(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    for folder, cause in (
        ("run", "a run without a checkpoint yet"),
        ("nowhere", "there is no such folder"),
        (".", r"no config\.json in it; expected the folder of a run, a checkpoint, a policy or a model"),
    ):
        with pytest.raises(CheckpointError, match=cause):
            make_policy(f"ckpt:{tmp_path / folder}")


def test_a_wrong_option_of_a_checkpoint_is_named(checkpoint):
    with pytest.raises(
        UnknownName, match=r"did you mean 'num_slots'(.|\n)*num_slots: a whole number, default 128"
    ):
        make_policy(f"ckpt:{checkpoint}", num_slot=3)
    with pytest.raises(UnknownName, match="num_slots: a whole number, default 128"):
        make_policy(f"ckpt:{checkpoint}", slots=3)
    with pytest.raises(UsageError, match="num_slots = 'x'; expected a whole number"):
        make_policy(f"ckpt:{checkpoint}", num_slots="x")


@pytest.mark.parametrize("kind", ["ckpt", "hf"])
def test_cut_weights_are_one_line(checkpoint, kind):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError) as caught:
        make_policy(f"{kind}:{checkpoint}")
    assert str(caught.value).startswith(str(checkpoint)) and "\n" not in str(caught.value)


def test_no_progress_bars_of_other_libraries(checkpoint, tmp_path, capfd):
    policy = make_policy(f"hf:{checkpoint}")
    policy.model.save(tmp_path / "saved")
    asyncio.run(policy.aclose())
    assert (tmp_path / "saved" / "model.safetensors").is_file()
    assert capfd.readouterr() == ("", "")
