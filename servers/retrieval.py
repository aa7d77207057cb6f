"""A retrieval service that speaks Search-R1's `/retrieve`, for agents and trainers of any make.

`POST /retrieve {"queries": [...], "topk": 3, "return_scores": true}` answers
`{"result": [[{"document": {"id", "contents"}, "score"}, ...], ...]}`, one list for
each query, best first; without `return_scores` the documents stand alone.
`contents` is the quoted title, a line break and the text. `"kb"` names a
knowledge base where the service has several.

    python -m turnwise.servers.retrieval --corpus passages.jsonl --port 8100
    python -m turnwise.servers.retrieval --generated
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ..envs.retrieval.documents import Hit, KnowledgeBase, Retriever
from ..envs.search.loaders import read_passages
from ..envs.search.writing import KB_NAMES, LazyKnowledge
from ..errors import UnknownName, UsageError
from .http.visitors import is_loopback
from .protocol.problems import PROBLEM_TYPE, encode_problem
from .protocol.types import Problem

_MAX_QUERIES = 1_000
_MAX_TOPK = 100
_MAX_QUERY_CHARS = 65_536
_MAX_BODY_BYTES = 16 << 20

Query = Annotated[str, StringConstraints(max_length=_MAX_QUERY_CHARS)]


class RetrieveBody(BaseModel):
    """The body of a call; what others send beside it is ignored."""

    model_config = ConfigDict(extra="ignore")

    queries: list[Query] = Field(max_length=_MAX_QUERIES)
    topk: int | None = Field(default=None, ge=1, le=_MAX_TOPK)
    return_scores: bool = False
    kb: str | None = None


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.detail)


def build_retrieval_app(knowledge: Mapping[str, Retriever], *, topk: int = 3) -> FastAPI:
    """Build the service.

    Args:
        knowledge: retrievers by name; the first answers calls that name none.
        topk: passages per query where a call does not say.

    Raises:
        UsageError: if there is nothing to search.
    """
    if not knowledge:
        raise UsageError("a retrieval service needs at least one knowledge base")
    app = FastAPI(title="turnwise retrieval", description=__doc__)
    first = next(iter(knowledge))

    @app.post("/retrieve", dependencies=[Depends(_bounded)])
    def retrieve(body: RetrieveBody) -> dict[str, Any]:
        """Search for every query."""
        name = body.kb if body.kb is not None else first
        if name not in knowledge:
            raise _Refused(
                _problem(404, "unknown_kb", str(UnknownName("kb", name, knowledge)), list(knowledge))
            )
        limit = body.topk or topk
        found = (knowledge[name].search(query, limit) for query in body.queries)
        return {"result": [[_entry(hit, scored=body.return_scores) for hit in hits] for hits in found]}

    @app.get("/health")
    def health() -> dict[str, Any]:
        """Say that the service is up, and what it searches."""
        return {"status": "ok", "kbs": list(knowledge)}

    app.add_exception_handler(_Refused, _answer_refused)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve corpora from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m turnwise.servers.retrieval", description=__doc__)
    parser.add_argument(
        "--corpus", action="append", default=[], metavar="[NAME=]FILE", help="passages; repeatable"
    )
    parser.add_argument("--generated", action="store_true", help="serve the generated world")
    parser.add_argument("--world-seed", type=int, default=0, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where indexes are kept")
    parser.add_argument("--topk", type=int, default=3, choices=range(1, _MAX_TOPK + 1), metavar="N")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument(
        "--open-to-everyone", action="store_true", help="listen beyond this machine: no key is asked for"
    )
    given = parser.parse_args(arguments)
    if not given.open_to_everyone and not is_loopback(given.host):
        parser.error(f"--host {given.host!r} is reached from other machines: say --open-to-everyone, too")
    if bool(given.corpus) == given.generated:
        parser.error("give --corpus FILE or --generated, one of them")
    try:
        knowledge = _generated(given.world_seed) if given.generated else _corpora(given.corpus, given.cache)
    except UsageError as error:
        parser.error(str(error))
    app = build_retrieval_app(knowledge, topk=given.topk)
    uvicorn.run(app, host=given.host, port=given.port, ws="none", access_log=False)
    return 0


def _generated(seed: int) -> dict[str, Retriever]:
    return {name: LazyKnowledge(seed, name) for name in KB_NAMES}


def _corpora(files: Sequence[str], cache: Path | None) -> dict[str, Retriever]:
    knowledge: dict[str, Retriever] = {}
    for entry in files:
        name, _, file = entry.rpartition("=")
        path = Path(file)
        knowledge[name or path.stem] = KnowledgeBase.cached(
            path, functools.partial(read_passages, path), cache
        )
    return knowledge


def _entry(hit: Hit, *, scored: bool) -> dict[str, Any]:
    document = {"id": hit.passage.id, "contents": hit.passage.contents}
    return {"document": document, "score": hit.score} if scored else document


def _bounded(request: Request) -> None:
    """Refuse a body without a length or above the limit, before it is read."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise _Refused(_problem(411, "length_required", "the call has no Content-Length", "a Content-Length"))
    if int(length) > _MAX_BODY_BYTES:
        expected = f"at most {_MAX_BODY_BYTES} bytes"
        raise _Refused(
            _problem(413, "too_large", f"the body has {length} bytes", expected, "send fewer queries")
        )


def _problem(status: int, code: str, detail: str, expected: Any, todo: str = "") -> Problem:
    return Problem(status=status, code=code, detail=detail, expected=expected, todo=todo)


async def _answer_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, _Refused), "registered for this class"
    return _response(error.problem)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for this class"
    found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
    expected = '{"queries": [text, ...], "topk": 3, "return_scores": true}'
    return _response(_problem(422, "bad_request", found, expected))


def _response(problem: Problem) -> Response:
    return Response(encode_problem(problem), status_code=problem.status, media_type=PROBLEM_TYPE)


if __name__ == "__main__":
    raise SystemExit(main())
