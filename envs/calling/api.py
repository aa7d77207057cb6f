"""The functions of the office: what each reads, changes and refuses."""

from __future__ import annotations

import datetime
import re
from typing import Any

from .functions import CallError, Function, Parameter
from .state import Office, Row

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*")
_DAY_MINUTES = 24 * 60


def minutes_of(time: str) -> int:
    """Return a time of day in minutes.

    Raises:
        CallError: if it is not written HH:MM.
    """
    match = _TIME.fullmatch(time)
    if match is None:
        raise CallError("wrong_value", f"{time!r:.40} is no time; write it like 09:30")
    return int(match[1]) * 60 + int(match[2])


def overlaps(office: Office, date: str, start: str, minutes: int, *, but: str = "") -> str | None:
    """Return the id of an event that a new one would overlap, other than `but`."""
    begin = minutes_of(start)
    for id, event in office.events.items():
        other = minutes_of(event["start"])
        if (
            id != but
            and event["date"] == date
            and begin < other + event["minutes"]
            and other < begin + minutes
        ):
            return id
    return None


def free_start(office: Office, date: str, minutes: int) -> str | None:
    """Return the first full hour from 09:00 on at which an event fits before 17:00."""
    for hour in range(9, 17):
        start = f"{hour:02d}:00"
        if hour * 60 + minutes <= 17 * 60 and overlaps(office, date, start, minutes) is None:
            return start
    return None


def _row(table: dict[str, Row], id: str, what: str) -> Row:
    if id not in table:
        raise CallError("not_found", f"there is no {what} {id!r:.40}")
    return table[id]


def _date(date: str) -> str:
    try:
        return datetime.date.fromisoformat(date).isoformat()
    except ValueError as error:
        raise CallError("wrong_value", f"{date!r:.40} is no date; write it like 2031-03-05") from error


def _path(path: str) -> str:
    if _PATH.fullmatch(path) is None or ".." in path.split("/"):
        raise CallError("wrong_value", f"{path!r:.60} is no path; write it like folder/name.txt")
    return path


def _find_contacts(office: Office, query: str) -> list[Row]:
    wanted = query.lower()
    return [{"id": id, **row} for id, row in office.contacts.items() if wanted in row["name"].lower()]


def _get_contact(office: Office, id: str) -> Row:
    return {"id": id, **_row(office.contacts, id, "contact")}


def _add_contact(office: Office, name: str, email: str, phone: str) -> Row:
    id = office.new_id("c")
    office.contacts[id] = {"name": name, "email": email, "phone": phone}
    return {"id": id}


def _update_contact(office: Office, id: str, field: str, value: str) -> Row:
    _row(office.contacts, id, "contact")[field] = value
    return {"id": id, **office.contacts[id]}


def _delete_contact(office: Office, id: str) -> Row:
    _row(office.contacts, id, "contact")
    for number, event in office.events.items():
        if id in event["attendees"]:
            raise CallError(
                "in_use", f"contact {id} is invited to event {number}; cancel or change that first"
            )
    del office.contacts[id]
    return {"deleted": id}


def _list_events(office: Office, date: str) -> list[Row]:
    day = _date(date)
    rows = [{"id": id, **row} for id, row in office.events.items() if row["date"] == day]
    return sorted(rows, key=lambda row: (row["start"], row["id"]))


def _find_events(office: Office, query: str) -> list[Row]:
    wanted = query.lower()
    return [{"id": id, **row} for id, row in office.events.items() if wanted in row["title"].lower()]


def _create_event(
    office: Office, title: str, date: str, start: str, minutes: int, attendees: list[str]
) -> Row:
    _check_slot(office, date, start, minutes)
    for id in attendees:
        _row(office.contacts, id, "contact")
    id = office.new_id("e")
    office.events[id] = {
        "title": title, "date": date, "start": start, "minutes": minutes, "attendees": sorted(set(attendees)),
    }  # fmt: skip
    return {"id": id}


def _move_event(office: Office, id: str, date: str, start: str) -> Row:
    event = _row(office.events, id, "event")
    _check_slot(office, date, start, event["minutes"], but=id)
    event.update(date=date, start=start)
    return {"id": id, **event}


def _check_slot(office: Office, date: str, start: str, minutes: int, *, but: str = "") -> None:
    _date(date)
    if not 1 <= minutes <= _DAY_MINUTES - minutes_of(start):
        raise CallError("wrong_value", f"{minutes} minutes from {start} do not fit into the day")
    taken = overlaps(office, date, start, minutes, but=but)
    if taken is not None:
        raise CallError("conflict", f"event {taken} is at that time; list_events shows the day")


def _cancel_event(office: Office, id: str) -> Row:
    _row(office.events, id, "event")
    del office.events[id]
    return {"cancelled": id}


def _list_files(office: Office, folder: str) -> list[str]:
    inside = folder.rstrip("/") + "/"
    return sorted(path for path in office.files if path.startswith(inside))


def _read_file(office: Office, path: str) -> Row:
    if path not in office.files:
        raise CallError("not_found", f"there is no file {path!r:.60}; list_files shows a folder")
    return {"text": office.files[path]}


def _write_file(office: Office, path: str, text: str) -> Row:
    office.files[_path(path)] = text
    return {"written": path}


def _move_file(office: Office, source: str, target: str) -> Row:
    _read_file(office, source)
    _path(target)
    if target in office.files:
        raise CallError("exists", f"there is a file {target!r:.60} already")
    office.files[target] = office.files.pop(source)
    return {"moved": target}


def _delete_file(office: Office, path: str) -> Row:
    _read_file(office, path)
    del office.files[path]
    return {"deleted": path}


def _search_items(office: Office, query: str) -> list[Row]:
    wanted = query.lower()
    return [{"id": id, **row} for id, row in office.items.items() if wanted in row["name"].lower()]


def _list_orders(office: Office, status: str) -> list[Row]:
    return [{"id": id, **row} for id, row in office.orders.items() if status in ("any", row["status"])]


def _place_order(office: Office, item_id: str, quantity: int) -> Row:
    item = _row(office.items, item_id, "item")
    if not 1 <= quantity <= item["stock"]:
        raise CallError(
            "out_of_stock", f"{item['stock']} of {item_id} are in stock, {quantity} were asked for"
        )
    item["stock"] -= quantity
    id = office.new_id("o")
    total = quantity * item["price"]
    office.orders[id] = {"item": item_id, "quantity": quantity, "total": total, "status": "pending"}
    return {"id": id, "total": total}


def _cancel_order(office: Office, id: str) -> Row:
    order = _row(office.orders, id, "order")
    if order["status"] != "pending":
        raise CallError("too_late", f"order {id} is {order['status']}; only pending orders can be cancelled")
    order["status"] = "cancelled"
    office.items[order["item"]]["stock"] += order["quantity"]
    return {"cancelled": id}


def _function(name: str, about: str, *parameters: Parameter | str, changes: bool = False) -> Function:
    run: Any = globals()["_" + name]
    declared = tuple(Parameter(p) if isinstance(p, str) else p for p in parameters)
    return Function(name, about, declared, run, changes)


_FIELDS = Parameter("field", choices=("email", "phone"))
_STATUS = Parameter("status", choices=("any", "pending", "delivered", "cancelled"))
_MINUTES, _QUANTITY = Parameter("minutes", "integer"), Parameter("quantity", "integer")
_ATTENDEES = Parameter("attendees", "list of strings")

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        _function("find_contacts", "contacts whose name contains the query", "query"),
        _function("get_contact", "one contact", "id"),
        _function("add_contact", "make a contact", "name", "email", "phone", changes=True),
        _function("update_contact", "change a contact", "id", _FIELDS, "value", changes=True),
        _function("delete_contact", "remove a contact that no event needs", "id", changes=True),
        _function("list_events", "events of a day, by time", "date"),
        _function("find_events", "events whose title contains the query", "query"),
        _function(
            "create_event", "make an event; attendees are contact ids",
            "title", "date", "start", _MINUTES, _ATTENDEES, changes=True,
        ),
        _function("move_event", "give an event another time", "id", "date", "start", changes=True),
        _function("cancel_event", "remove an event", "id", changes=True),
        _function("list_files", "paths of the files in a folder", "folder"),
        _function("read_file", "text of a file", "path"),
        _function("write_file", "write a file, replacing what was there", "path", "text", changes=True),
        _function("move_file", "give a file another path", "source", "target", changes=True),
        _function("delete_file", "remove a file", "path", changes=True),
        _function("search_items", "items for sale whose name contains the query", "query"),
        _function("list_orders", "orders of a status", _STATUS),
        _function("place_order", "order an item", "item_id", _QUANTITY, changes=True),
        _function("cancel_order", "cancel a pending order", "id", changes=True),
    )
}  # fmt: skip
"""Every function by name."""
