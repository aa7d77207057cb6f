"""What can go wrong."""


class MergeError(Exception):
    """Anything below."""


class PathError(MergeError, LookupError):
    """A path that cannot be read, or leads to nothing."""


class ConflictError(MergeError):
    """Two values that cannot be made into one."""


class ExpandError(MergeError):
    """A reference that cannot be followed."""
