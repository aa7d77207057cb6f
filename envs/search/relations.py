"""What holds between the things of the generated world, and the ways to say it.

Every relation is a function: a subject has one object, so a chain of relations
leads to one answer. `{s}` is the subject and `{o}` the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["person", "city", "region", "work", "organisation"]
KINDS: tuple[Kind, ...] = ("person", "city", "region", "work", "organisation")


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation.

    `object` is a kind of thing, or None for a plain text such as a year. `phrase`
    stands for the object inside a longer question (None: it only ends one),
    `questions` ask for it, `sentences` state it, `words` are what one would search
    for beside the subject's name. `part` says on which of a person's two pages it stands.
    """

    name: str
    subject: Kind
    object: Kind | None
    phrase: str | None
    questions: tuple[str, ...]
    sentences: tuple[str, ...]
    words: str
    part: int = 0


RELATIONS = (
    Relation(
        "birthplace",
        "person",
        "city",
        "the city where {s} was born",
        ("In which city was {s} born?", "Which city is the birthplace of {s}?"),
        ("{s} was born in {o}.", "{s} came into the world in {o}.", "The birthplace of {s} is {o}."),
        "born birthplace",
    ),
    Relation(
        "birthday",
        "person",
        None,
        None,
        ("On which date was {s} born?", "What is the date of birth of {s}?"),
        (
            "The date of birth is {o}.",
            "The birth was registered on {o}.",
            "The parish book gives {o} as the date of birth.",
        ),
        "date birth",
    ),
    Relation(
        "mother",
        "person",
        "person",
        "the mother of {s}",
        ("Who is the mother of {s}?", "Which person is the mother of {s}?"),
        ("The mother of {s} is {o}.", "{s} was raised by {o}, the mother.", "{o} gave birth to {s}."),
        "mother",
    ),
    Relation(
        "spouse",
        "person",
        "person",
        "the person whom {s} married",
        ("Whom did {s} marry?", "Who is the spouse of {s}?"),
        (
            "{s} married {o}.",
            "The wedding of {s} and {o} was a quiet one.",
            "{s} shares a house with {o}, the spouse.",
        ),
        "married spouse",
    ),
    Relation(
        "school",
        "person",
        "organisation",
        "the institution that {s} attended",
        ("Which institution did {s} attend?", "Where was {s} educated?"),
        ("{s} was educated at {o}.", "{s} attended {o}.", "A scholarship brought {s} to {o} as a student."),
        "educated attended",
        1,
    ),
    Relation(
        "employer",
        "person",
        "organisation",
        "the employer of {s}",
        ("Which organisation employs {s}?", "Who is the employer of {s}?"),
        (
            "{s} works for {o}.",
            "{s} is on the payroll of {o}, the employer.",
            "Since then {o} has employed {s}.",
        ),
        "works employer",
        1,
    ),
    Relation(
        "instrument",
        "person",
        None,
        None,
        ("Which instrument does {s} play?", "What instrument is played by {s}?"),
        ("{s} plays the {o}.", "Friends know {s} for playing the {o}.", "The instrument of {s} is the {o}."),
        "plays instrument",
        1,
    ),
    Relation(
        "region",
        "city",
        "region",
        "the region around {s}",
        ("In which region does {s} lie?", "Which region does {s} belong to?"),
        (
            "{s} lies in the region of {o}.",
            "{s} is a city of {o}.",
            "{s} belongs to {o}, the region around it.",
        ),
        "city region",
    ),
    Relation(
        "city_year",
        "city",
        None,
        None,
        ("In which year was {s} founded?", "When was {s} founded?"),
        (
            "{s} was founded in {o}.",
            "Settlers laid the first stone of {s} in {o}.",
            "The charter of {s} dates from {o}.",
        ),
        "city founded charter year",
    ),
    Relation(
        "mayor",
        "city",
        "person",
        "the mayor of {s}",
        ("Who is the mayor of {s}?", "Which person is mayor of {s}?"),
        ("The mayor of {s} is {o}.", "{o} was elected mayor of {s}.", "{s} is run by {o}, its mayor."),
        "city mayor",
    ),
    Relation(
        "river",
        "city",
        None,
        None,
        ("On which river does {s} lie?", "Which river flows through {s}?"),
        (
            "{s} lies on the river {o}.",
            "The river {o} flows through {s}.",
            "Boats reach {s} by the river {o}.",
        ),
        "city river",
    ),
    Relation(
        "capital",
        "region",
        "city",
        "the capital of {s}",
        ("What is the capital of {s}?", "Which city is the capital of {s}?"),
        ("The capital of {s} is {o}.", "{s} is governed from {o}, its capital."),
        "region capital",
    ),
    Relation(
        "governor",
        "region",
        "person",
        "the governor of {s}",
        ("Who is the governor of {s}?", "Which person governs {s}?"),
        ("The governor of {s} is {o}.", "{o} governs {s}."),
        "region governor",
    ),
    Relation(
        "author",
        "work",
        "person",
        "the author of {s}",
        ("Who wrote {s}?", "Who is the author of {s}?"),
        ("{s} was written by {o}.", "The author of {s} is {o}.", "{o} wrote {s} in a single winter."),
        "written author",
    ),
    Relation(
        "work_year",
        "work",
        None,
        None,
        ("In which year was {s} published?", "When was {s} published?"),
        ("{s} was published in {o}.", "{s} first came out in {o}.", "The first edition of {s} is dated {o}."),
        "published edition year",
    ),
    Relation(
        "setting",
        "work",
        "city",
        "the city in which {s} is set",
        ("In which city is {s} set?", "Which city is the setting of {s}?"),
        ("{s} is set in {o}.", "The story of {s} takes place in {o}.", "The setting of {s} is {o}."),
        "set story city",
    ),
    Relation(
        "publisher",
        "work",
        "organisation",
        "the publisher of {s}",
        ("Which organisation published {s}?", "Who is the publisher of {s}?"),
        ("The publisher of {s} is {o}.", "{s} was brought out by {o}, its publisher.", "{o} printed {s}."),
        "publisher",
    ),
    Relation(
        "seat",
        "organisation",
        "city",
        "the city where {s} has its seat",
        ("In which city does {s} have its seat?", "Where is the seat of {s}?"),
        ("{s} has its seat in {o}.", "The seat of {s} is {o}.", "{s} is run from {o}."),
        "seat city",
    ),
    Relation(
        "founder",
        "organisation",
        "person",
        "the founder of {s}",
        ("Who founded {s}?", "Who is the founder of {s}?"),
        ("{s} was founded by {o}.", "The founder of {s} is {o}.", "{o} founded {s} with borrowed money."),
        "founder",
    ),
    Relation(
        "organisation_year",
        "organisation",
        None,
        None,
        ("In which year was {s} founded?", "When was {s} founded?"),
        ("{s} has existed since {o}.", "{s} opened its doors in {o}.", "The founding year of {s} is {o}."),
        "founding year",
    ),
    Relation(
        "director",
        "organisation",
        "person",
        "the director of {s}",
        ("Who is the director of {s}?", "Who directs {s}?"),
        ("The director of {s} is {o}.", "{s} is directed by {o}.", "{o} took office as director of {s}."),
        "director",
    ),
)

_OF: dict[Kind, tuple[Relation, ...]] = {
    kind: tuple(relation for relation in RELATIONS if relation.subject == kind) for kind in KINDS
}


def of_subject(kind: Kind) -> tuple[Relation, ...]:
    """Return the relations that things of a kind are subjects of."""
    return _OF[kind]
