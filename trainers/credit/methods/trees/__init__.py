"""Credit on the tree that branching rollouts make of a group, one file each.

spo_tree.py  a turn's stretch against the state that it left (Segment Policy Optimization)
"""
