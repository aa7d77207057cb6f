"""Bugs by choice: a small policy mends real code in real sandboxes, by choosing among edits.

environment  the episode: open, show, run tests, apply, undo, submit
episode      one bug in one box: files, results that are known, what is paid
candidates   the right edit and wrong ones
apart        what tells edits apart that begin with the same change
mutations    small changes of Python source
wording      what the agent reads and how its actions are read
workshop     what episodes share: prepared boxes, results
memory       results of tests and grades that were seen before, checked now and then
teacher      a clumsy player that knows the texts alone
"""
