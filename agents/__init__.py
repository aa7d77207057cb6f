"""Agents: what plays an environment, how it is asked, and what is kept of it.

types.py, sampling.py: messages, requests, generations, turns, trajectories.
policies/: who answers: a checkpoint, an endpoint, an expert, a class of one's own.
prompts/: what a policy is shown, and how its action is read from its answer.
rollout/: many episodes at once over a session service. gateway/: an endpoint for harnesses of others.
evaluation/: fixed tasks, played once each and counted. causes/: why an episode was lost.
comparison/: agents on the same tasks. suite/: agents times environments. experience/: lessons in words.
flow/: AgentFlow, four modules of which one learns.
control/: what goes on is paused, bounded and stopped by files in its folder.
batching.py: calls that wait, answered together.
tiny/: a language model small enough to train on a CPU. decoding/: the loop that generates.
models.py: what a learner asks of a language model. trajectories.py: trajectories in files;
stored/: those of a run or an evaluation beside an index of them; atif.py: in the format of others;
chats.py: as chats to learn from; rows.py: one row a turn, also as parquet.
"""
