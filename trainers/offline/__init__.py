"""Training from episodes that somebody has played before: none is played for it.

sources.py   runs, evaluations, files of trajectories, chats in JSON lines and parquet, read by parts
chats.py     a chat with rewards as an episode
words.py     an episode in the policy's tokens: those that were stored, or made from its words
store.py     the episodes of a run in its own folder, each found and read alone
prepare.py   from sources to that folder
draw.py      which episodes each update learns from
collect.py   what the trainer is given in place of a rollout
"""
