"""Rules that change the scores of the next token before it is chosen.

Each is a frozen dataclass, called with the array operations of a framework, the `Step`, and scores
float32 [b, v]; it returns new ones. `build` makes those that a configuration asks for.
"""
