"""The command line. `triptych COMMAND --help` says what each command takes.

Exit codes: 0 when all is well, 1 for errors in specs or differences found, 2 for a command line
that cannot be carried out, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

from .commands.common import ERRORS, USAGE, Places, Session, UsageError
from .write import WriteError

COMMANDS = ("new", "check", "generate", "verify", "table", "docs", "describe", "diff")
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None, places: Places | None = None) -> int:
    """Runs a command line and returns its exit code."""
    parser, modules = make_parser()
    given, rest = parser.parse_known_args(arguments)
    module = modules[given.command]
    if rest and not getattr(module, "PASS_ON", False):
        parser.error(f"{given.command}: not understood: {' '.join(rest)}")
    given.rest = rest
    session = Session(given, places or Places())
    previous = _on_termination()
    try:
        return session.finish(module.run(session))
    except UsageError as error:
        return _failed(session, str(error), USAGE)
    except WriteError as error:
        return _failed(session, str(error), ERRORS)
    except BrokenProcessPool:
        return _failed(session, "a process died, perhaps for lack of memory", ERRORS)
    except BrokenPipeError:
        # the reader of our output has gone; nothing more may be written to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERRORS
    except KeyboardInterrupt:
        return _failed(session, "interrupted; nothing is half written", INTERRUPTED)
    except OSError as error:
        return _failed(session, str(error), ERRORS)
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, object]]:
    parser = argparse.ArgumentParser(
        prog="triptych",
        description="Neural architectures written once, as data: PyTorch, TensorFlow, Flax code.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {}
    for name in COMMANDS:
        module = importlib.import_module(f"{__package__}.commands.{name}")
        command = commands.add_parser(
            name, help=module.HELP, description=f"{module.HELP[0].upper()}{module.HELP[1:]}."
        )
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print the result for programs")
        modules[name] = module
    return parser, modules


def _failed(session: Session, message: str, code: int) -> int:
    session.result["message"] = message
    session.note(f"{session.err('triptych:', 'bold')} {message}")
    return session.finish(code)


def _on_termination():
    """Lets a polite kill undo what is half done."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        return signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        return None


if __name__ == "__main__":
    sys.exit(main())
