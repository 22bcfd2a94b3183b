from __future__ import annotations

from pathlib import Path

import pytest

from marigold_cli.errors import UsageError
from marigold_cli.training.datasets.spec import Spec, parse_spec, shares


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("synthetic", Spec("synthetic", "synthetic", "", {})),
        ("synthetic:7", Spec("synthetic:7", "synthetic", "7", {})),
        ("hypersim:/a/b@9", Spec("hypersim:/a/b", "hypersim", "/a/b", {}, 9.0)),
        ("vkitti:a@0.5", Spec("vkitti:a", "vkitti", "a", {}, 0.5)),
        (
            "folder:a?scale=0.001&far=80@2",
            Spec(
                "folder:a?scale=0.001&far=80", "folder", "a", {"scale": "0.001", "far": "80"}, 2.0
            ),
        ),
        ("folder:me@home/x", Spec("folder:me@home/x", "folder", "me@home/x", {})),
        ("folder:what?/x:y", Spec("folder:what?/x:y", "folder", "what?/x:y", {})),
        ("hypersim:a?list=b@c", Spec("hypersim:a?list=b@c", "hypersim", "a", {"list": "b@c"})),
    ],
)
def test_a_specification_is_taken_apart(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="vkitti:a@0: the weight behind @ must be above 0"):
        parse_spec("vkitti:a@0")


def test_an_option_that_is_named_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="an option is named twice"):
        parse_spec("folder:a?far=1&far=2")


def test_options_are_numbers_or_one_of_some_words() -> None:
    spec = parse_spec("folder:a?far=80&scale=-1&resample=cubic")

    assert spec.number("far", 1) == 80
    assert spec.number("near", 0.5) == 0.5
    with pytest.raises(UsageError, match="scale is a number above 0, not -1"):
        spec.number("scale", 1)
    with pytest.raises(UsageError, match="resample is one of smooth, nearest, not cubic"):
        spec.choice("resample", ("smooth", "nearest"))
    assert spec.choice("split", ("train", "val")) == "train"


def test_a_place_is_a_path_and_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    assert parse_spec("folder:~/x").path == Path("/home/somebody/x")
    with pytest.raises(UsageError, match="say where it lies, as in hypersim:FOLDER"):
        _ = parse_spec("hypersim").path


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["hypersim:a", "vkitti:b"], (0.9, 0.1)),
        (["vkitti:b", "hypersim:a"], (0.1, 0.9)),
        (["hypersim:a", "vkitti:b@1"], (0.5, 0.5)),
        (["hypersim:a@3", "vkitti:b@1"], (0.75, 0.25)),
        (["hypersim:a", "vkitti:b", "synthetic"], (1 / 3, 1 / 3, 1 / 3)),
        (["hypersim:a", "hypersim:b"], (0.5, 0.5)),
        (["synthetic", "folder:a@3"], (0.25, 0.75)),
        (["folder:a@7"], (1.0,)),
    ],
)
def test_batches_are_shared_out_by_weights(texts: list[str], expected: tuple[float, ...]) -> None:
    assert shares([parse_spec(text) for text in texts]) == pytest.approx(expected)
