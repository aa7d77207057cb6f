"""Search: answer questions with a search engine, one query at a time."""

from __future__ import annotations

from ..registry import register

__all__ = ["register_environments"]


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    register(
        "search/generated-v0",
        "turnwise.envs.search.generated:GeneratedSearch",
        description="Question answering, generated: 22 080 pages, 4 000 questions of 1 to 4 hops.",
    )
    register(
        "search/qa-v0",
        "turnwise.envs.search.qa:QuestionAnswering",
        description="Question answering over your files (questions=, corpus=, or retriever=URL).",
    )
