"""Programs that run inside a grading box, under the image's own Python (3.6 or later), by themselves.

referee    the parent: starts the examiner, takes its report, ends it, signs what it says
examiner   the child: runs the tests and reports each of them through a pipe
searcher   looks for the solution in everything that can be read
"""
