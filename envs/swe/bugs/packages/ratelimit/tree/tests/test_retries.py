import pytest
from ratelimit import Backoff, TooMany, retry


class Flaky:
    def __init__(self, *errors):
        self.errors = list(errors)
        self.waits = []

    def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_waits():
    backoff = Backoff(first=1, factor=3, longest=20)
    assert [backoff.wait(failures) for failures in range(6)] == [0, 1, 3, 9, 20, 20]


def test_it_succeeds_in_the_end():
    flaky = Flaky(OSError(), OSError())
    assert retry(flaky, backoff=Backoff(1), sleep=flaky.waits.append) == "done"
    assert flaky.waits == [1, 2]


def test_it_gives_up():
    flaky = Flaky(OSError("1"), OSError("2"), OSError("3"))
    with pytest.raises(OSError, match="2"):
        retry(flaky, tries=2, sleep=flaky.waits.append)
    assert flaky.waits == [0.5]


def test_other_errors_pass_through():
    flaky = Flaky(KeyError())
    with pytest.raises(KeyError):
        retry(flaky, errors=[OSError], sleep=flaky.waits.append)
    assert flaky.waits == []


def test_it_waits_as_long_as_it_is_asked_to():
    flaky = Flaky(TooMany(7), TooMany(0))
    assert retry(flaky, sleep=flaky.waits.append) == "done"
    assert flaky.waits == [7, 0]
