"""Hidden cases of minihttp: routing."""

from cases.shared import refused
from judging import tried
from minihttp import Router

PATTERNS = (
    "/users/{id:int}",
    "/users/{name}",
    "/users/me",
    "/users/{name}/photos/{number:int}",
    "/files/{rest:path}",
    "/files/{folder}/index",
    "/{a}.{b}",
    "/{a}-{b:int}",
    "/a.b",
    "/x/{p:path}/end",
    "/(odd)+/{q:str}",
    "/",
    "",
)


PATHS = [
    "/users/7",
    "/users/007",
    "/users/-7",
    "/users/7a",
    "/users/me",
    "/users/ann",
    "/users/ann/",
    "/users/",
    "/users",
    "/users//",
    "/users/ann/photos/3",
    "/users/ann/photos/x",
    "/users/a/b/photos/3",
    "/users/ann/bob",
    "/files/a",
    "/files/a/b/c.d",
    "/files/",
    "/files/a/index",
    "/files/a/b/index",
    "/a.b",
    "/aXb",
    "/x.y",
    "/x.y.z",
    "/x/y.z",
    "/.",
    "/a-1",
    "/a-b-22",
    "/a/b-1",
    "/x/1/end",
    "/x/1/2/3/end",
    "/x//end",
    "/x/end",
    "/(odd)+/1",
    "/odd/1",
    "/",
    "//",
    "/users/a\nb",
    "/users/7\n",
    "\n/",
    "/users/٣",
    "/USERS/me",
]


def _router(order=PATTERNS):
    router = Router()
    for pattern in order:
        router.add("GET", pattern, f"get {pattern}", f"n{PATTERNS.index(pattern)}")
    router.add("POST", "/users/{name}", "post")
    router.add("DELETE", "/users/{id:int}", "delete")
    return router


def case_routes():
    found = []
    for order in (PATTERNS, PATTERNS[::-1], PATTERNS[5:] + PATTERNS[:5]):
        router = _router(order)
        for path in [*PATHS, ""]:
            found.append(refused(router.find, "GET", path))
    return found


def case_routes_one_by_one():
    found = []
    for pattern in PATTERNS:
        router = Router()
        router.add("GET", pattern, "it")
        for path in [*PATHS, ""]:
            answer = refused(router.find, "GET", path)
            if answer[0] == "it":
                found.append([pattern, path, answer[1], list(answer[1])])
    return found


def case_methods():
    found = []
    router = _router()
    router.add("PUT", "/only/put", "put")
    router.add("HEAD", "/head", "head")
    router.add("GET", "/head", "get")
    router.add("POST", "/{x}", "post x")
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "get", "OPTIONS"):
        for path in ("/users/7", "/users/ann", "/only/put", "/head", "/a.b", "/nothing/here", "/files/a"):
            found.append(refused(router.find, method, path))
    return found


def case_bad_routes():
    found = []
    for pattern in (
        "/{a:float}",
        "/{a}/{a}",
        "/{a}/{a:int}",
        "/{a:}",
        "/{}",
        "/{a b}",
        "/{a",
        "/a}",
        "/{a:int}{b:int}",
        "/{1}",
    ):
        router = Router()
        found.append([pattern, tried(router.add, "GET", pattern, "it")])
    router = Router()
    router.add("GET", "/a", 1)
    found += [
        tried(router.add, "GET", "/a", 2),
        tried(router.add, "POST", "/a", 3),
        router.find("POST", "/a"),
    ]
    return [*found, router.find("GET", "/a")]


def case_urls():
    router = _router()
    calls = [
        ("n0", {"id": 7}),
        ("n0", {"id": "7"}),
        ("n0", {"id": "x"}),
        ("n0", {"id": -1}),
        ("n0", {}),
        ("n0", {"id": 1, "more": 2}),
        ("n1", {"name": "a b"}),
        ("n1", {"name": "a/b"}),
        ("n1", {"name": "\u00e4?&"}),
        ("n1", {"name": ""}),
        ("n2", {}),
        ("n3", {"name": "x", "number": 3}),
        ("n4", {"rest": "a b/c"}),
        ("n4", {"rest": "a"}),
        ("n6", {"a": "x", "b": "y"}),
        ("n10", {"q": "1+1"}),
        ("n11", {}),
        ("nothing", {}),
    ]
    found = [tried(lambda name=name, given=given: router.url(name, **given)) for name, given in calls]
    late = Router()
    late.add("GET", "/a/{b}", 1)
    late.add("POST", "/a/{b}", 2, "late")
    late.add("PUT", "/a/{b}", 3, "later")
    return [*found, late.url("late", b=1), tried(lambda: late.url("later", b=1))]
