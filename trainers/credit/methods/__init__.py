"""The methods of the literature, one file each; docs/papers.md says what each was checked against.

Episodes compared      grpo, dr_grpo, rloo, reinforce_pp (and its baseline), broadcast, mars (by agent)
States compared        gigpo, hgpo, salt
On the graph of states graphgpo, g2po, graft
Answers annotated      igpo
Critics                turn_ppo, hae, archer; of tokens: poad, td0, bilevel_gae
"""
