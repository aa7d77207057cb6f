"""Servers: environments as sessions behind HTTP, and both ends of the wire.

protocol    what is said: the table of calls, their bodies, replies, problems, limits
isolation   where an environment runs: inline, thread, process, container
sessions    episodes, exactly-once steps, forks, leases, quotas, the journal
board       leaderboards: lines, ranks, pairs of runs, and their pages
benchmarks  hosted runs: frozen files, dealt tasks, scores, signed records in a log
http        the transports: the front door, its fast path, FastAPI, websocket, OpenEnv, traces
workers     several processes that hold the sessions together
router      many servers behind one address
mcp         an environment's tools over MCP
run         the settings of a server, its processes, its start and stop
client      the client's end: SessionClient, RemoteEnv, a server of one's own
pages       what one person looks at on this machine: the frame of all pages, a live server by hand
retrieval   a search service of its own, for agents and trainers of any make

Rooms import one way: protocol <- isolation <- sessions <- board <- benchmarks <- http <- workers <- run <-
router; the client reads the table of protocol and, where it is given one, a service in its process.

One step:

    RemoteEnv -> client.steps -> client.transports ~ POST /v1/sessions/{id}/step ~>
      http.fast_path.StepProtocol         parses; asks whether it can be answered synchronously
        http.front.FrontDoor.try_now      key, rate, body     (else: a task, FrontDoor.__call__)
          http.dispatch.Calls.step_now    another worker's?   (workers.routing asks that one)
            sessions.Service.step         repeated, running, wrong turn, or the next one
              sessions.Session.played     <- isolation.Host.step <- the environment
                protocol.encoding         the reply as bytes, and its digest
              sessions.journal.stepped    recorded
      http.group_commit.GroupCommit       durable, together with what else came; then answered
"""
