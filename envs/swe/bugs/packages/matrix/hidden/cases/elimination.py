"""Hidden cases of matrix: elimination."""

from cases.shared import MATRICES, plain
from matrix import null_space, rank, reduced, row_space


def case_reduced():
    return [plain(reduced(a)) for a in MATRICES]


def case_ranks():
    return [[rank(a), plain(row_space(a))] for a in MATRICES]


def case_null_spaces():
    return [plain(null_space(a)) for a in MATRICES]
