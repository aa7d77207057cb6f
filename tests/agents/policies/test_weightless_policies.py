"""Random, scripted and expert policies, and agents by name."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from turnwise.agents.policies import Policy
from turnwise.agents.policies.by_name import make_policy
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.types import GenerationRequest
from turnwise.errors import PolicyError, UnknownName, UsageError


def said(policy, **request):
    return asyncio.run(policy.generate(GenerationRequest(**request))).text


def test_random_is_uniform_and_keyed():
    policy = RandomPolicy()
    draws = [said(policy, admissible=("a", "b", "c"), key=(0, turn)) for turn in range(300)]
    assert draws == [said(policy, admissible=("a", "b", "c"), key=(0, turn)) for turn in range(300)]
    assert all(70 <= number <= 130 for number in Counter(draws).values())  # 100 expected, 3.7 deviations


def test_random_needs_admissible_actions():
    for admissible in (None, ()):
        with pytest.raises(PolicyError, match="choose another agent"):
            said(RandomPolicy(), admissible=admissible)


def test_random_draws_among_suggestions_where_nothing_is_admissible():
    assert {said(RandomPolicy(), suggestions=("a", "b"), key=(turn,)) for turn in range(20)} == {"a", "b"}
    assert said(RandomPolicy(), admissible=("c",), suggestions=("a", "b")) == "c"


def test_a_script_follows_the_turns():
    policy = ScriptedPolicy(["a", "b"])
    assert [said(policy, turn=turn) for turn in (0, 1)] == ["a", "b"]
    with pytest.raises(PolicyError, match="2 actions, and turn 2 asks for one more"):
        said(policy, turn=2)
    assert said(ScriptedPolicy(["a", "b"], cycle=True), turn=5) == "b"


def test_scripts_in_files(tmp_path):
    lines = tmp_path / "s.txt"
    lines.write_text("go east\n\n  look \n", "utf-8")
    assert ScriptedPolicy.load(lines).actions == ("go east", "look")
    listed = tmp_path / "s.json"
    listed.write_text('["a\\nb", ""]', "utf-8")
    assert ScriptedPolicy.load(listed).actions == ("a\nb", "")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.json", b"{}", "holds dict"),
        ("s.json", b"[1]", "list of at least one text"),
        ("s.json", b"[", "Expecting value"),
        ("s.txt", b"\n\n", "list of at least one text"),
        ("s.txt", b"\xff", "utf-8"),
        ("none/s.txt", None, "there is no such file"),
    ],
)
def test_bad_scripts_name_the_file(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        ScriptedPolicy.load(path)
    assert str(path) in str(caught.value)


def test_the_expert_says_what_the_environment_knows():
    assert said(ExpertPolicy(), private={"expert": "go"}) == "go"
    with pytest.raises(PolicyError, match="has no expert"):
        said(ExpertPolicy())


def test_agents_by_name(tmp_path):
    script = tmp_path / "s.txt"
    script.write_text("look", "utf-8")
    assert isinstance(make_policy("expert"), ExpertPolicy)
    assert isinstance(make_policy("random"), RandomPolicy)
    assert make_policy(f"script:{script}", cycle=True).cycle
    endpoint = make_policy("openai:http://localhost:1/v1#org/model:tag", retries=2)
    assert isinstance(endpoint, OpenAIPolicy)
    assert (endpoint.name, endpoint.config.retries) == ("openai:org/model:tag", 2)
    assert all(isinstance(make_policy(spec), Policy) for spec in ("expert", "random"))
    asyncio.run(endpoint.aclose())


@pytest.mark.parametrize(
    ("spec", "options", "kind", "message"),
    [
        ("exprt", {}, UnknownName, "did you mean 'expert'"),
        ("opnai:http://x#m", {}, UnknownName, "unknown kind of agent 'opnai': did you mean 'openai'"),
        ("", {}, UnknownName, "unknown agent"),
        ("script", {}, UsageError, "expected script:FILE"),
        ("script:", {}, UsageError, "expected script:FILE"),
        ("expert:x", {}, UsageError, "expected expert"),
        ("openai:http://x/v1", {}, UsageError, "expected openai:URL#MODEL"),
        ("openai:x#m", {}, UsageError, "expected openai:URL#MODEL"),
        ("openai:http://x#m", {"cost_capp": 1}, UnknownName, "did you mean 'cost_cap'"),
        ("openai:http://x#m", {"x": 1}, UnknownName, r"retries: a whole number, default 5\n"),
        ("openai:http://x#m", {"x": 1}, UnknownName, r"extra_body: a table( or nothing)?, default None"),
        ("openai:http://x#m", {"retries": "two"}, UsageError, "retries = 'two'; expected a whole number"),
        ("openai:http://x#m", {"seeded": 1}, UsageError, "seeded = 1; expected true or false"),
        ("openai:http://x#m", {"extra_body": "x"}, UsageError, "extra_body = 'x'; expected a table"),
        (
            "hf:x",
            {"max_batches": 1},
            UnknownName,
            r"max_batch: a whole number, default 32: the largest batch",
        ),
        ("random", {"seed": 1}, UnknownName, "option of the agent random"),
        ("random", {"seed": 1}, UnknownName, "random takes no options"),
    ],
)
def test_wrong_agents_are_refused(spec, options, kind, message):
    with pytest.raises(kind, match=message):
        make_policy(spec, **options)
