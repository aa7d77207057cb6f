"""Environments of other frameworks as ours.

text        a plain Gymnasium environment; `make` wraps one by itself
openenv     an environment behind an OpenEnv server
"""
