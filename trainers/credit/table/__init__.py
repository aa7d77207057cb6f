"""The turn table: the columns of a batch, one row a turn.

table.py         TurnTable: built from columns or trajectories, changed into others
rows.py          its columns, and what follows from them
columns.py       arrays that are checked, copied, coded by equal values
checks.py        what a table refuses
trajectories.py  the columns that trajectories give
agents.py        the turns of each agent as trajectories of their own
tasks.py         the tasks of trajectories, and what is kept of each
tokens.py        one array a turn, laid end to end
scan.py          sums along a trajectory, from its end
"""
