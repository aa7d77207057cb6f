"""The client's end: sessions of a server, or of a service in this process.

client          SessionClient, the calls of the protocol; `connect` makes one for an address
steps           steps of many sessions, asked for until each is answered
requests        requests with retries, and what their responses mean
retry           how long to wait before the next try
open_sessions   which sessions are open: noted in a file, their leases renewed
trace_header    the trace that a call is part of
bound           a client belongs to the process and the loop that made it
transports      how a request travels: http, keep_alive, local
hosted          HostedClient: the tasks of a hosted run in place of sessions
session_group   the sessions that one environment object plays
env, vector_env AsyncRemoteEnv, AsyncRemoteVectorEnv
sync            RemoteEnv, RemoteVectorEnv: the same for callers that do not await
client_thread   the event loop of those
server_process  ServerProcess: `turnwise serve` beside this process
"""

from .client import SessionClient, connect
from .env import AsyncRemoteEnv
from .server_process import ServerProcess
from .sync import RemoteEnv, RemoteVectorEnv
from .vector_env import AsyncRemoteVectorEnv

__all__ = [
    "AsyncRemoteEnv",
    "AsyncRemoteVectorEnv",
    "RemoteEnv",
    "RemoteVectorEnv",
    "ServerProcess",
    "SessionClient",
    "connect",
]
