"""The use case: photos and options -> a plan -> depth maps, across rooms that are strangers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from marigold_cli.batch.options import RunOptions
from marigold_cli.batch.plan import Plan
from marigold_cli.batch.planner import make_plan
from marigold_cli.batch.predictor import Predictor
from marigold_cli.batch.progress import Observer
from marigold_cli.batch.runner import run_batch
from marigold_cli.batch.settings import make_settings
from marigold_cli.batch.summary import Summary
from marigold_cli.checkpoints.card import AnyCard, FeedForwardCard
from marigold_cli.checkpoints.precision import settle_dtype
from marigold_cli.checkpoints.resolve import better_model_advice, resolve_for, resolve_vae
from marigold_cli.files.discover import discover


class Teller(Protocol):
    """Hears what is being done before there are events."""

    def stage(self, text: str) -> None:
        """Hear what is being done now."""

    def note(self, text: str) -> None:
        """Hear what a user should know."""


@dataclass(frozen=True)
class Prepared:
    """Everything that is decided before a model is loaded."""

    card: AnyCard
    plan: Plan


def prepare(options: RunOptions, teller: Teller) -> Prepared:
    """Find the photos and the model, and compare with what is there. Writes nothing.

    Raises:
        MarigoldError: whatever a user can fix before any work begins.
    """
    teller.stage("choosing the model")
    model = options.model
    dtype = settle_dtype(model.dtype, model.device)
    half = dtype == "float16"
    card = resolve_for(model.modality, model.name, model.revision, options.predict.fast, half)
    vae = resolve_vae(model.vae, half=half).identity if model.vae else None
    recipe = card.decide(options.predict)
    settings = make_settings(card, recipe, options.output, dtype, vae)
    teller.note(_first_line(card, chosen=model.name is None))
    teller.stage("looking for photos")
    found = discover(options.inputs, options.out, options.selection, options.listed)
    teller.stage(f"comparing {len(found.photos)} photos with earlier runs")
    plan = make_plan(found, settings, options.out, options.policy)
    return Prepared(card, plan)


def execute(prepared: Prepared, options: RunOptions, teller: Teller, observer: Observer) -> Summary:
    """Carry out a plan. The model is loaded only if there is something to do."""

    def open_predictor() -> Predictor:
        # Here, because these imports take seconds and a run with nothing to do needs none of them.
        from marigold_cli.checkpoints import predictor

        model = options.model
        return predictor.open_predictor(
            prepared.card,
            prepared.plan.settings.recipe,
            model.device,
            model.dtype,
            model.vae,
            options.policy.batch_size,
        )

    if prepared.plan.jobs:
        teller.stage("loading the model")
    return run_batch(prepared.plan, options, open_predictor, observer)


def _first_line(card: AnyCard, chosen: bool) -> str:
    """Return which model is used; where it is a stopgap, how to get the better one."""
    if chosen and (advice := better_model_advice(card)):
        return advice
    what = f", {card.kind} in one pass" if isinstance(card, FeedForwardCard) else ""
    return f"model: {card.name} ({card.identity[:12]}){what}"
