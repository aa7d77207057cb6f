"""Pages about the generated world: every fact stands on its subject's page, in varying words.

A person has two pages, life and work; other things have one. Pages carry
sentences that state no fact, so that reading is more than matching.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator

from ..retrieval.documents import Hit, KnowledgeBase, Passage
from .relations import Kind, Relation, of_subject
from .world import Thing, World, generated_world

KB_NAMES: dict[str, tuple[Kind, ...]] = {
    "all": ("person", "city", "region", "work", "organisation"),
    "people": ("person",),
    "places": ("city", "region"),
    "works": ("work",),
    "organisations": ("organisation",),
}
_INTROS: dict[Kind, tuple[tuple[str, ...], ...]] = {
    "person": (
        (
            "{s} appears in several parish records.",
            "Little is known of the early years of {s}.",
            "{s} never wrote memoirs.",
            "A portrait of {s} hangs in a town hall.",
        ),
        (
            "Colleagues describe {s} as exact and cheerful.",
            "{s} gave few interviews.",
            "The career of {s} took several turns.",
            "{s} is mentioned in the trade papers of the time.",
        ),
    ),
    "city": (
        (
            "{s} is known for its markets.",
            "Travellers praise the bread of {s}.",
            "{s} has rebuilt its walls twice.",
            "A night train stops in {s}.",
        ),
    ),
    "region": (
        ("{s} is hilly in the north.", "Sheep outnumber people in {s}.", "Roads in {s} follow the valleys."),
    ),
    "work": (
        (
            "{s} divided the critics.",
            "Translations of {s} exist in nine languages.",
            "{s} runs to four hundred pages.",
            "Students still read {s}.",
        ),
    ),
    "organisation": (
        (
            "{s} publishes a yearly report.",
            "{s} survived two fires.",
            "The archive of {s} is open on Tuesdays.",
            "{s} is smaller than it sounds.",
        ),
    ),
}
_CLOSINGS = (
    "Local newspapers reported on it at length.",
    "The sources agree on this point.",
    "Further details are kept in the state archive.",
    "A plaque recalls it.",
    "Later accounts add little to this.",
    "The matter was settled out of court.",
)


def pages(world: World) -> Iterator[Passage]:
    """Yield every page of the world."""
    for thing in world.things:
        for part in range(len(_INTROS[thing.kind])):
            yield Passage(page_id(thing, part), thing.name, _page(world, thing, part))


def page_id(thing: Thing, part: int) -> str:
    """Return the id of a page of a thing."""
    return f"{thing.kind}-{thing.number}-{part}"


class LazyKnowledge:
    """A knowledge base of a generated world that is indexed when it is first searched."""

    def __init__(self, seed: int, kb: str) -> None:
        self._seed, self._kb = seed, kb

    @property
    def digest(self) -> str:
        """Return what decides the pages besides the code: the seed and the name."""
        return f"{self._seed} {self._kb}"

    def search(self, query: str, k: int) -> list[Hit]:
        """Return at most k pages, best first."""
        return generated_knowledge(self._seed, self._kb).search(query, k)


@functools.lru_cache(maxsize=16)
def generated_knowledge(seed: int, kb: str) -> KnowledgeBase:
    """Index one knowledge base of a generated world, once per process."""
    kinds = KB_NAMES[kb]
    chosen = (page for page in _all_pages(seed) if page.id.split("-")[0] in kinds)
    return KnowledgeBase.of(chosen)


@functools.lru_cache(maxsize=4)
def _all_pages(seed: int) -> tuple[Passage, ...]:
    return tuple(pages(generated_world(seed)))


def _page(world: World, thing: Thing, part: int) -> str:
    rng = random.Random(f"page {world.seed} {page_id(thing, part)}")
    facts = [relation for relation in of_subject(thing.kind) if relation.part == part]
    rng.shuffle(facts)
    sentences = [_state(rng, world, thing, relation) for relation in facts]
    sentences.insert(0, rng.choice(_INTROS[thing.kind][part]).format(s=thing.name))
    sentences.insert(rng.randint(1, len(sentences)), rng.choice(_CLOSINGS))
    return " ".join(sentences)


def _state(rng: random.Random, world: World, thing: Thing, relation: Relation) -> str:
    return rng.choice(relation.sentences).format(s=thing.name, o=world.answer(thing, relation))
