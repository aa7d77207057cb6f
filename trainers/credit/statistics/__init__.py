"""Numbers of a group that turns are compared by.

groups.py  mean and deviation of each group, exactly 0 where it has nothing to tell
scores.py  returns less penalties, compared inside a prompt group
whiten.py  whitening over tokens
ends.py    which trajectories are over, and which were only cut off
"""
