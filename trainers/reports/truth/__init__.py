"""Credit held against the true advantage of each turn, known from rollouts of the policy.

measures.py        bias, variance, signs, ranks, and what bootstraps say of their errors
critics.py         what methods with value heads are given
stored.py          turns whose true advantage is known, as the package brings them:
household.json.gz  made by benchmarks/credit_truth/store.py
score.py           a method scored against them
own.py             a method by its name, or a function of a file
rows.py            every turn with advantage, truth and error, as parquet
"""

from .own import find_method
from .rows import write_rows
from .score import Scored, rank_ceiling, score
from .stored import Stored, stored

__all__ = ["Scored", "Stored", "find_method", "rank_ceiling", "score", "stored", "write_rows"]
