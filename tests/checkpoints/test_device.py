from __future__ import annotations

import pytest
import torch

from marigold_cli.checkpoints.device import (
    available_devices,
    check_alive,
    choose_device,
    choose_dtype,
    describe_device,
    is_out_of_memory,
)
from marigold_cli.errors import DeviceError, ExitCode, UsageError


def test_every_machine_has_a_cpu_last() -> None:
    assert available_devices()[-1] == "cpu"


def test_auto_is_the_first_device_there_is() -> None:
    choice = choose_device("auto")

    assert choice.device == torch.device(available_devices()[0])
    assert choice.reason


def test_the_device_that_was_asked_for_is_taken() -> None:
    choice = choose_device("cpu")

    assert choice.device == torch.device("cpu")
    assert choice.reason.endswith("asked for")


@pytest.mark.parametrize("wish", ["cuda:99", "xpu:99", "tpu", "", "CPU", "cuda:x"])
def test_an_absent_device_is_told_with_those_that_are_there(wish: str) -> None:
    with pytest.raises(DeviceError, match="there is: ") as caught:
        choose_device(wish)

    assert caught.value.exit_code == ExitCode.DEVICE == 6
    assert all(name in str(caught.value) for name in available_devices())


@pytest.mark.parametrize(
    ("device", "dtype"),
    [("cuda:0", "float16"), ("cpu", "float32"), ("mps", "float32"), ("xpu:0", "float32")],
)
def test_auto_precision_suits_the_device_and_says_why(device: str, dtype: str) -> None:
    choice = choose_dtype("auto", torch.device(device))

    assert choice.name == dtype
    assert len(choice.reason) > 20


@pytest.mark.parametrize("wish", ["float32", "float16", "bfloat16"])
def test_the_precision_that_was_asked_for_is_taken(wish: str) -> None:
    choice = choose_dtype(wish, torch.device("cpu"))

    assert (choice.name, choice.dtype) == (wish, getattr(torch, wish))


def test_a_model_may_have_a_precision_of_its_own_on_a_cpu() -> None:
    choice = choose_dtype("auto", torch.device("cpu"), "bfloat16")

    assert choice.name == "bfloat16"
    assert choose_dtype("auto", torch.device("cuda:0"), "bfloat16").name == "float16"


def test_an_unknown_precision_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="float32, float16, bfloat16"):
        choose_dtype("int4", torch.device("cpu"))


def test_half_precision_is_finer_than_the_reason_calls_bfloat16() -> None:
    """The doctor's words: 8 bits of precision against 11."""
    bits = {
        dtype: 1 - torch.log2(torch.tensor(torch.finfo(dtype).eps)).item()
        for dtype in (torch.bfloat16, torch.float16)
    }

    assert bits == {torch.bfloat16: 8, torch.float16: 11}


def test_the_description_of_a_cpu_counts_its_threads() -> None:
    assert describe_device("cpu") == f"cpu ({torch.get_num_threads()} threads)"


def test_a_cpus_real_lack_of_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)

    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("expected scalar type Half but found Float"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_other_errors_are_not_taken_for_a_lack_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_device_that_answers_is_alive() -> None:
    for name in available_devices():
        check_alive(name)


def test_a_device_that_does_not_answer_is_told_by_name() -> None:
    with pytest.raises(DeviceError, match=r"^cuda:99 does not work any more: .*; run the same"):
        check_alive("cuda:99")
