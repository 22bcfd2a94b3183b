"""What goes on in a thread of its own for as long as something else lasts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def beside(name: str, work: Callable[[threading.Event], object]) -> Iterator[None]:
    """Have work done beside the block, and wait for its end.

    Args:
        name: Of the thread.
        work: Returns soon after the event that it is given, which tells that the block is over.
    """
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
