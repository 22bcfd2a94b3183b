from __future__ import annotations

import csv
import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from marigold_cli.depth import DepthKind
from marigold_cli.evaluation.baselines import baselines
from marigold_cli.evaluation.comparison import Skip
from marigold_cli.evaluation.cost import Cost
from marigold_cli.evaluation.datasets import DataSet, open_dataset
from marigold_cli.evaluation.measure import Result, Row, measure
from marigold_cli.evaluation.options import Alignment, DataSetName, FolderOptions
from marigold_cli.evaluation.predictions import Predictions
from marigold_cli.evaluation.sheet import draw_sheet
from marigold_cli.evaluation.tables import (
    make_overview,
    make_tables,
    to_csv,
    to_json,
    to_markdown,
)

SCORES = {"abs_rel": 0.06, "delta1": 0.95, "i_rmse": float("nan")}


def result(method: str, data: str = "nyuv2", title: str = "NYUv2") -> Result:
    rows = (
        Row("a|b.png", "indoor", SCORES),
        Row("c.png", "", {**SCORES, "abs_rel": 0.04, "i_rmse": 2.0}, scale=-1.5),
    )
    skips = (Skip("d.png", "no prediction"), Skip("e.png", "no prediction"))
    cost = Cost(1.25, 3 << 30, 40)
    return Result(data, title, method, Alignment.DEPTH, rows, skips, cost, ("a note",))


def test_a_table_has_our_rows_and_the_published_ones_marked() -> None:
    (table,) = make_tables([result("m, 4 x 10")])

    ours, *theirs = [dict(zip(table.header, row, strict=True)) for row in table.rows]
    assert (ours["AbsRel↓"], ours["δ1↑"], ours["iRMSE↓"]) == ("0.050", "0.950", "2.000")
    assert (ours["s/picture"], ours["memory"], ours["passes"]) == ("1.25", "3.00 GiB", "40")
    assert all(row["method"].endswith("(published)") for row in theirs)
    assert theirs[0]["AbsRel↓"] == "0.055"
    assert "2 not counted (no prediction): d.png and 1 more" in " ".join(table.foot)
    assert "Ke et al., CVPR 2024" in " ".join(table.foot)


def test_ones_own_pictures_have_no_published_rows() -> None:
    (table,) = make_tables([result("m", "mine", "mine")])

    assert len(table.rows) == 1


def test_the_overview_is_in_percent_over_all_sets() -> None:
    table = make_overview([result("m"), result("n"), result("m", "kitti", "KITTI")])

    assert table.header == ("method", "NYUv2 AbsRel↓", "NYUv2 δ1↑", "KITTI AbsRel↓", "KITTI δ1↑")
    assert table.rows[:3] == (
        ("m", "5.0", "95.0", "5.0", "95.0"),
        ("n", "5.0", "95.0", "–", "–"),
        ("Marigold, 50 x 10 (published)", "5.5", "96.4", "9.9", "91.6"),
    )


def test_markdown_has_as_many_cells_in_every_line() -> None:
    text = to_markdown(make_tables([result("m|<b>_x_")]))

    lines = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert "m\\|\\<b\\>\\_x\\_" in text


def test_csv_has_a_line_for_every_picture_also_for_those_that_do_not_count() -> None:
    rows = list(csv.DictReader(StringIO(to_csv(result("m")))))

    assert [row["picture"] for row in rows] == ["a|b.png", "c.png", "d.png", "e.png"]
    assert [row["abs_rel"] for row in rows] == ["0.06", "0.04", "", ""]
    assert rows[1]["scale"] == "-1.5"
    assert rows[2]["skipped"] == "no prediction"


def test_json_has_means_and_null_for_what_is_not_defined() -> None:
    only_nan = Result("x", "x", "m", Alignment.DEPTH, (Row("a", "", {"silog": float("nan")}),), ())

    facts = json.loads(to_json([result("m"), only_nan]))

    first, second = facts["results"]
    assert first["means"]["abs_rel"] == pytest.approx(0.05)
    assert first["cost"] == {"seconds": 1.25, "peak_bytes": 3 << 30, "evaluations": 40}
    assert [skip["name"] for skip in first["skipped"]] == ["d.png", "e.png"]
    assert second["means"] == {"silog": None}
    assert facts["published"][0]["scores"]["NYUv2"]["delta1"] == pytest.approx(0.964)


@pytest.fixture
def data(pairs: Path) -> DataSet:
    return open_dataset(DataSetName.FOLDER, pairs, FolderOptions())


def test_baselines_are_worked_out_by_hand(data: DataSet) -> None:
    means = {one.title: measure(data, one).mean("rmse") for one in baselines(data)}

    expected: dict[str, list[float]] = {"constant": [], "vertical ramp": [], "plane": []}
    for sample in data.samples:
        truth = data.read_truth(sample)
        rows, columns = np.nonzero(truth.valid)
        known = truth.depth[truth.valid].astype(np.float64)
        ones = np.ones(known.size)
        for name, design in {
            "constant": [ones],
            "vertical ramp": [ones, rows],
            "plane": [ones, rows, columns],
        }.items():
            matrix = np.stack(design, 1).astype(np.float64)
            fitted = matrix @ np.linalg.lstsq(matrix, known, rcond=None)[0]
            expected[name].append(float(np.sqrt(np.mean((fitted - known) ** 2))))
    assert means["constant"] == pytest.approx(np.mean(expected["constant"]))
    assert means["vertical ramp"] == pytest.approx(np.mean(expected["vertical ramp"]))
    assert means["best plane, knowing the truth"] == pytest.approx(np.mean(expected["plane"]))


def test_the_mean_map_of_the_others_is_their_depth_without_scale(
    tmp_path: Path, files: Any
) -> None:
    rows, columns = np.mgrid[:60, :80]
    depths = {"a": rows + 5.0, "b": columns + 1.0, "c": 3 * columns + 9.0}
    for name, depth in depths.items():
        files.photo(tmp_path / f"{name}.png", 60, 80)
        files.array(tmp_path / f"depth/{name}.npy", depth)
    data = open_dataset(DataSetName.FOLDER, tmp_path, FolderOptions())
    mean_map = next(one for one in baselines(data) if one.title.startswith("mean map"))

    read = mean_map.read(data, data.samples[0], data.read_truth(data.samples[0]))

    expected = (columns - columns.mean()) / columns.std()  # of b and c alike
    assert np.abs(read - expected).max() < 0.05


def test_a_sheet_shows_four_pictures_a_row_the_worst_first(data: DataSet) -> None:
    depths = {one.image: data.read_truth(one).depth for one in data.samples}
    factors = {"rgb/a.png": 1.1, "rgb/b.png": 1.4}
    predictions = Predictions(
        "mine", DepthKind.METRIC, lambda _, one, truth: depths[one.image] * factors[one.image]
    )
    measured = measure(data, predictions)

    sheet = draw_sheet(data, predictions, measured)

    picture = np.asarray(Image.open(BytesIO(sheet)))
    assert picture.shape == (18 + 2 * (6 + 18 + 210), 4 * 280 + 3 * 6, 3)
    errors = picture[:, -200:-10].astype(int).sum(-1)
    worse, better = errors[18 + 6 + 18 + 80 : 18 + 6 + 18 + 200], errors[-130:-10]
    assert worse.mean() > 2 * better.mean()  # brighter


def test_point_pairs_have_no_sheet(data: DataSet) -> None:
    pairs_only = Result("x", "x", "m", Alignment.DEPTH, (Row("a", "", {"order": 1.0}),), ())
    nothing = Predictions("m", DepthKind.METRIC, lambda *_: "none")

    assert draw_sheet(data, nothing, pairs_only) is None
