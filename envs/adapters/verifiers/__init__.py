"""Tasksets of verifiers as environments: `verifiers:NAME` (verifiers 0.4).

environment   what is shown and answered, turn by turn
playing       verifiers' episode, on the loop of this library
endpoint      the model that verifiers asks: each question waits for an action
messages      chat messages as texts, actions as chat messages
"""
