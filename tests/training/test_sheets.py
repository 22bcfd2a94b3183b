from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from marigold_cli.training.samples import Samples
from marigold_cli.training.sheets import draw_sheet, write_sheet


def test_a_row_is_image_prediction_and_truth(samples: Samples) -> None:
    sheet = draw_sheet(samples, samples.depth)

    height, width = samples.rgb.shape[2:]
    assert sheet.shape == (8 * height, 3 * width, 3)
    second = sheet[height : 2 * height]
    np.testing.assert_array_equal(second[:, :width], samples.rgb[1].permute(1, 2, 0))


def test_a_perfect_prediction_looks_like_the_truth_whatever_its_scale(samples: Samples) -> None:
    width = samples.rgb.shape[3]

    sheet = draw_sheet(samples, 0.01 * samples.depth - 3).astype(int)

    known = samples.valid[:, 0].reshape(-1, width).numpy()
    predicted, truth = sheet[:, width : 2 * width], sheet[:, 2 * width :]
    # the truth is clipped at its outer percentiles, which tilts the fit by a little
    assert np.median(np.abs(predicted - truth)[known]) <= 6
    assert (truth[~known] == 0).all()


def test_near_is_red_and_far_is_blue(samples: Samples) -> None:
    ramp = torch.linspace(2, 9, 24).expand(1, 1, 16, 24)
    one = Samples(samples.rgb[:1], ramp, torch.ones_like(ramp, dtype=torch.bool))

    truth = draw_sheet(one, ramp)[:, -24:].astype(int)

    assert (truth[:, 0, 0] > truth[:, 0, 2]).all()
    assert (truth[:, -1, 2] > truth[:, -1, 0]).all()


def test_normals_are_shown_as_colours(samples: Samples) -> None:
    assert samples.normals is not None
    towards = torch.zeros_like(samples.normals)
    towards[:, 2] = 1

    normals = samples.normals.clone()
    normals[..., -1, :] = 0  # not known where depth is

    sheet = draw_sheet(replace(samples, normals=normals), towards)

    assert (sheet[:, 24:48] == [128, 128, 255]).all()
    known = samples.valid[:, 0].clone()
    known[:, -1] = False
    unknown = ~known.reshape(-1, 24).numpy()
    assert (sheet[:, 48:][unknown] < 60).all()


def test_a_picture_of_which_nothing_is_known_can_be_shown(samples: Samples) -> None:
    nowhere = torch.zeros_like(samples.valid)

    sheet = draw_sheet(Samples(samples.rgb, samples.depth, nowhere), samples.depth)

    assert (sheet[:, 48:] == 0).all()


def test_the_file_is_a_png_in_a_folder_that_is_made(samples: Samples, tmp_path: Path) -> None:
    sheet = draw_sheet(samples, samples.depth)
    path = tmp_path / "sheets" / "000500.png"

    write_sheet(sheet, path)

    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), sheet)
    assert [one.name for one in path.parent.iterdir()] == ["000500.png"]
