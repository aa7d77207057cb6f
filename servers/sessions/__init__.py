"""Sessions: the rules of episodes and turns, and everything that keeps them.

service         every call on sessions, without a transport
session         one session: its environment, its episode, the replies it has given
taken           sessions that an operator has taken over
pending         answers that may still be on their way
creation        create and fork, once for each request_id
request_memory  answers to these, for repetitions
admission       who may have how many, and the queue for room
counts          sessions and requests of each key, also among several workers
environments    environments of sessions: built, called, rebuilt by replay, copied
fault_log       what environments raise, in the log
leases          idle sessions are closed
documents       what is said of a session
metrics, health counters, and whether the server works
journal         what makes sessions outlive the server
loading         what a service finds in its journal
moves           sessions on their way between servers
home            what parts of a service see of it
"""
