"""The methods of the literature; docs/papers.md says what each was checked against.

groups/    episodes, states or answers of a group are compared
graphs/    the states of a group and the steps between them make a graph, and credit flows on it
critics/   value heads learn beside the policy
"""
