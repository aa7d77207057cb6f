"""Files to begin with: an environment, a credit function, a policy, a recipe, a benchmark.

write.py     a kind of file and a name become two files, the second a test of the first
names.py     which names are good
templates/   what is written: code like any other here, under the name `example`
"""
