"""The methods of the literature; docs/papers.md says what each was checked against.

groups/    episodes, states or answers of a group are compared
graphs/    the states of a group and the steps between them make a graph, and credit flows on it
trees/     branching rollouts make a tree, and a stretch of turns is held against the state it left
critics/   value heads learn beside the policy
"""
