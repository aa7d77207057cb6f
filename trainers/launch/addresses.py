"""Where the servers and engines that a cluster holds are: told to the learners by their environment.

No recipe keeps them, so that a run goes on elsewhere, or without a cluster, from its folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from ..sections import PolicySection, ServerSection

_SERVER, _ENGINES = "TURNWISE_HELD_SERVER", "TURNWISE_HELD_ENGINES"


def told(server: str, engines: Sequence[str]) -> dict[str, str]:
    """Return what tells a learner.

    Args:
        server: the address of a server, or of the router before several; "" where the cluster holds none.
        engines: the addresses of engines.
    """
    return {_SERVER: server, _ENGINES: " ".join(engines)}


def reached_server(section: ServerSection) -> ServerSection:
    """Return where the environments are: on the server that was told, if one was."""
    told_url = os.environ.get(_SERVER)
    return replace(section, url=told_url) if told_url else section


def reached_engines(section: PolicySection) -> PolicySection:
    """Return a policy that is sampled by the engines that were told, if some were."""
    urls = tuple(os.environ.get(_ENGINES, "").split())
    return replace(section, engine=replace(section.engine, urls=urls)) if urls else section
