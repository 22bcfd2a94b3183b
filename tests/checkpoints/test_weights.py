from __future__ import annotations

import pytest

from marigold_cli.checkpoints.weights import Weights, choose, index_name, is_pickled, weight_name

PLAIN, HALF = Weights(("a",), None), Weights(("b",), "fp16")


@pytest.mark.parametrize(
    ("there", "half", "expected"),
    [
        ((PLAIN, HALF), False, PLAIN),
        ((PLAIN, HALF), True, HALF),
        ((PLAIN,), True, PLAIN),
        ((HALF,), False, HALF),
    ],
)
def test_the_precision_that_suits_is_chosen_or_the_one_there_is(
    there: tuple[Weights, ...], half: bool, expected: Weights
) -> None:
    assert choose(there, half) == expected


def test_files_are_named_as_both_libraries_name_them() -> None:
    assert weight_name("model", None) == "model.safetensors"
    assert weight_name("model", "fp16") == "model.fp16.safetensors"
    assert index_name("model", None) == "model.safetensors.index.json"
    assert index_name("model", "fp16") == "model.safetensors.index.fp16.json"


@pytest.mark.parametrize(
    ("name", "expected"), [("a.bin", True), ("a.ckpt", True), ("a.safetensors", False)]
)
def test_pickles_are_known_by_their_suffix(name: str, expected: bool) -> None:
    assert is_pickled([name]) is expected
