"""Which edges of a NIR graph close a cycle (semantics 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Edge = tuple[str, str]


def back_edges(successors: Mapping[str, Collection[str]], roots: Collection[str]) -> list[Edge]:
    """Edges that lead back to where a depth-first search stands: from the roots on, successors in name order.

    >>> back_edges({"in": ["a"], "a": ["b", "out"], "b": ["a"], "out": []}, ["in"])
    [('b', 'a')]
    """
    found: list[Edge] = []
    done: set[str] = set()
    for root in [*sorted(roots), *sorted(successors)]:
        if root not in done:
            _search(root, successors, done, found)
    return found


def _search(root: str, successors: Mapping[str, Collection[str]], done: set[str], found: list[Edge]) -> None:
    """Without recursion: a graph may be deeper than Python's stack."""
    path, waiting = [root], [sorted(successors.get(root, ()))]
    on_path = {root}
    while path:
        if not waiting[-1]:
            waiting.pop()
            done.add(path[-1])
            on_path.discard(path.pop())
            continue
        name = waiting[-1].pop(0)
        if name in on_path:
            found.append((path[-1], name))
        elif name not in done:
            path.append(name)
            on_path.add(name)
            waiting.append(sorted(successors.get(name, ())))
