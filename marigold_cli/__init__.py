"""Folders of photographs in, depth maps out: Marigold as a command-line tool."""

__version__ = "0.1.0"
