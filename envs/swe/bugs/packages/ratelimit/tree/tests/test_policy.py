import pytest
from ratelimit import Combined, ManualClock, Policy, PolicyError, SlidingLog, TokenBucket, build, parse


def test_parse():
    assert parse("10/s") == [Policy(10, 1)]
    assert parse("100 per 15 minutes") == [Policy(100, 900)]
    assert parse("2 per second, burst 20") == [Policy(2, 1, 20)]
    assert parse("10/s; 500/HOUR ;2000 per 0.5 days") == [
        Policy(10, 1),
        Policy(500, 3600),
        Policy(2000, 43200),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "ten/s", "10", "10/month", "10/ms", "0/s", "5 per 0 s", "5/s burst 3", "5/s, burst 0", "10/s;"],
)
def test_what_is_not_a_policy(text):
    with pytest.raises(PolicyError):
        parse(text)


def test_what_follows_is_not_ignored():
    with pytest.raises(PolicyError):
        parse("5 per 2 hours and a half")


def test_str():
    for text in (
        "10 per second",
        "100 per 15 minutes",
        "2 per second, burst 20",
        "7 per 0.5 seconds",
        "3 per week",
    ):
        assert str(parse(text)[0]) == text
    assert str(Policy(5, 7200)) == "5 per 2 hours"


def test_build():
    clock = ManualClock()
    assert isinstance(build("10/s", clock=clock), SlidingLog)
    bucket = build("30 per minute, burst 4", clock=clock)
    assert isinstance(bucket, TokenBucket)
    assert (bucket.rate, bucket.capacity) == (0.5, 4)
    both = build("1/s; 2/m", clock=clock)
    assert isinstance(both, Combined)
    assert both.take().allowed
    assert not both.take().allowed
