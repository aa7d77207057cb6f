"""Furnish an office: contacts, events, files, items and orders drawn from a generator."""

from __future__ import annotations

import random

from .api import overlaps
from .state import WEEK, Office


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Ada Bela Cleo Dario Edna Fynn Gita Hugo Ines Jonas Kaya Leon Mila Nils Olga Pavel Rosa Sven Tara "
    "Umar Vera Wim Yara Zeno"
)
LAST_NAMES = _words(
    "Abel Brandt Castel Duval Eriksen Fuchs Greco Hansen Ito Jansen Kranz Lopez Moreau Novak Okafor "
    "Petrov Quist Rossi Sato Tanner Ulmer Varga"
)
TITLES = (
    "budget review",
    "team lunch",
    "design workshop",
    "hiring interview",
    "sales call",
    "security audit",
    "planning session",
    "press briefing",
    "quarterly report",
    "safety training",
    "supplier meeting",
    "board meeting",
    "code review",
    "customer visit",
    "product demo",
)
KINDS = ("desk lamp", "notebook", "office chair", "whiteboard", "headset", "coffee mug")
_MAKES = ("basic", "plus", "deluxe", "travel")
_FOLDERS = ("reports", "notes", "logs")
_NAMES = {
    "reports": ("sales", "costs", "staff", "travel", "audit"),
    "notes": ("ideas", "agenda", "visitors", "parking"),
    "logs": ("door", "server", "backup", "heating"),
}
_ENDINGS = {"reports": "txt", "notes": "md", "logs": "log"}
_LINES = ("all quiet", "numbers attached", "to be checked", "see last week", "approved", "draft only")


def phone(rng: random.Random) -> str:
    """Draw a phone number."""
    return f"555-{rng.randint(1000, 9999)}"


def email_of(name: str, host: str = "example.com") -> str:
    """Write the address of a name."""
    return f"{name.lower().replace(' ', '.')}@{host}"


def furnish(rng: random.Random) -> Office:
    """Fill an office."""
    office = Office()
    for number in range(1, 13):
        name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        while any(row["name"] == name for row in office.contacts.values()):
            name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        office.contacts[f"c{number}"] = {"name": name, "email": email_of(name), "phone": phone(rng)}
    _fill_calendar(rng, office)
    for folder in _FOLDERS:
        for name in rng.sample(_NAMES[folder], rng.randint(2, 4)):
            office.files[f"{folder}/{name}.{_ENDINGS[folder]}"] = rng.choice(_LINES)
    _fill_shop(rng, office)
    return office


def _fill_calendar(rng: random.Random, office: Office) -> None:
    for number, title in enumerate(rng.sample(TITLES, 9), 1):
        while True:
            date, start = (
                rng.choice(list(WEEK.values())),
                f"{rng.randint(9, 15):02d}:{rng.choice(('00', '30'))}",
            )
            minutes = rng.choice((30, 60, 90))
            if overlaps(office, date, start, minutes) is None:
                break
        attendees = sorted(rng.sample(sorted(office.contacts), rng.randint(1, 4)))
        office.events[f"e{number}"] = {
            "title": title,
            "date": date,
            "start": start,
            "minutes": minutes,
            "attendees": attendees,
        }


def _fill_shop(rng: random.Random, office: Office) -> None:
    number = 0
    for kind in KINDS:
        prices = rng.sample(range(4, 90), len(_MAKES))
        for make, price in zip(_MAKES, prices, strict=True):
            number += 1
            office.items[f"i{number}"] = {
                "name": f"{make} {kind}",
                "price": price,
                "stock": rng.randint(8, 40),
            }
    chosen = rng.sample(sorted(office.items), 6)
    statuses = ("pending", "pending", "delivered", "delivered", "delivered", "cancelled")
    for number, (item, status) in enumerate(zip(chosen, statuses, strict=True), 1):
        quantity = rng.randint(1, 5)
        office.orders[f"o{number}"] = {
            "item": item,
            "quantity": quantity,
            "total": quantity * office.items[item]["price"],
            "status": status,
        }
