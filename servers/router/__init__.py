"""A router: many servers behind one address, and no memory of its own.

config    RouterConfig: every setting, declared once
places    where servers are: flags, a file, names that stand for several addresses
link      a connection to one server, over which it is called for everybody
fleet     the servers: who answers, how full they are, which name is whose
placing   which server a new session goes to
calls     the calls of the protocol, each answered by the servers that it concerns
finding   sessions that are not where their id says
routes    what parts of the calls see of them
asking    a call at one server; batches, streaming, creating: parts of calls
door      the application: steps on the short way, the rest as at a server
moving    sessions carried from one server to another
drain     a server emptied
run       a router from its settings to its end
"""
