"""The catalogue: every part and recipe that comes with turnwise, where it is from and what it needs.

kinds.py    the kinds of parts, and where a recipe names them
entries.py  what is known of a part, for `turnwise methods` and the page
beside.py   methods that are a setting, and no part
meanings.py what parameters mean, from documentation
needs.py    what a part needs, by calling it
costs.py    what parts cost, from dated results
origins.py  a recipe resolved, with where each value comes from
absent.py   what of the literature is not here, and why
page.py     docs/papers.md, made of all this
"""
