from ratelimit import Decision, headers


def test_allowed():
    assert headers(Decision(True, 5, 1.75, 0.0, 1.625)) == {
        "RateLimit-Limit": "5",
        "RateLimit-Remaining": "1",
        "RateLimit-Reset": "2",
    }


def test_refused():
    assert headers(Decision(False, 5, 0.5, 2.25, 3.0))["Retry-After"] == "3"


def test_never_at_once():
    assert headers(Decision(False, 5, 0.5, 0.01, 3.0))["Retry-After"] == "1"
