"""A recipe over seeds and values: every combination as a run of its own, in a folder that holds all of them.

values.py    values as they are typed, and the names of folders that tell them
plan.py      which runs there are, and how each stands, before anything starts
processes.py trainings as processes, each with all that it starts
sweep.py     the runs of a plan, so many at a time; an interrupted sweep goes on
showing.py   progress with the time left
"""

from .plan import Plan, Planned, plan
from .sweep import Outcome, sweep

__all__ = ["Outcome", "Plan", "Planned", "plan", "sweep"]
