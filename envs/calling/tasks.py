"""Tasks in the office: an instruction, the calls that solve it, and the answer where one is asked for.

A family is a function that draws a task in a furnished office. `make_task` runs
the solution on a copy: the result is the state that a solution must reach, and
a solution that fails, changes nothing it should, or gives no answer is an error
of the generator.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import EnvironmentFault
from .api import FUNCTIONS, free_start, overlaps
from .functions import CallError
from .furnish import FIRST_NAMES, KINDS, LAST_NAMES, email_of, furnish, phone
from .state import WEEK, Office, Row

Draft = tuple[str, list["Call"], str | None]


@dataclass(frozen=True, slots=True)
class Call:
    """One call with its arguments."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One task; `goal` is the canonical state that solves it, `answer` None where none is asked for."""

    family: str
    number: int
    instruction: str
    office: Office
    plan: tuple[Call, ...]
    goal: str
    answer: str | None


def make_task(seed: int, number: int, families: tuple[str, ...]) -> Task:
    """Make task `number` of a seed out of some families, which take turns.

    Raises:
        EnvironmentFault: if a family drew a task that its own solution does not solve.
    """
    family = families[number % len(families)]
    rng = random.Random(f"calling {seed} {family} {number}")
    office = furnish(rng)
    instruction, plan, answer = FAMILIES[family](rng, office)
    after = office.copy()
    for call in plan:
        try:
            FUNCTIONS[call.name].call(after, call.arguments)
        except CallError as error:
            raise EnvironmentFault(f"task {family}/{number}: {call} failed: {error.detail}") from error
    goal = after.canonical()
    changing = any(FUNCTIONS[call.name].changes for call in plan)
    if changing == (goal == office.canonical()) or changing == (answer is not None):
        raise EnvironmentFault(
            f"task {family}/{number} asks neither for a change nor for an answer, or for both"
        )
    return Task(family, number, instruction, office, tuple(plan), goal, answer)


def _person(rng: random.Random, office: Office) -> tuple[str, Row]:
    id = rng.choice(sorted(office.contacts))
    return id, office.contacts[id]


def _event(rng: random.Random, office: Office) -> tuple[str, Row]:
    id = rng.choice(sorted(office.events))
    return id, office.events[id]


def _day(date: str) -> str:
    return next(name for name, day in WEEK.items() if day == date)


def _busy_day(rng: random.Random, office: Office) -> str:
    dates: set[str] = {row["date"] for row in office.events.values()}
    return rng.choice(sorted(dates))


def _change_phone(rng: random.Random, office: Office) -> Draft:
    id, person = _person(rng, office)
    value = phone(rng)
    while value == person["phone"]:
        value = phone(rng)
    plan = [Call("find_contacts", {"query": person["name"]})]
    plan.append(Call("update_contact", {"id": id, "field": "phone", "value": value}))
    return f"{person['name']} has a new phone number, {value}. Put it into the contacts.", plan, None


def _add_contact(rng: random.Random, office: Office) -> Draft:
    taken = {row["name"] for row in office.contacts.values()}
    name = next(
        n for n in iter(lambda: f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}", "") if n not in taken
    )
    row = {"name": name, "email": email_of(name, "example.org"), "phone": phone(rng)}
    text = f"Add {name} to the contacts, phone {row['phone']}, email {row['email']}."
    return text, [Call("add_contact", row)], None


def _remove_double(rng: random.Random, office: Office) -> Draft:
    _, person = _person(rng, office)
    office.contacts["c13"] = {**person, "email": email_of(person["name"], "old.example.net")}
    text = f"{person['name']} is in the contacts twice. Delete the entry with the address at old.example.net."
    return (
        text,
        [Call("find_contacts", {"query": person["name"]}), Call("delete_contact", {"id": "c13"})],
        None,
    )


def _tell_email(rng: random.Random, office: Office) -> Draft:
    _, person = _person(rng, office)
    plan = [Call("find_contacts", {"query": person["name"]})]
    return f"What is the email address of {person['name']}?", plan, person["email"]


def _meet(rng: random.Random, office: Office) -> Draft:
    id, person = _person(rng, office)
    minutes = rng.choice((30, 45, 60))
    date, start = _free_slot(rng, office, minutes)
    text = f"Set up a {minutes} minute status talk with {person['name']} on {_day(date)} at {start}."
    arguments = {"title": "status talk", "date": date, "start": start, "minutes": minutes, "attendees": [id]}
    return text, [Call("find_contacts", {"query": person["name"]}), Call("create_event", arguments)], None


def _free_slot(rng: random.Random, office: Office, minutes: int, but: str = "") -> tuple[str, str]:
    while True:
        date, start = rng.choice(list(WEEK.values())), f"{rng.randint(9, 16):02d}:00"
        if overlaps(office, date, start, minutes, but=but) is None:
            return date, start


def _move(rng: random.Random, office: Office) -> Draft:
    id, event = _event(rng, office)
    date, start = _free_slot(rng, office, event["minutes"])
    plan = [Call("find_events", {"query": event["title"]})]
    plan.append(Call("move_event", {"id": id, "date": date, "start": start}))
    return f"Move the {event['title']} to {_day(date)} at {start}.", plan, None


def _clear_day(rng: random.Random, office: Office) -> Draft:
    date = _busy_day(rng, office)
    ids = [id for id, row in office.events.items() if row["date"] == date]
    ids.sort(key=lambda id: office.events[id]["start"])
    plan = [Call("list_events", {"date": date}), *(Call("cancel_event", {"id": id}) for id in ids)]
    return f"I am ill. Cancel everything on {_day(date)}.", plan, None


def _busy_minutes(rng: random.Random, office: Office) -> Draft:
    date = _busy_day(rng, office)
    total = sum(row["minutes"] for row in office.events.values() if row["date"] == date)
    text = f"How many minutes of events are there on {_day(date)}? Answer with the number."
    return text, [Call("list_events", {"date": date})], str(total)


def _first_free(rng: random.Random, office: Office) -> Draft:
    days = list(WEEK.values())
    rng.shuffle(days)
    date, start = next((day, hour) for day in days if (hour := free_start(office, day, 60)) is not None)
    text = (
        f"Book one hour of focus time on {_day(date)}, without guests,"
        " at the first full hour from 09:00 that is free."
    )
    arguments: dict[str, Any] = {
        "title": "focus time",
        "date": date,
        "start": start,
        "minutes": 60,
        "attendees": [],
    }
    return text, [Call("list_events", {"date": date}), Call("create_event", arguments)], None


def _write(rng: random.Random, office: Office) -> Draft:
    path, text = f"notes/memo{rng.randint(1, 99)}.md", f"call {rng.choice(FIRST_NAMES)} back"
    return f'Write "{text}" to the file {path}.', [Call("write_file", {"path": path, "text": text})], None


def _archive(rng: random.Random, office: Office) -> Draft:
    folder = rng.choice(("logs", "reports"))
    paths = sorted(path for path in office.files if path.startswith(folder + "/"))
    moves = [Call("move_file", {"source": path, "target": "archive/" + path.split("/")[1]}) for path in paths]
    text = f"Move every file of the folder {folder} to the folder archive, under the same names."
    return text, [Call("list_files", {"folder": folder}), *moves], None


def _noted_phone(rng: random.Random, office: Office) -> Draft:
    id, person = _person(rng, office)
    value = next(n for n in iter(lambda: phone(rng), "") if n != person["phone"])
    office.files["notes/numbers.md"] = f"{person['name']}: {value}"
    plan = [Call("read_file", {"path": "notes/numbers.md"}), Call("find_contacts", {"query": person["name"]})]
    plan.append(Call("update_contact", {"id": id, "field": "phone", "value": value}))
    return "The file notes/numbers.md has somebody's new phone number. Put it into the contacts.", plan, None


def _delete_file(rng: random.Random, office: Office) -> Draft:
    path = rng.choice(sorted(office.files))
    return f"Delete the file {path}.", [Call("delete_file", {"path": path})], None


def _cheapest(rng: random.Random, office: Office) -> Draft:
    kind, quantity = rng.choice(KINDS), rng.randint(1, 6)
    id = min(
        (id for id, row in office.items.items() if kind in row["name"]),
        key=lambda id: office.items[id]["price"],
    )
    plan = [Call("search_items", {"query": kind}), Call("place_order", {"item_id": id, "quantity": quantity})]
    return f"Order {quantity} of the cheapest {kind}.", plan, None


def _cancel_order(rng: random.Random, office: Office) -> Draft:
    id = rng.choice([id for id, row in office.orders.items() if row["status"] == "pending"])
    item = office.items[office.orders[id]["item"]]["name"]
    plan = [Call("search_items", {"query": item}), Call("list_orders", {"status": "pending"})]
    return f"Cancel the pending order of the {item}.", [*plan, Call("cancel_order", {"id": id})], None


def _spent(rng: random.Random, office: Office) -> Draft:
    total = sum(row["total"] for row in office.orders.values() if row["status"] == "delivered")
    text = "What did the delivered orders cost together? Answer with the number."
    return text, [Call("list_orders", {"status": "delivered"})], str(total)


def _guest_list(rng: random.Random, office: Office) -> Draft:
    _, event = _event(rng, office)
    names = [office.contacts[id]["name"] for id in event["attendees"]]
    path = f"notes/guests{rng.randint(1, 99)}.md"
    plan = [Call("find_events", {"query": event["title"]})]
    plan += [Call("get_contact", {"id": id}) for id in event["attendees"]]
    plan.append(Call("write_file", {"path": path, "text": "\n".join(sorted(names))}))
    text = (
        f"Write the names of the guests of the {event['title']} to {path}, in alphabetical order, one a line."
    )
    return text, plan, None


def _one_for_each_guest(rng: random.Random, office: Office) -> Draft:
    _, event = _event(rng, office)
    kind = rng.choice(KINDS)
    name = f"{rng.choice(('basic', 'plus', 'deluxe', 'travel'))} {kind}"
    id = next(id for id, row in office.items.items() if row["name"] == name)
    plan = [Call("find_events", {"query": event["title"]}), Call("search_items", {"query": name})]
    plan.append(Call("place_order", {"item_id": id, "quantity": len(event["attendees"])}))
    return f"Order one {name} for each guest of the {event['title']}.", plan, None


FAMILIES: dict[str, Callable[[random.Random, Office], Draft]] = {
    "change_phone": _change_phone,
    "add_contact": _add_contact,
    "remove_double": _remove_double,
    "tell_email": _tell_email,
    "meet": _meet,
    "move": _move,
    "clear_day": _clear_day,
    "busy_minutes": _busy_minutes,
    "first_free": _first_free,
    "write": _write,
    "archive": _archive,
    "delete_file": _delete_file,
    "cheapest": _cheapest,
    "cancel_order": _cancel_order,
    "noted_phone": _noted_phone,
    "spent": _spent,
    "guest_list": _guest_list,
    "one_for_each_guest": _one_for_each_guest,
}
"""Every family by name."""

HELD_OUT = ("noted_phone", "spent", "guest_list", "one_for_each_guest")
"""Families that no training task belongs to."""
