"""What is told of a photo that failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """One photo without a depth map, or one folder whose photos are unknown.

    Attributes:
        name: The photo, as in `ImageRef.name`; a folder's has a slash at its end.
        kind: One of `errors.Kind`, or a word of another version out of the journal.
        message: What happened, in the reader's words.
    """

    name: str
    kind: str
    message: str
