"""How far an answer is from the truth, one number a picture: all in float32."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_EPSILON = 1e-6  # sine that two directions are at least apart, so that angles have gradients
_ROUNDING = 4 * torch.finfo(torch.float32).eps  # a deviation that is no more is none


def mean_known(error: Tensor, known: Tensor) -> Tensor:
    """Mean of [B, C, ...] over what is known [B, 1, ...], [B]; 0 where nothing is.

    By picture, not over the batch: so a batch may be divided among processes as one likes.
    """
    everywhere = known.expand_as(error)
    total = torch.where(everywhere, error, 0.0).flatten(1).sum(1)
    return total / everywhere.flatten(1).sum(1).clamp_min(1)


def align(predicted: Tensor, truth: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift [B, 1, 1, 1] that bring a prediction closest to the truth.

    Least squares in closed form. Both are 0 where there is nothing to fit: too little is known, or
    the prediction is constant. A prediction that is upside down is not mirrored for free, else near
    and far would be left to chance: its scale is the ratio of the deviations.

    Args:
        predicted: float32 [B, 1, H, W].
        truth: float32 [B, 1, H, W].
        known: bool [B, 1, H, W].
    """

    def mean(values: Tensor) -> Tensor:
        return mean_known(values, known).view(-1, 1, 1, 1)

    predicted_mean, truth_mean = mean(predicted), mean(truth)
    away, truth_away = predicted - predicted_mean, truth - truth_mean
    variance, covariance = mean(away.square()), mean(away * truth_away)
    is_sound = variance > (_ROUNDING * predicted_mean).square()
    variance = torch.where(is_sound, variance, 1.0)
    ratio = mean(truth_away.square()).sqrt() / variance.sqrt()
    scale = torch.where(covariance >= 0, covariance / variance, ratio)
    shift = truth_mean - scale * predicted_mean
    return torch.where(is_sound, scale, 0.0), torch.where(is_sound, shift, 0.0)


def affine_invariant_error(
    predicted: Tensor, truth: Tensor, known: Tensor, weight: Tensor | float = 1.0
) -> Tensor:
    """Mean absolute error [B] after the best scale and shift (Garcia et al. 2024, eq. 4).

    Args:
        predicted: [B, 1, H, W].
        truth: float32 [B, 1, H, W].
        known: bool [B, 1, H, W].
        weight: [B, 1, 1, 1] or [B, 1, H, W], of the errors that are left.
    """
    predicted = predicted.float()
    scale, shift = align(predicted, truth, known)
    return mean_known(weight * (scale * predicted + shift - truth).abs(), known)


def angular_error(predicted: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Mean angle [B] between directions [rad].

    By the arc tangent of sine and cosine: the arc cosine that it equals has an infinite slope
    where the directions are equal or opposite.

    Args:
        predicted: [B, 3, H, W], of any length.
        truth: float32 [B, 3, H, W], unit length.
        known: bool [B, 1, H, W].
    """
    direction = F.normalize(predicted.float(), dim=1, eps=_EPSILON)
    cosine = (direction * truth).sum(1, keepdim=True)
    across = torch.linalg.cross(direction, truth, dim=1)
    sine = (across.square().sum(1, keepdim=True) + _EPSILON**2).sqrt()
    return mean_known(torch.atan2(sine, cosine), known)
