"""Folders in the original layout: splits, broken files, the cached index."""

from __future__ import annotations

import json
import os

import pytest

from turnwise.envs.household import index as index_module
from turnwise.envs.household.export import Logic, to_original
from turnwise.envs.household.generate import generate
from turnwise.envs.household.index import open_index
from turnwise.errors import UnknownName, UsageError

LOGIC = Logic("(define)", '"task": [{"rhs": "Your task is to: UNKNOWN GOAL."}]')
SLICED = "sliced or movable goals are left out of the benchmark, as in the original"
LAYOUT = {
    "train/heat/trial_1": ("pick_heat_then_place_in_recep", 1),
    "train/light/trial_2": ("look_at_obj_in_light", 2),
    "valid_seen/heat/trial_3": ("pick_heat_then_place_in_recep", 3),
    "valid_unseen/two/trial_4": ("pick_two_obj_and_place", 4),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "json_2.1.1"
    for path, (task_type, seed) in LAYOUT.items():
        write(root / path, to_original(generate(task_type, seed, "train", "small"), LOGIC))
    return root


def write(folder, document):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "game.tw-pddl").write_text(document if isinstance(document, str) else json.dumps(document))


def opened(folder):
    return open_index(folder, strict=False)


def test_folders_become_splits(folder):
    index = opened(folder)
    assert [(game.path, game.split, game.task_type) for game in index.games] == [
        ("train/heat/trial_1/game.tw-pddl", "train", "pick_heat_then_place_in_recep"),
        ("train/light/trial_2/game.tw-pddl", "train", "look_at_obj_in_light"),
        ("valid_seen/heat/trial_3/game.tw-pddl", "seen", "pick_heat_then_place_in_recep"),
        ("valid_unseen/two/trial_4/game.tw-pddl", "unseen", "pick_two_obj_and_place"),
    ]
    assert len(index.select()) == 4
    for name in ("seen", "valid_seen", "eval_in_distribution"):
        assert [game.path for game in index.select(name)] == ["valid_seen/heat/trial_3/game.tw-pddl"]
    assert len(index.select("train", ["look_at_obj_in_light"])) == 1
    assert [game.split for game in opened(folder / "valid_unseen").games] == ["unseen"]


def test_what_is_not_there_is_told_with_what_is(folder):
    index = opened(folder)
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        index.select("trian")
    with pytest.raises(UsageError, match=r"it holds .*seen/pick_heat_then_place_in_recep: 1"):
        index.select("test")
    with pytest.raises(UsageError, match="no such folder"):
        opened(folder / "nowhere")
    (folder / "empty").mkdir()
    with pytest.raises(UsageError, match=r"holds no game\.tw-pddl"):
        opened(folder / "empty")


def test_broken_files_are_left_out_with_the_reason(folder):
    write(folder / "train/heat/trial_0", "{}")
    write(folder / "train/heat_Sliced/trial_0", "{}")
    index = opened(folder)
    assert len(index.games) == 4
    assert [(game.path, game.reason) for game in index.broken] == [
        ("train/heat/trial_0/game.tw-pddl", "pddl_domain: not a game: this text is missing"),
        ("train/heat_Sliced/trial_0/game.tw-pddl", SLICED),
    ]  # fmt: skip
    with pytest.raises(
        UsageError, match=r"2 broken, the first train/heat/trial_0/game\.tw-pddl: pddl_domain"
    ):
        index.select("test")


def test_the_second_time_no_file_is_parsed(folder, monkeypatch):
    write(folder / "train/heat/trial_0", "{}")
    first = opened(folder)

    def parse(*_args, **_kwargs):
        raise AssertionError("parsed again")

    monkeypatch.setattr(index_module, "load_game", parse)
    assert opened(folder) == first


def test_changed_new_and_removed_files_are_noticed(folder):
    opened(folder)
    write(
        folder / "train/heat/trial_1",
        to_original(generate("pick_and_place_simple", 5, "train", "small"), LOGIC),
    )
    os.utime(folder / "train/heat/trial_1/game.tw-pddl", ns=(1, 1))
    (folder / "train/light/trial_2/game.tw-pddl").unlink()
    write(folder / "train/new/trial_9", "{}")
    index = opened(folder)
    assert [game.task_type for game in index.select("train")] == ["pick_and_place_simple"]
    assert [game.path for game in index.broken] == ["train/new/trial_9/game.tw-pddl"]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": 0, "files": {}}', '{"format": 2, "files": []}', "\x00"]
)
def test_a_damaged_cache_is_made_again(folder, tmp_path, content):
    first = opened(folder)
    (cached,) = (tmp_path / "cache/turnwise/household").iterdir()
    cached.write_text(content)
    assert opened(folder) == first
    assert json.loads(cached.read_text())["files"].keys() == {f"{path}/game.tw-pddl" for path in LAYOUT}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(folder, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    index = open_index(folder, cache=tmp_path / "file", strict=False)
    assert len(index.games) == 4
    assert "cannot be written" in caplog.text


def test_there_is_a_limit_on_files(folder, monkeypatch):
    monkeypatch.setattr(index_module, "_MAX_FILES", 3)
    with pytest.raises(UsageError, match="more than 3 game files"):
        opened(folder)
