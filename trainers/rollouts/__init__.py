"""Rollouts: the episodes that an update trains on.

collect.py     plays, chooses and annotates them
stream.py      those of later updates, played while the learner works; flight.py what is in flight of one
concurrency.py how many are under way, by what throughput makes of it
bound.py       the parts that a recipe names for that, bound
tasks.py       which tasks, all alike; mixture.py in which environments
horizon.py     how long episodes may be, by update
choosers/      which tasks, and how many members, by what is remembered of each
plans/         how the episodes of a group come about: apart, or as a tree
samplers/      which groups are trained on, and what is played or replayed besides
annotators/    what is found out about turns after they were played
"""
