"""The transports: from bytes on a connection to a call, and back.

asgi           the types of ASGI, and a body within its limit
messages       Request and Response of a call, whatever carries them; joining: one of several answers
dispatch       the meaning of each call, a method of its name
hosted_calls   the calls of hosted runs; board_calls: of their leaderboards
taking_calls   the calls by which an operator takes a session over
board_pages    leaderboards as pages, for people
front          the front door: answers steps itself, guards the rest
fast_path      uvicorn's protocol, with steps answered without a task
bounded        what one connection may cost, bounded_socket a websocket, crowd all of them;
               bounded_config: uvicorn with all three
group_commit   responses that wait for the journal together
control_plane  the Application: FastAPI routes made from the table of calls
docs_page      the calls, described for people
websocket      the same calls over /v1/ws
openenv        OpenEnv's messages, for a session (openenv_session) or a hosted run (openenv_run)
places         which tasks of hosted runs connections play
keys           who calls; key_file: as the file says that stands there now
visitors       whose pages may call, by which names
frames         how processes of ours talk over one connection; link: a router's, at the server
router_side    what a server answers to routers alone
tracing        spans for an OpenTelemetry collector
"""
