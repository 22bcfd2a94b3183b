"""What is told of a photo that failed."""

from __future__ import annotations

from dataclasses import dataclass

from marigold_cli.batch.fields import Fields, get


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

    @classmethod
    def read(cls, fields: Fields) -> Failure:
        """Take it out of a journal's line."""
        return cls(*(get(fields, key, str) for key in ("name", "kind", "message")))
