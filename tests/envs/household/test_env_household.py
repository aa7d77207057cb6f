"""The household as environments: tasks by seed, rewards, info, limits, files."""

from __future__ import annotations

import json

import pytest

import turnwise
from turnwise.envs.check import check_environment, expert_episode
from turnwise.envs.household import engine
from turnwise.envs.household.env import AlfworldEnv, HouseholdEnv
from turnwise.envs.household.export import Logic, to_original
from turnwise.envs.household.game import TASK_TYPES
from turnwise.envs.household.generate import generate
from turnwise.envs.registry import registered
from turnwise.errors import UnknownName, UsageError

LOGIC = Logic("(define)", '"task": [{"rhs": "Your task is to: UNKNOWN GOAL."}]')
HEAT = "pick_heat_then_place_in_recep"


def solve(env, **options):
    """Follow the expert; return the replies."""
    _, info = env.reset(seed=1, options={"expert": True, **options})
    replies = []
    while not (replies and replies[-1][2]):
        replies.append(env.step(info["private"]["expert"]))
        info = replies[-1][4]
    return replies


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for number, split in enumerate(["train", "train", "valid_unseen"]):
        trial = tmp_path / "games" / split / "heat" / f"trial_{number}"
        trial.mkdir(parents=True)
        game = generate(HEAT, number, "train", "small")
        (trial / "game.tw-pddl").write_text(json.dumps(to_original(game, LOGIC)))
    return tmp_path / "games"


def test_ids_are_registered():
    ids = registered()
    for name in (*TASK_TYPES, "mix", "demo", "alfworld"):
        assert ids[f"household/{name}-v0"]


def test_every_check_passes_on_files(folder):
    verdicts = check_environment(
        "household/alfworld-v0", {"games": str(folder), "strict": False}, seeds=(0,), num_turns=8
    )
    assert [(v.name, v.detail) for v in verdicts if v.outcome != "passed"] == []


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_each_type_plays_its_tasks_and_the_expert_wins(task_type):
    env = turnwise.make(f"household/{task_type}-v0", difficulty="small")
    for seed in range(3):
        assert expert_episode(env, seed)[0]
        assert env.text_env.game.task_type == task_type
        assert env.text_env.game.task.endswith(f"{task_type}/train/small/{seed}")


def test_the_mix_takes_turns():
    env = HouseholdEnv(difficulty="small")
    played = []
    for seed in range(12):
        env.reset(seed=seed)
        played.append(env.game.task_type)
    assert played == [*TASK_TYPES, *TASK_TYPES]


def test_without_a_seed_other_tasks_follow_and_the_seed_decides_which():
    def tasks(env):
        return [env.reset(seed=5)[1]["task"]] + [env.reset()[1]["task"] for _ in range(3)]

    first, second = tasks(HouseholdEnv(difficulty="small")), tasks(HouseholdEnv(difficulty="small"))
    assert first == second
    assert len(set(first)) == 4
    env = HouseholdEnv(difficulty="small")
    env.reset(seed=5)
    env.reseed(6)
    assert env.reset()[1]["task"] not in first


def test_rewards_are_the_outcome_and_tiers_tell_the_way():
    env = HouseholdEnv(HEAT, difficulty="small", reward=10)
    replies = solve(env)
    assert [reply[1] for reply in replies] == [0.0] * (len(replies) - 1) + [10.0]
    assert [reply[2] for reply in replies][-1] and replies[-1][4]["won"]
    tiers = [reply[4]["rewards"] for reply in replies]
    assert all(sum(tier[name] for tier in tiers) == 1.0 for name in ("pick", "prepare", "place", "won"))
    reached = [[tier[name] for tier in tiers].index(1.0) for name in ("pick", "prepare", "place", "won")]
    assert reached == sorted(reached) and reached[0] < reached[1] < reached[2] == reached[3]
    assert replies[-1][4]["score"] == 1.0


def test_info_has_what_the_contract_names():
    env = HouseholdEnv(HEAT, difficulty="small")
    observation, info = env.reset(seed=3)
    assert set(info) == {
        "state_key", "state_hash", "admissible", "rewards", "task", "instruction", "won", "score", "tools",
    }  # fmt: skip
    assert info["state_key"] == observation
    assert observation.endswith("Your task is to: " + info["instruction"])
    assert info["admissible"] == sorted(info["admissible"])
    assert "private" in env.reset(seed=3, options={"expert": True})[1]


def test_state_key_by_hash_separates_what_the_observation_merges():
    for key, same in (("observation", True), ("hash", False)):
        env = HouseholdEnv(HEAT, difficulty="small", state_key=key)
        _, info = env.reset(seed=3)
        first = env.step("fly")[4]["state_key"]
        env.step(next(action for action in info["admissible"] if action.startswith("go to")))
        assert (env.step("fly")[4]["state_key"] == first) == same


def test_the_expert_finds_back_after_a_detour():
    env = HouseholdEnv("pick_two_obj_and_place", difficulty="small")
    _, info = env.reset(seed=1, options={"expert": True})
    for turn in range(40):
        astray = [action for action in info["admissible"] if action.startswith("go to")]
        action = astray[turn % len(astray)] if turn % 3 == 0 else info["private"]["expert"]
        *_, terminated, _, info = env.step(action)
        if terminated:
            break
    assert info["won"]
    assert "private" not in info


def test_the_turn_limit_truncates_and_refused_actions_cost_a_turn():
    env = HouseholdEnv(HEAT, difficulty="small", max_turns=3)
    env.reset(seed=0)
    ends = [env.step("fly")[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]
    with pytest.raises(UsageError, match="call reset"):
        env.step("look")


def test_a_win_in_the_last_turn_is_a_win():
    replies = solve(HouseholdEnv(HEAT, difficulty="small"), task=f"generated-v1/{HEAT}/train/small/7")
    env = HouseholdEnv(HEAT, difficulty="small", max_turns=len(replies))
    last = solve(env, task=f"generated-v1/{HEAT}/train/small/7")[-1]
    assert last[1:4] == (1.0, True, False)


@pytest.mark.parametrize("action", ["", "\ud800", "\x00\x01", "a" * 65_536, "go to \U0001f600"])
def test_any_text_is_an_action(action):
    env = HouseholdEnv(HEAT, difficulty="small")
    env.reset(seed=0)
    assert env.step(action)[0] == "Nothing happens."


@pytest.mark.parametrize("action", [None, 3, b"look", ["look"], "a" * 65_537])
def test_what_is_no_text_or_too_long_is_refused_and_nothing_is_lost(action):
    env = HouseholdEnv(HEAT, difficulty="small")
    env.reset(seed=0)
    with pytest.raises(UsageError, match="expected a"):
        env.step(action)
    assert env.step("inventory")[0] == "You are not carrying anything."


@pytest.mark.parametrize(
    ("kwargs", "reason"),
    [
        ({"task_types": "pick_heat"}, "unknown task type 'pick_heat': known: look_at"),
        ({"task_types": []}, "task_types is empty"),
        ({"split": "valid"}, "unknown split 'valid'"),
        ({"difficulty": "hard"}, "unknown difficulty 'hard'"),
        ({"wording": "place"}, "unknown wording 'place'"),
        ({"state_key": "text"}, "unknown state_key 'text'"),
        ({"max_turns": 0}, "max_turns 0: expected 1 to"),
        ({"reward": float("nan")}, "reward nan: expected a finite number"),
    ],
)
def test_wrong_arguments_are_told(kwargs, reason):
    with pytest.raises(UsageError, match=reason):
        HouseholdEnv(**kwargs)


def test_wrong_options_are_told():
    env = HouseholdEnv(HEAT, difficulty="small")
    with pytest.raises(UnknownName, match="did you mean 'expert'"):
        env.reset(options={"experts": True})
    for task in ("x", 3, f"generated-v0/{HEAT}/train/small/7", f"generated-v1/{HEAT}/train/small/x"):
        with pytest.raises(UsageError, match="task "):
            env.reset(options={"task": task})
    with pytest.raises(UsageError, match="no game yet"):
        HouseholdEnv().game  # noqa: B018


def test_a_task_is_named_by_its_id():
    env = HouseholdEnv(difficulty="small")
    _, info = env.reset(seed=4)
    other = HouseholdEnv("look_at_obj_in_light")
    assert other.reset(options={"task": info["task"]})[1] == info


def test_the_older_wording():
    env = HouseholdEnv(HEAT, difficulty="small", wording="put")
    env.reset(seed=0, options={"expert": True})
    assert any(" in/on " in reply[0] for reply in solve(env))


def test_files_take_turns_and_splits_select(folder):
    env = AlfworldEnv(games=folder, strict=False)
    assert [env.reset(seed=seed)[1]["task"] for seed in range(4)] == [
        "heat/trial_0", "heat/trial_1", "heat/trial_2", "heat/trial_0",
    ]  # fmt: skip
    unseen = AlfworldEnv(games=folder, split="valid_unseen", strict=False)
    assert unseen.reset(seed=1)[1]["task"] == "heat/trial_2"
    assert unseen.index is not None and len(unseen.index.games) == 3
    assert env.reset(options={"task": "heat/trial_1"})[1]["task"] == "heat/trial_1"
    with pytest.raises(UnknownName, match="did you mean 'heat/trial_0'"):
        env.reset(options={"task": "heat/trial_00"})
    with pytest.raises(UsageError, match="has no game of split 'seen'"):
        AlfworldEnv(games=folder, split="seen", strict=False)


def test_a_loaded_game_plays_like_the_generated_one(folder):
    file = folder / "train" / "heat" / "trial_1" / "game.tw-pddl"
    generated, loaded = HouseholdEnv(HEAT, difficulty="small"), AlfworldEnv(game_file=file, strict=False)
    _, info = generated.reset(seed=1, options={"expert": True})
    assert loaded.reset()[0] == generated.reset(seed=1, options={"expert": True})[0]
    won = False
    while not won:
        action = info["private"]["expert"]
        ours, theirs = generated.step(action), loaded.step(action)
        assert ours[:4] == theirs[:4]
        assert ours[4]["admissible"] == theirs[4]["admissible"]
        info, won = ours[4], ours[2]


def test_files_must_be_named(folder, tmp_path):
    with pytest.raises(UsageError, match="give game_file="):
        AlfworldEnv()
    with pytest.raises(UsageError, match="give game_file="):
        AlfworldEnv(game_file="a", games="b")
    with pytest.raises(UsageError, match="cannot be read"):
        AlfworldEnv(game_file=tmp_path / "none")


def test_clones_are_independent():
    env = HouseholdEnv(HEAT, difficulty="small")
    _, info = env.reset(seed=2, options={"expert": True})
    copy = env.clone()
    env.step(info["private"]["expert"])
    assert copy.state == copy.game.initial != env.state
    assert engine.state_hash(copy.game, copy.state) == info["state_hash"]
