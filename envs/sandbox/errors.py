"""Whose fault a failure around a sandbox is.

What an agent's command does to itself (it fails, runs out of time or memory) is no exception: it is
the `cause` of a `Ran`.

TurnwiseError
  SandboxError (RuntimeError)   the machine's: an engine that is gone, no space, a box that died
    ImageError                  the task's: an image that is missing, does not build or does not start
"""

from __future__ import annotations

from ...errors import TurnwiseError


class SandboxError(TurnwiseError, RuntimeError):
    """What the machine could not do; the episode is left out of every statistic."""


class ImageError(SandboxError):
    """What is wrong with the image or the files that a task names."""
