"""Hidden cases of ratelimit: keyed."""

from cases.shared import clients, numbers_from, plain
from judging import tried
from ratelimit import Keyed, ManualClock, TokenBucket


def case_keyed_random():
    found = []
    for seed in range(6):
        numbers = numbers_from(seed)
        clock, keyed, _ = clients(max_keys=3, idle=20)
        for _ in range(60):
            key = "abcde"[next(numbers) % 5]
            clock.advance(next(numbers) % 6)
            act = next(numbers) % 8
            if act == 0:
                found.append(keyed.forget(key))
            elif act < 3:
                found.append(plain(tried(keyed.check, key, 1 + next(numbers) % 4)))
            else:
                found.append(plain(tried(keyed.take, key, 1 + next(numbers) % 4)))
            found.append([len(keyed), [one for one in "abcde" if one in keyed]])
    return found


def case_keyed_active_clients_are_kept():
    found = []
    for look in (False, True):
        for most in (1, 2, 4):
            _, keyed, _ = clients(max_keys=most)
            keyed.take("busy", 3)
            for number in range(6):
                keyed.take(f"passing {number}")
                act = keyed.check if look else keyed.take
                found.append([act("busy").allowed, "busy" in keyed, len(keyed)])
    return found


def case_keyed_idle():
    found = []
    for seconds in (9.75, 10, 10.25):
        clock, keyed, _ = clients(idle=10)
        keyed.take("ann", 2)
        clock.advance(5)
        keyed.take("bob")
        keyed.check("ann")
        clock.advance(seconds)
        keyed.take("cid")
        found.append([one in keyed for one in ("ann", "bob", "cid")])
        found += [keyed.purge(), len(keyed), plain(keyed.take("ann", 2))]
        clock.advance(50)
        found += [plain(keyed.check("cid", 3)), len(keyed), keyed.purge()]
        clock.advance(1)
        found += [plain(keyed.take("dan", 3)), len(keyed)]
        clock.advance(10)
        found += [keyed.purge(), keyed.purge(), len(keyed)]
    return found


def case_keyed_makes_no_more_than_it_needs():
    _, keyed, made = clients()
    for key in ("a", "b", "a", "a", "b"):
        keyed.take(key)
        keyed.check(key)
    found = [len(made), tried(keyed.take, "c", 9), "c" in keyed, tried(keyed.check, "c", 0), "c" in keyed]
    return [
        *found,
        keyed.forget("a"),
        keyed.forget("a"),
        "a" in keyed,
        len(keyed),
        plain(keyed.take("a", 3)),
    ]


def case_keyed_by_default():
    clock = ManualClock()
    keyed = Keyed(lambda: TokenBucket(1, 2, clock=clock), clock=clock)
    for number in range(1003):
        keyed.take(number)
    found = [len(keyed), 2 in keyed, 3 in keyed]
    clock.advance(3599)
    found.append(keyed.purge())
    clock.advance(1)
    return [*found, keyed.purge(), len(keyed)]
