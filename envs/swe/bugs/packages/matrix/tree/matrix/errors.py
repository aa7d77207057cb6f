"""What can go wrong."""


class ShapeError(ValueError):
    """Shapes that do not fit."""


class SingularError(ZeroDivisionError):
    """A matrix that has no inverse."""


class NoSolution(ArithmeticError):
    """Equations that contradict each other."""
