"""The journal: what a session has done, so that it can be rebuilt.

records   the records, and the journal that keeps none
sqlite    the durable one: committed before every reply
format    its file: tables, opening, reading back
files     the files of several workers
dropping  what is deleted from it
damage    what SQLite leaves out without a word
verify    recorded episodes, played again and compared
"""
