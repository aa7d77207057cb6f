"""The office: contacts, a calendar, files, a shop's items and orders, as plain tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

TODAY = "2031-03-03"
WEEK = {
    "Monday": "2031-03-03",
    "Tuesday": "2031-03-04",
    "Wednesday": "2031-03-05",
    "Thursday": "2031-03-06",
    "Friday": "2031-03-07",
}


@dataclass(slots=True)
class Office:
    """The state that calls read and change; each table maps an id, or a path, to its row."""

    contacts: dict[str, Row] = field(default_factory=dict)
    events: dict[str, Row] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    items: dict[str, Row] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    next_number: int = 100  # of the next row that a call makes

    def new_id(self, letter: str) -> str:
        """Return an id that no row has."""
        self.next_number += 1
        return f"{letter}{self.next_number}"

    def copy(self) -> Office:
        """Return an independent copy; rows are copied, and no call changes a list inside one."""
        return Office(
            contacts={id: dict(row) for id, row in self.contacts.items()},
            events={id: dict(row) for id, row in self.events.items()},
            files=dict(self.files),
            items={id: dict(row) for id, row in self.items.items()},
            orders={id: dict(row) for id, row in self.orders.items()},
            next_number=self.next_number,
        )

    def canonical(self) -> str:
        """Write the state so that equal offices give equal texts, whatever ids new rows got."""
        tables = {
            name: sorted(json.dumps(row, sort_keys=True) for row in getattr(self, name).values())
            for name in ("contacts", "events", "orders", "items")
        }
        return json.dumps({**tables, "files": self.files}, sort_keys=True)
