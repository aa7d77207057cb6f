"""Leaderboards: runs in order, ties as ties, any two compared.

entry      one run as a line, and what the line says
table      the lines of one set of tasks in order, with ranks
pairs      two runs compared, on the same tasks or on tasks of their own
boards     the tables of a journal, kept as records come
sheet      one table as JSON and pages show it
heat       every task over all agents, as SVG
static     boards as one file, a page or JSON
pages      pages of boards, of a server or of folders
templates/ what they are made of
"""
