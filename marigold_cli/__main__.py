"""`python -m marigold_cli` is `marigold`."""

from __future__ import annotations

from marigold_cli.cli import run_and_exit

if __name__ == "__main__":
    run_and_exit()
