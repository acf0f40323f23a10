"""Trainable parameters of each architecture at its published size, beside the published number.

    python benchmarks/parameters.py

Rows go to results/parameters.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np

from ganzoo import networks
from ganzoo.networks import biggan, cyclegan, r3gan, resnet, stylegan2, unet

OUT = Path(__file__).parents[1] / "results" / "parameters.csv"


def judged(features: keras.Model, projection: int = 0) -> keras.Model:
    """A discriminator with one logit on top of its features."""
    return networks.with_heads(features, {"logits": [keras.layers.Dense(1)]}, projection)


def styled(side: int, width: int, depth: int) -> keras.Model:
    """StyleGAN2's generator with latents of 512 values, in three channels."""
    return keras.Model(*stylegan2.synthesis(512, (side, side, 3), width=width, depth=depth))


CIFAR, IMAGENET = (32, 32, 3), (128, 128, 3)
LARGE = (256, 256, 3)
CYCLEGAN = "github.com/junyanz/pytorch-CycleGAN-and-pix2pix"
MIMICRY = "github.com/kwotsin/mimicry, SNGAN for 32×32"
COMPARE_GAN = "github.com/google/compare_gan, resnet_biggan_test.py"

STYLEGAN2 = "remembered for NVlabs/stylegan2-ada-pytorch, no page found"
R3GAN = "github.com/brownvc/R3GAN, Networks.py"

NETWORKS: Mapping[str, tuple[Callable[[], keras.Model], int, str]] = {
    # name -> how it is made, the published number of parameters, its source
    "resnet G 32×32": (lambda: resnet.generator(128, CIFAR), 4_276_739, MIMICRY),
    "resnet D 32×32": (lambda: judged(resnet.features(CIFAR)), 1_053_825, MIMICRY),
    "biggan G 128×128, 1000 classes": (
        lambda: biggan.generator(
            120, IMAGENET, width=96, normalization="conditional_batch", condition=1000
        ),
        70_433_988,
        COMPARE_GAN,
    ),
    "biggan D 128×128, 1000 classes": (
        lambda: judged(biggan.features(IMAGENET, width=96), projection=1000),
        87_982_370,
        COMPARE_GAN,
    ),
    "cyclegan G 256×256, 9 blocks": (
        lambda: cyclegan.generator(LARGE, LARGE, blocks=9),
        11_378_179,
        CYCLEGAN,
    ),
    "cyclegan G 128×128, 6 blocks": (
        lambda: cyclegan.generator(IMAGENET, IMAGENET, blocks=6),
        7_837_699,
        CYCLEGAN,
    ),
    "cyclegan D 256×256": (
        lambda: unet.patches(LARGE, normalization="instance"),
        2_764_737,
        CYCLEGAN,
    ),
    "r3gan G 32×32": (lambda: r3gan.generator(64, CIFAR, width=768), 20_732_160, R3GAN),
    "r3gan G 64×64": (lambda: r3gan.generator(64, (64, 64, 3), width=768), 22_429_824, R3GAN),
    "stylegan2 G 1024×1024, 2 mapping layers": (
        lambda: styled(1024, 32, 2),
        28_794_124,
        STYLEGAN2,
    ),
    "stylegan2 D 1024×1024": (
        lambda: judged(stylegan2.features((1024, 1024, 3), width=32)),
        29_012_513,
        STYLEGAN2,
    ),
}


def main() -> None:
    with OUT.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["network", "parameters", "published", "source"])
        for name, (make, published, source) in NETWORKS.items():
            count = sum(int(np.prod(v.shape)) for v in make().trainable_variables)
            keras.backend.clear_session()
            print(name, count, published, flush=True)
            writer.writerow([name, count, published, source])


if __name__ == "__main__":
    main()
