"""Hidden cases of ratelimit: policy."""

import ratelimit
from cases.shared import random_run
from judging import tried

TEXTS = """10/s|10 / s|10 per s|10 PER Second|3/sec|3/secs|7 per seconds|100 per 15 minutes|100 per 15 min
5/m|5/mins|9 per 2 hours|9/hr|9/hrs|9/h|9/2h|1/day|1 per 7 days|1/d|4/w|4 per 2 weeks|4/week
2 per second, burst 20|2/s,burst 5|2/s ,  BURST 7|1 per 0.5 s|1 per 2.25 minutes|1/1.5h, burst 2
10/s; 500/hour; 2000 per day| 3/s ;4/m|12 per  12 s|10/s;10/s|007/s|1 per 90 s|1 per 36 hours
1 per 10 days|86400/d|5 per 1 s|5 per 1.0 minutes|5/15minutes|1 per 14 days|3 per 59 s|3 per 61 s"""


BAD = """|;|10|/s|10/|ten/s|10//s|10/s;|;10/s|10/month|10/ms|10/msec|10/sx|10/minutes ago
5 per 2 hours and a half|0/s|5 per 0 s|5/0.0h|5/s, burst 0|5/s, burst|5/s burst 3|5/s, burst 3x
5/s, burst -3|-5/s|1.5/s|5/s/s|5 s|5pers|5 per  |x5/s|5/.5s|5/1.s|5/s,,burst 4|5/s, burst 4, burst 5
5/s, 6/m|10 per fortnight|10 per 2|10/ss|10/hs|5 / s 6 / m"""


def _texts(lines):
    return [text for line in lines.splitlines() for text in line.split("|")]


def case_policies():
    found = []
    for text in _texts(TEXTS):
        policies = ratelimit.parse(text)
        found.append([(one.limit, float(one.period), one.burst) for one in policies])
    return found


def case_policies_as_text():
    found = []
    for text in _texts(TEXTS):
        for policy in ratelimit.parse(text):
            found.append(
                [str(policy), [tuple(one) for one in ratelimit.parse(str(policy))] == [tuple(policy)]]
            )
    periods = (0.25, 1, 2, 59, 60, 61, 90, 120, 3600, 5400, 7200, 86400, 129600, 604800, 1209600, 691200)
    return found + [str(ratelimit.Policy(5, period)) for period in periods]


def case_bad_policies():
    return [[text, tried(ratelimit.parse, text)] for text in _texts(BAD)]


def case_policy_errors_are_value_errors():
    return [issubclass(ratelimit.PolicyError, ValueError), tuple(ratelimit.Policy(1, 2.0))]


def case_build():
    found = []
    for text in (
        "2/s",
        "3 per 2 s; 4 per 8 s",
        "30 per minute, burst 4",
        "2/s, burst 3; 5 per 10 s",
        "1/s;1/s;3/5s",
    ):
        found.append(
            random_run(
                lambda clock, text=text: ratelimit.build(text, clock=clock), len(text), most=3, longest=9
            )
        )
        found.append(type(ratelimit.build(text)).__name__)
    return [*found, tried(ratelimit.build, "5/fortnight")]
