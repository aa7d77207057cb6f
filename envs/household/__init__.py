"""The household: text games of six kinds of chores, exact to ALFWorld's engine."""
