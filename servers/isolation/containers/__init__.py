"""Environments in Docker containers.

launcher   processes in containers without network, and what they are asked first
engine     the Docker engine: found, examined, cleaned up
"""
