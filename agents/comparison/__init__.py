"""Agents compared on the same tasks.

results     what an evaluation folder or a record says of each task
standings   boards made offline, of records and evaluations
pairs       every pair of agents compared
"""

from .pairs import Pair, between, compare
from .results import METRICS, TaskResults, read_results

__all__ = ["METRICS", "Pair", "TaskResults", "between", "compare", "read_results"]
