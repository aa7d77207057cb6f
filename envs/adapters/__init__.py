"""Environments of other frameworks as ours.

openenv     an environment behind an OpenEnv server
"""
