"""Between Python types and JSON: bodies that are read strictly, replies that are bytes.

A reply is encoded once. Its `core`, everything but the names of the session, is
what the journal hashes and what a fork or a rebuilt session must reproduce.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import orjson

from ...envs.images import images_of
from ...envs.info import no_json
from ...errors import EnvironmentFault, UsageError
from .limits import Limits
from .problems import Refused, bad_request, too_large
from .types import Problem, Reply, StepItem

PROTOCOL = 1
NDJSON_TYPE = "application/x-ndjson"
_STEP = {"episode", "turn", "action"}
_BATCH_STEP = {"id", *_STEP}
_MAX_INDEX = 1 << 53
_MAX_REPLY_BYTES = 8 << 20
_MAX_DEPTH = 128
_REPLAY_KEY = b'"replay_key":'
_UNSAID = ("reward", "env_id", "fingerprint", "seed")  # of a reply inside a hosted run


def encode_info(env_id: str, info: dict[str, Any], core: dict[str, Any] | None = None) -> bytes:
    """Encode an info, or the core of a reply that holds it.

    Raises:
        EnvironmentFault: if it holds what JSON cannot hold, numbers that are not finite, or pictures
            that are not ones.
    """
    if "rewards" in info:
        _check_tiers(env_id, info["rewards"])
    if "images" in info:
        _check_images(env_id, info)
    try:
        encoded = orjson.dumps(info if core is None else core, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise EnvironmentFault(
            f"{env_id} gave an info that JSON cannot hold: {no_json(info) or error}"
        ) from error
    if encoded.count(b"null") > (core is not None and core["end"] is None):  # what is not finite becomes null
        found = no_json(info)
        if found is not None:
            raise EnvironmentFault(f"{env_id} gave an info that JSON cannot hold: {found}")
    return encoded


def encode_core(core: dict[str, Any]) -> bytes:
    """Encode everything of a reply but the names of the session: the fields of `Reply` after them, in order.

    Raises:
        EnvironmentFault: if info holds what JSON cannot hold or numbers that are not finite, or
            the reply is longer than 8 MiB.
    """
    env_id = core["env_id"]
    encoded = encode_info(env_id, core["info"], core)
    if len(encoded) > _MAX_REPLY_BYTES:
        raise EnvironmentFault(
            f"{env_id} gave a reply of {len(encoded)} bytes; at most {_MAX_REPLY_BYTES} are sent"
        )
    return encoded


def _check_tiers(env_id: str, tiers: Any) -> None:
    """Check that named rewards are finite numbers."""
    if not isinstance(tiers, dict):
        raise EnvironmentFault(f"{env_id} gave rewards {tiers!r}; expected a dict of named numbers")
    for name, value in tiers.items():
        try:
            finite = math.isfinite(value)
        except TypeError:
            finite = False
        if not finite:
            raise EnvironmentFault(
                f"{env_id} gave the reward tier {name!r} {value!r}; expected a finite number"
            )


def _check_images(env_id: str, info: dict[str, Any]) -> None:
    """Check pictures, which may come out of another process or a container."""
    try:
        images_of(info)
    except ValueError as error:
        raise EnvironmentFault(f"{env_id}: {error}") from error


def encode_reply(prefix: bytes, core: bytes) -> bytes:
    """Join a session's names, `{"id":..,"incarnation":..`, and the core of a reply."""
    return prefix + b"," + core[1:]


def digest(core: bytes) -> bytes:
    """Hash the core of a reply: BLAKE2b, 16 bytes; with its `replay_key` in place of the observation."""
    if _REPLAY_KEY in core:  # inside a text the quotes are escaped
        document = orjson.loads(core)
        if "replay_key" in document["info"]:
            document["observation"] = ""
            core = orjson.dumps(document)
    return hashlib.blake2b(core, digest_size=16).digest()


def load_body(body: bytes) -> dict[str, Any]:
    """Decode a request body into an object.

    Raises:
        Refused: if it is not a JSON object, or so deep that nobody could show it.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(bad_request(f"the body is not JSON: {error}", None, "a JSON object", 400)) from error
    if body.count(b"[") + body.count(b"{") > _MAX_DEPTH:  # the least that deep nesting takes
        check_depth(document, _MAX_DEPTH)
    if not isinstance(document, dict):
        raise Refused(bad_request("the body is not a JSON object", document, "a JSON object"))
    return document


def check_depth(value: Any, most: int) -> None:
    """Refuse a value that is nested too deeply.

    Raises:
        Refused: naming the limit.
    """
    level, depth = [value], 0
    while level:
        if depth > most:
            raise Refused(too_large("the depth of the body", depth, most))
        depth += 1
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]


def read_step(document: dict[str, Any], id: str, limits: Limits) -> StepItem:
    """Read the body of a single step.

    Raises:
        Refused: naming the member that is missing, unknown or of the wrong type.
    """
    return _step(document, id, _STEP, limits)


def read_steps(document: dict[str, Any], limits: Limits) -> list[StepItem]:
    """Read the body of a batch of steps.

    Raises:
        Refused: naming the item and the member that is wrong.
    """
    items = document.get("items")
    if not isinstance(items, list) or len(document) != 1:
        raise Refused(
            bad_request(
                "a batch of steps has the one member items",
                sorted(map(str, document)),
                {"items": [dict.fromkeys(sorted(_BATCH_STEP), "...")]},
            )
        )
    if len(items) > limits.max_batch:
        raise Refused(too_large("items of the batch", len(items), limits.max_batch))
    steps = []
    for number, item in enumerate(items):
        id = item.get("id") if isinstance(item, dict) else None
        if not isinstance(id, str):
            raise Refused(
                bad_request(f"items[{number}] has no text id", item, {"id": "...", "episode": 0, "turn": 0})
            )
        steps.append(_step(item, id, _BATCH_STEP, limits, number))
    return steps


def _step(
    document: dict[str, Any], id: str, members: set[str], limits: Limits, number: int | None = None
) -> StepItem:
    episode, turn, action = document.get("episode"), document.get("turn"), document.get("action")
    if (
        len(document) == len(members)
        and type(episode) is int
        and type(turn) is int
        and type(action) is str
        and 0 <= episode < _MAX_INDEX
        and 0 <= turn < _MAX_INDEX
        and len(action) <= limits.max_action_chars
    ):
        return StepItem(id, episode, turn, action)
    where = "" if number is None else f"items[{number}]: "
    if isinstance(action, str) and len(action) > limits.max_action_chars:
        raise Refused(too_large(where + "characters of the action", len(action), limits.max_action_chars, id))
    unknown = sorted(set(document) - members)
    expected = {"episode": "int >= 0", "turn": "int >= 0", "action": "text"}
    missing = [name for name in expected if name not in document]
    if unknown:
        detail = f"unknown member {unknown[0]!r}"
    elif missing:
        detail = f"{missing[0]} is missing"
    elif type(action) is not str:
        detail = f"the action is {type(action).__name__}"
    else:
        detail = "episode or turn is out of range"
    raise Refused(bad_request(f"{where}{detail}", document, expected))


def decode_item(document: dict[str, Any]) -> Reply | Problem:
    """Turn one decoded item of an answer into a reply or a problem."""
    if "code" in document:
        return problem_from(document)
    left_out = () if "seed" in document else _UNSAID
    return Reply(**{name: document[name] for name in Reply.__slots__ if name not in left_out})


def plain(value: Any, what: str) -> Any:
    """Return a value as JSON has it: numbers and arrays of numpy become plain ones, tuples lists.

    Args:
        value: what a client gives.
        what: for the message.

    Raises:
        UsageError: if JSON cannot hold it.
    """
    return orjson.loads(encode_given(value, what))


def encode_given(value: Any, what: str) -> bytes:
    """Encode what a client gives; see `plain`.

    Raises:
        UsageError: if JSON cannot hold it.
    """
    try:
        content = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise UsageError(
            f"{what}: {error}; expected what JSON can hold: texts without half characters, numbers of 64 "
            "bits, True, False, None, lists and dicts of these with texts as keys, arrays of numpy"
        ) from error
    found = no_json(value, what) if b"null" in content else None
    if found is not None:
        raise UsageError(found)
    return content


def problem_from(document: dict[str, Any]) -> Problem:
    """Turn a decoded problem document into a Problem."""
    return Problem(
        status=document.get("status", 500),
        code=document.get("code", "unknown"),
        detail=document.get("detail", ""),
        id=document.get("id"),
        given=document.get("given"),
        expected=document.get("expected"),
        todo=document.get("todo", ""),
    )


def select_fields(reply: bytes, fields: Sequence[str]) -> bytes:
    """Leave out parts of a reply's info.

    Args:
        reply: an encoded reply.
        fields: keys of info; with a minus in front the key is left out, without
            one only the keys named are kept.
    """
    document = orjson.loads(reply)
    return orjson.dumps(document) if _select(document, fields) else reply


def select_fields_of_all(body: bytes, fields: Sequence[str]) -> bytes:
    """Leave out parts of each info in an answer to create, fork or describe."""
    document = orjson.loads(body)
    for row in document.get("sessions", [document.get("last", document)]):
        _select(row, fields)
    return orjson.dumps(document)


def _select(document: dict[str, Any], fields: Sequence[str]) -> bool:
    """Select in place; tell whether there is an info."""
    info = document.get("info")
    if not isinstance(info, dict):
        return False
    dropped = {name[1:] for name in fields if name.startswith("-")}
    kept = {name for name in fields if name and not name.startswith("-")}
    document["info"] = {
        key: value for key, value in info.items() if key not in dropped and (not kept or key in kept)
    }
    return True
