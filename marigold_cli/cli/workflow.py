"""From photos and options to a plan, and on to depth: where batch, checkpoints and files meet."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.parts import check_split
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.predictor import Predictor, name_device
from marigold_cli.batch.progress import Observer, Teller
from marigold_cli.batch.runner import run_batch
from marigold_cli.batch.settings import Settings, make_settings
from marigold_cli.batch.shift import Crew
from marigold_cli.batch.summary import Summary
from marigold_cli.checkpoints.card import AnyCard, FeedForwardCard
from marigold_cli.checkpoints.precision import settle_dtype
from marigold_cli.checkpoints.resolve import better_model_advice, resolve, resolve_vae
from marigold_cli.cli.wording import count
from marigold_cli.files.discover import discover

Hire: TypeAlias = Callable[[Callable[[], Predictor]], Crew]


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before a model is loaded.

    Attributes:
        card: The checkpoint's.
        plan: What is to be done.
        replan: Makes the plan again, for a run that goes on after a worker has died.
    """

    card: AnyCard
    plan: Plan
    replan: Callable[[], Plan]


def prepare(options: RunOptions, teller: Teller, run_id: str = "") -> Prepared:
    """Find the photos and the model, and compare with what is there. Writes nothing.

    Args:
        options: What was asked.
        teller: Tells what is done meanwhile.
        run_id: What tells the run from others where it may begin once more because a worker died.

    Raises:
        MarigoldError: whatever a user can fix before any work begins.
    """
    teller.stage("choosing the model")
    card, settings = choose(options)
    teller.note(_first_line(card, chosen=options.model.name is None))
    teller.stage("looking for photos")
    found = discover(options.inputs, options.out, options.selection, options.listed)
    teller.stage(f"comparing {len(found.photos)} photos with earlier runs")
    replan = partial(make_plan, found, settings, options.out, options.policy, options.shard, run_id)
    plan = replan()
    if options.shard:
        number = len(plan.jobs) + len(plan.skipped) + len(plan.passed_over) + plan.finished
        teller.note(
            f"part {options.shard} of the photos, by {options.shard.source}: {number:,} of "
            f"{count(len(found.photos), 'photo')}; all of them with --shard 1/1"
        )
    return Prepared(card, plan, replan)


def choose(options: RunOptions) -> tuple[AnyCard, Settings]:
    """Find the model, and settle what is done to every photo and written of it."""
    model = options.model
    half = settle_dtype(model.dtype, model.device) == "float16"
    card = resolve(model.name, model.revision, options.predict.fast, half, model.modality)
    dtype = settle_dtype(model.dtype, model.device, card.cpu_dtype)
    vae = resolve_vae(model.vae, half=half).identity if model.vae else None
    recipe = card.decide(options.predict)
    if options.policy.split == "ensemble":
        check_split(recipe, card.name)
    return card, make_settings(card, recipe, options.output, dtype, vae)


def execute(
    prepared: Prepared,
    options: RunOptions,
    teller: Teller,
    observer: Observer,
    hire: Hire,
) -> Summary:
    """Carry out a plan. The model is loaded only if there is something to do.

    Args:
        prepared: The plan.
        options: What was asked.
        teller: Tells what is done before there are events.
        observer: Hears every event.
        hire: Gives those who do it, for what opens the model.
    """
    plan = prepared.plan
    if plan.jobs:
        teller.stage("loading the model")
    crew = hire(opener(prepared.card, plan.settings, options, plan.past.units))
    return run_batch(plan, options, crew, observer, prepared.replan)


def opener(
    card: AnyCard, settings: Settings, options: RunOptions, units: Mapping[str, int]
) -> Callable[[], Predictor]:
    """What loads a model when it is needed.

    Args:
        card: The checkpoint's.
        settings: What is done to every photo.
        options: What was asked.
        units: Members of photos that fit a device together, as earlier runs found out, by device.
    """

    def open_predictor() -> Predictor:
        # Here, because these imports take seconds and a run with nothing to do needs none of them.
        with _uncollected():
            from marigold_cli.checkpoints import predictor

        model = options.model
        return predictor.open_predictor(
            card,
            settings.recipe,
            device=model.device,
            dtype=model.dtype,
            vae=model.vae,
            batch_size=options.policy.batch_size or _recall(units, model.device),
            compiling=model.compiling,
        )

    return open_predictor


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: it would be sought again and again in a million new objects.

    What they have made stays, so it is not looked at later either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _recall(units: Mapping[str, int], device: str) -> int | None:
    """Return how many members fitted a device in earlier runs; None: all that were tried."""
    if not units:
        return None
    from marigold_cli.checkpoints.device import choose_device

    return units.get(name_device(str(choose_device(device).device)))


def _first_line(card: AnyCard, chosen: bool) -> str:
    """Return which model is used; where it is a stopgap, how to get the better one."""
    if chosen and (advice := better_model_advice(card)):
        return advice
    what = f", {card.kind} in one pass" if isinstance(card, FeedForwardCard) else ""
    return f"model: {card.name} ({card.identity[:12]}){what}"
