"""Environments: what one is, the registry, and those that ship with turnwise.

core        TextEnv, which authors subclass; Checked, which holds one to the contract; the space of texts
fingerprint a short hash of the code that decides what an environment does
construction arguments held against a class, and a fault that names its cause
registry    ids, `make`, classes by `module:Class` or `file.py:Class`, teachers
teacher     a teacher at work, held to its contract
check       every test of the contract, as `turnwise check` runs it
seeds       the one rule for the seeds of tasks
parsing     Python source as a tree, by one thread at a time
info        the keys of info that have a meaning
thoughts    where a message thinks, which is no part of an action
tools       what an agent may call, described, and a call as an action
play        an environment in the terminal
household   text games of six kinds of chores, exact to ALFWorld's engine
shopping    WebShop's pages and reward, on its files or on products of our own
search      questions answered with a search engine, on a made-up world or on files
rows        questions of any table, graded
calling     requests to an office, carried out by typed functions
retrieval   BM25 and collections on disk, for shopping and search
images      pictures of observations: PNG files, checked
pictures    boards that only a picture shows
sandbox     boxes in which an agent's commands run
swe         software engineering: tasks on a working tree, graded in a box of their own
adapters    environments of other frameworks as ours

A family's `__init__` registers its ids; its classes are imported when one is made.
"""

from .adapters.text import TextAdapter
from .calling import register_environments as _register_calling
from .core import MAX_TEXT_CHARS, Checked, TextEnv, Utf8
from .household import register_environments as _register_household
from .pictures import register_environments as _register_pictures
from .registry import make, register, registered, teacher_of
from .rows import register_environments as _register_rows
from .search import register_environments as _register_search
from .shopping import register_environments as _register_shopping
from .swe import register_environments as _register_swe

__all__ = [
    "MAX_TEXT_CHARS",
    "Checked",
    "TextAdapter",
    "TextEnv",
    "Utf8",
    "make",
    "register",
    "registered",
    "teacher_of",
]

_register_household()
_register_shopping()
_register_search()
_register_calling()
_register_pictures()
_register_rows()
_register_swe()
