"""What the loop knows of a protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from diffusers import ModelMixin
from torch import Tensor, nn

from marigold_cli.training.lesson import Batch, Lesson
from marigold_cli.training.samples import Samples


class Protocol(nn.Module, ABC):
    """A way to teach one network.

    It is a module whose forward pass is its loss, so that accelerate can put it on a device, give
    it mixed precision and share its gradients among processes as one thing.

    Attributes:
        network: What is taught; its parameters that require gradients.
        multiple: Both sides of a picture must be multiples of it [px].
    """

    network: ModelMixin
    multiple: int

    @abstractmethod
    def encode(self, samples: Samples) -> Lesson:
        """Do what stays the same however often pictures are shown; without gradient."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """What to minimise, a scalar: the mean over the batch of one number a picture."""

    @abstractmethod
    def predict(self, samples: Samples) -> Tensor:
        """What the network makes of pictures, for people to look at.

        Returns:
            float32 [B, 1, H, W], depth up to scale and shift, or [B, 3, H, W], normals.
        """

    def normals(self, content: Samples | Lesson, shared: Sequence[float]) -> int:
        """How many normal random numbers the loss takes for each picture.

        Args:
            content: The pictures.
            shared: The update's own uniform numbers.
        """
        return 0

    def forward(self, batch: Batch) -> Tensor:
        """The loss."""
        return self.loss(batch)

    def save_memory(self) -> None:
        """Compute activations twice instead of keeping them."""
        self.network.enable_gradient_checkpointing()

    def lesson(self, batch: Batch) -> Lesson:
        """A batch's lesson, as it was kept or made now."""
        if isinstance(batch.content, Lesson):
            return batch.content
        with torch.no_grad():
            return self.encode(batch.content)
