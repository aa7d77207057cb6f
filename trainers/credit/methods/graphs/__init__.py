"""Credit on the graph of the states that a group has met, one file each: salt, graphgpo, g2po, graft."""
