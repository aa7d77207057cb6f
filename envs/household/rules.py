"""Tell whether a game file follows the rules and the sentences that the engine implements.

A game file carries its own PDDL domain and grammar. Those of ALFWorld 0.4.2 are
known here by digests of their canonical form (comments and layout left out), so
that a file with other rules is refused instead of being played wrongly.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re

from .game import Wording
from .pddl import Expression, PddlError, read, render, section

PREDICATES: dict[str, tuple[str, ...]] = {
    "atlocation": ("agent", "location"),
    "receptacleatlocation": ("receptacle", "location"),
    "objectatlocation": ("object", "location"),
    "openable": ("receptacle",),
    "opened": ("receptacle",),
    "inreceptacle": ("object", "receptacle"),
    "isreceptacleobject": ("object",),
    "inreceptacleobject": ("object", "object"),
    "isreceptacleobjectfull": ("object",),
    "wasinreceptacle": ("object", "receptacle"),
    "checked": ("receptacle",),
    "examined": ("location",),
    "receptacletype": ("receptacle", "rtype"),
    "cancontain": ("rtype", "otype"),
    "objecttype": ("object", "otype"),
    "holds": ("agent", "object"),
    "holdsany": ("agent",),
    "holdsanyreceptacleobject": ("agent",),
    "full": ("receptacle",),
    "isclean": ("object",),
    "cleanable": ("object",),
    "ishot": ("object",),
    "heatable": ("object",),
    "iscool": ("object",),
    "coolable": ("object",),
    "pickupable": ("object",),
    "moveable": ("object",),
    "toggleable": ("object",),
    "ison": ("object",),
    "istoggled": ("object",),
    "sliceable": ("object",),
    "issliced": ("object",),
}
"""Every predicate of the domain, with the types of its arguments."""

_ACTIONS = {
    "look": "af35305d0073105f",
    "inventory": "707bf5a9f559863f",
    "examinereceptacle": "b3bf49299bab5205",
    "examineobject": "30dc940e6061553d",
    "gotolocation": "1a17e26de38fab24",
    "openobject": "21956169b15d8546",
    "closeobject": "11ebd46815bc0c79",
    "pickupobject": "67566d33029bd651",
    "putobject": "6ebc84b6bfd5a339",
    "cleanobject": "60439a4fefecb24d",
    "heatobject": "913128a2295ae62c",
    "coolobject": "e5584ea482950e09",
    "toggleobject": "add36a6e826ee01c",
    "sliceobject": "d10bfbed9ccc451d",
    "help": "805c8dba41981b5e",
}
_GRAMMARS: dict[str, Wording] = {"160460f6028632bb": "move", "83645cd469759f68": "put"}
_TASK = re.compile(r'("task"\s*:\s*\[\s*\{\s*"rhs"\s*:\s*)("(?:[^"\\]|\\.)*")')
_PUT = re.compile(r'template\s*::\s*"put \{o\} in/on \{r\}"')


@functools.lru_cache(maxsize=8)
def check_domain(text: str) -> None:
    """Check that a domain has exactly the actions that the engine implements.

    Raises:
        PddlError: naming the action or predicate that differs, and its line.
    """
    domain = read(text)
    for predicate in section(domain, ":predicates").items[1:]:
        name = predicate.head if isinstance(predicate, Expression) else render(predicate)
        if name not in PREDICATES:
            raise PddlError(predicate.line, f"unknown predicate {name!r} in the domain")
    found = set()
    for item in domain.items:
        if not isinstance(item, Expression) or item.head != ":action":
            continue
        name = render(item.items[1]) if len(item.items) > 1 else ""
        if _ACTIONS.get(name) != hashlib.sha256(render(item).encode()).hexdigest()[:16]:
            raise PddlError(
                item.line,
                f"the action {name!r} is not that of ALFWorld 0.4.2; the engine has its rules alone",
            )
        found.add(name)
    missing = sorted(_ACTIONS.keys() - found)
    if missing:
        raise PddlError(domain.line, f"the action {missing[0]!r} of ALFWorld is missing from the domain")


def read_grammar(text: str, *, strict: bool) -> tuple[str, Wording]:
    """Return the line that states the task, and the wording of the grammar.

    Args:
        text: the grammar of a game file.
        strict: whether sentences other than ALFWorld 0.4.2's are an error.

    Raises:
        PddlError: if there is no task, or the sentences are others.
    """
    match = _TASK.search(text)
    if match is None:
        raise PddlError(1, 'no rule "task" in the grammar; the goal text stands there')
    line = text.count("\n", 0, match.start()) + 1
    try:
        instruction = json.loads(match.group(2))
    except json.JSONDecodeError as error:
        raise PddlError(line, f"the goal text is not a JSON string: {error}") from error
    rest = " ".join((text[: match.start(2)] + text[match.end(2) :]).split())
    wording = _GRAMMARS.get(hashlib.sha256(rest.encode()).hexdigest()[:16])
    if wording is None and strict:
        raise PddlError(
            1,
            "the sentences of the grammar are not those of ALFWorld 0.4.2; "
            "strict=False plays the game with the engine's own sentences",
        )
    return instruction, wording or ("put" if _PUT.search(text) else "move")
