"""Methods of the literature that are a setting of a recipe or a command, and no part that is registered."""

from __future__ import annotations

from ..parts import Source

SETTINGS = {
    "rollout.mask": (
        "Tokens are drawn from what a slowly following copy of the policy finds likely.",
        Source(
            paper="NLPO, Is Reinforcement Learning (Not) for Natural Language Processing",
            ref="arXiv 2210.01241",
            exact="golden",
            how="which tokens the mask keeps, of models that decode; the rest by hand",
            note="for policies of kind tiny and transformers, which hold the copy. What the mask leaves is "
            "kept with each token as its support, and the learner replays it: ratios and entropies are of "
            "the distribution that was drawn from, while the authors' code takes the logprob without the "
            "mask. After `every` updates the copy becomes the policy that has just sampled, as in their "
            "loop; but their logits processor keeps the copy that it was made with, which is `every = 0`. "
            "Of special tokens those that end a message are never masked, there all. Under a constraint "
            "the copy's distribution is the one over what may be said. A KL is between distributions "
            "under the mask, theirs between those without; evaluation is without the mask, theirs with it",
        ),
    ),
    "loss.off_policy": (
        "What is done with the weight old/behaviour of tokens that another distribution sampled.",
        Source(
            paper="Truncated and masked importance weights",
            ref="arXiv 2510.18855 and others",
            exact="by hand",
            note="over a turn or a trajectory the weight is the geometric mean; a product is a matter of "
            "length (noise of 0.03 nats a token with a true mean ratio of 1: 0.22 on average at 8 000 "
            "tokens, cut at 2). The log has it before the cut (`off_policy/uncut`) and after",
        ),
    ),
}
"""By the key of the recipe: what it is, and where it comes from."""

COMMANDS = {
    "practise": (
        "turnwise practise",
        "Groups of episodes are compared in words; the lessons stand in later prompts.",
        Source(
            paper="Training-free GRPO",
            ref="arXiv 2510.08191",
            exact="golden",
            how="the change of the library",
            note="the questions are asked in our words, and without the answer to a task, which environments "
            "do not tell; groups are compared where rewards differ; the library is bounded "
            "(docs/experience.md)",
        ),
    ),
    "agentflow": (
        "python -m turnwise.agents.flow",
        "A planner that learns, and an executor, a verifier and a generator beside it, around one memory.",
        Source(
            paper="AgentFlow",
            ref="arXiv 2510.05592",
            exact="by hand",
            how="episodes of modules that decide, in the order of the authors' solver",
            note="the questions are asked in our words; memory and results are bounded, the tools are the "
            "environment's, and so is the reward (docs/agentflow.md)",
        ),
    ),
}
"""By the name of the command: how it is typed, what it does, and where it comes from."""
