from __future__ import annotations

import subprocess
import sys

import pytest

from marigold_cli.checkpoints import device, precision
from marigold_cli.checkpoints.precision import settle_dtype
from marigold_cli.errors import DeviceError


@pytest.mark.parametrize("wish", ["float32", "float16", "bfloat16"])
def test_what_is_asked_for_holds_on_any_device(wish: str) -> None:
    assert settle_dtype(wish, "cuda:99") == wish


@pytest.mark.parametrize("place", ["auto", "cpu"])
def test_auto_is_what_the_loader_will_take(place: str) -> None:
    chosen = device.choose_device(place).device

    assert settle_dtype("auto", place) == device.choose_dtype("auto", chosen).name


def test_auto_asks_for_the_device_where_there_may_be_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision, "version", lambda name: "2.13.0")
    monkeypatch.setattr(device, "available_devices", lambda: ["cuda:0", "cpu"])
    monkeypatch.setattr(device, "describe_device", lambda name: name)

    assert (settle_dtype("auto", "auto"), settle_dtype("auto", "cpu")) == ("float16", "float32")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(DeviceError, match="cuda:99"):
        settle_dtype("auto", "cuda:99")


def test_torch_is_not_asked_where_it_can_know_of_no_accelerator() -> None:
    script = (
        "import sys\n"
        "from marigold_cli.checkpoints import precision\n"
        "precision.version = lambda name: '2.13.0+cpu'\n"
        "print(precision.settle_dtype('auto', 'auto'), 'torch' in sys.modules)\n"
    )

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert answer.stdout.split() == ["float32", "False"], answer.stderr


def test_a_model_s_own_format_is_taken_on_a_cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "version", lambda name: "2.13.0")
    monkeypatch.setattr(device, "available_devices", lambda: ["cuda:0", "cpu"])
    monkeypatch.setattr(device, "describe_device", lambda name: name)

    places = [settle_dtype("auto", place, "bfloat16") for place in ("cpu", "cuda:0", "auto")]

    assert places == ["bfloat16", "float16", "float16"]
    assert settle_dtype("float32", "cpu", "bfloat16") == "float32"
