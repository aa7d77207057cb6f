"""What the OpenAPI document says of bodies, answers and parameters.

Steps are read and answers written by hand, as bytes; the models here and in `bodies`
document them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from .bodies import body_of
from .calls import QUERY, Call
from .problems import PROBLEM_TYPE
from .types import Problem, Reply

_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "title": "Id"}}
_FIELDS = {
    "name": "fields",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "example": "-admissible",
    "description": "keys of info to keep, with commas between them; with a minus in front to leave out",
}
_TURN = {
    "name": "turn",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 0},
    "description": "give the reply to the step of this turn",
}
_PREFER = {
    "name": "prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "wait=10",
    "description": "how many seconds to wait: for a step until it is answered 202, for room until 429",
}


def documented(call: Call) -> dict[str, Any]:
    """Describe parameters, body and answer of a call for the OpenAPI document."""
    parameters = [_ID] if call.of_session else []
    parameters += [parameter for parameter in (_TURN, _FIELDS, _PREFER) if parameter["name"] in call.takes]
    parameters += [_whole(name) for name in QUERY if name in call.takes]
    found: dict[str, Any] = {"parameters": parameters} if parameters else {}
    model = body_of(call)
    if model is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _any_of(model.forms())}},
        }
    if call.answer:
        schema = _REPLY if call.answer == "reply" else _list(call.answer)
        found["responses"] = {"200": {"content": {"application/json": {"schema": schema}}}}
    return found


def _whole(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0}
    where = {"name": name, "in": "query", "required": name in ("a", "b")}
    return {**where, "schema": schema, "description": QUERY[name]}


def _any_of(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    schemas = [
        _inlined(model.model_json_schema(ref_template="#/components/schemas/{model}")) for model in models
    ]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the definitions of a schema where they are used."""
    definitions = schema.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return walk(definitions[node["$ref"].rpartition("/")[2]])
            return {key: walk(value) for key, value in node.items()}
        return [walk(value) for value in node] if isinstance(node, list) else node

    walked: dict[str, Any] = walk(schema)
    return walked


def _list(member: str) -> dict[str, Any]:
    rows = {"type": "array", "items": {"anyOf": [_REPLY, _PROBLEM]}}
    return {"type": "object", "properties": {member: rows}, "required": [member]}


def _reply() -> dict[str, Any]:
    schema = TypeAdapter(Reply).json_schema()
    return {**schema, "required": list(schema["properties"])}


def _problem() -> dict[str, Any]:
    schema = TypeAdapter(Problem).json_schema()
    named = {"type": {"type": "string"}, "title": {"type": "string"}}
    return {**schema, "properties": {**named, **schema["properties"]}}


_REPLY, _PROBLEM = _reply(), _problem()
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457): what was given, what was expected, what to do.",
        "content": {PROBLEM_TYPE: {"schema": _PROBLEM}},
    }
}
"""What every call may be answered with."""
