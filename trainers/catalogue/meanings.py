"""What the parameters of a part mean: read off its documentation, where it is said once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_ARGS = re.compile(r"^Args:\n((?:    .*\n|\n)*)", re.MULTILINE)
_ARG = re.compile(r"^    (\w+): (.*(?:\n      +.*)*)", re.MULTILINE)


def meanings(function: Callable[..., Any]) -> dict[str, str]:
    """Return what a docstring in Google's style says of each argument, each in one line."""
    args = _ARGS.search((inspect.getdoc(function) or "") + "\n")
    return {name: " ".join(text.split()) for name, text in _ARG.findall(args[1])} if args else {}
