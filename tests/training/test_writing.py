from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from marigold_cli.errors import OutputError
from marigold_cli.training.writing import write_whole

# Writes a file of its own letter again and again; each time somebody's whole file is there.
WRITER = """
import sys
from pathlib import Path
from marigold_cli.training.writing import write_whole
path, letter = Path(sys.argv[1]), sys.argv[2].encode()
Path(sys.argv[1] + sys.argv[2]).touch()
while not all(Path(sys.argv[1] + one).exists() for one in "abc"):
    pass
for _ in range(100):
    write_whole(path, letter * 200_000)
    content = path.read_bytes()
    assert len(content) == 200_000 and len(set(content)) == 1
"""


def test_several_processes_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "lessons"
    command = [sys.executable, "-c", WRITER, str(path)]

    writers = [subprocess.Popen([*command, letter]) for letter in "abc"]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "lessons", "lessonsa", "lessonsb", "lessonsc",
    ]  # fmt: skip


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "lessons" / "in the way").mkdir(parents=True)

    with pytest.raises(OutputError, match="a folder stands where a file is needed"):
        write_whole(tmp_path / "lessons", b"content")

    assert [one.name for one in tmp_path.iterdir()] == ["lessons"]
