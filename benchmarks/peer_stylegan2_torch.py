"""StyleGAN2 in PyTorch, with the networks and the steps of peer_stylegan2.py."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

EVERY, R1, PATH_LENGTH, MIXING = 8, 0.5, 2.0, 0.9  # as in peer_stylegan2.py
FIR = torch.tensor([1.0, 3.0, 3.0, 1.0])


def active(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def fir(x: torch.Tensor, padding: list[int], stride: int = 1, gain: float = 1.0) -> torch.Tensor:
    """The filter along both axes, after a padding (left, right, top, bottom)."""
    kernel = (torch.outer(FIR, FIR) / FIR.sum() ** 2 * gain).to(x.dtype)
    kernel = kernel.expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, padding), kernel, stride=stride, groups=x.shape[1])


def twice(x: torch.Tensor) -> torch.Tensor:
    """Images of twice the size: a zero after each row and column, then the filter."""
    count, channels, height, width = x.shape
    x = F.pad(x[:, :, :, None, :, None], [0, 1, 0, 0, 0, 1])
    return fir(x.reshape(count, channels, 2 * height, 2 * width), [2, 1, 2, 1], gain=4.0)


class Dense(nn.Module):
    def __init__(
        self, inputs: int, units: int, activate: bool = False, rate: float = 1.0, bias: float = 0.0
    ):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(units, inputs) / rate)
        self.bias = nn.Parameter(torch.full([units], bias / rate))
        self.activate, self.rate, self.scale = activate, rate, rate / math.sqrt(inputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.linear(x, self.kernel * self.scale, self.bias * self.rate)
        return active(x) if self.activate else x


class Conv(nn.Module):
    def __init__(
        self, inputs: int, channels: int, size: int = 3, down: bool = False, activate: bool = True
    ):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(channels, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(channels)) if activate else None
        self.size, self.down, self.scale = size, down, 1 / math.sqrt(inputs * size**2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self.kernel * self.scale
        if self.down and self.size == 1:
            x = F.conv2d(fir(x, [1] * 4, stride=2), kernel, self.bias)
        elif self.down:
            x = F.conv2d(fir(x, [2] * 4), kernel, self.bias, stride=2)
        else:
            x = F.conv2d(x, kernel, self.bias, padding=self.size // 2)
        return x if self.bias is None else active(x)


class Modulated(nn.Module):
    def __init__(
        self, inputs: int, channels: int, styles: int, up: bool = False, to_image: bool = False
    ):
        super().__init__()
        size = 1 if to_image else 3
        self.affine = Dense(styles, inputs, bias=1.0)
        self.kernel = nn.Parameter(torch.randn(channels, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.strength = None if to_image else nn.Parameter(torch.zeros([]))
        self.up, self.scale = up, 1 / math.sqrt(inputs)

    def forward(self, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        style = self.affine(style)
        x = x * style[:, :, None, None]
        if self.strength is None:
            return F.conv2d(x, self.kernel * self.scale, self.bias)
        if self.up:
            turned = self.kernel.transpose(0, 1).flip(2, 3)
            x = fir(F.conv_transpose2d(x, turned, stride=2), [1] * 4, gain=4.0)
        else:
            x = F.conv2d(x, self.kernel, padding=1)
        squares = style.square() @ self.kernel.square().sum((2, 3)).T
        x = x * torch.rsqrt(squares + 1e-8)[:, :, None, None]
        noise = torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype)
        return active(x + noise * self.strength + self.bias[:, None, None])


class Mapping(nn.Module):
    def __init__(self, latents: int, styles: int):
        super().__init__()
        layers = [Dense(latents, latents, activate=True, rate=0.01) for _ in range(2)]
        self.styles, self.dense = styles, nn.Sequential(*layers)
        self.register_buffer("mean", torch.zeros(latents))

    def of(self, z: torch.Tensor) -> torch.Tensor:
        return self.dense(z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)).float()

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.of(z)
        repeated = w[:, None].expand(-1, self.styles, -1)
        if not self.training:
            return repeated
        self.mean.lerp_(w.detach().mean(0), 0.005)
        first = torch.randint(1, self.styles, [len(z), 1])
        first = torch.where(torch.rand(len(z), 1) < MIXING, first, self.styles)
        own = (torch.arange(self.styles) < first)[:, :, None]
        return torch.where(own, repeated, self.of(torch.randn_like(z))[:, None])


class Synthesis(nn.Module):
    def __init__(self, latents: int, colours: int, channels: list[int]):
        super().__init__()
        widest = channels[-1]
        self.constant = nn.Parameter(torch.randn(widest, 4, 4))
        self.first = Modulated(widest, widest, latents)
        self.to_image = nn.ModuleList([Modulated(widest, colours, latents, to_image=True)])
        self.up, self.flat = nn.ModuleList(), nn.ModuleList()
        for wider, n in itertools.pairwise(reversed(channels)):
            self.up.append(Modulated(wider, n, latents, up=True))
            self.flat.append(Modulated(n, n, latents))
            self.to_image.append(Modulated(n, colours, latents, to_image=True))

    def forward(self, styles: torch.Tensor) -> torch.Tensor:
        each = styles.unbind(1)
        x = self.first(self.constant.expand(len(styles), -1, -1, -1), each[0])
        image = self.to_image[0](x, each[1])
        layers = zip(self.up, self.flat, self.to_image[1:], strict=True)
        for number, (up, flat, to_image) in enumerate(layers):
            first, second, last = each[2 * number + 1 : 2 * number + 4]
            x = flat(up(x, first), second)
            image = twice(image) + to_image(x, last)
        return image


class Deviation(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        deviation = (x.unflatten(0, (-1, 4)).var(1, correction=0) + 1e-8).sqrt()
        maps = deviation.mean((1, 2, 3)).repeat_interleave(4)[:, None, None, None]
        return torch.cat([x, maps.expand(-1, 1, *x.shape[2:])], 1)


class Block(nn.Module):
    def __init__(self, n: int, wider: int):
        super().__init__()
        self.body = nn.Sequential(Conv(n, n), Conv(n, wider, down=True))
        self.skip = Conv(n, wider, 1, down=True, activate=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.body(x) + self.skip(x)) * math.sqrt(0.5)


def networks(latents: int, shape: tuple[int, ...], width: int) -> tuple[nn.Module, nn.Module]:
    """G and D for samples of `shape`, channels first."""
    stages = round(math.log2(shape[1] / 4))
    channels = [width * 2**stage for stage in range(stages + 1)]
    synthesis = Synthesis(latents, shape[0], channels)
    mapping = Mapping(latents, 2 * stages + 2)
    generator = nn.Sequential()
    generator.add_module("mapping", mapping)
    generator.add_module("synthesis", synthesis)
    widest = channels[-1]
    blocks = [Block(n, wider) for n, wider in itertools.pairwise(channels)]
    tail = [Deviation(), Conv(widest + 1, widest), nn.Flatten()]
    head = [Dense(4 * 4 * widest, widest, activate=True), Dense(widest, 1)]
    return generator, nn.Sequential(Conv(shape[0], width, 1), *blocks, *tail, *head)


def make_step(
    generator: Any,
    discriminator: Any,
    optimizers: list[Any],
    batch: int,
    latents: int,
    bfloat16: bool = False,
) -> Callable[[Any], object]:
    """A step on an element of a DataLoader."""
    average = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    mean, steps = torch.zeros([]), itertools.count()

    def half() -> Any:
        return torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)

    def logits_of(samples: torch.Tensor) -> torch.Tensor:
        with half():
            return discriminator(samples).float()

    def path_penalty(z: torch.Tensor) -> torch.Tensor:
        with half():
            styles = generator.mapping(z)
            images = generator.synthesis(styles)
        y = torch.randn_like(images) / math.sqrt(math.prod(images.shape[2:]))
        (slopes,) = torch.autograd.grad(images, styles, y, create_graph=True)
        lengths = (slopes.float().square().sum(2).mean(1) + 1e-12).sqrt()
        mean.lerp_(lengths.detach().mean(), 0.01)
        return (lengths - mean).square().mean()

    def train_step(element):
        (real,) = element
        regularise = next(steps) % EVERY == 0
        with torch.no_grad(), half():
            fake = generator(torch.randn(batch, latents))
        real.requires_grad_(regularise)
        of_real = logits_of(real)
        loss = F.softplus(-of_real).mean() + F.softplus(logits_of(fake)).mean()
        if regularise:
            (slopes,) = torch.autograd.grad(of_real.sum(), real, create_graph=True)
            loss = loss + EVERY * R1 / 2 * slopes.square().sum((1, 2, 3)).mean()
        discriminator.zero_grad()
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)  # so that G's update has no pass for D's weights
        z = torch.randn(batch, latents)
        with half():
            fake = generator(z)
        loss = F.softplus(-logits_of(fake)).mean()
        if regularise:
            loss = loss + EVERY * PATH_LENGTH * path_penalty(z[::2])
        generator.zero_grad()
        loss.backward()
        optimizers[0].step()
        average.update_parameters(generator)
        discriminator.requires_grad_(True)

    return train_step
