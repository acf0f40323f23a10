"""D's kernels after training: their true spectral norms, and D's slope beside its bound.

The bound multiplies and adds the norms of D's layers as linear maps. That of a convolution is at
most the spectral norm of its kernel times the root of the number of its positions, 3 for 3×3.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from arrays import arrays

import ganzoo
from ganzoo.networks.spectral import SpectralNormalization


def divided(layer: SpectralNormalization) -> np.ndarray:
    """The matrix W/σ with which a layer computes, from its answers to unit vectors; 1×1 and 3×3
    convolutions answer with their kernel where the input is 1 at one position."""
    kernel, bias = layer.layer.kernel.numpy(), layer.layer.bias
    side, inputs = (kernel.shape[0], kernel.shape[2]) if kernel.ndim == 4 else (0, len(kernel))
    units = np.eye(inputs, dtype="float32")
    if side:
        x = np.zeros((inputs, side, side, inputs), "float32")
        x[:, side // 2, side // 2] = units
        units = x
    answers = layer(units).numpy() - (0.0 if bias is None else bias.numpy())
    return answers.reshape(-1, answers.shape[-1])


def bound(gan: ganzoo.GAN, norms: dict[str, float]) -> float:
    """D's Lipschitz constant is at most this: the largest slope of each tensor with respect to the
    image, from layer to layer."""
    slopes: dict[int, float] = {id(gan.discriminator.inputs[0]): 1.0}
    for layer in gan.discriminator.layers[1:]:
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        slope = sum(slopes[id(x)] for x in given)  # an Add sums its inputs
        if layer.name in norms:
            size = layer.layer.kernel_size[0] if hasattr(layer.layer, "kernel_size") else 1
            slope *= norms[layer.name] * size
        elif isinstance(layer, keras.layers.AveragePooling2D):
            slope *= 0.5
        elif isinstance(layer, keras.layers.GlobalAveragePooling2D):
            slope /= np.sqrt(np.prod(layer.input.shape[1:3]))
        elif isinstance(layer, keras.layers.Rescaling):
            slope *= layer.scale
        slopes[id(layer.output)] = slope
    return slopes[id(gan.discriminator.output["logits"])]


def claim(seed: int, steps: int = 400) -> Iterator[dict[str, object]]:
    x, _ = arrays("digits")
    gan = ganzoo.get("sngan", seed=seed, width=16)
    gan.fit(x, steps_per_epoch=steps, verbose=0)
    wrapped = [y for y in gan.discriminator.layers if isinstance(y, SpectralNormalization)]
    norms = {layer.name: float(np.linalg.norm(divided(layer), 2)) for layer in wrapped}
    yield {
        "measure": "largest |true spectral norm of W/σ − 1| of D's kernels",
        "value": max(abs(norm - 1.0) for norm in norms.values()),
        "bar": "<= 0.05",
        "steps": steps,
    }
    rng = np.random.default_rng(seed)
    real = gan.spec.encode(x).numpy()
    fake = gan.spec.encode(gan.sample(len(x), seed=seed)).numpy()
    noise = rng.uniform(-1.0, 1.0, real.shape).astype("float32")
    near = real + 1e-2 * rng.normal(size=real.shape).astype("float32")
    slopes = []
    for other in (fake, noise, near, rng.permutation(real)):
        distance = np.sqrt(np.sum(np.square(real - other), axis=(1, 2, 3)))
        logits = [gan.discriminator([y])["logits"].numpy()[:, 0] for y in (real, other)]
        slopes.append(np.max(np.abs(logits[0] - logits[1]) / np.maximum(distance, 1e-6)))
    yield {
        "measure": "largest slope of D on random pairs",
        "value": float(max(slopes)),
        "bar": "<= beside",
        "beside": "bound by the spectral norms of D's layers",
        "value_beside": bound(gan, norms),
        "steps": steps,
    }
