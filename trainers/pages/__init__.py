"""Pages over runs, evaluations and trajectories: `turnwise view PATH`.

site.py        what is asked for by which address
places.py      what lies below a path; lines.py files that grow
run.py         a training run as it is looked at; seeds.py those of one recipe;
               asked.py its recipe beside the defaults
evaluation.py  an evaluation; boards.py several on leaderboards
controls.py    buttons on what goes on, and who asked what
alerts.py      what is wrong with a run, in words; evidence.py what they rest on
curves.py      which curves there are; charts.py SVG
episodes/      stored trajectories
templates/     the pages themselves, in the frame of servers/pages
"""
