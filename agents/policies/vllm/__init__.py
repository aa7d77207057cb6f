"""Engines of vLLM as a policy: token ids in and out, logprobs, versions of weights.

engine.py: what an engine can be asked. http.py: one behind HTTP, with wire.py what is sent and answered.
process.py: one that is started and supervised here. policy.py: the policy over engines;
named.py makes one of a server's name. config.py: its settings. inside/: what runs in the workers of
vLLM. How weights get there: trainers/sync.
"""
