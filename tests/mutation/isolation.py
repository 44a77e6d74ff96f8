"""Calls a function in a fork of this process, which it may harm as it likes. Needs Linux."""

import ctypes
import multiprocessing
import os
import resource
import signal
import tempfile
import time
from dataclasses import dataclass

INTERVAL = 0.05  # seconds between two looks at a child's memory
FROM_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
PR_SET_PDEATHSIG = 1
_fork = multiprocessing.get_context("fork")


class Crashed(Exception):
    """The process died of what it did."""


class Stopped(Exception):
    """The process was ended from outside, so nothing is known: for its time or memory, or by a
    stranger."""


@dataclass(frozen=True)
class Limits:
    """What a child may use, not counting what its parent has used before."""

    seconds: int = 60  # of processor time, so that a busy machine changes nothing
    patience: float = 900.0  # seconds on the clock, for a child that only waits
    memory: int = 4 << 30  # bytes, resident


def isolated(function, limits=None):
    """What a function returns, called in a fork of this process: Crashed or Stopped if it fails.

    What it returns has to be picklable. This process should have one thread, and no gradients
    behind it: torch computes none in a fork of a process that did.
    """
    # Its temporary files are ours to remove: it may not live to do so.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        return _answer(function, limits or Limits(), place)


def _answer(function, limits, place):
    ours, theirs = _fork.Pipe(duplex=False)
    process = _fork.Process(target=_child, args=(function, theirs, limits, place))
    process.start()
    theirs.close()
    try:
        _watch(ours, process, limits)
        return ours.recv()
    except EOFError:
        process.join()
    finally:
        process.kill()
        process.join()
        ours.close()
    ended = signal.Signals(-process.exitcode) if process.exitcode < 0 else None
    if ended == signal.SIGXCPU:
        raise Stopped(f"more than {limits.seconds} s of processor time")
    if ended in FROM_OUTSIDE:
        raise Stopped(f"ended from outside by {ended.name}")
    raise Crashed(ended.name if ended else f"exit status {process.exitcode}")


def _watch(pipe, process, limits):
    """Returns when there is an answer or a child that is gone."""
    base, deadline = _resident("self"), time.monotonic() + limits.patience
    while not pipe.poll(INTERVAL):
        if _resident(process.pid) - base > limits.memory:
            raise Stopped(f"more than {limits.memory >> 20} MB of memory")
        if time.monotonic() > deadline:
            raise Stopped(f"more than {limits.patience:.0f} s on the clock")


def _resident(pid):
    """Bytes of memory that a process holds, 0 if it has just died."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _child(function, pipe, limits, place):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # not to outlive the parent
    resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    tempfile.tempdir = place
    pipe.send(function())
