"""Questions, and the generated ones: chains of one to four facts with one answer.

A chain starts at a thing that the question names and follows relations; each
leads to one object, so the answer is unique. No thing occurs twice in a chain,
and the answer does not stand in the question.
"""

from __future__ import annotations

import functools
import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from ..retrieval.draws import draw
from .relations import Relation, of_subject
from .world import SIDES, Side, Thing, World, generated_world
from .writing import page_id

MAX_HOPS = 4
NUM_QUESTIONS = 4_000
_SHARES: dict[Side, float] = {"train": 0.8, "unseen": 0.1, "test": 0.1}


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    `supporting` are the ids of the passages that hold the answer's steps, in
    order, and `queries` for each of them ways to find it; both may be empty.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    supporting: tuple[str, ...] = ()
    queries: tuple[tuple[str, ...], ...] = ()
    side: Side = "train"


class QuestionSet(Sequence[Question]):
    """The questions of an environment, with a digest; never changed."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._questions = tuple(questions)

    def __len__(self) -> int:
        return len(self._questions)

    @overload
    def __getitem__(self, index: int) -> Question: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Question, ...]: ...

    def __getitem__(self, index: int | slice) -> Question | tuple[Question, ...]:
        return self._questions[index]

    @functools.cached_property
    def digest(self) -> str:
        """Return a short hash of questions and answers."""
        digest = hashlib.sha256()
        for question in self._questions:
            digest.update(repr((question.text, question.answers)).encode())
        return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=4)
def generated_questions(seed: int = 0, num: int = NUM_QUESTIONS) -> QuestionSet:
    """Make the questions of a seed, once per process: as many of each number of hops.

    More questions about the same world change none of its sides' first ones.
    """
    world = generated_world(seed)
    questions: list[Question] = []
    asked: set[str] = set()
    for side in SIDES:
        members = [thing for thing in world.things if thing.side == side]
        for number in range(round(num * _SHARES[side])):
            rng = random.Random(f"question {seed} {side} {number}")
            question = _question(rng, world, members, hops=number % MAX_HOPS + 1, number=number)
            while question.text in asked:
                question = _question(rng, world, members, hops=number % MAX_HOPS + 1, number=number)
            asked.add(question.text)
            questions.append(question)
    return QuestionSet(questions)


def split_of(question: Question) -> str:
    """Return train, seen, unseen or test; a tenth of the training side's questions is kept out as seen."""
    if question.side == "train" and draw(f"search question {question.text}", 10) == 0:
        return "seen"
    return question.side


def _question(rng: random.Random, world: World, members: list[Thing], *, hops: int, number: int) -> Question:
    while True:
        chain = _chain(rng, world, rng.choice(members), hops)
        if chain is not None:
            break
    start, last = chain[0][0], chain[-1]
    phrase = start.name
    for _, relation in chain[:-1]:
        assert relation.phrase is not None, "only a relation with a phrase stands inside a chain"
        phrase = relation.phrase.format(s=phrase)
    return Question(
        id=f"{start.side}-{hops}hop-{number}",
        text=rng.choice(last[1].questions).format(s=phrase),
        answers=(world.answer(*last),),
        supporting=tuple(page_id(thing, relation.part) for thing, relation in chain),
        queries=tuple(_queries(thing, relation) for thing, relation in chain),
        side=start.side,
    )


def _chain(rng: random.Random, world: World, start: Thing, hops: int) -> list[tuple[Thing, Relation]] | None:
    """Follow `hops` relations from a thing; None if a thing would occur twice."""
    chain: list[tuple[Thing, Relation]] = []
    thing, met = start, {start.name}
    for hop in range(hops):
        relation = rng.choice([r for r in of_subject(thing.kind) if hop == hops - 1 or r.phrase is not None])
        chain.append((thing, relation))
        answer = world.answer(thing, relation)
        if answer in met or answer in start.name:
            return None
        met.add(answer)
        value = thing.facts[relation.name]
        if isinstance(value, int):
            thing = world.things[value]
    return chain


def _queries(thing: Thing, relation: Relation) -> tuple[str, ...]:
    return f"{thing.name} {relation.words}", thing.name, f"{thing.name} {thing.name} {thing.kind}"
