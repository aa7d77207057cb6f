"""`search/generated-v1`: a made-up world of 22 080 pages and 4 000 questions; needs no files."""

from __future__ import annotations

import functools

from ...errors import UnknownName, UsageError
from .environment import TOP_K, SearchEnv
from .questions import MAX_HOPS, NUM_QUESTIONS, generated_questions, split_of
from .relations import of_subject
from .world import Thing, World, generated_world
from .writing import KB_NAMES, LazyKnowledge

_MAX_TURNS = 5  # four searches and the answer
_FEWEST, _MOST = 40, 100_000  # questions: fewer leave a split empty, more are not unique
_SPLITS = ("all", "train", "seen", "unseen", "test")
_ALIASES = {
    "valid_seen": "seen",
    "valid_unseen": "unseen",
    "dev": "unseen",
    "val": "unseen",
    "validation": "unseen",
}


class GeneratedSearch(SearchEnv):
    """Questions about a generated world; see SearchEnv for the game.

    The knowledge bases are all (the default), people, places, works and organisations.

    Args:
        hops: only questions of that many hops, from 1 to 4; None for all.
        split: all, train, seen, unseen or test; no fact of one side is on another.
        choices: offer `info["admissible"]`: a search for each thing that the question or a page
            named, and an answer for each object that a page stated. Any other text still works.
        topk: passages per search.
        max_turns: an episode ends after so many turns.
        reward: em, f1 or substring.
        cost_per_call: the tier `cost` of a search is minus this.
        question_index: always this question.
        world_seed: another seed is another world.
        num_questions: from 40 to 100 000 about the same world, 80 % of them for training. A small policy
            learns a few hundred by heart, and nothing else.

    Raises:
        UnknownName: if there is no such split or metric.
        UsageError: if a number is out of range.
    """

    def __init__(
        self,
        hops: int | None = None,
        split: str = "train",
        choices: bool = False,
        topk: int = TOP_K,
        max_turns: int = _MAX_TURNS,
        reward: str = "em",
        cost_per_call: float = 0.0,
        question_index: int | None = None,
        world_seed: int = 0,
        num_questions: int = NUM_QUESTIONS,
    ) -> None:
        if hops is not None and hops not in range(1, MAX_HOPS + 1):
            raise UsageError(f"hops must be from 1 to {MAX_HOPS} or None, got {hops!r}")
        if not _FEWEST <= num_questions <= _MOST:
            raise UsageError(f"num_questions must be from {_FEWEST} to {_MOST}, got {num_questions}")
        self._choices = choices
        self._world = generated_world(world_seed)
        super().__init__(
            {name: LazyKnowledge(world_seed, name) for name in KB_NAMES},
            generated_questions(world_seed, num_questions),
            _chosen(world_seed, hops, split, num_questions),
            topk=topk,
            max_turns=max_turns,
            reward=reward,
            cost_per_call=cost_per_call,
            question_index=question_index,
        )

    def _query(self, page: str, queries: tuple[str, ...]) -> str:
        if not self._choices:
            return super()._query(page, queries)
        return self._world.things[int(page.split("-")[1])].name

    def _admissible(self) -> list[str] | None:
        if not self._choices:
            return None
        start = self._world.things[int(self._question.supporting[0].split("-")[1])]
        searches, answers = {start.name}, set()
        for passage in self._seen:
            _, number, part = passage.id.split("-")
            for value, is_thing in _stated(self._world, self._world.things[int(number)], int(part)):
                answers.add(value)
                if is_thing:
                    searches.add(value)
        return sorted(
            [f"<search>{name}</search>" for name in searches]
            + [f"<answer>{value}</answer>" for value in answers]
        )


def _stated(world: World, thing: Thing, part: int) -> list[tuple[str, bool]]:
    """Return the objects that a page states, and whether each is a thing of its own."""
    return [
        (world.answer(thing, relation), relation.object is not None)
        for relation in of_subject(thing.kind)
        if relation.part == part
    ]


@functools.lru_cache(maxsize=64)
def _chosen(seed: int, hops: int | None, split: str, num_questions: int) -> tuple[int, ...]:
    split = _ALIASES.get(split, split)
    if split not in _SPLITS:
        raise UnknownName("split", split, [*_SPLITS, *_ALIASES])
    return tuple(
        number
        for number, question in enumerate(generated_questions(seed, num_questions))
        if hops in (None, len(question.supporting)) and split in ("all", split_of(question))
    )
