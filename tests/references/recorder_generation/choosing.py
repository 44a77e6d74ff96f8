"""Tokens that end sequences, chosen from what a model says so that rows end apart."""

import itertools

CANDIDATES = 8


def ends(rows, tokens):
    """Where each row has the first of the tokens; its length where it has none."""
    return [next((i for i, t in enumerate(row) if t in tokens), len(row)) for row in rows]


def ends_apart(rows, tokens, longest):
    """Whether some row ends on the way and, of several, not all at once."""
    found = ends(rows, tokens)
    apart = len(rows) == 1 or len(set(found)) > 1
    return apart and any(0 < place < longest - 1 for place in found)


def candidates(rows, count, pad):
    """Lists of `count` tokens, those first that end all rows, and each at a place of its own."""
    longest = max(map(len, rows))
    tokens = list(dict.fromkeys(itertools.chain(*(row[1:-1] for row in rows))))
    pools = [tokens] * count if count == 1 else [list(dict.fromkeys(r[1:-1])) for r in rows]
    if count > len(pools):
        pools += [tokens] * (count - len(pools))
    found = []
    for choice in itertools.product(*pools[:count]):
        if len(set(choice)) == count and pad not in choice:
            places = ends(rows, choice)
            alike = len(places) - len(set(places))
            found.append((alike + sum(p == longest for p in places) + sum(p == 0 for p in places),
                          -sum(places), list(choice)))  # fmt: skip
    return [choice for *_, choice in sorted(found)[:CANDIDATES]]
