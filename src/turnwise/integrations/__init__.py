"""turnwise inside other frameworks, and they inside it; each imports its framework when it is asked for.

lazy.py: names that are imported when they are asked for.
called.py: an environment of ours that is played by calls of tools.
trl/: environments, rollouts and credit for TRL's GRPOTrainer.
verifiers/: environments as tasksets of verifiers.
inspect_ai/: environments as tasks of inspect_ai, with its models, logs and viewer.

docs/ecosystem.md says how each is used and with which versions it is tried.
"""
