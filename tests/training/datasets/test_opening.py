from __future__ import annotations

import pytest

from marigold_cli.errors import UsageError
from marigold_cli.training.datasets import open_source, open_sources
from marigold_cli.training.samples import Source


def test_sources_are_opened_in_order_with_their_shares() -> None:
    sources, shares = open_sources(["synthetic:1@3", "synthetic:2"], (8, 8), "cpu")

    first: Source = sources[0]
    assert [source.name for source in sources] == ["synthetic:1", "synthetic:2"]
    assert shares == (0.75, 0.25)
    assert first.read([0]).rgb.shape == (1, 3, 8, 8)


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(UsageError, match="say what to train on"):
        open_sources([])


def test_an_unknown_kind_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        open_source("nyu:data@3")

    assert str(caught.value) == (
        "nyu:data: there is no data of kind 'nyu'; "
        "kinds are synthetic, held-out, rendered, hypersim, vkitti, folder"
    )


def test_an_unknown_option_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="folder has no option unit; its options are: scale, far"):
        open_source("folder:data?unit=2")
    with pytest.raises(UsageError, match="synthetic has no option count; its options are: none"):
        open_source("synthetic?count=2")


def test_files_need_a_place() -> None:
    with pytest.raises(UsageError, match="vkitti: say where it lies, as in vkitti:FOLDER"):
        open_source("vkitti")
