"""Errors and digests: how an array is compared with the reference's.

The error of a float array is max |ours - reference| / rms, over the reference's ordinary entries
(|x| < 1e4), rms being their root mean square (1 where they are all zero). Huge and infinite
entries must agree in position, sign and to 1e-5 of their size; integers and booleans must be
equal; a NaN is never right. Where these fail, the error is infinite.

First values of parameters are random, so what is compared is how they are distributed.
"""

import math

import numpy as np

from . import fill

HUGE = 1e4
HUGE_TOLERANCE = 1e-5
FLOOR = 1e-5
DEVIATIONS = 6.1094  # a normal variable is further off than this once in 1e9 times


def huge_mask(array):
    """True where an entry is not ordinary: |x| >= 1e4 or infinite."""
    return ~(np.abs(array) < HUGE)


def rms(array, where=None):
    """Root mean square of an array's entries, 1 if they are all zero or there are none."""
    picked = np.asarray(array, dtype=np.float64) if where is None else array[where]
    value = math.sqrt(float(np.mean(np.square(picked)))) if picked.size else 0.0
    return value or 1.0


def _huge_agree(ours, reference):
    if np.isnan(ours).any() or not np.array_equal(np.sign(ours), np.sign(reference)):
        return False
    infinite = np.isinf(reference)
    if not np.array_equal(np.isinf(ours), infinite):
        return False
    finite, wanted = ours[~infinite], reference[~infinite]
    return bool(np.all(np.abs(finite / wanted - 1.0) <= HUGE_TOLERANCE))


def exact(ours, reference):
    """0.0 if two integer or boolean arrays are equal, else infinity."""
    ours, reference = np.asarray(ours), np.asarray(reference)
    kinds = ours.dtype.kind in "iub" and ours.shape == reference.shape
    return 0.0 if kinds and np.array_equal(ours, reference) else math.inf


def error(ours, reference):
    """The error of `ours`, as defined above; both are whole arrays."""
    ours, reference = np.asarray(ours), np.asarray(reference)
    if reference.dtype.kind in "iub":
        return exact(ours, reference)
    if ours.shape != reference.shape:
        return math.inf
    ours, reference = ours.astype(np.float64), reference.astype(np.float64)
    if np.isnan(ours).any() or np.isnan(reference).any():
        return math.inf
    huge = huge_mask(reference)
    if not _huge_agree(ours[huge], reference[huge]):
        return math.inf
    ordinary = ~huge
    if not ordinary.any():
        return 0.0
    difference = np.abs(ours[ordinary] - reference[ordinary])
    return float(difference.max() / rms(reference, ordinary))


def rms_error(ours, reference):
    """Root mean square of the difference over that of the reference: the measure for bfloat16."""
    ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
    ordinary = ~huge_mask(reference)
    if not ordinary.any():
        return 0.0
    difference = ours[ordinary] - reference[ordinary]
    return float(np.sqrt(np.mean(np.square(difference))) / rms(reference, ordinary))


def tolerance(own_error):
    """The allowed error, given the reference's own float32 against float64."""
    return max(FLOOR, 4.0 * own_error)


def digest(array, huge=None):
    """[rms, 8 projections, 16 fixed entries] of an array whose huge entries are taken as 0."""
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    mask = huge_mask(flat) if huge is None else huge
    flat = np.where(mask, 0.0, flat)
    level = rms(flat, ~mask) if (~mask).any() else 1.0
    entries = flat[fill.entry_positions(flat.size)]
    return np.concatenate([[level], fill.project(flat), entries])


def digest_error(ours, shape, expected, positions=(), huge_values=()):
    """The error of a whole array against a digest, its huge positions and their values."""
    ours = np.asarray(ours)
    if tuple(ours.shape) != tuple(shape) or ours.dtype.kind in "iub":
        return math.inf
    flat = ours.astype(np.float64).reshape(-1)
    if np.isnan(flat).any():
        return math.inf
    huge = np.zeros(flat.size, dtype=bool)
    huge[np.asarray(positions, dtype=np.int64)] = True
    if not _huge_agree(flat[huge], np.asarray(huge_values, dtype=np.float64)):
        return math.inf
    if not np.isfinite(flat[~huge]).all():
        return math.inf
    expected = np.asarray(expected, dtype=np.float64)
    return float(np.abs(digest(flat, huge) - expected).max() / expected[0])


def gradient_errors(norms, projections, wanted_norms, wanted_projections):
    """Per parameter: the largest difference over max(norm, 1e-4 of the largest norm)."""
    scale = np.maximum(wanted_norms, 1e-4 * max(float(np.max(wanted_norms, initial=0.0)), 1e-30))
    off = np.abs(projections - wanted_projections).max(axis=1, initial=0.0)
    worst = np.maximum(np.abs(norms - wanted_norms), off) / scale
    return np.where(np.isnan(worst), np.inf, worst)


def distribution(array):
    """[value] of a constant array, else [mean, standard deviation, shape].

    `shape` is the mean absolute deviation over the standard one (Geary's ratio): 0.80 for a normal
    distribution, 0.87 for a uniform one.
    """
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    if flat.min() == flat.max():
        return [float(flat[0])]
    mean, deviation = flat.mean(), flat.std()
    return [float(mean), float(deviation), float(np.abs(flat - mean).mean() / deviation)]


def distribution_errors(ours, theirs, size):
    """{what: how far two arrays of `size` numbers are apart}, in standard errors.

    DEVIATIONS is what chance allows, if no tail is heavier than that of a normal distribution:
    the variances of mean / std, log(std) and shape are then at most 1, 1/2 and 1 - 3/pi, over the
    size, and there are two samples. Constants are equal, as
    far as their six digits tell, or infinitely far apart.
    """
    if len(ours) == 1 or len(theirs) == 1:
        same = len(ours) == len(theirs) and math.isclose(*ours, *theirs, rel_tol=1e-5)
        return {"value": 0.0 if same else math.inf}
    unit = math.sqrt(2 / size)
    return {
        "mean": abs(ours[0] - theirs[0]) / theirs[1] / unit,
        "deviation": abs(math.log(ours[1] / theirs[1])) / (unit * math.sqrt(1 / 2)),
        "shape": abs(ours[2] - theirs[2]) / (unit * math.sqrt(1 - 3 / math.pi)),
    }
