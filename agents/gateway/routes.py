"""What each address of the gateway does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from ...errors import RequestRefused, ServerError
from ...servers.http.keys import Keys
from ...servers.http.visitors import check_json_type
from ...servers.protocol.encoding import load_body
from ...servers.protocol.problems import Refused
from .asked import Refusal
from .calls import Call
from .dialects import DIALECTS, Dialect, Told
from .dialects.reading import MODEL, SIDE
from .episode import Episode
from .exchange import EVENTS_TYPE, Request, Response, document, problem
from .growing import Body
from .house import Gateway
from .opening import read_opening, standing
from .rewards import read_reward
from .session_calls import session_call


class Routes:
    """The calls of one gateway.

    Args:
        gateway: the episodes.
        keys: who may open episodes; None is everybody who gets here.
        opens: whether episodes may be opened here at all.
    """

    def __init__(self, gateway: Gateway, keys: Keys | None, *, opens: bool) -> None:
        self._gateway, self._keys, self._opens = gateway, keys, opens

    async def answer(self, request: Request) -> Response:
        """Answer a request; whatever is wrong with it becomes an answer too."""
        first, _, rest = request.path.lstrip("/").partition("/")
        try:
            if first == "health":
                return document({"status": "ok", "episodes": len(self._gateway.open_ones)})
            if first != "episodes":
                raise _nothing_there(request)
            if request.method == "POST":
                check_json_type(request.headers.get(b"content-type", b""))
            if not rest:
                return await self._open(request)
            id, _, rest = rest.partition("/")
            episode = self._gateway.find(id)
            if rest.startswith("v1/"):
                return await self._v1(episode, rest[3:], request)
            return await self._of_episode(episode, rest, request)
        except Refusal as refusal:
            return _refused(request, refusal)
        except RequestRefused as error:
            return _refused(request, Refusal(error.status, error.code, error.detail))
        except ServerError as error:
            return _refused(request, Refusal(503, "server_unreachable", str(error)))

    async def _open(self, request: Request) -> Response:
        if not self._opens or request.method != "POST":
            raise _nothing_there(request)
        if self._keys is not None and self._keys.identify(request.headers.get(b"authorization")) is None:
            raise Refusal(401, "unauthorized", "this gateway needs a valid key: Authorization: Bearer KEY")
        episode = await self._gateway.open(read_opening(self._body(request)))
        return document(standing(episode, request.headers.get(b"host", b"").decode("latin-1")))

    async def _of_episode(self, episode: Episode, rest: str, request: Request) -> Response:
        host = request.headers.get(b"host", b"").decode("latin-1")
        if rest == "reward" and request.method == "POST":
            if episode.session is not None:
                raise Refusal(409, "session_rewards", "the session of this episode gives its rewards")
            episode.reward(read_reward(self._body(request)))
        elif rest == "" and request.method == "DELETE":
            session = episode.session
            episode.finish((session.reply.end if session else None) or "horizon")
            answer = standing(episode, host)
            await self._gateway.close(episode)
            return document(answer)
        elif rest or request.method != "GET":
            raise _nothing_there(request)
        return document(standing(episode, host))

    async def _v1(self, episode: Episode, rest: str, request: Request) -> Response:
        dialect = DIALECTS.get(rest)
        if dialect is not None and request.method == "POST":
            return await self._model_call(episode, dialect, request)
        if rest == "messages/count_tokens" and request.method == "POST":
            return self._count(episode, request)
        if rest == "models" and request.method == "GET":
            models = [{"id": each, "object": "model", "created": 0, "owned_by": "turnwise"}
                      for each in (MODEL, MODEL + SIDE)]  # fmt: skip
            return document({"object": "list", "data": models})
        return await session_call(episode, rest, request, self._body)

    def _count(self, episode: Episode, request: Request) -> Response:
        """Say how long a prompt would be, as Anthropic's API does."""
        asked = DIALECTS["messages"].read({"max_tokens": 1, **self._body(request)})
        return document({"input_tokens": episode.length_of(asked)})

    async def _model_call(self, episode: Episode, dialect: Dialect, request: Request) -> Response:
        grown, path, content = episode.growing, request.path, request.body

        def read(in_part: bool) -> Body:
            known = grown.new_rows(path, content) if in_part else None
            if known is None:
                found = self._body(request)
                return Body.whole(found, dialect.listed, dialect.read(found))
            rows, body, number = known
            new = dialect.read({dialect.listed: rows})
            asked = replace(body.asked, messages=new.messages, seals=new.seals)
            return Body(body.document, body.behind, asked, number)

        retried = request.headers.get(b"x-stainless-retry-count", b"0") not in (b"", b"0")
        call, body = await episode.ask((path, content), retried, read)
        if call.answer is not None:
            grown.keep(path, content, body, call.number)
        return _written(dialect, episode, call, body.document)

    def _body(self, request: Request) -> dict[str, Any]:
        try:
            found = load_body(request.body)
        except Refused as refused:
            raise Refusal(refused.problem.status, refused.problem.code, refused.problem.detail) from refused
        return found


def _written(dialect: Dialect, episode: Episode, call: Call, body: Mapping[str, Any]) -> Response:
    answer = call.answer
    if answer is None:
        raise Refusal(500, "no_answer", "the call that this one has joined was not answered")
    model = body.get("model")
    told = Told(
        body, answer, call.number, model if isinstance(model, str) else MODEL, call.created,
        lambda: episode.seals.seal(
            answer.key, answer.generation.token_ids, answer.generation.finish_reason
        ),
    )  # fmt: skip

    def taken() -> None:
        call.delivered = True

    turn = ((b"x-turnwise-turn", str(call.number).encode()),)
    if body.get("stream"):
        return Response(200, b"".join(dialect.events(told)), EVENTS_TYPE, turn, taken)
    return Response(200, orjson.dumps(dialect.write(told)), headers=turn, taken=taken)


def _refused(request: Request, refusal: Refusal) -> Response:
    """Return a refusal as whoever asked reads it: clients of model calls look for their own form."""
    called = _called(request)
    if called is None:
        return problem(refusal)
    return Response(refusal.status, orjson.dumps(DIALECTS[called].refuse(refusal)))


def _called(request: Request) -> str | None:
    """Return which kind of model call a request means to be, at whatever address."""
    path = request.path.removesuffix("/count_tokens")
    named = (name for name in DIALECTS if path.endswith(f"/{name}"))
    return next(named, None) if request.method == "POST" else None


def _nothing_there(request: Request) -> Refusal:
    if request.path.startswith("/v1/"):
        return Refusal(
            404, "not_found", "an episode comes first: POST /episodes opens one and says its base_url"
        )
    if _called(request) is not None:
        return Refusal(
            404, "not_found", "model calls stand below /v1 of an episode: the base_url ends in /v1"
        )
    return Refusal(404, "not_found", f"{request.method} is not a call of this address; see docs/gateway.md")
