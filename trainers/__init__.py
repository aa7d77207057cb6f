"""Trainers: from a recipe to a better policy.

recipe.py     a run on one page, read from TOML; sections.py its sections, recipes/ those that ship
parts.py      what a recipe names: Part, and the Registry in which functions are found and bound
validate.py   a recipe's parts bound and its numbers checked, before anything is written
train.py      a run from its recipe to its results; own_server.py what its server is told;
              loop.py one update after the other; sweep/ many runs of a recipe, over seeds and values
rollouts/     the episodes of an update: tasks, plans, samplers, annotators;
              offline/ those of others in their place
assign.py     trajectories -> rewards/ -> credit/ -> weights/: an advantage for every token
learner/      sequences, losses/ (set by objective_config.py) and critics: an update of the weights;
              parallel/ one learner on several processes; launch/ a run whose processes a cluster holds
fit/          what memory a recipe needs, before anything is loaded
policies/     the policy that is trained, by its kind; sync/ brings its weights to the engine;
              warmstart/ makes a new one from demonstrations; warmstarts/ holds those that ship
runs/         the folder of a run: log, checkpoints, evaluations; reports/ what is read from it;
              comparison/ runs beside each other; trackers/ where else their curves are shown
pages/        runs, evaluations and trajectories in the browser; cleaning/ what of them can go
catalogue/    every part and recipe: where it is from, what it needs, docs/papers.md
user_files.py parts of a user's own; scaffolds/ files to begin with
"""
