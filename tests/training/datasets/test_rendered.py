from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from marigold_cli.errors import DataSetError, OutputError, UsageError
from marigold_cli.training.datasets import open_source
from marigold_cli.training.datasets.rendered import SHARD

SIZE = (8, 12)
NAME = "scenes-8x12-{}-{:05d}.safetensors"


@pytest.fixture
def old_file(tmp_path: Path) -> Callable[[int], dict[str, Tensor]]:
    """Writes a full file as the first version did: no normals, depth [m] tells the picture."""

    def make(number: int) -> dict[str, Tensor]:
        depth = torch.arange(SHARD).view(-1, 1, 1, 1) * 0.25 + number
        tensors = {
            "rgb": torch.randint(256, (SHARD, 3, *SIZE), dtype=torch.uint8),
            "depth": depth.expand(-1, 1, *SIZE).to(torch.float16).contiguous(),
        }
        save_file(tensors, tmp_path / NAME.format(SHARD, number))
        return tensors

    return make


def test_what_is_rendered_is_kept_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    direct = open_source("synthetic", SIZE).read([2, 0, 2])

    first = open_source(f"rendered:{folder}?count=3", SIZE).read([2, 0, 2])
    again = open_source(f"rendered:{folder}?count=3", SIZE).read([2, 0, 2])

    assert [path.name for path in folder.iterdir()] == [NAME.format(3, 0)]
    assert torch.equal(first.rgb, direct.rgb)
    assert torch.allclose(first.depth, direct.depth, rtol=1e-3)
    assert torch.equal(first.valid, first.depth < 80)
    assert first.normals is not None
    assert direct.normals is not None
    assert (first.normals - direct.normals).abs().max() < 0.01
    assert torch.allclose(first.normals.norm(dim=1)[first.valid[:, 0]], torch.tensor(1.0))
    for one, other in zip(vars(first).values(), vars(again).values(), strict=True):
        assert torch.equal(one, other)


def test_files_of_the_first_version_are_read_in_any_order(
    tmp_path: Path, old_file: Callable[[int], dict[str, Tensor]]
) -> None:
    files = [old_file(0), old_file(1)]
    source = open_source(f"rendered:{tmp_path}", SIZE)
    indices = [300, 0, 511, 44, 300, 256]

    source.check()
    samples = source.read(indices)

    assert len(source) == 2 * SHARD
    assert samples.depth[:, 0, 0, 0].tolist() == [12, 0, 64.75, 11, 12, 1]
    expected = [files[index // SHARD]["rgb"][index % SHARD] for index in indices]
    assert torch.equal(samples.rgb, torch.stack(expected))
    assert samples.depth.dtype == torch.float32
    assert samples.normals is None


def test_the_size_is_that_of_what_is_there(
    tmp_path: Path, old_file: Callable[[int], dict[str, Tensor]]
) -> None:
    old_file(0)

    assert open_source(f"rendered:{tmp_path}").read([5]).rgb.shape == (1, 3, *SIZE)


def test_fewer_pictures_come_from_the_full_file_that_is_there(
    tmp_path: Path, old_file: Callable[[int], dict[str, Tensor]]
) -> None:
    old_file(0)

    source = open_source(f"rendered:{tmp_path}?count=10", SIZE)

    assert len(source) == 10
    assert source.read([9]).depth[0, 0, 0, 0] == 9 * 0.25
    with pytest.raises(IndexError, match="numbered 0 to 9"):
        source.read([10])


def test_many_threads_may_read_while_the_first_of_them_renders(tmp_path: Path) -> None:
    source = open_source(f"rendered:{tmp_path}?count=2", SIZE)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(source.read, [[1, 0]] * 16))

    assert all(torch.equal(answer.rgb, answers[0].rgb) for answer in answers)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_cut_off_is_named(
    tmp_path: Path,
    old_file: Callable[[int], dict[str, Tensor]],
    cut: Callable[[Path, float], None],
) -> None:
    for number in range(2):
        old_file(number)
    source = open_source(f"rendered:{tmp_path}", SIZE)
    cut(tmp_path / NAME.format(SHARD, 1), 0.9)

    for use in (source.check, lambda: source.read([256])):
        with pytest.raises(
            DataSetError, match=r"00001\.safetensors: is cut off or damaged; delete"
        ):
            use()


def test_a_file_of_another_form_is_named(
    tmp_path: Path, old_file: Callable[[int], dict[str, Tensor]]
) -> None:
    path = tmp_path / NAME.format(SHARD, 0)
    tensors = old_file(0)
    save_file({**tensors, "depth": tensors["depth"][:, :, :4].contiguous()}, path)

    with pytest.raises(DataSetError, match="holds other pictures than its name says"):
        open_source(f"rendered:{tmp_path}", SIZE).check()


def test_what_a_killed_run_left_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / f".{NAME.format(1, 0)}.4711.partial").write_bytes(b"half")

    samples = open_source(f"rendered:{tmp_path}?count=1", SIZE).read([0])

    assert len(samples) == 1
    assert load_file(tmp_path / NAME.format(1, 0)).keys() == {"rgb", "depth", "normals"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OutputError, match="file"):
        open_source(f"rendered:{tmp_path / 'file'}?count=1", SIZE).read([0])


def test_an_empty_folder_needs_a_count(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing is rendered there at 12 x 8; .*\?count=11776"):
        open_source(f"rendered:{tmp_path}", SIZE)
