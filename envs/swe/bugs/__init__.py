"""A set of tasks of our own: small packages with bugs, issues as people write them, hidden cases.

set          the set as tasks: `load_bugs(split)`
package      a package of the set as it lies in a folder, and its bugs
visible      the visible tests: which of them an agent gets, what a run of them said
judging      the program that runs hidden cases in a box and knows no expected value
comparing    what the cases returned beside what they should have
grading      a patch put on the wrong version and judged in a box
trusted      the same without a box, for the set's own code alone
record       writes hidden/expected.json and hidden/failing.json of a package
prove        shows that right patches resolve and others do not
cheats       twelve kinds of those others
export       the set as task folders, which other frameworks read
verifying    the verifier that such a folder carries
packages     the packages, each a folder:

    package.toml           name, description, split ("train", "unseen", "test"); in one of train
                           `seen`: those of its bugs that are held out, which are the split of that name
    tree/                  the right version: README.md, NAME/*.py, tests/test_*.py
    hidden/cases/*.py      functions `case_<what>()` that return plain values (see `judging`), a file for each
                           part of the package; they begin with `from judging import tried, unordered` and
                           `from cases.shared import ...` where they use those
    hidden/expected.json   recorded: what the right version returns
    hidden/failing.json    recorded: which visible tests fail under each bug
    bugs/NN-slug.toml      one bug:

        id = "lru_cache-01"
        kind = "off-by-one"            # one of package.KINDS
        difficulty = 1                 # 1, 2 or 3
        title = "One line"
        issue = '''
        What a person would write.
        '''

        [[edits]]                      # each `old` occurs once in its file; `new` is wrong
        file = "lru_cache/cache.py"
        old = "..."
        new = "..."

        [[alternatives]]               # other right solutions, edits of the wrong version
        [[alternatives.edits]]
        file = "lru_cache/cache.py"
        old = "..."
        new = "..."

After a change run `python -m turnwise.envs.swe.bugs.record NAME`, then the same with `prove`.
"""
