"""The networks of the works that speed.py times and of some that race.py compares, in Keras and in
PyTorch, with equally many weights. A work with a `game` has networks and steps in peer_GAME.py and
peer_GAME_torch.py."""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

WORKS: dict[str, dict[str, Any]] = {
    "ring": {"batch": 256, "latents": 16, "width": 128},
    "mlp784": {"batch": 128, "latents": 64, "width": 256},
    "dcgan28": {"batch": 128, "latents": 100},
    "dcgan64": {"batch": 32, "latents": 100, "widths": (512, 256, 128, 64)},
    "wgan_gp28": {"batch": 64, "latents": 128, "critic_steps": 3},
    "sngan32": {"batch": 64, "latents": 128, "width": 16, "game": "sngan"},
    "stylegan2_32": {
        "batch": 32,
        "latents": 64,
        "width": 16,
        "game": "stylegan2",
        "every": 8,
        "average": {"use_ema": True, "ema_momentum": 0.99},
    },
}


def game_of(work: str, library: str = "") -> Any:
    """The module with the networks and the steps of the work's game, or None."""
    if "game" not in WORKS[work]:
        return None
    return importlib.import_module(f"peer_{WORKS[work]['game']}{library}")


def of_keras(work: str, shape: tuple[int, ...], own: Any = None) -> tuple[Any, Any]:
    """G and D; layers are those of `own` where it has them, and Keras's."""
    from keras import layers as kl

    if game := game_of(work):
        return game.networks(WORKS[work]["latents"], shape, WORKS[work]["width"])
    build = {
        "ring": _keras_mlp,
        "mlp784": _keras_mlp,
        "dcgan28": _keras_dcgan28,
        "dcgan64": _keras_dcgan,
        "wgan_gp28": _keras_wgan_gp,
    }[work]
    return build(work, shape, own or kl)


def _keras_mlp(work: str, shape: tuple[int, ...], own: Any) -> tuple[Any, Any]:
    import keras
    from keras import layers as kl

    latents, width = WORKS[work]["latents"], WORKS[work]["width"]
    generator = [keras.Input([latents])]
    discriminator = [keras.Input(shape), kl.Flatten()]
    for _ in range(3):
        generator += [kl.Dense(width), kl.ReLU()]
        discriminator += [kl.Dense(width), own.LeakyReLU(0.2)]
    generator.append(kl.Dense(math.prod(shape)))
    if work == "mlp784":
        generator += [kl.Activation("tanh"), kl.Reshape(shape)]
    return keras.Sequential(generator), keras.Sequential([*discriminator, kl.Dense(1)])


def _keras_dcgan28(work: str, shape: tuple[int, ...], own: Any) -> tuple[Any, Any]:
    """The networks of TensorFlow's DCGAN tutorial, which begin at a quarter of the image's side."""
    import keras
    from keras import layers as kl

    def up(channels: int, stride: int, **options: Any) -> Any:
        return kl.Conv2DTranspose(channels, 5, stride, padding="same", use_bias=False, **options)

    def down(channels: int) -> list[Any]:
        return [kl.Conv2D(channels, 5, 2, padding="same"), own.LeakyReLU(0.3), own.Dropout(0.3)]

    def normalised() -> list[Any]:
        return [own.BatchNormalization(), own.LeakyReLU(0.3)]

    side, channels = shape[0] // 4, shape[-1]
    generator = [keras.Input([WORKS[work]["latents"]])]
    generator.append(kl.Dense(side * side * 256, use_bias=False))
    generator += [*normalised(), kl.Reshape([side, side, 256]), up(128, 1), *normalised()]
    generator += [up(64, 2), *normalised(), up(channels, 2, activation="tanh")]
    discriminator = [keras.Input(shape), *down(64), *down(128), kl.Flatten(), kl.Dense(1)]
    return keras.Sequential(generator), keras.Sequential(discriminator)


def _keras_dcgan(work: str, shape: tuple[int, ...], own: Any) -> tuple[Any, Any]:
    """The networks of the DCGAN paper, from 4×4 pixels on."""
    import keras
    from keras import layers as kl

    latents, widths = WORKS[work]["latents"], WORKS[work]["widths"]
    generator = [keras.Input([latents]), kl.Dense(4 * 4 * widths[0], use_bias=False)]
    generator += [kl.Reshape([4, 4, widths[0]]), own.BatchNormalization(), kl.ReLU()]
    for width in widths[1:]:
        generator.append(kl.Conv2DTranspose(width, 4, 2, padding="same", use_bias=False))
        generator += [own.BatchNormalization(), kl.ReLU()]
    generator.append(kl.Conv2DTranspose(shape[-1], 4, 2, padding="same", use_bias=False))
    discriminator: list[Any] = [keras.Input(shape)]
    for width in reversed(widths):
        discriminator.append(kl.Conv2D(width, 4, 2, padding="same", use_bias=False))
        discriminator += [own.BatchNormalization()] * (width != widths[-1])
        discriminator.append(own.LeakyReLU(0.2))
    discriminator += [kl.Flatten(), kl.Dense(1, use_bias=False)]
    return (
        keras.Sequential([*generator, kl.Activation("tanh")]),
        keras.Sequential(discriminator),
    )


def _keras_wgan_gp(work: str, shape: tuple[int, ...], own: Any) -> tuple[Any, Any]:
    """The networks of keras-io's WGAN-GP, for images of 28 or 32 pixels."""
    import keras
    from keras import layers as kl

    latents, border, channels = WORKS[work]["latents"], (32 - shape[0]) // 2, shape[-1]
    body: list[Any] = [keras.Input(shape), kl.ZeroPadding2D(border)]
    for width, dropped in ((64, 0.0), (128, 0.3), (256, 0.3), (512, 0.2)):
        body += [kl.Conv2D(width, 5, 2, padding="same"), own.LeakyReLU(0.2)]
        body += [kl.Flatten()] * (width == 512) + [own.Dropout(dropped)] * (dropped > 0)
    critic = keras.Sequential([*body, kl.Dense(1)])
    body = [keras.Input([latents]), kl.Dense(4 * 4 * 256, use_bias=False)]
    body += [own.BatchNormalization(), own.LeakyReLU(0.2), kl.Reshape([4, 4, 256])]
    for width in (128, 64, channels):
        if own is kl:
            body += [kl.UpSampling2D(), kl.Conv2D(width, 3, padding="same", use_bias=False)]
        else:
            body.append(own.Conv2D(width, 3, use_bias=False, resize=True))
        last = kl.Activation("tanh") if width == channels else own.LeakyReLU(0.2)
        body += [own.BatchNormalization(), last]
    return keras.Sequential([*body, kl.Cropping2D(border)]), critic


def of_torch(work: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """G and D for samples of `shape`, channels first."""
    if game := game_of(work, "_torch"):
        return game.networks(WORKS[work]["latents"], shape, WORKS[work]["width"])
    if work == "dcgan64":
        return torch_dcgan(WORKS[work]["latents"], WORKS[work]["widths"], shape[0])
    build = {"dcgan28": _torch_dcgan28, "wgan_gp28": _torch_wgan_gp}.get(work, _torch_mlp)
    return build(work, shape)


def _torch_mlp(work: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    from torch import nn

    latents, width, size = WORKS[work]["latents"], WORKS[work]["width"], math.prod(shape)
    up, down = (latents, width, width), (size, width, width)
    body = [layer for n in up for layer in (nn.Linear(n, width), nn.ReLU())]
    tail = [nn.Tanh(), nn.Unflatten(1, shape)] if work == "mlp784" else []
    generator = nn.Sequential(*body, nn.Linear(width, size), *tail)
    body = [layer for n in down for layer in (nn.Linear(n, width), nn.LeakyReLU(0.2))]
    return generator, nn.Sequential(nn.Flatten(), *body, nn.Linear(width, 1))


def _torch_dcgan28(work: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    from torch import nn

    generator = nn.Sequential(
        nn.Linear(WORKS[work]["latents"], 7 * 7 * 256, bias=False),
        nn.BatchNorm1d(7 * 7 * 256),
        nn.LeakyReLU(0.3),
        nn.Unflatten(1, (256, 7, 7)),
        nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 5, 2, 2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Conv2d(64, 128, 5, 2, 2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    return generator, discriminator


def torch_dcgan(latents: int, widths: tuple[int, ...], channels: int) -> tuple[Any, Any]:
    """The networks of pytorch/examples' DCGAN, 4×4 pixels doubled for each of `widths`."""
    import torch
    from torch import nn

    body: list[Any] = [nn.Unflatten(1, (latents, 1, 1))]
    for before, width in zip((latents, *widths), widths, strict=False):
        stride, padding = (1, 0) if before == latents else (2, 1)
        body.append(nn.ConvTranspose2d(before, width, 4, stride, padding, bias=False))
        body += [nn.BatchNorm2d(width), nn.ReLU()]
    body += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=False), nn.Tanh()]
    generator = nn.Sequential(*body)
    body = []
    for before, width in itertools.pairwise((channels, *reversed(widths))):
        body.append(nn.Conv2d(before, width, 4, 2, 1, bias=False))
        body += [nn.BatchNorm2d(width)] * (before != channels) + [nn.LeakyReLU(0.2)]
    body += [nn.Conv2d(widths[0], 1, 4, 1, 0, bias=False), nn.Flatten()]
    discriminator = nn.Sequential(*body)
    for module in (*generator, *discriminator):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            normalises = isinstance(module, nn.BatchNorm2d)
            torch.nn.init.normal_(module.weight, 1.0 if normalises else 0.0, 0.02)
    return generator, discriminator


def _torch_wgan_gp(work: str, shape: tuple[int, ...]) -> tuple[Any, Any]:
    from torch import nn

    latents, border, channels = WORKS[work]["latents"], (32 - shape[1]) // 2, shape[0]
    body: list[Any] = [nn.ZeroPad2d(border)]
    widths = ((64, 0.0), (128, 0.3), (256, 0.3), (512, 0.2))
    for before, (width, dropped) in zip((channels, 64, 128, 256), widths, strict=True):
        body += [nn.Conv2d(before, width, 5, 2, 2), nn.LeakyReLU(0.2)]
        body += [nn.Flatten()] * (width == 512) + [nn.Dropout(dropped)] * (dropped > 0)
    critic = nn.Sequential(*body, nn.Linear(2 * 2 * 512, 1))
    body = [nn.Linear(latents, 4 * 4 * 256, bias=False), nn.BatchNorm1d(4 * 4 * 256)]
    body += [nn.LeakyReLU(0.2), nn.Unflatten(1, (256, 4, 4))]
    for before, width in itertools.pairwise((256, 128, 64, channels)):
        body += [nn.Upsample(scale_factor=2), nn.Conv2d(before, width, 3, 1, 1, bias=False)]
        body += [nn.BatchNorm2d(width), nn.Tanh() if width == channels else nn.LeakyReLU(0.2)]
    return nn.Sequential(*body, nn.ZeroPad2d(-border)), critic
