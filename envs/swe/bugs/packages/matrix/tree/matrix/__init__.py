"""Exact matrices of rational numbers."""

from .core import Matrix
from .elimination import null_space, rank, reduced, row_space
from .equations import solutions, solve
from .errors import NoSolution, ShapeError, SingularError
from .polynomial import characteristic, eigenvalues, evaluate, rational_roots
from .square import adjugate, determinant, inverse, is_symmetric, plu, trace
from .text import parse, to_decimal

__all__ = [
    "Matrix",
    "NoSolution",
    "ShapeError",
    "SingularError",
    "adjugate",
    "characteristic",
    "determinant",
    "eigenvalues",
    "evaluate",
    "inverse",
    "is_symmetric",
    "null_space",
    "parse",
    "plu",
    "rank",
    "rational_roots",
    "reduced",
    "row_space",
    "solutions",
    "solve",
    "to_decimal",
    "trace",
]
