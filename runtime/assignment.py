"""The cheapest assignment of columns to rows, in numpy."""

from __future__ import annotations

import numpy as np


def assign(cost: np.ndarray) -> np.ndarray:
    """The row of each column, so that the sum of cost[row, column] is least; -1 for none.

    cost [rows, columns] is finite; no row is taken twice, and as many columns get one as there
    can be. Shortest augmenting paths (Jonker, Volgenant 1987): one path for each column, of at
    most `rows` steps over all rows, so O(columns^2 rows) at most.
    """
    if cost.shape[1] > cost.shape[0]:
        rows = np.full(cost.shape[1], -1, np.int64)
        columns = assign(cost.T)
        rows[columns] = np.arange(len(columns))
        return rows
    cost = np.ascontiguousarray(cost.T, np.float64)  # [columns, rows]
    columns, rows = cost.shape
    column_of = np.full(rows, -1, np.int64)
    row_of = np.full(columns, -1, np.int64)
    price, worth = np.zeros(rows), np.zeros(columns)
    for start in range(columns):
        distance = np.full(rows, np.inf)
        previous = np.full(rows, -1, np.int64)  # the column from which a row is reached
        done = np.zeros(rows, bool)
        column, least = start, 0.0
        while True:
            length = least + cost[column] - worth[column] - price
            shorter = ~done & (length < distance)
            distance[shorter], previous[shorter] = length[shorter], column
            row = int(np.argmin(np.where(done, np.inf, distance)))
            least, done[row] = distance[row], True
            if column_of[row] < 0:
                break
            column = column_of[row]
        # what is on the tree gets cheaper or dearer, so that no edge of a shortest path costs
        taken = done.copy()
        taken[row] = False
        worth[start] += least
        worth[column_of[taken]] += least - distance[taken]
        price[done] += distance[done] - least
        while row >= 0:  # backwards along the path, every column takes the row it came to
            column = previous[row]
            column_of[row] = column
            row, row_of[column] = row_of[column], row
    return row_of


def assign_batch(cost: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Rows [b, columns] for costs [b, rows, columns], of which counts[b] columns are there."""
    result = np.full((cost.shape[0], cost.shape[2]), -1, np.int64)
    for index, count in enumerate(counts):
        result[index, :count] = assign(cost[index, :, :count])
    return result
