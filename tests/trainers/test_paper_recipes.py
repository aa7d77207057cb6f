"""Every shipped recipe finds its parts and takes an update with a tiny policy.

A recipe is run as it is but for its sizes and its policy, on its own environment
where it reads what only that one tells (gold answers, tiers), else on a game of
three turns whose rewards differ, so that the update has a gradient.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_recipes import OWN_WORLD, TINY, small

from turnwise.trainers import credit as credits
from turnwise.trainers import recipe
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train, validate

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "trainers" / "recipes"
PAGE = (ROOT / "docs" / "papers.md").read_text()
SMALL_MACHINES = PAGE.partition("## Recipes on a small machine")[2].partition("\n## ")[0]
NUM_UPDATES = {"archer": 2}  # its critics begin at 0, and so does its credit


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Hold the policy of each environment, made by the first run that needs it."""
    yield {}


def marks(name: str) -> list[pytest.MarkDecorator]:
    slow = [pytest.mark.slow] if name in OWN_WORLD else []
    return [*slow, pytest.mark.sandbox] if name.startswith("swe_") else slow


PLAYED = [
    name for name in recipe.shipped() if not recipe.load(name).offline.required
]  # others: tests/trainers/offline


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in PLAYED])
def test_a_recipe_takes_an_update(
    name: str, lights_file: Path, tmp_path: Path, policies: dict[str, str]
) -> None:
    chosen = small(name, f"{lights_file}:Lights", TINY, NUM_UPDATES.get(name, 1), plain=True)
    world = chosen.env.id if name in OWN_WORLD else "lights"
    key = f"{world} {chosen.prompt.style}"
    if key in policies:
        chosen = replace(chosen, policy=replace(chosen.policy, checkpoint=policies[key]))
    run = tmp_path / "run"
    assert train(chosen, run).update == chosen.train.num_updates
    if key not in policies:
        policies[key] = str(run / "warmstart")
    entry = read_log(run)[-1]
    assert entry["credit/std"] > 0.0 or name in OWN_WORLD
    assert recipe.load(str(run / "recipe.toml")) == chosen


@pytest.mark.parametrize("name", recipe.shipped())
def test_a_recipe_finds_its_parts(name: str) -> None:
    """As it ships, its own environment included; only the server is this process."""
    validate(recipe.load(name))


def test_the_methods_of_the_literature_have_a_recipe() -> None:
    wanted = (
        "grpo gigpo hgpo salt graphgpo g2po graft igpo gated arpo_branching arpo_replay dapo gspo dr_grpo "
        "starpo_s turn_ppo archer otc llds scaling_inter grpo_search grpo_shopping gigpo_search "
        "gigpo_shopping gigpo_tree crbc graphhca gagpo rtmc vetta opmd asymre canon bnpo risk_po aspo m_grpo "
        "step_grpo spo_tree unlikely noisy ppr gdpo "
        "d3s scaf_grpo ghpo dr_po"
    )
    assert set(wanted.split()) <= set(recipe.shipped())
    assert {recipe.load(name).credit.name for name in recipe.shipped()} <= set(credits.names())


def test_recipes_are_no_copies() -> None:
    """What most recipes share stands in one of them; the others say what they change."""
    extending = [file for file in RECIPES.glob("*.toml") if "\nextends = " in file.read_text()]
    assert len(extending) >= 18
    assert all(len(file.read_text().splitlines()) <= 50 for file in extending)


def test_what_the_page_says_of_small_machines_and_bases(tmp_path: Path) -> None:
    """The command loads and finds its parts; the recipe that extends another changes what it says."""
    (command,) = re.findall(r"    turnwise train ((?:.*\\\n)*.*)\n", SMALL_MACHINES)
    words = command.replace("\\\n", " ").split()
    chosen = recipe.load(words[0], words[2::2])
    assert set(words[1::2]) == {"--set"}
    assert (chosen.credit.name, chosen.policy.kind, chosen.rollout.group_size) == ("hgpo", "tiny", 8)
    validate(chosen)
    (text,) = re.findall(r"```toml\n(.*?)```", SMALL_MACHINES, re.S)
    (tmp_path / "mine.toml").write_text(text)
    mine = recipe.load(str(tmp_path / "mine.toml"))
    assert mine.credit.params["history"] == 4
    assert mine.loss == recipe.load("hgpo").loss
