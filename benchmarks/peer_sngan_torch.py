"""SNGAN in PyTorch, with the networks and the steps of peer_sngan.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class Summed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum((2, 3))


def networks(latents: int, shape: tuple[int, ...], width: int) -> tuple[nn.Module, nn.Module]:
    """G and D for samples of `shape`, channels first."""
    n, m = 4 * width, 2 * width

    def normalised() -> list[nn.Module]:
        return [nn.BatchNorm2d(n), nn.ReLU()]

    def up() -> nn.Module:
        first = [*normalised(), nn.Upsample(scale_factor=2), nn.Conv2d(n, n, 3, padding=1)]
        body = nn.Sequential(*first, *normalised(), nn.Conv2d(n, n, 3, padding=1))
        return Residual(body, nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(n, n, 1)))

    def judged(before: int, size: int) -> nn.Module:
        return spectral_norm(nn.Conv2d(before, m, size, padding=size // 2))

    def block(number: int, before: int) -> nn.Module:
        pool: list[nn.Module] = [nn.AvgPool2d(2)] if number < 2 else []
        body = [judged(before, 3), nn.ReLU(), judged(m, 3), *pool]
        shortcuts = {0: [*pool, judged(before, 1)], 1: [judged(m, 1), *pool]} if number < 2 else {}
        body = [nn.ReLU(), *body] if number else body
        return Residual(nn.Sequential(*body), nn.Sequential(*shortcuts.get(number, [])))

    generator = nn.Sequential(
        nn.Linear(latents, 4 * 4 * n), nn.Unflatten(1, (n, 4, 4)), up(), up(), up(),
        *normalised(), nn.Conv2d(n, shape[0], 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    blocks = [block(number, m if number else shape[0]) for number in range(4)]
    head = [nn.ReLU(), Summed(), spectral_norm(nn.Linear(m, 1))]
    return generator, nn.Sequential(*blocks, *head)


def make_step(
    generator: Any,
    discriminator: Any,
    optimizers: list[Any],
    batch: int,
    latents: int,
    bfloat16: bool = False,
) -> Callable[[Any], object]:
    """A step on an element of a DataLoader."""

    def half() -> Any:
        return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def train_step(element):
        (real,) = element
        with torch.no_grad(), half():
            fake = generator(torch.randn(batch, latents))
        with half():
            logits = discriminator(torch.cat([real, fake.float()]))
        of_real, of_fake = logits.float().chunk(2)
        discriminator.zero_grad()
        (F.relu(1 - of_real).mean() + F.relu(1 + of_fake).mean()).backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)  # so that G's update has no pass for D's weights
        with half():
            logits = discriminator(generator(torch.randn(batch, latents)))
        generator.zero_grad()
        (-logits.float().mean()).backward()
        optimizers[0].step()
        discriminator.requires_grad_(True)

    return train_step
