"""The two ways to the outside: stdout carries data, stderr carries talk.

Everything that comes from outside (names of files and models, messages of libraries) passes
`printable` before it reaches a terminal. Nothing here may stop a run: a reader that has gone is
forgiven.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import IO, TextIO, cast

from rich.console import Console
from rich.style import Style
from rich.text import Text

from marigold_cli.errors import OutputError

# Categories whose characters steer a terminal, reorder a line or have no picture.
_UNSAFE = {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # part of words in Persian and Hindi, and of emoji
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(name: object) -> str:
    """Return a name or message as text that is safe to print: one line, no control characters."""
    text = os.fsdecode(name) if isinstance(name, bytes | os.PathLike) else str(name)
    return "".join(_escape(letter) for letter in text)


def _escape(letter: str) -> str:
    """Return a letter, or how Python would write it where a terminal could obey it."""
    if letter.isprintable() or letter in _JOINERS:
        return letter
    if unicodedata.category(letter) not in _UNSAFE:
        return letter  # unusual spaces, private use
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return _SHORT.get(letter, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Forgiving:
    """A text stream whose reader may leave (`2>&1 | head`, a closed terminal) without harm."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # ValueError: the stream was closed
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def stderr_console() -> Console:
    """Return the console for talk; it reads no markup, so that names stay what they are."""
    stream = cast(IO[str], _Forgiving(sys.stderr))
    return Console(file=stream, markup=False, emoji=False, highlight=False)


def stdout_console() -> Console:
    """Return the console for tables that are the answer of a command; in a pipe lines are whole."""
    stream = cast(IO[str], _Stdout())
    width = None if stream.isatty() else 10_000
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def is_live(console: Console) -> bool:
    """Tell whether lines can be redrawn; colour forced into a pipe makes no terminal of it."""
    return console.file.isatty() and console.is_interactive and not console.is_dumb_terminal


@contextlib.contextmanager
def announced(console: Console, text: str) -> Iterator[None]:
    """Show what takes a while, for as long as it takes; only where it can be taken away again."""
    if is_live(console):
        with console.status(text):
            yield
    else:
        yield


def say(text: str, label: str = "", style: str = "", console: Console | None = None) -> None:
    """Print one line of talk on stderr, behind a coloured label when there is one."""
    line = Text()
    if label:
        line.append(f"{label}: ", Style.parse(style))
    line.append(text)
    (console or stderr_console()).print(line, soft_wrap=True)


def put(text: str) -> None:
    """Print data on stdout, as it is.

    Raises:
        OutputError: stdout is a file on a full disk.
    """
    _write(text + "\n")


def _write(text: str) -> None:
    """Write to stdout; when its reader has gone, go on without one."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes again when it ends; that must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror}") from error


class _Stdout:
    """sys.stdout with the manners of `put`, for rich."""

    def __init__(self) -> None:
        self.encoding = sys.stdout.encoding

    def write(self, text: str) -> int:
        _write(text)
        return len(text)

    def flush(self) -> None:
        """Nothing waits: every write is flushed."""

    def isatty(self) -> bool:
        return sys.stdout.isatty()

    def fileno(self) -> int:
        return sys.stdout.fileno()


class _LogHandler(logging.Handler):
    """Puts log records of the core and of libraries on stderr, one safe line each."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        label = record.levelname.lower()
        style = "yellow" if record.levelno >= logging.WARNING else "dim"
        say(printable(record.getMessage()), label, style, self._console)


def configure_logging(console: Console, verbosity: int) -> None:
    """Send log records to a console; libraries are heard one -v later than this program.

    Args:
        console: Where the lines go.
        verbosity: -1: errors only, 0: our warnings, 1: our information, 2: everything.
    """
    ours = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    theirs = {-1: logging.CRITICAL, 0: logging.ERROR, 1: logging.WARNING}.get(verbosity, ours)
    logging.captureWarnings(True)
    logging.basicConfig(level=theirs, handlers=[_LogHandler(console)], force=True)
    logging.getLogger("marigold_cli").setLevel(ours)
