"""Python source as a tree, by one thread at a time.

CPython before 3.11.10 counts the depth of a tree for the whole interpreter: two threads that build
trees at once may raise SystemError, "AST constructor recursion depth mismatch"
(github.com/python/cpython/issues/106905).
"""

from __future__ import annotations

import ast
import threading

_lock = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """Parse source; see ast.parse."""
    with _lock:
        return ast.parse(source)
