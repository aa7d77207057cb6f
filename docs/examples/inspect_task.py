"""Evaluate a model on one of our environments with inspect_ai, logs and viewer included.

pip install inspect-ai
inspect eval docs/examples/inspect_task.py --model openai/MODEL -T seeds=20 -T split=unseen
"""

from inspect_ai import Task, task

from turnwise.integrations.inspect_ai import task as turnwise_task


@task
def office(seeds: int = 50, split: str = "test") -> Task:
    """Return requests to an office, carried out by calls of functions."""
    return turnwise_task("calling/office-v1", seeds=range(seeds), kwargs={"split": split}, max_messages=15)


@task
def household(seeds: int = 50, split: str = "unseen") -> Task:
    """Return chores in text games, where `success` is whether they were done."""
    return turnwise_task("household/demo-v0", seeds=range(seeds), kwargs={"split": split}, max_messages=40)
