"""Answers of several workers or servers to one call, made into one answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from ..protocol.encoding import problem_from
from ..protocol.problems import PROBLEM_TYPE, Refused
from .messages import Response


def document_of(answer: Response) -> dict[str, Any]:
    """Decode an answer.

    Raises:
        Refused: if it is a problem.
    """
    document: dict[str, Any] = orjson.loads(answer.body)
    if answer.media_type == PROBLEM_TYPE:
        raise Refused(problem_from(document), answer.retry_after_s)
    return document


def documents_of(answers: Iterable[Response | BaseException]) -> list[dict[str, Any]]:
    """Decode answers.

    Raises:
        Refused: if one is a problem.
        BaseException: what one call raised.
    """
    documents = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        documents.append(document_of(answer))
    return documents


def joined(documents: Iterable[dict[str, Any]], ids: Sequence[str] | None = None) -> dict[str, Any]:
    """Join documents: lists one after the other, tables key by key, of what else there is the first.

    Args:
        documents: at least one.
        ids: of sessions, in whose order lists of ids come; None: in that of the documents.
    """
    joint: dict[str, Any] = {}
    for document in documents:
        for name, value in document.items():
            if name not in joint:
                joint[name] = value
            elif isinstance(value, list):
                joint[name] = [*joint[name], *value]
            elif isinstance(value, dict):
                joint[name] = {**joint[name], **value}
    if ids is None:
        return joint
    first = {id: place for place, id in reversed(list(enumerate(ids)))}
    return {
        name: sorted(value, key=first.__getitem__) if isinstance(value, list) else value
        for name, value in joint.items()
    }
