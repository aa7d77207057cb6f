"""Fixed tasks, played once each and counted.

evaluate.py: the function `evaluate`. playing.py: which of its tasks are played, and which again.
config.py: what it plays by default. results.py: a row a task, and the figures over all rows.
folder.py: rows on disk, from which an evaluation goes on. hosted.py: runs of hosted benchmarks.
regrade.py: stored patches judged again, without a policy.
"""

from .config import EVALUATION
from .evaluate import evaluate
from .results import EvalRow, Evaluation

__all__ = ["EVALUATION", "EvalRow", "Evaluation", "evaluate"]
