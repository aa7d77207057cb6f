"""Credit on the graph of the states that a group has met, one file each.

Edges          salt, graphgpo, graft
Node values    g2po, gagpo, crbc, graphhca
Tree           rtmc: states are what was done before
"""
