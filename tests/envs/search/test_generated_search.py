"""The generated world and its environment.

1. Size, determinism, every fact written on its page, names given once.
2. Questions: unique, 1 to 4 hops, one answer that follows from the facts.
3. Sides know nothing of each other: no supporting page, thing or answer is shared.
4. The expert answers with every supporting page found, in at most 4 searches (all as `slow`).
5. The game: turns, tiers, routing, private entries, choices, clones.
"""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

import turnwise
from turnwise.envs.search.generated import GeneratedSearch
from turnwise.envs.search.protocol import INVALID
from turnwise.envs.search.questions import generated_questions, split_of
from turnwise.envs.search.relations import RELATIONS, of_subject
from turnwise.envs.search.world import SIDES, generated_world
from turnwise.envs.search.writing import _all_pages, generated_knowledge, page_id
from turnwise.errors import UnknownName, UsageError


def test_size_and_determinism() -> None:
    assert len(_all_pages(0)) == 22_080
    assert len(generated_questions(0)) == 4_000
    assert generated_questions(0).digest == "b4c89e860dbee880"
    assert generated_knowledge(0, "all").digest == "fc5d7e1b3cae98d5"
    assert generated_world(1).things[0].name != generated_world(0).things[0].name


def test_more_questions_about_the_same_world() -> None:
    few, many = generated_questions(0), generated_questions(0, 8_000)
    assert len(many) == 8_000
    assert Counter(len(question.supporting) for question in many) == dict.fromkeys((1, 2, 3, 4), 2_000)
    for side in SIDES:
        first = [question for question in few if question.side == side]
        assert [question for question in many if question.side == side][: len(first)] == first
    assert len({question.text for question in many}) == 8_000
    env = turnwise.make("search/generated-v1", hops=1, num_questions=8_000, split="unseen")
    assert env.reset(seed=3)[1]["task"].startswith("unseen-1hop-")
    assert env.fingerprint != turnwise.make("search/generated-v1", hops=1, split="unseen").fingerprint
    with pytest.raises(UsageError, match="num_questions must be from 40 to 100000, got 39"):
        turnwise.make("search/generated-v1", num_questions=39)


def test_every_fact_stands_on_its_page() -> None:
    world, pages = generated_world(0), {page.id: page for page in _all_pages(0)}
    assert len({thing.name for thing in world.things}) == len(world.things)
    for thing in world.things[::37]:
        for relation in of_subject(thing.kind):
            page = pages[page_id(thing, relation.part)]
            assert world.answer(thing, relation) in page.text
            assert page.title == thing.name


def test_facts_stay_on_their_side() -> None:
    world = generated_world(0)
    for thing in world.things:
        for value in thing.facts.values():
            if isinstance(value, int):
                assert world.things[value].side == thing.side
                assert value != thing.number
    married = [thing for thing in world.things if thing.kind == "person"]
    assert all(world.things[world.things[t.facts["spouse"]].facts["spouse"]] is t for t in married)  # type: ignore[index]


def test_relations_can_be_said_and_asked() -> None:
    assert len({relation.name for relation in RELATIONS}) == len(RELATIONS)
    for relation in RELATIONS:
        assert all("{s}" in question for question in relation.questions)
        assert all("{o}" in sentence for sentence in relation.sentences)
        assert (relation.phrase is None) == (relation.object is None)


def test_questions_are_chains_with_one_answer() -> None:
    world, questions = generated_world(0), generated_questions(0)
    assert len({question.text for question in questions}) == 4_000
    assert Counter(len(question.supporting) for question in questions) == dict.fromkeys((1, 2, 3, 4), 1_000)
    by_name = {thing.name: thing for thing in world.things}
    for question in questions[::11]:
        assert len(question.answers) == 1
        assert question.answers[0] not in question.text
        steps = [page.split("-") for page in question.supporting]
        things = [world.things[int(number)] for _, number, _ in steps]
        assert things[0].name in question.text
        assert len(set(question.supporting)) == len(steps)
        for thing, following in itertools.pairwise(things):
            assert following.number in thing.facts.values()
        last = things[-1]
        assert question.answers[0] in {world.answer(last, relation) for relation in of_subject(last.kind)}
        assert by_name[things[0].name].side == question.side


def test_no_supporting_page_or_named_answer_on_two_sides() -> None:
    names = {thing.name for thing in generated_world(0).things}
    pages: dict[str, set[str]] = {side: set() for side in SIDES}
    answers: dict[str, set[str]] = {side: set() for side in SIDES}
    for question in generated_questions(0):
        pages[question.side] |= set(question.supporting)
        answers[question.side] |= set(question.answers) & names
    for first, second in (("train", "test"), ("train", "unseen"), ("unseen", "test")):
        assert not pages[first] & pages[second]
        assert not answers[first] & answers[second]
    assert {split_of(q) for q in generated_questions(0)} == {"train", "seen", "unseen", "test"}


@pytest.mark.parametrize("stride", [29, pytest.param(1, marks=pytest.mark.slow)])
def test_expert_searches_its_way_to_the_answer(stride: int) -> None:
    env = turnwise.make("search/generated-v1", split="all")
    numbers = range(0, 4_000, stride)
    solved = 0
    for number in numbers:
        _, info = env.reset(options={"question_index": number, "expert": True})
        found = calls = reward = 0.0
        done = False
        while not done:
            _, reward, terminated, truncated, info = env.step(info["private"]["expert"])
            found += info["rewards"].get("supporting", 0)
            calls += info["rewards"].get("tool_calls", 0)
            done = terminated or truncated
        solved += reward == 1.0 and calls <= 4 and found == pytest.approx(1)
    assert solved >= 0.95 * len(numbers)


def test_a_game_turn_by_turn() -> None:
    env = turnwise.make("search/generated-v1", split="all", cost_per_call=0.1)
    number = next(i for i, q in enumerate(generated_questions(0)) if len(q.supporting) == 2)
    question = generated_questions(0)[number]
    observation, info = env.reset(options={"question_index": number, "answer": True})
    assert observation == f"Question: {question.text}"
    assert info["private"] == {"answer": list(question.answers)}
    assert [tool["name"] for tool in info["tools"]] == ["search", "search_in", "answer"]
    assert [tool["usage"] for tool in info["tools"]] == [
        "<search>{query}</search>",
        '<search kb="{name}">{query}</search>',
        "<answer>{text}</answer>",
    ]
    assert "malformed" not in info
    observation, _, _, _, info = env.step("no tags")
    assert observation == INVALID
    nothing = dict.fromkeys(("readable", "tool_calls", "cost", "supporting", "em", "f1", "substring"), 0.0)
    assert info["rewards"] == nothing
    assert info["malformed"] is True
    observation, _, _, _, info = env.step(f"<search>{question.queries[0][0]}</search>")
    assert observation.startswith('<information>Doc 1(Title: "')
    found = {"readable": 1, "tool_calls": 1, "cost": -0.1, "supporting": 0.5}
    assert info["rewards"] == nothing | found
    assert info["malformed"] is False
    again = env.step(f"<search>{question.queries[0][0]}</search>")[-1]["rewards"]
    assert again["supporting"] == 0.0
    _, reward, terminated, truncated, info = env.step(f"<answer>not {question.answers[0]}</answer>")
    assert (reward, terminated, truncated, info["won"]) == (0.0, True, False, False)
    assert info["rewards"]["substring"] == 1.0


def test_turns_run_out() -> None:
    env = turnwise.make("search/generated-v1")
    env.reset(seed=0)
    assert [env.step("<search>x</search>")[3] for _ in range(5)] == [False] * 4 + [True]


def test_knowledge_bases_are_routed() -> None:
    env = turnwise.make("search/generated-v1", split="all")
    person = next(t for t in generated_world(0).things if t.kind == "person")
    env.reset(seed=0)
    assert f'(Title: "{person.name}")' in env.step(f'<search kb="people">{person.name}</search>')[0]
    assert f'(Title: "{person.name}")' not in env.step(f'<search kb="works">{person.name}</search>')[0]
    reply, _, _, _, info = env.step(f'<search kb="nothing">{person.name}</search>')
    assert reply == (
        "<information>There is no knowledge base of that name; there are:"
        " all, organisations, people, places, works.</information>"
    )
    assert info["rewards"]["tool_calls"] == 1
    assert env.step("<search></search>")[0] == "<information></information>"


def test_choices_hold_the_way_to_the_answer() -> None:
    env = turnwise.make("search/generated-v1", split="all", choices=True)
    for number in range(0, 4_000, 211):
        question = generated_questions(0)[number]
        _, info = env.reset(options={"question_index": number})
        world = generated_world(0)
        for page in question.supporting:
            name = world.things[int(page.split("-")[1])].name
            assert f"<search>{name}</search>" in info["admissible"]
            assert info["admissible"] == sorted(info["admissible"])
            *_, info = env.step(f"<search>{name}</search>")
        assert f"<answer>{question.answers[0]}</answer>" in info["admissible"]


def test_the_expert_keeps_to_the_choices() -> None:
    env = turnwise.make("search/generated-v1", split="all", choices=True)
    for number in range(0, 4_000, 97):
        _, info = env.reset(options={"question_index": number, "expert": True})
        reward, done = 0.0, False
        while not done:
            assert info["private"]["expert"] in info["admissible"]
            _, reward, terminated, truncated, info = env.step(info["private"]["expert"])
            done = terminated or truncated
        assert reward == 1.0


def test_clone_is_independent() -> None:
    env = GeneratedSearch()
    env.reset(seed=5)
    twin = env.clone()
    assert env.step("<search>river</search>") == twin.step("<search>river</search>")
    env.step("<answer>x</answer>")
    assert twin.step("<search>city</search>")[0] != ""
    assert env.step("<search>city</search>")[:4] == ("", 0.0, True, False)


def test_arguments_are_checked() -> None:
    with pytest.raises(UsageError, match="hops must be from 1 to 4"):
        turnwise.make("search/generated-v1", hops=5)
    with pytest.raises(UnknownName, match="did you mean 'unseen'"):
        turnwise.make("search/generated-v1", split="unsen")
    with pytest.raises(UnknownName, match="reward"):
        turnwise.make("search/generated-v1", reward="bleu")
    with pytest.raises(UsageError, match="question_index must be from 0 to 3999"):
        turnwise.make("search/generated-v1").reset(options={"question_index": 4_000})
