"""Hidden cases of lru_cache: expiry."""

from lru_cache.expiry import Expiry


def case_expiry_schedule():
    expiry = Expiry()
    for key, expires in [
        ("a", 5),
        ("b", 3),
        ("c", 9),
        ("b", 7),
        ("d", 5),
        ("e", None),
        ("f", 1),
        ("f", None),
    ]:
        expiry.schedule(key, expires)
    said = [len(expiry), expiry.next_time()]
    expiry.cancel("d")
    expiry.cancel("nobody")
    said += [expiry.due(4), expiry.due(5), expiry.next_time(), expiry.due(7), len(expiry), expiry.due(100)]
    said += [expiry.next_time(), len(expiry), expiry.due(100)]
    expiry.schedule("z", 2)
    expiry.clear()
    return said, len(expiry), expiry.next_time(), expiry.due(10)


def case_expiry_of_equal_times():
    expiry = Expiry()
    for key in [("t", 1), "s", 3, None, 2.5, "r"]:
        expiry.schedule(key, 4)
    return expiry.due(3.9), expiry.due(4)


def case_expiry_stays_small():
    expiry = Expiry()
    sizes = []
    for number in range(400):
        expiry.schedule(number % 5, 1000 - number)
        sizes.append(expiry.records <= 30)
    return all(sizes), len(expiry), expiry.due(1000), expiry.records
