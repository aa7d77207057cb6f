"""Credit by comparison inside a group, one file each.

Episodes compared   grpo, dr_grpo, rloo, reinforce_pp (and its baseline), broadcast
Agents apart        mars, m_grpo
Other baselines     opmd (and asymre), canon (two halves), bnpo (weighed by group), risk_po (quantiles)
Shaped, combined    aspo (early tool calls), gdpo and dvao (several rewards)
Turns compared      step_grpo (of the same number)
States compared     gigpo, hgpo
Answers annotated   igpo
Nothing compared    cloning
Batches remembered  single_stream and dcpo (of tasks), risk_po_tracked
"""
