"""What `turnwise new` writes, under the name `example`: held to ruff and mypy as everything here.

Each file has beside it the test that is written with it, which looks for `example` in its own folder.

environment, test_environment    a class in a file
credit, test_credit              a function that says how much better a turn was
chooser, test_chooser            which tasks are played
policy, test_policy              an agent
recipe.toml, test_recipe         a training of a minute or two
benchmark.toml, test_benchmark   tasks that a server hosts
"""
