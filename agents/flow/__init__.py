"""AgentFlow: a planner that learns, and an executor, a verifier and a generator beside it, around one memory.

__main__  the program that plays an episode, as a harness (docs/gateway.md)
modules   what each module is asked, and how its answer is read
memory    what was done so far, as text of bounded length
"""
