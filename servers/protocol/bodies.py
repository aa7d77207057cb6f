"""The bodies of the control plane: read strictly, and shown in the OpenAPI document.

Steps are read by hand in `wire`, because they are the hot path; their models
here serve the documentation.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .encoding import check_depth
from .limits import Limits
from .problems import Refused, bad_request, too_large
from .types import CreateItem, ForkItem, ResetItem

__all__ = [
    "CloseBody",
    "CreateBody",
    "ForkBody",
    "HeartbeatBody",
    "ResetBody",
    "ResetOneBody",
    "StepBody",
    "StepsBody",
    "read",
    "read_create",
]

Seed = Field(ge=0, lt=1 << 62, description="decides the task")
Id = Field(max_length=200)
RequestId = Field(
    default=None,
    min_length=1,
    max_length=200,
    description="made by the client; repeated, it is answered once",
)
Index = Field(ge=0, lt=1 << 53)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CreateOne(_Body):
    """Sessions of one environment."""

    env_id: str = Field(max_length=1000)
    kwargs: dict[str, Any] = Field(default_factory=dict, description="arguments of the environment")
    seed: int = Field(
        default=0, ge=0, lt=1 << 62, description="decides the task; the i-th session gets seed+i"
    )
    options: dict[str, Any] | None = Field(default=None, description="options of the first reset")
    count: int = Field(default=1, ge=1, lt=1 << 31)
    group: bool = Field(default=False, description="all sessions get the task of `seed`")


class CreateBody(_Body):
    """Sessions of several environments in one request."""

    items: list[CreateOne]
    request_id: str | None = RequestId


class CreateOneBody(CreateOne):
    """Sessions of one environment, without a list around them."""

    request_id: str | None = RequestId


class StepBody(_Body):
    """The step that follows `turn` steps of `episode`."""

    episode: int = Index
    turn: int = Index
    action: str


class StepOfBody(StepBody):
    """A step of a named session."""

    id: str


class StepsBody(_Body):
    """Steps of many sessions."""

    items: list[StepOfBody]


class ResetOneBody(_Body):
    """The start of an episode; repeated, it is answered from store."""

    episode: int = Index
    seed: int | None = Field(
        default=None, ge=0, lt=1 << 62, description="derived from the last when left out"
    )
    options: dict[str, Any] | None = None


class ResetOf(ResetOneBody):
    """The start of an episode of a named session."""

    id: str = Id


class ResetBody(_Body):
    """Starts of episodes of many sessions."""

    items: list[ResetOf]


class ForkOne(_Body):
    """Copies of one session."""

    id: str = Id
    count: int = Field(default=1, ge=1, lt=1 << 31)
    reseed: int | None = Field(
        default=None,
        ge=0,
        lt=1 << 62,
        description="gives each copy fresh randomness; without it they are identical",
    )


class ForkBody(_Body):
    """Copies of many sessions."""

    items: list[ForkOne]
    request_id: str | None = RequestId


class CloseBody(_Body):
    """Sessions to close; one that is gone is no error."""

    ids: list[str]


class HeartbeatBody(_Body):
    """Sessions whose leases to renew."""

    ids: list[str]


B = TypeVar("B", bound=BaseModel)


def read(model: type[B], document: dict[str, Any], limits: Limits) -> B:
    """Read a body.

    Raises:
        Refused: naming the first member that is wrong and what it should be.
    """
    check_depth(document, limits)
    for name in ("items", "ids"):
        rows = document.get(name)
        if isinstance(rows, list) and len(rows) > limits.max_batch:
            raise Refused(too_large(f"{name} of the request", len(rows), limits.max_batch))
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        expected = first["msg"]
        raise Refused(bad_request(f"{where}: {expected}", first.get("input"), expected)) from error


def read_create(document: dict[str, Any], limits: Limits) -> tuple[list[CreateItem], str | None, bool]:
    """Read the body of a create in either form.

    Returns:
        the items, the request_id, and whether the body was a single item.
    """
    if "items" in document:
        body = read(CreateBody, document, limits)
        return [_create_item(one) for one in body.items], body.request_id, False
    one = read(CreateOneBody, document, limits)
    return [_create_item(one)], one.request_id, True


def reset_item(one: ResetOneBody, id: str) -> ResetItem:
    """Make the item that a body asks for."""
    return ResetItem(id, one.episode, one.seed, one.options)


def fork_item(one: ForkOne) -> ForkItem:
    """Make the item that a body asks for."""
    return ForkItem(one.id, one.count, one.reseed)


def _create_item(one: CreateOne) -> CreateItem:
    return CreateItem(one.env_id, one.kwargs, one.seed, one.options, one.count, one.group)
