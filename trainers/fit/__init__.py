"""How much memory a recipe needs on an accelerator, before anything is loaded.

shapes.py    the configuration of the model that a recipe names, without its weights
live.py      what a computation holds at most, found without computing it
passes.py    the passes of learner and engine, on tensors without content
measured.py  what a computation really held
needs.py     what needs how much, and which setting to change
"""
