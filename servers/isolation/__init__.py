"""Where an environment runs, and what a server knows of it.

catalogue      which environments are on offer, with which arguments, isolated how
arguments      which of these clients may give
descriptions   what is told of an environment without building it
hosts          one environment behind blocking calls, in this process
threads        threads for calls that block
pools          the processes and containers that a catalogue needs
process_pool   environments in other processes, replaced when they die; kept_process: one of these
faults         what goes wrong with them
launchers      how such a process is started and killed; channel: the line to it
containers     the same in Docker containers: launcher, engine
env_process    the program of such a process; env_calls: what it does when asked
lifeline       how processes end with those that they serve
"""
