from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from marigold_cli.batch.signals import Stop
from marigold_cli.errors import DataSetError, OutputError, UsageError
from marigold_cli.training import latents
from marigold_cli.training.augmentation import draw_flips
from marigold_cli.training.codec import Codec
from marigold_cli.training.datasets import open_source
from marigold_cli.training.foundation import open_foundation
from marigold_cli.training.latents import Encoder, digest_of, fill_cache
from marigold_cli.training.lesson import Lesson
from marigold_cli.training.order import Division
from marigold_cli.training.protocols.denoiser import Denoiser
from marigold_cli.training.protocols.end_to_end import EndToEndProtocol
from marigold_cli.training.protocols.marigold import MarigoldProtocol
from marigold_cli.training.reader import PictureShelf
from marigold_cli.training.samples import Samples, Source

CPU = torch.device("cpu")


@pytest.fixture(params=[MarigoldProtocol, EndToEndProtocol])
def protocol(request: pytest.FixtureRequest, marigold: Path) -> Denoiser:
    base = open_foundation(str(marigold))
    scheduler = base.make_scheduler(zero_snr=False, trailing=False)
    made: Denoiser = request.param(
        base.read_unet(0), Codec(base.read_vae()), scheduler, base.read_empty_text()
    )
    return made


def close(found: Lesson, expected: Lesson) -> None:
    torch.testing.assert_close(found.given, expected.given, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(found.target, expected.target, atol=2e-3, rtol=1e-3)
    torch.testing.assert_close(found.weight, expected.weight)
    assert torch.equal(found.known, expected.known)


def test_kept_lessons_are_those_of_the_pictures_in_both_directions(
    protocol: Denoiser, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 3)
    encoder = Encoder(source, protocol, "key", tmp_path, CPU)
    for shard in encoder.missing:
        encoder.fill(shard)
    indices, seeds = [7, 0, 3, 3], [1, 2, 3, 4]
    assert len(set(draw_flips(seeds).tolist())) == 2

    found = encoder.shelf.take(indices, seeds)

    fresh = PictureShelf(source, protocol.multiple).take(indices, seeds)
    with torch.no_grad():
        close(found, protocol.encode(fresh))
    assert len(encoder.shelf) == 8
    assert not encoder.missing


def test_what_is_there_is_not_encoded_again(
    protocol: Denoiser, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "SHARD", 3)
    first = Encoder(source, protocol, "key", tmp_path, CPU)
    first.fill(1)

    assert Encoder(source, protocol, "key", tmp_path, CPU).missing == [0, 2]
    assert Encoder(source, protocol, "other", tmp_path, CPU).missing == [0, 1, 2]


@dataclass(frozen=True)
class Endless:
    """A source that counts seeds."""

    name: str = "synthetic"

    def __len__(self) -> int:
        return 10**9

    def identity(self) -> str:
        return self.name

    def check(self) -> None:
        """Nothing can be wrong."""

    def read(self, indices: Sequence[int]) -> Samples:
        raise AssertionError


def test_each_file_has_one_maker_even_if_processes_come_at_different_times(
    protocol: Denoiser,
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: Stop,
    listen: type,
) -> None:
    monkeypatch.setattr(latents, "SHARD", 2)
    encoder = Encoder(source, protocol, "key", tmp_path, CPU)

    fill_cache(encoder, Division(1, processes=2, rank=0), stop, listen())
    left = encoder.missing
    fill_cache(encoder, Division(1, processes=2, rank=1), stop, listen())

    assert left == [1, 3]
    assert not encoder.missing


def test_what_cannot_be_written_leaves_nothing_behind(
    protocol: Denoiser, source: Source, tmp_path: Path
) -> None:
    encoder = Encoder(source, protocol, "key", tmp_path, CPU)
    (encoder.shelf.folder / "lessons-00000.safetensors" / "in the way").mkdir(parents=True)

    with pytest.raises(OutputError):
        encoder.fill(0)

    assert len(list(encoder.shelf.folder.iterdir())) == 1


def places(protocol: Denoiser, specs: Sequence[str], root: Path) -> set[Path]:
    """Folders of the lessons of sources."""
    return {Encoder(open_source(one), protocol, "key", root, CPU).shelf.folder for one in specs}


def test_pictures_that_lie_elsewhere_or_were_changed_are_encoded_anew(
    protocol: Denoiser,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for home in ("one", "other"):
        shutil.copytree(pictures, tmp_path / home / "eight")
    monkeypatch.chdir(tmp_path / "one")
    here = places(protocol, ["folder:eight"], tmp_path)
    again = places(protocol, [f"folder:{Path('eight').resolve()}"], tmp_path)
    monkeypatch.chdir(tmp_path / "other")
    there = places(protocol, ["folder:eight"], tmp_path)

    path = Path("eight", "depth", "3.npy")
    np.save(path, 2 * np.load(path))
    os.utime(path, ns=(0, 1))
    changed = places(protocol, ["folder:eight"], tmp_path)

    assert here == again
    assert len(here | there | changed) == 3


def test_scenes_that_were_rendered_anew_are_encoded_anew(
    protocol: Denoiser, tmp_path: Path
) -> None:
    scenes = f"rendered:{tmp_path / 'scenes'}?count=2"
    open_source(scenes, (8, 8)).read([0])
    (path,) = (tmp_path / "scenes").iterdir()

    before = Encoder(open_source(scenes, (8, 8)), protocol, "key", tmp_path, CPU).shelf
    os.utime(path, ns=(0, 1))
    after = Encoder(open_source(scenes, (8, 8)), protocol, "key", tmp_path, CPU).shelf

    assert before != after


def test_a_source_without_an_end_is_refused(protocol: Denoiser, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no end"):
        Encoder(Endless(), protocol, "key", tmp_path, CPU)


def test_pictures_that_do_not_divide_into_cells_are_refused(
    protocol: Denoiser,
    make_samples: Callable[..., Samples],
    make_source: Callable[[Samples], Source],
    tmp_path: Path,
) -> None:
    odd = make_source(make_samples(2, height=15, width=24))

    with pytest.raises(DataSetError, match="24 x 15 px, but sides must be multiples of 2"):
        PictureShelf(odd, protocol.multiple).take([0], [0])
    with pytest.raises(DataSetError, match="--size"):
        Encoder(odd, protocol, "key", tmp_path, CPU).fill(0)


def test_other_weights_have_another_digest(marigold: Path, stable_diffusion: Path) -> None:
    vae = open_foundation(str(marigold)).read_vae()
    before = digest_of(vae)

    with torch.no_grad():
        vae.quant_conv.bias += 1e-6

    assert digest_of(open_foundation(str(marigold)).read_vae()) == before
    assert digest_of(vae) != before
