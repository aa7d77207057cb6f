"""Search: answer questions with a search engine, one query at a time.

environment   the episode: queries, passages, the answer's grade
protocol      the words between agent and search engine
generated     `search/generated-v1`: the made-up world
qa            `search/qa-v1`: questions and corpora of files, or a retrieval server
loaders       those files; remote: that server
world, names, relations, writing, questions   how the world is made, worded and asked about
answers       exact match, F1 and substring
"""

from __future__ import annotations

from ..registry import register

__all__ = ["register_environments"]


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    register(
        "search/generated-v1",
        "turnwise.envs.search.generated:GeneratedSearch",
        description="Question answering, generated: 22 080 pages, 4 000 questions of 1 to 4 hops.",
        for_clients={"num_questions": (40, 20_000)},
    )
    register(
        "search/qa-v1",
        "turnwise.envs.search.qa:QuestionAnswering",
        description="Question answering, files of yours: -k questions=FILE, -k corpus=FILE or retriever=URL.",
        for_clients={"cache": None, "retriever": None},
    )
