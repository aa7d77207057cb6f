"""What client and server say to each other.

types      the items of calls, replies and problems as Python types
calls      the table of calls: one row each, read by HTTP, websocket, workers, OpenAPI and client
bodies     their JSON bodies, read strictly
encoding   between types and bytes; `fields=`; the digest that a journal keeps
problems   why a call was refused: one function a reason
router_problems  those of routers, and of sessions between servers
limits     how much one request, session and server may take
openapi    what the document at /docs says of a call
"""
