"""Runs: what is kept of one, and shown while it goes on.

folder.py      recipe.toml, run.json, and whether a run may begin or go on in a folder
alike.py       which runs follow one recipe; series.py figures over updates, seeds together
arithmetic.py  threads, and whether a run repeats itself bit for bit
attending.py   what is asked of a run between its updates
journals.py    what was played since the last checkpoint, and is read after a kill
state.py       how far a run has come, and whether it is over
standing.py    what is kept of one that was stopped
checkpoint.py  folders that are whole or not there; remembered.py what parts remember, as files of one
best.py        the best of them, kept apart
log.py         log.jsonl and the trajectories; statistics.py the figures of a batch
played.py      what was played, held to the run
timeline.py    where an update's time went; bottleneck.py what holds a run up, with the key to change
under_way.py   what an update is at, while it lasts
watchdog.py    who waits for whom where nothing moves
held_out.py    evaluation during training; held_out_kept.py what is kept of them
console.py     what the terminal shows; time_left.py how long it still takes
"""
