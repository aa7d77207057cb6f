"""Boxes in which an agent's commands run, so that none runs on the host.

box      what a sandbox is: a specification, one command's result, the interface
errors   whose fault a failure is: the machine's, the task's
network  the way out of boxes that may reach listed hosts
unattended  variables by which programs wait for nobody
loop     the event loop of a thread that sandboxes of synchronous callers live on
backends  the backend of a process, by name, and what works here
namespace  boxes out of namespaces and overlay layers, without an engine
docker     boxes as containers of a Docker engine
"""

from __future__ import annotations

from .backends import backend_by_name
from .box import HOST, Backend, Limits, Ran, Sandbox, Spec
from .errors import ImageError, SandboxError

__all__ = [
    "HOST",
    "Backend",
    "ImageError",
    "Limits",
    "Ran",
    "Sandbox",
    "SandboxError",
    "Spec",
    "backend_by_name",
]
