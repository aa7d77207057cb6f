"""What another framework is needed for says which, and how to install it."""

from __future__ import annotations

import sys

import pytest

from turnwise.errors import UsageError
from turnwise.integrations import inspect_ai


@pytest.mark.parametrize("name", inspect_ai.__all__)
def test_inspect_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(UsageError, match=f"{name} needs inspect_ai.*pip install inspect-ai"):
        getattr(inspect_ai, name)


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = inspect_ai.nothing
