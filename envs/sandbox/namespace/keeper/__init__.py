"""The trusted process that holds the boxes: it makes namespaces and layers, and starts commands in them.

It is started as `python -I -S` from these files alone, so they import nothing but the standard library
and each other. It is process 1 of its own process namespace: with it every box ends.

main       the process: from its start to its last request
requests   what each request does
tasks      many things under way in one thread
wire       messages over the socket, with descriptors
kernel     system calls
bases      what boxes are made of before anything is written
layers     folders with a quota, stacked by overlay
squash     many layers made one
pods       namespaces around a stack
families   who the boxes of a family run as
boxes      a stack, namespaces and limits: start, freeze, fork, roll back, close
listening  a socket on a pod's loopback, for the server
cgroups    limits of memory, processes and processor
entering   what a process gives up before it runs what is not trusted
commands   one line of bash: its process and its output
running    its time, its memory and its end
warmed     the keeper's end of an interpreter that waits with pytest imported
interpreter  that interpreter
files      reading and writing, as the box's user
changes    which files differ from a snapshot
"""
