"""Hidden cases of graphs: what several files of them use."""

from graphs import Graph


def numbers_from(seed):
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 8


def random(seed, count, edges, *, directed=True, least=1, most=9, loops=True):
    numbers = numbers_from(seed)
    graph = Graph(directed=directed)
    for node in range(count):
        graph.add_node(f"n{(node * 17) % count}")
    for _ in range(edges):
        source, target = next(numbers) % count, next(numbers) % count
        if loops or source != target:
            graph.add_edge(f"n{source}", f"n{target}", least + next(numbers) % (most - least + 1))
    return graph


def acyclic(seed, count, edges):
    numbers = numbers_from(seed)
    graph = Graph()
    for node in range(count):
        graph.add_node((node * 19) % count)
    for _ in range(edges):
        one, other = next(numbers) % count, next(numbers) % count
        if one != other:
            graph.add_edge(min(one, other), max(one, other))
    return graph


def each(function, seeds=range(12), **kwargs):
    return [function(random(seed, 3 + seed, 2 + 2 * seed, **kwargs)) for seed in seeds]


def is_cycle(graph, cycle):
    if cycle is None:
        return None
    steps = list(zip(cycle, cycle[1:]))
    return [
        cycle[0] == cycle[-1],
        len(set(cycle)) == len(steps) > 0,
        all(graph.has_edge(source, target) for source, target in steps),
    ]
