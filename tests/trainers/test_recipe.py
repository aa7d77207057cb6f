"""Recipes: every key known, every type checked, every shipped one valid and commented."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from turnwise.agents.sampling import Sampling
from turnwise.errors import UnknownName, UsageError
from turnwise.settings import table
from turnwise.trainers import recipe
from turnwise.trainers.parts import Part
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.validate import validate


@pytest.mark.parametrize("name", recipe.shipped())
def test_shipped_recipes_load_and_say_where_values_come_from(name: str) -> None:
    loaded = recipe.load(name)
    assert recipe.from_tables(tomllib.loads(recipe.dump(loaded))) == loaded
    text = (files("turnwise.trainers") / "recipes" / f"{name}.toml").read_text()
    sources = ("[contract]", "[paper]", "[verl]", "[measured]", "[size]", "[choice]", "[ours]")
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            assert any(source in line.partition("#")[2] for source in sources), line


def test_recipes_of_papers_step_as_the_runs_that_they_follow() -> None:
    """AdamW of verl's actor, whose defaults the published runs leave: betas 0.9 and 0.999, decay 0.01."""
    folder = files("turnwise.trainers") / "recipes"
    following = {"grpo"}
    while (
        more := {
            name
            for name in recipe.shipped()
            if any(f'extends = "{base}"' in (folder / f"{name}.toml").read_text() for base in following)
        }
        - following
    ):
        following |= more
    assert len(following) >= 20
    for name in following:
        text = (folder / f"{name}.toml").read_text()
        if re.search(r"^weight_decay = .*# \[paper\]", text, re.M):
            continue  # it steps as a run of its own
        optim = recipe.load(name).optim
        assert (optim.betas, optim.weight_decay, optim.adam_epsilon) == ((0.9, 0.999), 0.01, 1e-8), name


def test_expected_recipes_ship() -> None:
    assert {"demo", "household_gigpo", "household_grpo"} <= set(recipe.shipped())


def test_every_parameter_of_sampling_is_a_key_of_rollout_and_reaches_what_plays() -> None:
    loaded = recipe.load("demo", ["rollout.top_k=5", "rollout.temperature=0.5"])
    assert loaded.rollout.sampling == Sampling(temperature=0.5, top_k=5)
    assert {field.name for field in dataclasses.fields(Sampling)} <= set(table(loaded.rollout))


def test_sampling_survives_being_written_and_what_cannot_be_replayed_is_refused() -> None:
    kept = ["rollout.min_p=0.1", "rollout.stop_token_ids=[3, 4]"]
    loaded = recipe.load("tiny", [*kept, 'rollout.logit_bias={"5" = -3.0}', "rollout.repetition_penalty=1.1"])
    assert recipe.from_tables(tomllib.loads(recipe.dump(loaded))) == loaded
    validate(recipe.load("tiny", kept))
    for name, value in (
        ("repetition_penalty", "1.1"),
        ("presence_penalty", "0.5"),
        ("frequency_penalty", "-0.5"),
        ("logit_bias", '{"5" = -3.0}'),
        ("min_tokens", "2"),
    ):
        with pytest.raises(UsageError, match=rf"rollout\.{name} is .* cannot replay it, since it"):
            validate(recipe.load("tiny", [f"rollout.{name}={value}"]))


def test_sections_have_at_most_30_fields() -> None:
    for section in dataclasses.fields(Recipe):
        assert len(dataclasses.fields(getattr(Recipe(), section.name))) <= 30


def test_unknown_names_are_answered_with_close_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'demo'"):
        recipe.load("dmo")
    with pytest.raises(UnknownName, match="did you mean 'rollout'"):
        recipe.from_tables({"rolout": {}})
    with pytest.raises(UnknownName, match="did you mean 'learning_rate'"):
        recipe.from_tables({"optim": {"learning_rat": 1.0}})
    with pytest.raises(UnknownName, match="did you mean 'admissible'"):
        recipe.from_tables({"rollout": {"constraint": "admisible"}})
    with pytest.raises(UsageError, match="no such file"):
        recipe.load(str(tmp_path / "none.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("[optim\n")
    with pytest.raises(UsageError, match="not valid TOML"):
        recipe.load(str(broken))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"optim": {"learning_rate": "fast"}}, "optim.learning_rate = 'fast'; expected a number"),
        ({"train": {"num_updates": 1.5}}, "train.num_updates = 1.5; expected a whole number"),
        ({"train": {"num_updates": True}}, "train.num_updates = True; expected a whole number"),
        ({"train": {"deterministic": 1}}, "train.deterministic = 1; expected true or false"),
        ({"credit": {"name": 3}}, "credit.name = 3; expected a text"),
        ({"advantage": {"transforms": ["clip"]}}, r"transforms\[0\] = 'clip'; expected a table"),
        ({"critic": {"heads": "value"}}, "expected a list"),
        ({"critic": {"heads": [1]}}, r"critic.heads = \[1\]; expected a list of texts"),
        ({"credit": "gigpo"}, r"expected a section \[credit\]"),
        ({"rollout": {"constraint": 3}}, "rollout.constraint = 3; expected one of 'none'"),
    ],
)
def test_types_are_checked(table: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recipe.from_tables(table)


def test_a_recipe_extends_another_by_what_it_changes(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "base.toml").write_text(
        '[credit]\nname = "gigpo"\ngamma = 0.9\n[train]\nseed = 3\n[optim]\nlearning_rate = 0.1\n'
    )
    (tmp_path / "middle.toml").write_text('extends = "deep/base.toml"\n[train]\nnum_updates = 7\n')
    (tmp_path / "mine.toml").write_text(
        'extends = "middle.toml"\n[credit]\nname = "hgpo"\nhistory = 4\n[rollout]\nslots = 2\n'
    )
    loaded = recipe.load(str(tmp_path / "mine.toml"), ["train.seed=4"])
    assert loaded.credit.name == "hgpo"
    assert loaded.credit.params == {"history": 4}  # those of the other part are gone
    assert (loaded.train.seed, loaded.train.num_updates) == (4, 7)
    assert (loaded.optim.learning_rate, loaded.rollout.slots) == (0.1, 2)
    assert "extends" not in recipe.dump(loaded)
    (tmp_path / "own.toml").write_text('extends = "tiny"\n[train]\nseed = 9\n')
    own = recipe.load(str(tmp_path / "own.toml"))
    assert dataclasses.replace(own, train=recipe.load("tiny").train) == recipe.load("tiny")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "a.toml"\n', "cannot extend itself"),
        ('extends = "gigppo"\n', "unknown recipe 'gigppo'"),
        ('extends = "missing.toml"\n', "no such file"),
        ("extends = 3\n", "extends is 3"),
    ],
)
def test_bases_that_cannot_be_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        recipe.load(str(tmp_path / "a.toml"))


def test_overrides_by_dotted_name() -> None:
    loaded = recipe.load(
        "demo",
        [
            "optim.learning_rate=1",
            "env.id=my_env.py:MyEnv",
            "credit.gamma=0.5",
            "train.deterministic=false",
            'advantage.transforms=[{name = "clip", limit = 3.0}]',
            'env.train_kwargs={"max_turns": 3, "split": null}',
        ],
    )
    assert loaded.optim.learning_rate == 1.0
    assert isinstance(loaded.optim.learning_rate, float)
    assert loaded.env.id == "my_env.py:MyEnv"
    assert loaded.env.train_kwargs == {"max_turns": 3, "split": None}  # JSON, as -k takes it
    assert loaded.credit.params["gamma"] == 0.5
    assert loaded.credit.params["mode"] == "mean"
    assert loaded.train.deterministic is False
    assert loaded.advantage.transforms == (Part("clip", {"limit": 3.0}),)


@pytest.mark.parametrize("override", ["learning_rate=1", "optim.learning_rate", "optim..x=1", "env.id.x=1"])
def test_malformed_overrides_are_refused(override: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        recipe.load("demo", [override])


def test_a_recipe_is_read_without_torch() -> None:
    code = "import sys, turnwise.trainers.recipe as r; r.load('demo'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("eval.episodes=-1", "eval.episodes = -1; expected at least 0"),
        ("eval.every=-5", "eval.every = -5; expected at least 0"),
        ("train.num_updates=0", "train.num_updates = 0; expected at least 1"),
        ("train.keep=0", "train.keep = 0; expected at least 1"),
        ("train.max_failed=1.5", "train.max_failed = 1.5; expected 0 to 1"),
        ("warmstart.episodes=0", "warmstart.episodes = 0; expected at least 1"),
        ("warmstart.slip=-0.1", "warmstart.slip = -0.1; expected 0 to 1"),
        ("rollout.max_turns=0", "rollout.max_turns = 0; expected at least 1"),
        ("rollout.slots=5000", "rollout.slots = 5000; expected 1 to 4096"),
        ("rollout.top_p=2", "rollout.top_p = 2.0; expected 0 to 1"),
        ("log.trajectories=9", "log.trajectories = 9; expected one of 'all', 'sampled', 'none'"),
    ],
)
def test_a_number_out_of_range_is_refused_by_the_key_that_was_set(override: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"recipe: {said}")):
        recipe.load("tiny", [override])
