"""How a request of a client travels.

base         what a transport is: `call`, `stream` and `aclose`
http         through httpx, which stands for any call and any network
keep_alive   over connections of our own, many times faster, for steps
local        to a service in this process, without sockets
"""
