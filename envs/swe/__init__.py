"""Software engineering: tasks on a working tree in a sandbox, graded in another one.

task      what a task is, whoever wrote it: a start, visible tests, a grader
patches   what an agent changed, as JSON and as a unified diff, and back onto a tree
prove     gold and empty patches graded several times; a task played by a given solution
rates     completion, modification, resolution
"""
