from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import MarigoldDepthPipeline, MarigoldNormalsPipeline
from safetensors.torch import load_file

from marigold_cli.batch.signals import Stop
from marigold_cli.checkpoints.load import load
from marigold_cli.checkpoints.resolve import resolve
from marigold_cli.errors import (
    DataSetError,
    ForeignFileError,
    ModelError,
    OutputInUseError,
    SettingsMismatchError,
    UsageError,
)
from marigold_cli.inference.options import Noise, PredictOptions, Spacing
from marigold_cli.training import latents
from marigold_cli.training.course import run_course
from marigold_cli.training.embedded import embedded_courses
from marigold_cli.training.foundation import open_foundation
from marigold_cli.training.options import (
    CourseOptions,
    Machine,
    Material,
    Method,
    Modality,
    Precision,
    ProtocolName,
    Upkeep,
)
from marigold_cli.training.state import find_state

pytestmark = pytest.mark.training

MakeCourse = Callable[..., CourseOptions]
UNET = Path("unet", "diffusion_pytorch_model.safetensors")


def losses(out: Path) -> list[str]:
    """The curve but for the time it took."""
    return [line.rpartition(",")[0] for line in (out / "curve.csv").read_text().splitlines()]


def numbers(out: Path) -> list[float]:
    """The losses as numbers."""
    return [float(line.split(",")[1]) for line in losses(out)[1:]]


def interrupt() -> None:
    raise KeyboardInterrupt


def same_weights(one: Path, other: Path, name: Path = UNET) -> bool:
    first, second = load_file(one / name), load_file(other / name)
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) for key in first
    )


@pytest.fixture(scope="module")
def unbroken(
    plan_course: MakeCourse, listen: type, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[ProtocolName], Path]:
    """The folder of a training that was left in peace, not to be changed."""
    root = tmp_path_factory.mktemp("unbroken")

    def run(protocol: ProtocolName = ProtocolName.MARIGOLD) -> Path:
        out = root / protocol
        if not out.exists():
            assert run_course(plan_course(out, protocol), Stop(grace_s=0), listen())
        return out

    return run


@pytest.mark.parametrize("protocol", [ProtocolName.MARIGOLD, ProtocolName.E2E])
def test_a_training_ends_in_a_checkpoint_that_we_and_diffusers_load(
    unbroken: Callable[..., Path], protocol: ProtocolName
) -> None:
    out = unbroken(protocol)

    model = load(resolve(str(out)))
    pipeline = MarigoldDepthPipeline.from_pretrained(out)

    weights = pipeline.unet.state_dict()
    assert model.unet.config.in_channels == 8
    assert all(torch.equal(it, weights[name]) for name, it in model.unet.state_dict().items())
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pt", ".pth")]
    assert {path.stat().st_mode & 0o777 for path in out.glob("*/*.safetensors")} == {
        (out / "model_index.json").stat().st_mode & 0o777
    }


def test_a_blend_lies_between_the_base_and_what_was_learned(
    make_course: MakeCourse, unbroken: Callable[..., Path], stop: Stop, listen: type
) -> None:
    course = make_course(upkeep=Upkeep(save_every=100, sheet_every=0, blend=0.25))

    run_course(course, stop, listen())

    blended = load_file(course.out / UNET)
    learned = load_file(unbroken() / UNET)
    base = open_foundation(str(course.base)).read_unet(0).state_dict()
    for name, weight in blended.items():
        torch.testing.assert_close(weight, 0.75 * learned[name] + 0.25 * base[name])
    assert not same_weights(course.out, unbroken())


def test_pictures_cannot_be_both_kept_and_changed(
    make_course: MakeCourse, stop: Stop, listen: type, tmp_path: Path
) -> None:
    course = make_course()
    material = replace(course.material, cache=tmp_path / "latents", augment=True)

    with pytest.raises(UsageError, match=r"--cache keeps .* --augment changes"):
        run_course(replace(course, material=material), stop, listen())


def test_a_blend_with_nothing_is_refused(
    make_course: MakeCourse, marigold: Path, stop: Stop, listen: type, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    for part in ("vae", "text_encoder", "tokenizer"):
        shutil.copytree(marigold / part, base / part)

    with pytest.raises(UsageError, match="has no U-Net to --blend with"):
        run_course(make_course(base=str(base), upkeep=Upkeep(blend=0.5)), stop, listen())


def test_the_curve_has_a_line_for_every_update(
    make_course: MakeCourse, stop: Stop, listen: type
) -> None:
    course, listener = make_course(), listen()

    run_course(course, stop, listener)

    rows = [line.split(",") for line in losses(course.out)[1:]]
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert [row[3] for row in rows] == ["4", "8", "12", "16"]
    assert [float(row[1]) for row in rows] == [one.loss for one in listener.advances]


@pytest.mark.parametrize(
    ("protocol", "cut_after"),
    [
        (ProtocolName.MARIGOLD, 1),
        (ProtocolName.MARIGOLD, 3),
        (ProtocolName.E2E, 3),
        (ProtocolName.AUTOENCODER, 3),
    ],
)
def test_a_training_that_broke_off_ends_exactly_where_an_unbroken_one_does(
    make_course: MakeCourse,
    unbroken: Callable[..., Path],
    stop: Stop,
    listen: type,
    protocol: ProtocolName,
    cut_after: int,
) -> None:
    course = make_course(protocol)
    with pytest.raises(KeyboardInterrupt):
        run_course(course, stop, listen(cut_after, interrupt))

    run_course(course, stop, listen())

    name = Path("vae", UNET.name) if protocol is ProtocolName.AUTOENCODER else UNET
    assert losses(course.out) == losses(unbroken(protocol))
    assert same_weights(course.out, unbroken(protocol), name)


def test_a_training_that_is_stopped_saves_its_state_and_a_checkpoint_and_goes_on(
    make_course: MakeCourse, unbroken: Callable[..., Path], stop: Stop, listen: type
) -> None:
    course, stopped = make_course(), Stop(grace_s=0)

    first = run_course(course, stopped, listen(2, lambda: stopped.ask("SIGTERM")))
    resolve(str(course.out))
    second = run_course(course, stop, listen())

    assert (first, second) == (False, True)
    assert losses(course.out) == losses(unbroken())
    assert same_weights(course.out, unbroken())


def test_a_training_can_be_taken_to_another_place_and_be_divided_anew(
    make_course: MakeCourse,
    unbroken: Callable[..., Path],
    stop: Stop,
    listen: type,
    pictures: Path,
    tmp_path: Path,
) -> None:
    here, there = make_course(), tmp_path / "there"
    with pytest.raises(KeyboardInterrupt):
        run_course(here, stop, listen(3, interrupt))
    shutil.move(here.out, there)
    data = shutil.copytree(pictures, tmp_path / "elsewhere" / pictures.name)
    moved = replace(
        here,
        out=there,
        base=str(shutil.copytree(str(here.base), tmp_path / "base")),
        material=Material((f"folder:{data}",)),
        pace=replace(here.pace, batch=1, accumulate=4),
    )

    run_course(moved, stop, listen())

    assert numbers(there) == pytest.approx(numbers(unbroken()), rel=1e-4)


def test_a_finished_training_is_left_alone(
    make_course: MakeCourse, unbroken: Callable[..., Path], stop: Stop, listen: type
) -> None:
    course, listener = make_course(), listen()
    shutil.copytree(unbroken(), course.out)
    before = {path: path.stat().st_mtime_ns for path in course.out.rglob("*") if path.is_file()}

    finished = run_course(course, stop, listener)

    assert finished
    assert "all updates were done before" in listener.notes[-1]
    after = {path: path.stat().st_mtime_ns for path in course.out.rglob("*") if path.is_file()}
    assert after == before


def test_a_finished_training_can_be_prolonged(
    make_course: MakeCourse, unbroken: Callable[..., Path], stop: Stop, listen: type
) -> None:
    course = make_course()
    shutil.copytree(unbroken(), course.out)

    finished = run_course(replace(course, pace=replace(course.pace, updates=5)), stop, listen())

    assert finished
    assert losses(course.out)[:5] == losses(unbroken())
    assert len(losses(course.out)) == 1 + 5


CHANGES = {
    "rate": lambda course: replace(course, pace=replace(course.pace, rate=2e-3)),
    "pictures per update": lambda course: replace(course, pace=replace(course.pace, batch=4)),
    "protocol": lambda course: replace(course, method=Method(ProtocolName.E2E)),
    "seed": lambda course: replace(course, seed=1),
    "base": lambda course: replace(course, base="tiny"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_going_on_with_other_options_is_refused(
    make_course: MakeCourse,
    unbroken: Callable[..., Path],
    stop: Stop,
    listen: type,
    name: str,
) -> None:
    course = make_course()
    shutil.copytree(unbroken(), course.out)

    with pytest.raises(SettingsMismatchError, match=rf"other options \(.*{name}: .* then, .* now"):
        run_course(CHANGES[name](course), stop, listen())


def test_going_on_with_other_data_is_refused(
    make_course: MakeCourse,
    unbroken: Callable[..., Path],
    stop: Stop,
    listen: type,
    pictures: Path,
    tmp_path: Path,
) -> None:
    course = make_course()
    shutil.copytree(unbroken(), course.out)
    other = shutil.copytree(pictures, tmp_path / pictures.name)
    for path in other.glob("*/0.*"):
        path.unlink()

    with pytest.raises(SettingsMismatchError, match=r"eight \(8 pictures.*eight \(7 pictures"):
        run_course(replace(course, material=Material((f"folder:{other}",))), stop, listen())


def test_a_folder_with_somebodys_checkpoint_is_refused(
    make_course: MakeCourse, stop: Stop, listen: type, marigold: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(marigold, tmp_path / "precious")

    with pytest.raises(ForeignFileError, match="choose another --out"):
        run_course(make_course(out="precious"), stop, listen())

    assert same_weights(out, marigold)


def test_two_trainings_do_not_share_a_folder(
    make_course: MakeCourse, stop: Stop, listen: type
) -> None:
    course = make_course()

    def run_another() -> None:
        run_course(course, stop, listen())

    with pytest.raises(OutputInUseError, match="another training is at work"):
        run_course(course, stop, listen(1, run_another))


def test_bad_data_are_found_before_the_first_update(
    make_course: MakeCourse, stop: Stop, listen: type, pictures: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(pictures, tmp_path / "broken")
    path = broken / "depth" / "7.npy"
    path.write_bytes(path.read_bytes()[:100])
    listener = listen()

    with pytest.raises(DataSetError, match=r"7\.npy"):
        run_course(make_course(material=Material((f"folder:{broken}",))), stop, listener)

    assert not listener.advances


def test_latents_are_kept_and_then_read(
    make_course: MakeCourse,
    unbroken: Callable[..., Path],
    stop: Stop,
    listen: type,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(latents, "SHARD", 3)
    kept = make_course(ProtocolName.E2E, "kept")
    kept = replace(kept, material=replace(kept.material, cache=tmp_path / "cache"))

    run_course(kept, stop, listen())

    files = list((tmp_path / "cache").rglob("*.safetensors"))
    again = listen()
    run_course(replace(kept, out=tmp_path / "again"), stop, again)
    assert len(files) == 3
    assert not any("encoding" in stage for stage in again.stages)
    assert losses(tmp_path / "again") == losses(kept.out)
    assert numbers(kept.out) == pytest.approx(numbers(unbroken(ProtocolName.E2E)), rel=0.02)


def test_filling_the_cache_can_be_stopped(
    make_course: MakeCourse, listen: type, tmp_path: Path
) -> None:
    stopped = Stop(grace_s=0)
    stopped.ask("SIGTERM")
    course = make_course()
    course = replace(course, material=replace(course.material, cache=tmp_path / "cache"))

    assert not run_course(course, stopped, listen())
    assert run_course(course, Stop(grace_s=0), listen())


def test_rendering_scenes_can_be_stopped(
    make_course: MakeCourse, listen: type, tmp_path: Path
) -> None:
    stopped = Stop(grace_s=0)
    stopped.ask("SIGTERM")
    course, scenes = make_course(), tmp_path / "scenes"
    course = replace(course, material=Material((f"rendered:{scenes}?count=8",), (32, 32)))

    assert not run_course(course, stopped, listen())
    assert not scenes.exists()

    assert run_course(course, Stop(grace_s=0), listen())
    assert len(list(scenes.iterdir())) == 1


def test_an_autoencoder_has_no_latents_to_keep(
    make_course: MakeCourse, stop: Stop, listen: type, tmp_path: Path
) -> None:
    course = make_course(ProtocolName.AUTOENCODER)
    course = replace(course, material=replace(course.material, cache=tmp_path / "cache"))

    with pytest.raises(UsageError, match="--cache"):
        run_course(course, stop, listen())


def test_an_end_to_end_checkpoint_says_how_it_wants_to_be_used(
    unbroken: Callable[..., Path],
) -> None:
    card = resolve(str(unbroken(ProtocolName.E2E)))
    recipe = card.decide(PredictOptions(fast=True))

    assert (card.steps, card.timesteps, card.rescale) == (1, Spacing.TRAILING, True)
    assert card.resolution == 24
    assert recipe.noise is Noise.ZEROS


def test_a_multi_step_checkpoint_says_so_too(
    make_course: MakeCourse, unbroken: Callable[..., Path], stop: Stop, listen: type
) -> None:
    zero_snr = make_course(method=Method(zero_snr=True))

    run_course(zero_snr, stop, listen())

    first, second = resolve(str(unbroken())), resolve(str(zero_snr.out))
    assert (first.steps, first.timesteps, first.noise) == (10, Spacing.LEADING, Noise.GAUSSIAN)
    assert (second.steps, second.timesteps, second.rescale) == (4, Spacing.TRAILING, False)
    levels = load(second).scheduler.alphas_cumprod
    assert levels[-1] < 1e-7


def test_it_can_be_written_in_float16_and_with_steps_of_ones_own(
    make_course: MakeCourse, stop: Stop, listen: type
) -> None:
    course = make_course(upkeep=Upkeep(sheet_every=0, half=True, steps=2))

    run_course(course, stop, listen())

    files = [course.out / part / UNET.name for part in ("unet", "vae")]
    dtypes = {weight.dtype for path in files for weight in load_file(path).values()}
    assert dtypes == {torch.float16}
    assert resolve(str(course.out)).steps == 2


def test_normals_become_a_checkpoint_for_diffusers(
    make_course: MakeCourse, stop: Stop, listen: type, stable_diffusion: Path
) -> None:
    method = Method(ProtocolName.E2E, Modality.NORMALS)
    course = make_course(method=method, base=str(stable_diffusion))

    run_course(course, stop, listen())

    pipeline = MarigoldNormalsPipeline.from_pretrained(course.out)
    assert pipeline.use_full_z_range
    assert pipeline.default_denoising_steps == 1
    assert pipeline.unet.config.in_channels == 8


def test_data_without_normals_are_refused_before_the_first_update(
    make_course: MakeCourse, stop: Stop, listen: type, pictures: Path, tmp_path: Path
) -> None:
    bare = shutil.copytree(pictures, tmp_path / "bare")
    shutil.rmtree(bare / "normal")
    method = Method(ProtocolName.E2E, Modality.NORMALS)

    with pytest.raises(DataSetError, match="without normals"):
        run_course(
            make_course(method=method, material=Material((f"folder:{bare}",))), stop, listen()
        )


@pytest.mark.slow
def test_the_recipe_of_the_embedded_models_goes_from_nothing_to_both(
    make_course: MakeCourse, stop: Stop, listen: type, tmp_path: Path
) -> None:
    material = replace(make_course().material, size=(32, 48))

    for course in embedded_courses(tmp_path, Machine("cpu", Precision.NO)):
        kept = replace(material, augment=course.material.augment)
        pace = replace(course.pace, updates=2, batch=2)
        assert run_course(replace(course, material=kept, pace=pace), stop, listen())

    tiny, end_to_end = resolve(str(tmp_path / "tiny")), resolve(str(tmp_path / "tiny-e2e"))
    model = load(end_to_end)
    assert (tiny.steps, tiny.noise) == (1, Noise.GAUSSIAN)
    assert (end_to_end.steps, end_to_end.noise) == (1, Noise.ZEROS)
    assert model.vae.config.latent_channels == 16
    assert model.unet.config.in_channels == 32
    vae = Path("vae", UNET.name)
    assert same_weights(tmp_path / "tiny", tmp_path / "tiny-e2e", vae)
    assert same_weights(tmp_path / "autoencoder", tmp_path / "tiny-e2e", vae)


def test_sheets_are_drawn_every_so_often_and_change_nothing(
    make_course: MakeCourse, unbroken: Callable[..., Path], stop: Stop, listen: type
) -> None:
    course = make_course(upkeep=Upkeep(save_every=100, sheet_every=2))

    run_course(course, stop, listen())

    sheets = sorted(path.name for path in (course.out / "sheets").iterdir())
    assert sheets == ["000002.png", "000004.png"]
    assert losses(course.out) == losses(unbroken())


def judged(out: Path) -> list[str]:
    return (out / "validation.csv").read_text().splitlines()


@pytest.mark.parametrize("cut_after", [1, 3])
def test_with_each_sheet_goes_a_line_of_numbers_once_even_if_it_is_drawn_again(
    make_course: MakeCourse, stop: Stop, listen: type, cut_after: int
) -> None:
    upkeep = Upkeep(save_every=2, sheet_every=1)
    whole, cut = make_course(out="whole", upkeep=upkeep), make_course(out="cut", upkeep=upkeep)
    listener = listen()
    run_course(whole, stop, listener)
    with pytest.raises(KeyboardInterrupt):
        run_course(cut, stop, listen(cut_after, interrupt))

    run_course(cut, stop, listen())

    assert [line.split(",")[0] for line in judged(whole.out)] == ["update", "1", "2", "3", "4"]
    assert judged(cut.out) == judged(whole.out)
    shown = [float(number) for number in judged(whole.out)[-1].split(",")[1:]]
    assert listener.advances[-1].scores == "AbsRel {:.3f} · delta1 {:.3f}".format(*shown)
    assert 0 < shown[0] < 1


def test_what_is_bound_is_the_precision_that_auto_came_to(
    unbroken: Callable[..., Path],
) -> None:
    state = find_state(unbroken() / "state")

    assert state
    assert state.facts.binding["precision"] == "no"


def test_a_base_that_is_not_there_is_said_so(
    make_course: MakeCourse, stop: Stop, listen: type
) -> None:
    with pytest.raises(ModelError, match="models pull"):
        run_course(make_course(base="nobody/nothing"), stop, listen())


def arguments(course: CourseOptions, out: Path) -> list[str]:
    """The command line of a course of the marigold protocol."""
    given = {
        "base": course.base,
        "data": course.material.specs[0],
        "out": out,
        "updates": 60,
        "batch": course.pace.batch,
        "accumulate": course.pace.accumulate,
        "rate": course.pace.rate,
        "warm-up": course.pace.warm_up,
        "save-every": 7,
        "sheet-every": 20,
        "device": "cpu",
    }
    pairs = [(f"--{name}", str(value)) for name, value in given.items()]
    return ["-m", "marigold_cli", "train", *(word for pair in pairs for word in pair)]


def wait_for_update(out: Path, update: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        path = out / "curve.csv"
        if path.exists() and len(path.read_text().splitlines()) > update:
            return
        time.sleep(0.01)
    raise AssertionError(process.returncode)


@pytest.mark.slow
def test_a_training_that_is_killed_twice_has_the_curve_of_an_unbroken_one(
    make_course: MakeCourse, tmp_path: Path
) -> None:
    course = make_course()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([sys.executable, *arguments(course, whole)], check=True)

    for update in (10, 33):
        process = subprocess.Popen([sys.executable, *arguments(course, killed)])
        wait_for_update(killed, update, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, *arguments(course, killed)], check=True)

    assert len(losses(whole)) == 61
    assert losses(killed) == losses(whole)
    assert same_weights(killed, whole)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_training_with_its_state_saved_and_code_75(
    make_course: MakeCourse, tmp_path: Path, number: signal.Signals
) -> None:
    course, out = make_course(), tmp_path / "stopped"
    process = subprocess.Popen([sys.executable, *arguments(course, out)])
    wait_for_update(out, 5, process)

    process.send_signal(number)

    assert process.wait() == 75
    done = len(losses(out)) - 1
    assert done < 60
    assert (out / "state" / f"{done:06d}" / "state.json").exists()
    assert resolve(str(out)).steps == 10


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_with_twice_the_batch(
    make_course: MakeCourse, tmp_path: Path
) -> None:
    course = make_course()
    one, two = tmp_path / "one", tmp_path / "two"
    double = replace(course, pace=replace(course.pace, batch=4))
    subprocess.run([sys.executable, *arguments(double, one)], check=True)
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]

    subprocess.run(
        [sys.executable, *launch, "--main_process_port", "0", *arguments(course, two)], check=True
    )

    found = [float(line.split(",")[1]) for line in losses(two)[1:]]
    assert found == pytest.approx([float(line.split(",")[1]) for line in losses(one)[1:]], rel=1e-3)
    assert len(found) == 60
