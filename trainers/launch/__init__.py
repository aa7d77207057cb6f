"""The processes of a run held by a cluster: planned, started, and started again when they die.

config.py     what a recipe says of them
roles.py      which processes a recipe asks for
plan.py       where they come to lie, as a table
addresses.py  how the learners learn of the others
commands.py   the command line of each
keeper.py     one process, held on its machine; knows nothing of Ray
supervise.py  all of them, from the first start to the end; knows nothing of Ray
ray.py        a cluster of Ray, and nothing else imports it
run.py        a run on such a cluster
"""
