from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnwise.envs.household import engine
from turnwise.envs.household.catalogue import can_contain
from turnwise.envs.household.game import TASK_TYPES, Game, TaskType, bits
from turnwise.envs.household.generate import STEP_LIMIT, canonical_bytes, generate, goal_of, layout_of
from turnwise.envs.household.manifest import (
    FORMAT,
    MANIFEST,
    check_manifest,
    games,
    main,
    make_manifest,
    read_manifest,
)
from turnwise.envs.household.plan import plan
from turnwise.envs.household.rooms import DIFFICULTIES, SPLITS, split_of
from turnwise.errors import UnknownName, UsageError

TASKS = st.tuples(
    st.sampled_from(TASK_TYPES),
    st.integers(-(2**70), 2**70),
    st.sampled_from(SPLITS),
    st.sampled_from(DIFFICULTIES),
)
SENTENCES = {
    "pick_and_place_simple": ("put a {o} in {t}.", "put some {o} on {t}."),
    "look_at_obj_in_light": ("look at {o} under the {t}.", "examine the {o} with the {t}."),
    "pick_clean_then_place_in_recep": ("put a clean {o} in {t}.", "clean some {o} and put it in {t}."),
    "pick_heat_then_place_in_recep": ("put a hot {o} in {t}.", "heat some {o} and put it in {t}."),
    "pick_cool_then_place_in_recep": ("put a cool {o} in {t}.", "cool some {o} and put it in {t}."),
    "pick_two_obj_and_place": ("put two {o} in {t}.", "find two {o} and put them in {t}."),
}


@settings(max_examples=150, deadline=None)
@given(TASKS)
def test_every_game_can_be_won_by_its_walkthrough(task: tuple[TaskType, int, str, str]) -> None:
    game = generate(*task)
    state = game.initial
    assert not engine.won(game, state)
    assert 0 < len(game.walkthrough) <= STEP_LIMIT
    for action in game.walkthrough:
        assert not engine.won(game, state)
        observation, state = engine.step(game, state, action)
        assert observation != "Nothing happens."
    assert engine.won(game, state)


@settings(max_examples=60, deadline=None)
@given(TASKS)
def test_games_are_sound(task: tuple[TaskType, int, str, str]) -> None:
    task_type, _, split, _ = task
    game = generate(*task)
    assert canonical_bytes(generate(*task)) == canonical_bytes(game)
    assert split_of(layout_of(game)) == ("train" if split == "seen" else split)
    assert game.task_type == task_type
    goal = game.goal
    assert goal == goal_of(task_type, goal.object_type, goal.target_type)
    words = {"o": goal.object_type.lower(), "t": goal.target_type.lower()}
    assert game.instruction in ["Your task is to: " + s.format(**words) for s in SENTENCES[task_type]]
    for thing, inside in zip(game.objects, game.initial.inside, strict=True):
        assert inside.bit_count() == 1
        place = game.receptacles[inside.bit_length() - 1]
        if thing.name.split()[0] in ("desklamp", "floorlamp", "houseplant", "television"):
            continue
        assert can_contain(place.type, thing.type)
    if goal.kind == "place":
        assert not any(game.initial.inside[o] & game.goal_targets for o in bits(game.goal_objects))
    assert game.goal_objects.bit_count() >= goal.count


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_small_games_are_short_and_hold_just_what_is_wanted(task_type: TaskType) -> None:
    for seed in range(40):
        game = generate(task_type, seed, "train", "small")
        assert 6 <= len(game.receptacles) <= 9
        # Two things behind doors of their own and a target behind a third take 11.
        assert 3 <= len(game.walkthrough) <= (11 if game.goal.count == 2 else 8)
        assert game.goal_objects.bit_count() == game.goal.count


def test_full_rooms_are_as_large_as_the_originals() -> None:
    kitchens = [generate("pick_heat_then_place_in_recep", seed, "train", "full") for seed in range(40)]
    assert 20 < sum(len(game.receptacles) for game in kitchens) / 40 < 36
    assert 30 < sum(len(game.objects) for game in kitchens) / 40 < 60


def test_the_four_splits_give_different_games() -> None:
    made = {canonical_bytes(generate("pick_and_place_simple", 0, split, "small")) for split in SPLITS}
    assert len(made) == 4


def test_train_and_unseen_share_no_layout() -> None:
    kinds = [(t, d) for t in TASK_TYPES for d in DIFFICULTIES]
    rooms: dict[str, set[str]] = {}
    for split in ("train", "unseen", "seen"):
        rooms[split] = {layout_of(generate(t, seed, split, d)) for t, d in kinds for seed in range(12)}
    assert not rooms["train"] & rooms["unseen"]
    assert len(rooms["seen"] & rooms["train"]) > 20
    assert min(map(len, rooms.values())) > 60


def test_the_first_id_gets_the_highest_number() -> None:
    game = generate("pick_heat_then_place_in_recep", 3, "train", "full")
    cabinets = [r for r in sorted(game.receptacles, key=lambda r: r.id.lower()) if r.type == "Cabinet"]
    assert len(cabinets) > 1
    assert [r.name for r in cabinets] == [f"cabinet {n}" for n in range(len(cabinets), 0, -1)]


def test_wording_of_the_first_releases() -> None:
    game = generate("pick_and_place_simple", 5, "train", "small", wording="put")
    assert " in/on " in game.walkthrough[-1]
    assert game.walkthrough[-1].startswith("put ")


def test_numpy_integers_are_seeds_and_texts_are_not() -> None:
    a = generate("pick_and_place_simple", 7, "train", "small")
    b = generate("pick_and_place_simple", np.int64(7), "train", "small")  # type: ignore[arg-type]
    assert canonical_bytes(a) == canonical_bytes(b)
    with pytest.raises(UsageError, match="expected an integer"):
        generate("pick_and_place_simple", "7")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("pick_and_place", 0), "did you mean 'pick_and_place_simple'"),
        (("pick_and_place_simple", 0, "unsen"), "did you mean 'unseen'"),
        (("pick_and_place_simple", 0, "train", "smal"), "did you mean 'small'"),
    ],
)
def test_unknown_names_come_with_a_hint(arguments: tuple[TaskType, int], hint: str) -> None:
    with pytest.raises(UnknownName, match=hint):
        generate(*arguments)


def test_the_frozen_manifest_holds() -> None:
    manifest = read_manifest()
    assert MANIFEST.stat().st_size <= 100_000
    assert {(t, s, d) for t, _, s, d, _ in games(manifest)} == {
        (t, s, d) for t in TASK_TYPES for s in SPLITS for d in DIFFICULTIES
    }
    assert check_manifest(manifest) == []


def test_a_drift_is_named() -> None:
    manifest = make_manifest(1, difficulties=["small"])
    manifest["splits"]["unseen"]["small"]["pick_two_obj_and_place"]["0"] = "0" * 12
    problems = check_manifest(manifest)
    assert len(problems) == 1
    assert problems[0].startswith("unseen/small/pick_two_obj_and_place/0: expected 000000000000, got ")
    manifest["generator"] = 0
    assert "made by generator 0" in check_manifest(manifest)[0]


def test_the_command_line_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tasks.json"
    assert main(["write", str(path), "--count", "1"]) == 0
    assert main(["check", str(path)]) == 0
    assert "as they were" in capsys.readouterr().out
    document = json.loads(path.read_text())
    document["splits"]["train"]["small"]["pick_and_place_simple"]["0"] = "x"
    path.write_text(json.dumps(document))
    assert main(["check", str(path)]) == 1
    assert main(["check", str(tmp_path / "none.json")]) == 2
    assert main(["write", str(path), "--count", "0"]) == 2


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ("[]", '{"format": 99}', "no json"):
        path.write_text(text)
        with pytest.raises(UsageError, match="not a manifest"):
            read_manifest(path)
    assert FORMAT == 1


def test_other_processes_with_other_hash_seeds_make_the_same_bytes() -> None:
    code = (
        "import hashlib, sys\n"
        "from turnwise.envs.household.generate import canonical_bytes, generate\n"
        "from turnwise.envs.household.game import TASK_TYPES\n"
        "made = b''.join(canonical_bytes(generate(t, 11, 'test', 'medium')) for t in TASK_TYPES)\n"
        "sys.stdout.write(hashlib.sha256(made).hexdigest())\n"
    )
    here = b"".join(canonical_bytes(generate(t, 11, "test", "medium")) for t in TASK_TYPES)
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == hashlib.sha256(here).hexdigest()


def test_the_walkthrough_is_no_part_of_the_bytes() -> None:
    game: Game = generate("pick_and_place_simple", 1, "train", "small")
    assert list(game.walkthrough) == plan(game, game.initial)
    assert game.walkthrough[0].encode() not in canonical_bytes(game)
