"""Warm starts: a policy made from demonstrations.

warmstart.py       demonstrations -> tokens -> cloning -> a folder
students.py        what is cloned into: a tiny policy or a model of the Hugging Face format
demonstrations.py  a rollout of teachers; teachers.py the policies that are imitated; stored.py files
encoding.py        the episodes of a teacher in tokens; chat.py in those of a chat template
cloning.py         cross entropy on them; descent.py its optimizers, resume.py its interruptions
copying.py         exercises in carrying tokens, before anything else
"""
