"""State machines: definitions, machines that run, reports about definitions."""

from .definition import Definition, State, Transition
from .engine import Machine
from .errors import DefinitionError, MachineError
from .loading import load
from .report import dead_ends, reachable, to_dot

__all__ = [
    "Definition",
    "DefinitionError",
    "Machine",
    "MachineError",
    "State",
    "Transition",
    "dead_ends",
    "load",
    "reachable",
    "to_dot",
]
