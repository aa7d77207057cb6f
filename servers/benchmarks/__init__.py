"""Hosted benchmarks: a file says what is played; the server decides all that a score is made of.

file      what a benchmark file says
draws     tasks from a secret: seeds, order, worlds
frozen    a version with all that decides a score, in one hash
runs      a run as a fold over the journal; score: what it comes to
watch     what is seen of a session inside a run
book      the runs of a journal
dealing   how a task becomes a session
looking   what one caller may see of the leaderboards
hosting   runs opened, dealt, ended, closed; names: of agents; clock: by what they are timed
records   one signed document a run; withdrawals: runs that count no more; log: all of them, under heads
merkle    the tree of that log and its proofs
verify    records checked offline
regrade   scores made again from a journal, and where records differ
signing   the operator's folder: secret and keys; known: which versions it has hosted
refusals  why a call of a run was refused
"""
