"""What packages of others leave unclosed is collected while the filters of their own tests hold."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """Collect garbage at the end of each file: later it would warn in a test that has no part in it."""
    yield
    gc.collect()
