"""Arguments that follow from what a model says without them: rows of its tokens."""


def words(rows):
    """Words of one token and of two that are said."""
    first, last = rows[0], rows[-1]
    return _positive("bad_words_ids", [[first[0]], [last[1], last[2]]])


def bias(rows):
    """Against words of one token and of two, and for a token."""
    first, last = rows[0], rows[-1]
    biased = [[first[0]], [last[1], last[2]], [first[3]]]
    if not _positive("sequence_bias", biased):
        return {}
    return {"sequence_bias": [list(x) for x in zip(biased, (-6.0, -7.5, 1.5), strict=True)]}


def _positive(name, found):
    """The argument, or none: the reference takes no token 0 there."""
    return {name: found} if all(min(word) > 0 for word in found) else {}


def suppressed(rows):
    """A token of the first row and one of the last."""
    return {"suppress_tokens": sorted({rows[0][0], rows[-1][2]})}


def suppressed_first(rows):
    """Those that come first."""
    return {"begin_suppress_tokens": sorted({rows[0][0], rows[-1][0]})}


def forced(rows):
    """Another token to begin with."""
    return {"forced_bos_token_id": rows[0][1] + 1 if rows[0][1] < 90 else 7}


def forced_last(rows):
    """A token to end with."""
    return {"forced_eos_token_id": 11}
