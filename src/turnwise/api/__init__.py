"""turnwise from Python: what the commands do, as functions that return typed results.

evaluating.py: `evaluate`, an agent on tasks. playing.py: `rollout`, episodes as data. training.py: `train`,
a recipe, and `Run`, what it came to. comparing.py: `compare`, runs and evaluations beside each other.
sweeping.py: `sweep`, a recipe over seeds and values.
given.py: agents, environments and servers as they may be given. loops.py: running all that where an event
loop runs already, as in a notebook. progress.py: the line that shows how far an evaluation is.
"""
