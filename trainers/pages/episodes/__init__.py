"""Pages over stored trajectories: lists, one turn by turn, two side by side, a group as a tree.

shelf.py      the stored trajectories of each place, opened beside the pages
listing.py    rows that a filter lets through, sorted, page by page
group.py      a trajectory with those it is compared with, and their credit
turns.py      a turn as it is shown; tokens.py its tokens, shaded
untrained.py  why a trajectory, or a turn, did not train
tree.py       a group as a tree of forks
routes.py     what is asked for by which address
"""
