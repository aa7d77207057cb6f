"""States that turns share.

anchors.py      turns in the same, or a similar, state
similarity.py   similar as difflib says, behind cheap bounds:
ceilings.py     characters and pairs of characters in common
subsequence.py  longest common subsequences, many at a time
graph.py        states as nodes, turns as edges; distances to the goal
values.py       the value of each state on it, exactly; the chance to succeed from it
signatures.py   what was done before a turn, in whatever order
hops.py         sums over its edges by how far away they lie
"""
