from __future__ import annotations

import numpy as np
import pytest
from diffusers.pipelines.marigold.marigold_image_processing import MarigoldImageProcessor

from marigold_cli.errors import UsageError
from marigold_cli.files.colormap import COLORMAPS, palette

# every 17th entry of matplotlib 3.11's own tables
PUBLISHED = {
    "viridis": (
        "440154 481a6c 472f7d 414487 39568c 31688e 2a788e 23888e "
        "1f988b 22a884 35b779 54c568 7ad151 a5db36 d2e21b fde725"
    ),
    "magma": (
        "000004 0b0924 20114b 3b0f70 57157e 721f81 8c2981 a8327d "
        "c43c75 de4968 f1605d fa7f5e fe9f6d febf84 fddea0 fcfdbf"
    ),
    "turbo": (
        "30123b 4143a7 4771e9 3e9bfe 22c5e2 1ae4b6 46f884 88ff4e "
        "b9f635 e1dd37 faba39 fd8d27 f05b12 d63506 af1801 7a0403"
    ),
    "spectral": (
        "9e0142 c32a4b df4e4b f46d43 fa9857 fdbf6f fee08b fff5ae "
        "f7fcb2 e6f598 bfe5a0 94d4a4 66c2a5 439bb5 4175b4 5e4fa2"
    ),
    "gray": "000000 111111 222222 333333 444444 555555 666666 777777 "
    "888888 999999 aaaaaa bbbbbb cccccc dddddd eeeeee ffffff",
}


@pytest.mark.parametrize("name", COLORMAPS)
def test_colours_are_the_published_ones(name: str) -> None:
    published = np.array([list(bytes.fromhex(colour)) for colour in PUBLISHED[name].split()])

    table = palette(name)

    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    assert np.abs(table[::17].astype(int) - published).max() <= 2


def test_spectral_is_the_one_of_marigold_itself() -> None:
    depth = np.linspace(0, 1, 256, dtype=np.float32)[None]

    (theirs,) = MarigoldImageProcessor.visualize_depth(depth, color_map="Spectral")

    assert np.abs(palette("spectral").astype(int) - np.asarray(theirs)[0]).max() <= 1


def test_near_is_red_and_far_is_blue_in_spectral() -> None:
    near, far = palette("spectral")[0], palette("spectral")[-1]

    assert near.argmax() == 0
    assert far.argmax() == 2


@pytest.mark.parametrize("name", ["viridis", "magma", "gray"])
def test_perceptual_maps_grow_lighter_all_the_way(name: str) -> None:
    luminance = palette(name) @ [0.2126, 0.7152, 0.0722]

    assert (np.diff(luminance) > -0.8).all()
    assert luminance[-1] > luminance[0] + 150


def test_a_table_is_shared_and_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        palette("turbo")[0] = 0


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="spectral, turbo, viridis, magma, gray"):
        palette("jet")
