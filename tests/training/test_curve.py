from __future__ import annotations

from pathlib import Path

from marigold_cli.training.curve import HEADER, Curve


def test_numbers_are_read_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"

    with Curve(path, 0) as curve:
        curve.add(1, 0.1 + 0.2, 1e-5 / 3, 32, 1.5)
        curve.add(2, float("nan"), 3e-5, 64, 2)

    header, first, second = path.read_text().splitlines()
    assert header == HEADER
    assert [float(word) for word in first.split(",")] == [1, 0.1 + 0.2, 1e-5 / 3, 32, 1.5]
    assert second == "2,nan,3e-05,64,2.00"


def test_going_on_cuts_what_will_be_made_again(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    with Curve(path, 0) as curve:
        for update in range(1, 8):
            curve.add(update, 0.5, 1e-3, update, 1)
    with path.open("a") as file:
        file.write("8,0.25")  # a line that a kill cut off

    with Curve(path, 5) as curve:
        curve.add(6, 0.75, 1e-3, 6, 2)

    lines = path.read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3", "4", "5", "6"]
    assert lines[-1].startswith("6,0.75,")


def test_a_new_training_begins_a_new_curve(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(f"{HEADER}\n1,0.5,0.001,2,1.00\n")

    with Curve(path, 0):
        pass

    assert path.read_text() == f"{HEADER}\n"
