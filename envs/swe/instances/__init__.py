"""Records of other people's data sets as tasks: SWE-bench, SWE-Gym, SWE-smith, R2E-Gym and their like.

records   one record, read from any of the schemas
load      files of records
logs      parsers of test logs
start     the tree that an agent is given, with a history that holds no future
leaks     a search for the solution in a box
guard     what of a patch is kept from the tests
report    the order to the programs inside a grading box, and what they answer
grade     a patch judged in a box of its own
task      a record as a task
inside    the programs that run in the grading box
"""

from __future__ import annotations

from .task import InstanceTask, load_instances

__all__ = ["InstanceTask", "load_instances"]
