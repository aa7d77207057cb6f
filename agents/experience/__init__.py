"""Experience in words: what a group of episodes teaches is written down and shown in prompts.

lessons     texts in a file of bounded size, and the prompts that show them
operations  what is added, updated and deleted, read from a model's answer
questions   what a model is asked: to sum up, to compare, to propose, to settle
config      how much is played, asked and kept
reflect     from groups of episodes to a revised library
folder      what is kept while it goes on, and gone on from
practice    the loop: play, compare, revise
"""
