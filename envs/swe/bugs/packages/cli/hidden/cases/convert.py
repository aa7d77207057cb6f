"""Hidden cases of cli: convert."""

import math

from cli import convert
from judging import tried


def over(converter, texts):
    return [(text, tried(converter, text)) for text in texts.split("|")]


def case_integers():
    texts = "0|1|-1|+5|007|1.0|1e3| 1|1 ||x|٣|1_000|64|65|--1|+|99999999999999999999"
    ranges = ((None, None), (1, None), (None, 5), (0, 0), (-1, 64))
    return [over(convert.integer(low, high), texts) for low, high in ranges]


def case_numbers_and_booleans():
    numbers = over(convert.number, "0|1.5|-2|1e3|inf|-inf|nan|x||.5|1.|1,5")
    booleans = over(convert.boolean, "1|0|true|FALSE|Yes|nO|on|Off| yes |y|n|2||t|00")
    return [
        numbers,
        booleans,
        over(convert.choice("a", "B", ""), "a|b|B||A| a"),
        over(convert.choice(), "a|"),
    ]


def case_durations():
    texts = (
        "0|90|1.5|1s|1m|1h|1d|1h30m|1.5h|2d12h|1d2h3m4s|0.1s|0.1m|1.1m|0.7h|1m1h|30m1h|1h1h|1hm|h||s|-1|-1h|+1h|"
        "1 h"
        "|1h 30m|1H|1h30|30x|1h30m extra|x1h|.5h|1.h|1.25m0.5s|1e3|1_0s|90.25|0.3s|100d|2.5s|1,5h|1h\n|90\n"
        "|0h0m"
    )
    return over(convert.duration, texts)


def case_sizes():
    texts = (
        "0|1|100|10K|10k|1.5M|2gb|2GB|1B|1b|1T|1kb|1KiB|0.1K|0.5|1.5|2.5|0.4999|0.0005K|1.0004883K|K||b|kb|-1|-1K|+1|"
        "1 K|1P|1.K|.5K|1e3|10KK|10K extra|999999999999G|0.3M|1.1G|2.5b|x1K|1K\n|0.00048828125K|0.001M"
    )
    return over(convert.size, texts)


def case_pairs_and_listings():
    pairs = over(convert.pair, "a=b|a=|=b|=|a|a=b=c||a==|a b=c d")
    listings = over(
        convert.listing, r"|a|a,b|a,,b|,|,a|a,|a\,b|a\\,b|\a|\\|\,|a\|a, b|\,\,,|\\\,|a\\\\|\\,\\"
    )
    return [pairs, listings]


def case_finite():
    return [math.isfinite(convert.number("1e308")), tried(convert.number, "1e309")]
