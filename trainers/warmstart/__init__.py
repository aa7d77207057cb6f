"""Warm starts: a new tiny policy, made from demonstrations.

warmstart.py       demonstrations -> tokenizer and weights -> cloning -> a folder
demonstrations.py  a rollout of teachers; teachers.py the policies that are imitated
encoding.py        the episodes of a teacher in tokens
cloning.py         cross entropy on them; descent.py its optimizers, resume.py its interruptions
copying.py         exercises in carrying tokens, before anything else
"""
