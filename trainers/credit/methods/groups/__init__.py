"""Credit by comparison inside a group, one file each.

Episodes compared   grpo, dr_grpo, rloo, reinforce_pp (and its baseline), broadcast, mars (by agent)
States compared     gigpo, hgpo
Answers annotated   igpo
Nothing compared    cloning
"""
