"""What can go wrong."""


class MachineError(Exception):
    """Any error of this package."""


class DefinitionError(MachineError, ValueError):
    """A definition that can not be run."""
