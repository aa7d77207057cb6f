"""The commands of `turnwise`: thin shells around the library, one module each.

A command imports what it needs inside its function, so that `turnwise --help`
stays quick.
"""
