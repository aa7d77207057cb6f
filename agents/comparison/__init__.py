"""Agents compared on the same tasks.

results     what an evaluation folder or a record says of each task
standings   boards made offline, of records and evaluations
pairs       every pair of agents compared
"""

from .pairs import Comparison, Pair, compare
from .results import METRICS, TaskResults, read_results

__all__ = ["METRICS", "Comparison", "Pair", "TaskResults", "compare", "read_results"]
