"""What is sent to an endpoint, and what is learned from its refusals.

Every number that decides how tokens are drawn is sent, also where it changes nothing: a
server that is not told takes its own defaults, often those of the checkpoint. For biases, stop
tokens and a least length there are no such defaults: these are sent where they are set. A field
that is refused at its neutral value is left out from then on and stands under `server_default`;
one that was set to something else stops the rollout, for it would not be what was asked.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..sampling import NEUTRAL, Sampling
from ..types import GenerationRequest, Message
from .answers import Problem

_ALL = (-1, 0)  # as top_k: vLLM and SGLang; OpenRouter and others
_SENT_IF_SET = frozenset({"logit_bias", "min_tokens", "stop_token_ids"})
_ALWAYS_SENT = {name: value for name, value in NEUTRAL.document().items() if name not in _SENT_IF_SET}
_EXTENSIONS = ("top_k", "min_p", "repetition_penalty")  # OpenAI's own endpoints know none of them
_PENALTIES = ("presence_penalty", "frequency_penalty")  # these they know, but not for each model
_PARALLEL = "parallel_tool_calls"
_LENGTH, _NEW_LENGTH = "max_tokens", "max_completion_tokens"
_UNKNOWN = (
    "not support",
    "unsupported",
    "unrecognized",
    "unknown",
    "not permitted",
    "forbidden",
    "unexpected",
)
_A_FIELD = ("parameter", "argument", "field", "extra", "schema", "propert", "key", *_UNKNOWN)
_NO_SYSTEM = re.compile(
    r"(system|developer) (role|message|prompt|instruction)s?\b"
    r".{0,40}(not|n't|un)( be)? ?(support|allow|enabl)"
)
_NO_EMPTY = re.compile(r"(?<!\w)(non-?)?empty|must have either content|at least (one|1) char")
_NOTHING_SAID = "(nothing)"
_IMAGE = "image_url"
_PNG_URL = "data:image/png;base64,"
_NO_IMAGES = re.compile(r"image|multi-?modal|vision|content.{0,40}(string|text)|(string|text).{0,40}content")
_NO_TOOLS = re.compile(r"\btools?\b|tool[ _-]?(choice|call|use)|function.?call")
_SERVE_TOOLS = (
    "choose a model and a server that take functions (vLLM: --enable-auto-tool-choice --tool-call-parser "
    "NAME), or use prompt.tools text"
)
_MAX_SHOWN_CHARS = 100


class SettingRefused(Exception):
    """A field that an endpoint refuses and that cannot be left out, as `name value`; and what to do."""

    def __init__(self, what: str, cure: str = "set it to what the endpoint takes, or to its default") -> None:
        self.cure = cure
        super().__init__(what)


class Dialect:
    """The fields that an endpoint takes, one for all of its requests.

    Args:
        model: the model's name at the endpoint.
        seeded: send a seed made of the request's key.
        extra_body: further fields, sent as they are.

    Attributes:
        server_default: fields that were refused and are left to the server.
    """

    def __init__(self, model: str, seeded: bool = True, extra_body: Mapping[str, Any] | None = None) -> None:
        self._model, self._seeded, self._extra = model, seeded, dict(extra_body or {})
        self._length_name = _LENGTH
        self._folds_system = self._fills_empty = False
        self._all_tokens = _ALL[0]
        self._accepted = False
        self.server_default: list[str] = []

    def body(self, request: GenerationRequest) -> dict[str, Any]:
        """Return a request's fields as this endpoint takes them."""
        fields: dict[str, Any] = {
            "model": self._model,
            "messages": self._messages(request.messages),
            self._length_name: request.max_tokens,
            **_sampling_fields(request.sampling, self._all_tokens),
        }
        if request.tools:
            fields["tools"] = list(request.tools)
            fields |= {_PARALLEL: False} if request.max_calls == 1 else {}
        if request.template:
            fields["chat_template_kwargs"] = dict(request.template)
        if request.stop:
            fields["stop"] = list(request.stop)
        if self._seeded and request.key:
            fields["seed"] = random.Random(repr(request.key)).getrandbits(31)
        return {
            name: value for name, value in (fields | self._extra).items() if not self._left_out(name, value)
        }

    @property
    def adapted(self) -> list[str]:
        """Return what is sent in another form than usual."""
        forms = {
            _NEW_LENGTH: self._length_name == _NEW_LENGTH,
            "system text inside the first user message": self._folds_system,
            f"{_NOTHING_SAID} for the agent's empty messages": self._fills_empty,
        }
        return [form for form, used in forms.items() if used]

    def accepted(self) -> None:
        """Note that a request was taken."""
        self._accepted = True

    def learn(self, sent: Mapping[str, Any], problem: Problem) -> bool:
        """Take in why a request was refused; tell whether it is worth sending in the new form.

        Raises:
            SettingRefused: if a field is refused that cannot be left out.
        """
        if self._learned_since(sent) or self._reforms_messages(sent["messages"], problem.searched.lower()):
            return True
        if self._renames_length(problem):
            self._length_name = _NEW_LENGTH
            return True
        if "tools" in sent and not self._accepted and self._refuses_tools(problem):
            raise SettingRefused("the functions of the prompt (tools)", _SERVE_TOOLS)
        named = [name for name in sent if name not in ("model", "messages") and problem.names(name)]
        spare = [name for name in named if name not in self._extra and _is_spare(name, sent[name])]
        if spare:
            self._do_without(spare[-1], problem)
            return True
        if named:
            value = str(sent[named[0]])[:_MAX_SHOWN_CHARS]
            raise SettingRefused(f"{'extra_body ' * (named[0] in self._extra)}{named[0]} {value}")
        if _has_images(sent["messages"]) and _NO_IMAGES.search(problem.searched.lower()):
            raise SettingRefused("the pictures of the prompt", "choose a model that takes images")
        return self._drop_extensions(sent, problem)

    def _refuses_tools(self, problem: Problem) -> bool:
        """Tell whether functions are refused, not a field beside them."""
        if problem.fields:
            return any(map(problem.names, ("tools", "tool_choice")))
        return _NO_TOOLS.search(problem.searched.lower().replace(_PARALLEL, "")) is not None

    def _messages(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        rows = list(map(_row, messages))
        if self._folds_system and _has_system(rows):
            first, second, *rest = rows
            rows = [{**second, "content": _joined(first["content"], second["content"])}, *rest]
        if self._fills_empty:
            rows = [{**row, "content": _NOTHING_SAID} if _is_empty(row) else row for row in rows]
        return rows

    def _learned_since(self, sent: Mapping[str, Any]) -> bool:
        """Tell whether a request had a form that is no longer used."""
        rows = sent["messages"]
        if (self._folds_system and _has_system(rows)) or (self._fills_empty and _has_empty(rows)):
            return True
        if self._length_name not in sent or (sent.get("top_k") in _ALL and sent["top_k"] != self._all_tokens):
            return True
        return any(self._left_out(*field) for field in sent.items())

    def _reforms_messages(self, rows: Sequence[Mapping[str, str]], said: str) -> bool:
        """Tell whether the messages' form is refused, and take another one."""
        if _has_system(rows) and _NO_SYSTEM.search(said):
            self._folds_system = True
        elif _has_empty(rows) and _NO_EMPTY.search(said):
            self._fills_empty = True
        else:
            return False
        return True

    def _left_out(self, name: str, value: Any) -> bool:
        return name in self.server_default and name not in self._extra and _is_spare(name, value)

    def _renames_length(self, problem: Problem) -> bool:
        """Tell whether `max_tokens` itself is refused, not its value."""
        if self._length_name == _NEW_LENGTH or not (problem.names(_LENGTH) or problem.names(_NEW_LENGTH)):
            return False
        said = problem.searched.lower()
        return _NEW_LENGTH in said or any(word in said for word in _UNKNOWN)

    def _do_without(self, name: str, problem: Problem) -> None:
        """Say "all tokens" in the other way if it is top_k's value that is refused; leave others out."""
        unknown = any(word in problem.searched.lower() for word in _UNKNOWN)
        if name == "top_k" and self._all_tokens == _ALL[0] and not unknown:
            self._all_tokens = _ALL[1]
        else:
            self.server_default.append(name)

    def _drop_extensions(self, sent: Mapping[str, Any], problem: Problem) -> bool:
        """Where a first request has some field too many, leave out what few endpoints know, then more."""
        if self._accepted or not any(word in problem.searched.lower() for word in _A_FIELD):
            return False
        for names in (_EXTENSIONS, _PENALTIES):
            spare = [name for name in names if name in sent and _is_spare(name, sent[name])]
            self.server_default += spare
            if spare:
                return True
        return False


def _row(message: Message) -> dict[str, Any]:
    """Return a message as chat APIs take it; the arguments of calls are texts there."""
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        shown = ({"type": _IMAGE, _IMAGE: {"url": _PNG_URL + image}} for image in message.images)
        row["content"] = [*shown, {"type": "text", "text": message.content}]
    if message.tool_calls:
        row["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        row["tool_call_id"] = message.tool_call_id
    return row


def _joined(system: str, said: Any) -> Any:
    """Return the text of a system message and what a user says, a text or parts, as one content."""
    if isinstance(said, str):
        return f"{system}\n\n{said}"
    return [{"type": "text", "text": system}, *said]


def _has_images(rows: Sequence[Mapping[str, Any]]) -> bool:
    return any(isinstance(row["content"], list) for row in rows)


def _has_system(rows: Sequence[Mapping[str, str]]) -> bool:
    return len(rows) > 1 and rows[0]["role"] == "system"


def _has_empty(rows: Sequence[Mapping[str, str]]) -> bool:
    return any(_is_empty(row) for row in rows)


def _is_empty(row: Mapping[str, Any]) -> bool:
    return row["role"] == "assistant" and not row["content"] and "tool_calls" not in row


def _is_spare(name: str, value: Any) -> bool:
    """Tell whether leaving a field out changes nothing that was asked."""
    neutral = _ALL if name == "top_k" else [_ALWAYS_SENT[name]] if name in _ALWAYS_SENT else []
    return name in ("seed", _PARALLEL) or value in neutral


def _sampling_fields(sampling: Sampling, all_tokens: int) -> dict[str, Any]:
    """Return the sampling as it is sent, with this endpoint's way of saying "all" as top_k."""
    asked = {name: value for name, value in sampling.document().items() if name in sampling.changed}
    return {**_ALWAYS_SENT, "top_k": all_tokens, **asked}
