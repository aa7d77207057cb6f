"""What another framework is needed for says which, and how to install it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from turnwise.errors import UsageError
from turnwise.integrations import inspect_ai, trl, verifiers

NAMES = [
    *((inspect_ai, name, "inspect_ai", "inspect-ai") for name in inspect_ai.__all__),
    (trl, "CreditTrainer", "trl", "trl"),  # all else of it takes TRL's classes, and imports none
    *((verifiers, name, "verifiers", "verifiers") for name in verifiers.__all__),
]


@pytest.mark.parametrize(("package", "name", "missing", "install"), NAMES)
def test_what_is_missing_is_named(
    package: ModuleType, name: str, missing: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    for module in [each for each in sys.modules if each.startswith(f"{package.__name__}.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(UsageError, match=f"{name} needs {install}.*pip install {install}"):
        getattr(package, name)


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = inspect_ai.nothing
