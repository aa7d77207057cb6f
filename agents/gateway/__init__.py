"""The gateway: an endpoint for harnesses that know nothing of us, in front of any policy with tokens.

app.py      over HTTP, serve.py its server; exchange.py a request and its answer, routes.py what
            each address does
dialects/   the forms of model calls
asked.py    a call and its answer in terms that all dialects share; answers.py how one is made
house.py    all episodes; opening.py how one is asked for, config.py how many and how long
episode.py  one: calls.py its calls and which are turns, written.py its trajectory, tally.py what is told
            of it
conversations.py  where a call stands, and its prompt; matching.py how messages are recognised,
            growing.py bodies that only grew,
            rendering.py in the policy's tokens, sealing.py tokens that clients carry
harness.py  rollouts by a program; programs.py runs one and ends all that it began
rewards.py  posted by the harness; sessions.py of a session, session_calls.py stepped here
"""
