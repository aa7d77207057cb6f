"""The bodies of the calls: read strictly, and shown in the OpenAPI document.

Each model reads a decoded body into what the call's meaning is given. Steps are read by
hand, in `encoding`, because they are the hot path; their models serve the documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...envs.seeds import SEED_END
from .calls import Call
from .encoding import check_depth, encode_given, read_step, read_steps
from .limits import Limits
from .problems import Refused, bad_request, too_large
from .types import CreateItem, ForkItem, Problem, ResetItem, StepItem

T = TypeVar("T")

Id = Field(max_length=200)
RequestId = Field(
    default=None,
    min_length=1,
    max_length=200,
    description="made by the client; repeated, it is answered once",
)
Index = Field(ge=0, lt=1 << 53)
_MAX_CONFIG_BYTES = 16_384


class Batch(NamedTuple, Generic[T]):
    """What a create or a fork asks for, and the name of the request."""

    items: list[T]
    request_id: str | None


class Body(BaseModel):
    """A body; `item` is the type of what is answered row by row."""

    model_config = ConfigDict(extra="forbid", strict=True)
    item: ClassVar[type[StepItem] | type[ResetItem]]

    @classmethod
    def forms(cls) -> Sequence[type[Body]]:
        """Return the models one of which a body has the form of."""
        return (cls,)

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> Any:
        """Read a decoded body into what the call's meaning is given.

        Args:
            document: what was decoded.
            id: the session, where the call names one.
            limits: of the body.

        Raises:
            Refused: naming the first member that is wrong and what it should be.
        """
        return cls.parse(document, limits)

    @classmethod
    def parse(cls, document: dict[str, Any], limits: Limits) -> Self:
        """Check a decoded body.

        Raises:
            Refused: naming the first member that is wrong and what it should be.
        """
        check_depth(document, limits.max_depth)
        for name in ("items", "ids"):
            rows = document.get(name)
            if isinstance(rows, list) and len(rows) > limits.max_batch:
                raise Refused(too_large(f"{name} of the request", len(rows), limits.max_batch))
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise Refused(cls._wrong(error)) from error

    @classmethod
    def _wrong(cls, error: ValidationError) -> Problem:
        """Say what is wrong first of all: a member that is not one, before one that is missing."""
        found = error.errors(include_url=False, include_context=False)
        first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
        where, expected = ".".join(map(str, first["loc"])) or "the body", first["msg"]
        if first["type"] in ("extra_forbidden", "missing") and len(first["loc"]) == 1:
            expected = f"{expected}; a body has {', '.join(cls.model_fields)}"
        return bad_request(f"{where}: {expected}", first.get("input"), expected)


class CreateOne(Body):
    """Sessions of one environment."""

    env_id: str = Field(max_length=1000)
    kwargs: dict[str, Any] = Field(default_factory=dict, description="arguments of the environment")
    seed: int = Field(
        default=0, ge=0, lt=SEED_END, description="decides the task; the i-th session gets seed+i"
    )
    options: dict[str, Any] | None = Field(default=None, description="options of the first reset")
    count: int = Field(default=1, ge=1, lt=1 << 31)
    group: bool = Field(default=False, description="all sessions get the task of `seed`")

    def as_item(self) -> CreateItem:
        """Return the item that it asks for."""
        return CreateItem(self.env_id, self.kwargs, self.seed, self.options, self.count, self.group)


class CreateOneBody(CreateOne):
    """Sessions of one environment, without a list around them."""

    request_id: str | None = RequestId


class CreateBody(Body):
    """Sessions of several environments in one request."""

    items: list[CreateOne]
    request_id: str | None = RequestId

    @classmethod
    def forms(cls) -> Sequence[type[Body]]:
        """Return both forms: a list of items, or one item's members at the top."""
        return (cls, CreateOneBody)

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> Batch[CreateItem]:
        """Read a body in either form."""
        if "items" in document:
            body = cls.parse(document, limits)
            return Batch([item.as_item() for item in body.items], body.request_id)
        one = CreateOneBody.parse(document, limits)
        return Batch([one.as_item()], one.request_id)


class StepBody(Body):
    """The step that follows `turn` steps of `episode`."""

    episode: int = Index
    turn: int = Index
    action: str

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> StepItem:
        """Read a step, by hand."""
        return read_step(document, id, limits)


class StepOfBody(StepBody):
    """A step of a named session."""

    id: str


class StepsBody(Body):
    """Steps of many sessions."""

    item = StepItem
    items: list[StepOfBody]

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> list[StepItem]:
        """Read steps, by hand."""
        return read_steps(document, limits)


class TakeBody(Body):
    """Why a session is taken over."""

    reason: str = Field(default="", max_length=200, description="shown to whoever played it")


class GiveBody(Body):
    """The word that was given when a session was taken over."""

    hand: str = Field(min_length=1, max_length=100)


class PlayBody(StepBody):
    """A step of a session that was taken over, with the word that was given for it."""

    hand: str = Field(min_length=1, max_length=100)

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> Any:
        """Read a step and its word."""
        hand = cls.parse(document, limits).hand
        step = {name: value for name, value in document.items() if name != "hand"}
        return read_step(step, id, limits), hand


class ResetOneBody(Body):
    """The start of an episode; repeated, it is answered from store."""

    episode: int = Index
    seed: int | None = Field(
        default=None, ge=0, lt=SEED_END, description="derived from the last when left out"
    )
    options: dict[str, Any] | None = None

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> ResetItem:
        """Read the start of an episode of a session."""
        return cls.parse(document, limits).of(id)

    def of(self, id: str) -> ResetItem:
        """Return the item of a session that it asks for."""
        return ResetItem(id, self.episode, self.seed, self.options)


class ResetOf(ResetOneBody):
    """The start of an episode of a named session."""

    id: str = Id


class ResetBody(Body):
    """Starts of episodes of many sessions."""

    item = ResetItem
    items: list[ResetOf]

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> list[ResetItem]:
        """Read the starts of episodes."""
        return [item.of(item.id) for item in cls.parse(document, limits).items]


class ForkOne(Body):
    """Copies of one session."""

    id: str = Id
    count: int = Field(default=1, ge=1, lt=1 << 31)
    reseed: int | None = Field(
        default=None,
        ge=0,
        lt=SEED_END,
        description="gives each copy fresh randomness; without it they are identical",
    )


class ForkBody(Body):
    """Copies of many sessions."""

    items: list[ForkOne]
    request_id: str | None = RequestId

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> Batch[ForkItem]:
        """Read what to copy."""
        body = cls.parse(document, limits)
        return Batch([ForkItem(item.id, item.count, item.reseed) for item in body.items], body.request_id)


class IdsBody(Body):
    """Sessions by their ids."""

    ids: list[str]

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> list[str]:
        """Read ids."""
        return cls.parse(document, limits).ids


class CloseBody(IdsBody):
    """Sessions to close; one that is gone is no error."""


class HeartbeatBody(IdsBody):
    """Sessions whose leases to renew."""


class StartRunBody(Body):
    """Who plays a run: declared, not measured."""

    agent: str = Field(min_length=1, max_length=200, description="what to call the agent")
    config: dict[str, Any] = Field(default_factory=dict, description="how it is set, as declared")
    request_id: str | None = RequestId

    @classmethod
    def read(cls, document: dict[str, Any], id: str, limits: Limits) -> StartRunBody:
        """Read who plays."""
        body = cls.parse(document, limits)
        size = len(encode_given(body.config, "config"))
        if size > _MAX_CONFIG_BYTES:
            raise Refused(too_large("bytes of config", size, _MAX_CONFIG_BYTES))
        return body


class TaskBody(Body):
    """A task of a run, by its number from 0."""

    task: int = Index


class Spent(Body):
    """What a run has cost so far: declared, not measured."""

    cost: float | None = Field(default=None, ge=0, le=1e12, allow_inf_nan=False, description="US dollars")
    prompt_tokens: int | None = Field(default=None, ge=0, lt=1 << 53)
    completion_tokens: int | None = Field(default=None, ge=0, lt=1 << 53)


class NextBody(TaskBody):
    """The next task of a run; what was spent before it is kept when it is dealt, and the last of all."""

    spent: Spent | None = None


def body_of(call: Call) -> type[Body] | None:
    """Return the model of a call's body; None where it has none."""
    return globals()[call.body] if call.body else None


def items_of(call: Call, rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Make the items of a call again of their members, which another process of ours has read."""
    model = body_of(call)
    assert model is not None, "what is answered row by row has a body"
    return [model.item(*row) for row in rows]


def read_body(call: Call, document: dict[str, Any], id: str, limits: Limits) -> Any:
    """Read the decoded body of a call into what its meaning is given; None where it has none.

    Raises:
        Refused: naming the first member that is wrong and what it should be.
    """
    model = body_of(call)
    return None if model is None else model.read(document, id, limits)
