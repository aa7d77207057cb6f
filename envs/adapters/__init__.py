"""Environments of other frameworks as ours.

text            a plain Gymnasium environment; `make` wraps one by itself
openenv         an environment behind an OpenEnv server
mcp             the tools of an MCP server
named           ids of other packages: `textarena:NAME`, `reasoning-gym:NAME`, `verifiers:NAME`
textarena       a game of TextArena
reasoning_gym   a data set of reasoning-gym
verifiers       a taskset of verifiers
"""
