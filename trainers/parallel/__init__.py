"""A learner on several processes, which hold its weights in parts; nothing else knows of torch.distributed.

place.py     where this process stands; without torch
launch.py    how the ranks come together: by torchrun, or started here
group.py     what they compute together, and how one finds out what became of another
sharding.py  a model divided over them (FSDP2)
learner.py   the learner of each rank
begin.py     how it begins
lead.py      what rank 0 does
follow.py    what the others do
"""
