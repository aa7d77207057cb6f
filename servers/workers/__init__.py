"""Several workers behind one address, each with a share of the sessions.

cluster          one worker among several: how it reaches the others and how they reach it
routing          the calls of the protocol, each answered where it belongs
routed_creation  create and fork over several workers
worker_calls     what a worker answers to the others
connection       the frames between two workers
"""
