"""Hidden cases of lru_cache: entry."""

from lru_cache.entry import Entry, Ring


def case_ring():
    ring = Ring()
    entries = {key: Entry(key, None, 1, None, None) for key in "abcdef"}
    said = [ring.oldest(), [entry.key for entry in ring]]
    for entry in entries.values():
        ring.append(entry)
    ring.renew(entries["a"])
    ring.renew(entries["d"])
    ring.renew(entries["d"])
    said.append("".join(entry.key for entry in ring))
    ring.remove(entries["b"])
    ring.remove(entries["d"])
    said += ["".join(entry.key for entry in ring), ring.oldest().key]
    lone = entries["b"]
    said += [lone.older is lone, lone.newer is lone]
    ring.append(lone)
    gone = []
    for entry in ring:
        if entry.key in "cb":
            ring.remove(entry)
            gone.append(entry.key)
    return said, gone, "".join(entry.key for entry in ring)


def case_entry_expires():
    rows = [(expires, now) for expires in (None, 0, 1.5, 3) for now in (0, 1, 1.5, 2.999, 3, 4)]
    return [(row, Entry("k", 1, 1, None, row[0]).is_expired(row[1])) for row in rows]
