"""Parts: one type in a recipe, one registry a kind, checked once where they are bound."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from pathlib import Path
from typing import Literal

import pytest

from turnwise.errors import UnknownName, UsageError
from turnwise.trainers import credit, losses, recipe, rewards, weights
from turnwise.trainers.credit import transforms
from turnwise.trainers.losses import terms as loss_terms
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.parts import Named, Part, Registry
from turnwise.trainers.rollouts import annotators, horizon, plans, samplers
from turnwise.trainers.sections import PlanSection

KINDS = [
    credit.base,
    transforms,
    rewards.base,
    weights.base,
    losses.base,
    loss_terms,
    plans.base,
    samplers.base,
    annotators.base,
    horizon,
]


def scaled() -> Registry[Named[float]]:
    registry = Registry("scaler", Named[float])

    @registry.register("times")
    def times(value: float, *, factor: float = 2.0, add: float) -> float:
        """Multiply and add.

        More is said here.
        """
        return value * factor + add

    return registry


def test_a_bound_part_has_its_parameters() -> None:
    registry = scaled()
    bound = registry.bind(Part("times", {"add": 1.0}))
    assert bound(3.0) == 7.0
    assert (bound.name, bound.summary) == ("times", "Multiply and add.")
    assert registry.get("times")(3.0, factor=1.0, add=0.5) == 3.5
    assert registry.names() == ["times"]
    with pytest.raises(UnknownName, match="unknown parameter of scaler times 'factor'"):
        bound(3.0, factor=4.0)  # what is bound cannot be changed


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part("time", {"add": 1.0}), "unknown scaler 'time': did you mean 'times'"),
        (Part("times", {"ad": 1.0}), "unknown parameter of scaler times 'ad': did you mean 'add'"),
        (
            Part("times", {"params": {"add": 1.0}}),
            "is not a parameter; .* stand beside the name",
        ),
        (Part("times"), r"scaler times needs add=\.\.\."),
        (Part("", {"add": 1.0}), "a scaler with {'add': 1.0} has no name"),
    ],
)
def test_what_cannot_be_bound_is_refused(part: Part, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        scaled().bind(part)


def test_a_misspelt_key_of_a_section_is_answered_with_the_sections_own() -> None:
    with pytest.raises(UnknownName, match="did you mean 'kl_coef'"):
        losses.base.bind(ObjectiveConfig(params={"kl_coeff": 1.0}))


def test_names_are_taken_once() -> None:
    with pytest.raises(UsageError, match="scaler 'times' is registered already"):
        scaled().register("times")(lambda value: value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.removeprefix("turnwise.trainers."))
def test_every_kind_is_one_registry_and_its_members_say_what_they_do(kind) -> None:  # type: ignore[no-untyped-def]
    registry = kind.REGISTRY
    assert type(registry) is Registry
    assert registry.names()
    for name in registry.names():
        member = registry.get(name)
        if member.function.__module__.startswith("turnwise."):
            assert member.summary.endswith("."), name
            assert inspect.getdoc(member) == inspect.getdoc(member.function)


@pytest.mark.parametrize(("registry", "section"), [(losses, ObjectiveConfig), (plans, PlanSection)])
def test_no_parameter_has_the_name_of_a_sections_own_key(registry, section) -> None:  # type: ignore[no-untyped-def]
    own = {field.name for field in dataclasses.fields(section)}
    assert [name for name in registry.names() if own & set(registry.get(name).defaults)] == []


def test_parameters_stand_beside_the_name_wherever_a_part_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'credit = {name = "gigpo", gamma = 0.95}\n'
        'plan = {name = "tree", width = 3, shared = "each"}\n'
        '[loss]\nname = "ppo"\nkl = "k3"\nclip_low = 0.1\nterms = [{name = "llds", coef = 0.3}]\n'
        '[rollout.horizon]\nname = "growing"\nstart = 2\n'
    )
    loaded = recipe.load(str(file))
    assert (loaded.credit.name, loaded.credit.params) == ("gigpo", {"gamma": 0.95})
    assert (loaded.plan.shared, loaded.plan.params) == ("each", {"width": 3})
    assert (loaded.loss.kl, loaded.loss.params) == ("k3", {"clip_low": 0.1})
    assert loaded.loss.terms == (Part("llds", {"coef": 0.3}),)
    assert loaded.rollout.horizon == Part("growing", {"start": 2})
    file.write_text(recipe.dump(loaded))
    assert recipe.load(str(file)) == loaded


def test_another_name_drops_the_former_parts_parameters_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        changed = recipe.load("demo", ["loss.name=sapo", "loss.tau_positive=0.5"])
    assert changed.loss.params == {"tau_positive": 0.5}
    assert changed.loss.aggregation == "token_mean"  # the section's own keys stay
    (said,) = caplog.messages
    assert said == "--set loss.name=sapo: clip_low, clip_high, dual_clip of the former part are dropped"
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        same = recipe.load("demo", ["loss.name=ppo"])
    assert same.loss == recipe.load("demo").loss
    assert caplog.messages == []


def test_a_recipe_that_names_another_part_than_its_base_starts_it_afresh(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "hgpo"\n[credit]\nname = "salt"\nhistory = 1\n')
    assert recipe.load(str(tmp_path / "mine.toml")).credit.params == {"history": 1}
    (tmp_path / "mine.toml").write_text('extends = "hgpo"\n[credit]\nhistory = 4\n')
    mine, base = recipe.load(str(tmp_path / "mine.toml")).credit, recipe.load("hgpo").credit
    assert mine.params == {**base.params, "history": 4}


def test_a_value_that_its_type_does_not_list_is_refused_when_a_part_is_bound() -> None:
    registry: Registry[Named[int]] = Registry("thing", Named)

    @registry.register("chosen")
    def chosen(*, how: Literal["loud", "low"] = "low", often: int = 1) -> int:
        return often

    assert registry.bind(Part("chosen", {"how": "loud", "often": 3}))() == 3
    with pytest.raises(UnknownName, match="unknown value of how 'lowd': did you mean 'low' or 'loud'"):
        registry.bind(Part("chosen", {"how": "lowd"}))
