"""Function calling: typed calls, errors as replies, tasks that check themselves, grades.

1. Every family's solution is accepted, needed, and earns 1 from the expert by both grades.
2. Checks of arguments: unknown, missing, wrong type, wrong value, too long; functions that refuse.
3. Each function changes what it says and nothing else.
4. Grades: state, answer, calls; other ways to the same state; harm that is not undone.
5. Messages that are no call; any text; clones; splits; arguments.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

import turnwise
from turnwise.envs.calling import tasks
from turnwise.envs.calling.api import FUNCTIONS, free_start, overlaps
from turnwise.envs.calling.environment import OfficeEnv, _part
from turnwise.envs.calling.functions import CallError, check
from turnwise.envs.calling.furnish import furnish
from turnwise.envs.calling.messages import answer_of, call_of
from turnwise.envs.calling.state import WEEK, Office
from turnwise.envs.calling.tasks import FAMILIES, HELD_OUT, Call, make_task
from turnwise.errors import EnvironmentFault, UnknownName, UsageError

MONDAY = WEEK["Monday"]
NOTHING = dict.fromkeys(("tool_calls", "error", "progress", "state", "answer", "calls"), 0.0)
"""The tiers of a reply to a message that came to nothing."""


def say(name: str, /, **arguments: Any) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def run(office: Office, name: str, /, **arguments: Any) -> Any:
    return FUNCTIONS[name].call(office, arguments)


def refused(office: Office, name: str, /, **arguments: Any) -> str:
    before = office.canonical()
    with pytest.raises(CallError) as caught:
        run(office, name, **arguments)
    assert office.canonical() == before
    return caught.value.code


@pytest.fixture
def office() -> Office:
    return Office(
        contacts={
            "c1": {"name": "Ada Abel", "email": "a@x", "phone": "1"},
            "c2": {"name": "Bo Ada", "email": "b@x", "phone": "2"},
        },
        events={
            "e1": {"title": "lunch", "date": MONDAY, "start": "12:00", "minutes": 60, "attendees": ["c1"]}
        },
        files={"notes/a.md": "x", "notes/b.md": "y", "logs/d.log": "z"},
        items={"i1": {"name": "plus mug", "price": 7, "stock": 5}},
        orders={"o1": {"item": "i1", "quantity": 2, "total": 14, "status": "pending"},
                "o2": {"item": "i1", "quantity": 1, "total": 7, "status": "delivered"}},
    )  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_solved_by_its_plan_and_by_nothing_less(family: str) -> None:
    env = turnwise.make("calling/office-v1", split="all", family=family, grade="calls")
    for number in range(12):
        _, info = env.reset(options={"task_number": number, "expert": True})
        task = env.text_env._task
        assert task.family == family
        assert len(task.plan) + 1 <= 12
        reward, progress, done = 0.0, 0.0, False
        while not done:
            _, reward, terminated, truncated, info = env.step(info["private"]["expert"])
            progress += info["rewards"].get("progress", 0.0)
            done = terminated or truncated
        assert (reward, progress) == (1.0, pytest.approx(1.0))
        env.reset(options={"task_number": number})
        assert env.step("<answer>done</answer>")[1] == 0.0


def test_tasks_are_the_same_for_the_same_number() -> None:
    names = tuple(FAMILIES)
    first, again, other = make_task(0, 7, names), make_task(0, 7, names), make_task(1, 7, names)
    assert (first.instruction, first.plan, first.goal) == (again.instruction, again.plan, again.goal)
    assert first.goal != other.goal


@pytest.mark.parametrize(
    "draft",
    [
        ("x", [Call("get_contact", {"id": "c99"})], None),  # fails
        ("x", [Call("find_contacts", {"query": "a"})], None),  # changes nothing and asks nothing
        ("x", [Call("add_contact", {"name": "a", "email": "b", "phone": "c"})], "42"),  # both
    ],
)
def test_a_broken_family_is_found(draft: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tasks.FAMILIES, "broken", lambda rng, office: draft)
    with pytest.raises(EnvironmentFault, match="broken/0"):
        make_task(0, 0, ("broken",))


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("get_contact", {"ident": "c1"}, "unknown_argument"),
        ("get_contact", {}, "missing_argument"),
        ("get_contact", {"id": 1}, "wrong_type"),
        ("place_order", {"item_id": "i1", "quantity": True}, "wrong_type"),
        ("place_order", {"item_id": "i1", "quantity": 1.5}, "wrong_type"),
        ("place_order", {"item_id": "i1", "quantity": "1"}, "wrong_type"),
        ("update_contact", {"id": "c1", "field": "name", "value": "x"}, "wrong_value"),
        ("write_file", {"path": "a", "text": "x" * 2_001}, "too_long"),
        (
            "create_event",
            {"title": "t", "date": "2031-03-04", "start": "09:00", "minutes": 5, "attendees": "c1"},
            "wrong_type",
        ),
        (
            "create_event",
            {"title": "t", "date": "2031-03-04", "start": "09:00", "minutes": 5, "attendees": ["c1"] * 51},
            "too_long",
        ),
        ("get_contact", {"id": "c9"}, "not_found"),
        ("delete_contact", {"id": "c1"}, "in_use"),
        ("list_events", {"date": "tomorrow"}, "wrong_value"),
        (
            "create_event",
            {"title": "t", "date": "2031-03-03", "start": "12:30", "minutes": 60, "attendees": []},
            "conflict",
        ),
        (
            "create_event",
            {"title": "t", "date": "2031-03-03", "start": "9:00", "minutes": 60, "attendees": []},
            "wrong_value",
        ),
        (
            "create_event",
            {"title": "t", "date": "2031-03-03", "start": "23:30", "minutes": 60, "attendees": []},
            "wrong_value",
        ),
        (
            "create_event",
            {"title": "t", "date": "2031-03-03", "start": "09:00", "minutes": 60, "attendees": ["c9"]},
            "not_found",
        ),
        ("move_event", {"id": "e9", "date": "2031-03-03", "start": "09:00"}, "not_found"),
        ("read_file", {"path": "nothing"}, "not_found"),
        ("write_file", {"path": "../x", "text": ""}, "wrong_value"),
        ("move_file", {"source": "notes/a.md", "target": "notes/b.md"}, "exists"),
        ("move_file", {"source": "notes/a.md", "target": "a b"}, "wrong_value"),
        ("place_order", {"item_id": "i1", "quantity": 6}, "out_of_stock"),
        ("place_order", {"item_id": "i1", "quantity": 0}, "out_of_stock"),
        ("cancel_order", {"id": "o2"}, "too_late"),
    ],
)
def test_refused_calls_change_nothing(
    office: Office, name: str, arguments: dict[str, Any], code: str
) -> None:
    assert refused(office, name, **arguments) == code


def test_contacts_and_files(office: Office) -> None:
    assert [row["id"] for row in run(office, "find_contacts", query="ADA")] == ["c1", "c2"]
    made = run(office, "add_contact", name="Cy", email="c@x", phone="3")["id"]
    assert run(office, "get_contact", id=made)["name"] == "Cy"
    assert run(office, "update_contact", id=made, field="phone", value="9")["phone"] == "9"
    run(office, "delete_contact", id=made)
    assert made not in office.contacts
    assert run(office, "list_files", folder="notes/") == ["notes/a.md", "notes/b.md"]
    run(office, "move_file", source="notes/a.md", target="old/a.md")
    run(office, "delete_file", path="notes/b.md")
    run(office, "write_file", path="notes/c.md", text="new")
    assert office.files == {"logs/d.log": "z", "old/a.md": "x", "notes/c.md": "new"}


def test_calendar(office: Office) -> None:
    assert overlaps(office, MONDAY, "11:30", 30) is None
    assert overlaps(office, MONDAY, "11:30", 31) == "e1"
    assert overlaps(office, MONDAY, "12:59", 5) == "e1"
    assert overlaps(office, MONDAY, "13:00", 5) is None
    made = run(
        office,
        "create_event",
        title="call",
        date=MONDAY,
        start="09:00",
        minutes=60,
        attendees=["c2", "c1", "c2"],
    )
    assert office.events[made["id"]]["attendees"] == ["c1", "c2"]
    assert free_start(office, MONDAY, 60) == "10:00"
    assert [row["title"] for row in run(office, "list_events", date=MONDAY)] == ["call", "lunch"]
    run(office, "move_event", id="e1", date=MONDAY, start="12:30")  # over its own old time
    assert office.events["e1"]["start"] == "12:30"
    run(office, "cancel_event", id="e1")
    assert run(office, "find_events", query="LUNCH") == []


def test_orders(office: Office) -> None:
    assert run(office, "place_order", item_id="i1", quantity=3)["total"] == 21
    assert office.items["i1"]["stock"] == 2
    run(office, "cancel_order", id="o1")
    assert office.items["i1"]["stock"] == 4
    assert [row["id"] for row in run(office, "list_orders", status="cancelled")] == ["o1"]
    assert len(run(office, "list_orders", status="any")) == 3


def phone_task(grade: str = "state") -> tuple[OfficeEnv, dict[str, Any]]:
    env = OfficeEnv(split="all", family="change_phone", grade=grade)
    _, info = env.reset(options={"task_number": 3, "answer": True})
    return env, info["private"]["answer"]["calls"][1]["arguments"]


def test_another_way_to_the_state_counts_unless_calls_are_graded() -> None:
    for grade, expected in (("state", 1.0), ("calls", 0.0)):
        env, wanted = phone_task(grade)
        env.step(say("update_contact", id=wanted["id"], field="phone", value="000"))
        env.step(say("update_contact", **wanted))
        _, reward, terminated, _, info = env.step("<answer>done</answer>")
        assert (reward, terminated, info["won"]) == (expected, True, expected == 1.0)
        assert info["rewards"] == NOTHING | {"state": 1.0, "answer": 1.0}


def test_harm_beside_the_solution_costs_everything() -> None:
    env, wanted = phone_task()
    env.step(say("update_contact", **wanted))
    env.step(say("delete_file", path=sorted(env._office.files)[0]))
    assert env.step("<answer>done</answer>")[1] == 0.0


def test_answers_are_compared_and_the_office_must_stay() -> None:
    for told, disturb, expected in (("right", False, 1.0), ("wrong", False, 0.0), ("right", True, 0.0)):
        env = OfficeEnv(split="all", family="tell_email")
        _, info = env.reset(options={"task_number": 0, "answer": True})
        if disturb:
            env.step(say("add_contact", name="x", email="y", phone="z"))
        text = info["private"]["answer"]["text"] if told == "right" else "nobody@example.com"
        assert env.step(f"It is <answer>{text}</answer>")[1] == expected


def test_replies_and_tiers() -> None:
    env, wanted = phone_task()
    opening, info = env.reset(options={"task_number": 3})
    assert opening.startswith("Request: ")
    assert "find_contacts(query: string): contacts whose name contains the query" in opening
    assert [tool["name"] for tool in info["tools"]] == [*FUNCTIONS, "answer"]
    assert len(FUNCTIONS) == 19
    assert info["tools"][0]["parameters"]["required"] == ["query"]
    reply, _, _, _, info = env.step(say("get_contact", id="c99"))
    assert (
        reply
        == '<tool_response>{"error": "not_found", "detail": "there is no contact \'c99\'"}</tool_response>'
    )
    assert info["rewards"] == NOTHING | {"tool_calls": 1.0, "error": 1.0}
    assert info["malformed"] is False
    reply, _, _, _, info = env.step(say("update_contact", **wanted))
    assert (
        json.loads(reply[len("<tool_response>") : -len("</tool_response>")])["result"]["id"] == wanted["id"]
    )
    assert info["rewards"] == NOTHING | {"tool_calls": 1.0, "progress": 0.5}
    assert env.step(say("update_contact", **wanted))[-1]["rewards"]["progress"] == 0.0


@pytest.mark.parametrize(
    "message",
    [
        "", "hello", "<tool_call>[]</tool_call>", '<tool_call>"{}"</tool_call>',
        '<tool_call>{"name": "get_contact"}</tool_call>',
        '<tool_call>{"name": "get_contact", "parameters": {"id": "c1"}}</tool_call>',
        '<tool_call>{"name": "get_contact", "arguments": null}</tool_call>',
        '<tool_call>{"name": "get_contact", "arguments": "[]"}</tool_call>',
        '<tool_call>{"name": "get_contact", "arguments": "\\"{}\\""}</tool_call>',
        '<tool_call>{"name": "get_contact", "arguments": {"id": "c1"}}}</tool_call>',
        '<tool_call>{"name": "get_contact", "arguments": "{\\"id\\": \\"c1\\"}}"}</tool_call>',
        '<tool_call>{"name": "get_contact", "arguments": {"id": "c1", "id": "c2"}}</tool_call>',
        '<tool_call>{"name": "place_order", "arguments": {"quantity": NaN}}</tool_call>',
        '<tool_call>{"name": 3}</tool_call>', '<tool_call>{"name": "x", "arguments": []}</tool_call>',
        say("get_contact", id="c1") + "<answer>x</answer>",
        "<answer>a</answer><answer>b</answer>", f"<tool_call>{'[' * 100_000}{']' * 100_000}</tool_call>",
        "<think>" + say("get_contact", id="c1"), "<think>or <answer>x</answer>",
        '<tool_call>{"name": "place_order", "arguments": {"quantity": ' + "9" * 5_000 + "}}</tool_call>",
    ],
)  # fmt: skip
def test_unreadable_messages_are_answered(message: str) -> None:
    env, _ = phone_task()
    reply, reward, terminated, _, info = env.step(message)
    assert reply.startswith('<tool_response>{"error": "unreadable"')
    assert (reward, terminated, info["rewards"]["tool_calls"], info["malformed"]) == (0.0, False, 0.0, True)


def test_of_several_calls_none_is_made_and_the_reply_names_the_rule() -> None:
    env, wanted = phone_task()
    reply, _, _, _, info = env.step(say("update_contact", **wanted) * 2)
    assert reply.startswith(
        '<tool_response>{"error": "several_calls", "detail": "2 calls in one message, none'
    )
    assert "write one <tool_call>" in reply
    assert (info["malformed"], info["rewards"]) == (True, NOTHING | {"error": 1.0})


def made(message: str) -> Call | str:
    """Return the call that a message makes, or the code of its refusal."""
    try:
        return call_of(message)
    except CallError as error:
        return error.code


ARGUMENTS = {"title": 't "\u00e9"', "date": MONDAY, "start": "09:00", "minutes": 30, "attendees": ["c1"]}
BODY = json.dumps({"name": "create_event", "arguments": ARGUMENTS})


def test_arguments_may_be_text_that_is_json() -> None:
    said = json.dumps({"name": "create_event", "arguments": json.dumps(ARGUMENTS)})
    assert made(f"<tool_call>{said}</tool_call>") == Call("create_event", ARGUMENTS)


def test_a_call_that_is_cut_off_anywhere_is_called_cut_off() -> None:
    for length in range(len(BODY)):
        assert made(f"<tool_call>{BODY[:length]}") == "cut_off"
        assert made(f"<tool_call>{BODY[:length]}</tool_call>") == "cut_off", BODY[:length]
    for literal in ("true", "null", "-1", "1.5e3"):
        text = f'{{"minutes": {literal}}}'
        for length in range(len(text)):
            said = json.dumps({"name": "create_event", "arguments": text[:length]})
            assert made(f"<tool_call>{said}</tool_call>") == "cut_off", text[:length]


def test_a_call_inside_a_thought_is_not_made() -> None:
    wrong, right = say("delete_contact", id="c1"), say("get_contact", id="c2")
    for said in (f"<think>or {wrong}?</think>{right}", f"or {wrong}? or <tool_call></think>{right}"):
        assert made(said) == Call("get_contact", {"id": "c2"})
    assert answer_of(f"<think>or {wrong} or <answer>x</answer></think><answer>y</answer>") == "y"
    kept = say("write_file", path="a", text="</think> and <think>")
    assert made(kept) == Call("write_file", {"path": "a", "text": "</think> and <think>"})


@given(st.integers() | st.floats() | st.booleans() | st.text() | st.none() | st.integers().map(float))
def test_an_integer_is_what_the_published_schema_calls_one(value: Any) -> None:
    """JSON Schema, 6.1.1: integer is any number with a zero fractional part."""
    is_one = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value % 1 == 0
    )
    try:
        found = check(FUNCTIONS["place_order"], {"item_id": "i1", "quantity": value})["quantity"]
    except CallError as error:
        assert (error.code, is_one) == ("wrong_type", False)
    else:
        assert is_one
        assert type(found) is int
        assert found == value


@settings(deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)), st.data())
def test_what_the_published_schema_admits_is_accepted_and_nothing_else(name: str, data: Any) -> None:
    schema = FUNCTIONS[name].schema()["parameters"]
    value = (
        st.sampled_from(["email", "any", "x" * 2_000, "x" * 2_001, 3, 3.0, 3.5, True, None])
        | st.lists(st.sampled_from(["c1", "x" * 2_001, 1]), max_size=2)
        | st.sampled_from([["c"] * 50, ["c"] * 51])
    )
    names = data.draw(st.lists(st.sampled_from([*schema["required"], "other"]), unique=True))
    arguments = {each: data.draw(value) for each in dict.fromkeys([*names, *schema["required"][1:]])}
    try:
        check(FUNCTIONS[name], arguments)
    except CallError:
        assert not Draft202012Validator(schema).is_valid(arguments)
    else:
        assert Draft202012Validator(schema).is_valid(arguments)


def test_a_number_written_another_way_reaches_the_same_state_by_both_grades() -> None:
    hashes = []
    for kind in (int, float):
        env = OfficeEnv(split="all", family="meet", grade="calls")
        _, info = env.reset(options={"task_number": 5, "answer": True})
        for call in info["private"]["answer"]["calls"]:
            arguments = {
                name: kind(value) if name == "minutes" else value for name, value in call["arguments"].items()
            }
            info = env.step(say(call["name"], **arguments))[-1]
        hashes.append(info["state_hash"])
        assert info["rewards"]["progress"] > 0
        assert env.step("<answer>done</answer>")[1] == 1.0
    assert hashes[0] == hashes[1]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(FUNCTIONS)),
    st.dictionaries(
        st.sampled_from(["id", "query", "date", "start", "minutes", "path", "text", "quantity", "attendees"]),
        st.text(max_size=9)
        | st.integers()
        | st.lists(st.text(max_size=3), max_size=3)
        | st.none()
        | st.floats(),
        max_size=4,
    ),
)
def test_any_arguments_are_answered(name: str, arguments: dict[str, Any]) -> None:
    env = OfficeEnv()
    env.reset(seed=0)
    assert env.step(say(name, **arguments))[0].startswith("<tool_response>{")


def test_clone_is_independent() -> None:
    env, wanted = phone_task()
    env.step(say("update_contact", **wanted))
    twin = env.clone()
    twin.step(say("update_contact", id=wanted["id"], field="phone", value="000"))
    assert env.step("<answer>done</answer>")[1] == 1.0
    assert twin.step("<answer>done</answer>")[1] == 0.0


def test_turns_run_out_and_the_end_stays() -> None:
    env = OfficeEnv(max_turns=2)
    env.reset(seed=0)
    assert [env.step("x")[3] for _ in range(2)] == [False, True]
    env.reset(seed=0)
    env.step("<answer>x</answer>")
    assert env.step("<answer>x</answer>")[:4] == ("", 0.0, True, False)


def test_splits_hold_apart() -> None:
    seen: dict[str, set[str]] = {}
    for split in ("train", "seen", "unseen", "test"):
        env = OfficeEnv(split=split)
        seen[split] = {env.reset(seed=seed)[1]["task"] for seed in range(50)}
    families = {split: {task.split("/")[0] for task in found} for split, found in seen.items()}
    assert not families["train"] & set(HELD_OUT)
    assert families["unseen"] == set(HELD_OUT)
    assert families["test"] & set(HELD_OUT)
    assert {_part(int(task.split("/")[1])) for task in seen["train"]} == {"train"}
    assert {_part(int(task.split("/")[1])) for task in seen["seen"]} == {"seen"}
    assert {_part(int(task.split("/")[1])) for task in seen["test"]} == {"test"}


def test_arguments_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'change_phone'"):
        OfficeEnv(family="change_phones")
    with pytest.raises(UsageError, match="no task of family 'spent'"):
        OfficeEnv(family="spent")
    with pytest.raises(UnknownName, match="grade"):
        OfficeEnv(grade="both")
    with pytest.raises(UsageError, match="task_number must be from 0"):
        OfficeEnv(task_number=-1)


def test_offices_are_well_furnished() -> None:
    for seed in range(30):
        office = furnish(random.Random(seed))
        names = [row["name"] for row in office.contacts.values()]
        assert len(set(names)) == len(names) == 12
        for id, event in office.events.items():
            assert overlaps(office, event["date"], event["start"], event["minutes"], but=id) is None
            assert set(event["attendees"]) <= set(office.contacts)
        assert all(order["item"] in office.items for order in office.orders.values())
