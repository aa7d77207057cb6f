"""A server from its settings to its end.

config            ServerConfig: every setting, declared once
listening_config  where something listens, who may come: of servers, routers, gateways and MCP alike
build             the service and the keys that follow from it
listening         the sockets
serve             one process or several
process           one process: loop, uvicorn, a clean stop
supervisor        several: started, replaced when they die, stopped together
logs              lines for people or JSON
"""
