"""Mixed precision: networks train in 16 bits; weights, losses, optimizers and inference use 32.

Micikevicius et al. 2018, arXiv:1710.03740. Layers compute in bfloat16 or float16 from float32
weights. The last layers compute in float32, so that losses and penalties are summed in float32.
Since float16 has a small range, each player's loss is multiplied by an adaptive factor before its
gradient is computed, and an update that overflows is left out.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import layer_before, leaves
from ganzoo.networks.layers import LayerNormalization

NAMES = ("auto", "float32", "bfloat16", "float16")
_POLICIES = {"bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
_UNITS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}  # of CPUs, for bfloat16
_EXACT = (LayerNormalization,)  # Keras's own normalisations already compute in float32


def choose(name: str, models: Iterable[keras.layers.Layer] = ()) -> str:
    """Replaces "auto" by what is fast on this machine; other names are returned as is.

    bfloat16 on GPUs from compute capability 8 (Ampere) and on CPUs with AMX or AVX512-BF16, which
    have units for it, but float32 for recurrent networks on a CPU; float16 on GPUs from capability
    7 (Volta), which have units for that; float32 on all else.

    Args:
        name: one of `NAMES`.
        models: the networks, where they are known.
    """
    return _fast(models)[0] if name == "auto" else name


def tell(models: Iterable[keras.layers.Layer] = ()) -> None:
    """Logs what "auto" is for these networks on this machine."""
    logging.getLogger("ganzoo").info("precision=auto is %s on %s", *_fast(models))


def _fast(models: Iterable[keras.layers.Layer]) -> tuple[str, str]:
    """What is fast, and where."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = map(tf.config.experimental.get_device_details, gpus)
        least = min(found.get("compute_capability", (0, 0)) for found in details)
        chosen = "bfloat16" if least >= (8, 0) else "float16" if least >= (7, 0) else "float32"
        return chosen, f"GPUs of compute capability {least[0]}.{least[1]}"
    if any(isinstance(layer, keras.layers.RNN) for model in models for layer in leaves(model)):
        return "float32", "a CPU for recurrent networks"
    unit = next((unit for feature, unit in _UNITS.items() if _cpu_has(feature)), None)
    return (
        ("bfloat16", f"a CPU with {unit}")
        if unit
        else ("float32", "a CPU without AMX or AVX512-BF16")
    )


def _cpu_has(feature: str) -> bool:
    try:
        return feature in Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False


def lower(model: keras.layers.Layer, name: str) -> None:
    """Makes the layers of a built model compute in `name`, except those that give its outputs."""
    if name not in _POLICIES or not hasattr(model, "outputs"):
        return
    last = {id(layer) for layer in _last(model)}
    for layer in leaves(model):
        if id(layer) not in last and not isinstance(layer, _EXACT):
            layer.dtype_policy = _POLICIES[name]


def _last(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for output in model.outputs:
        layer = layer_before(output)
        yield from _last(layer) if isinstance(layer, keras.Model) else [layer]


@contextlib.contextmanager
def in_float32(model: keras.layers.Layer) -> Iterator[None]:
    """Within it, what is computed or traced with `model` is in float32."""
    before = [(layer, layer.dtype_policy) for layer in leaves(model)]
    for layer, _ in before:
        layer.dtype_policy = "float32"
    try:
        yield
    finally:
        for layer, policy in before:
            layer.dtype_policy = policy


def optimizer(inner: keras.optimizers.Optimizer, name: str) -> keras.optimizers.Optimizer:
    """A player's optimizer, with loss scaling where `name` needs that."""
    return keras.optimizers.LossScaleOptimizer(inner) if name == "float16" else inner


def inner(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer that moves the weights."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def gradients(
    tape: tf.GradientTape,
    terms: dict[str, tf.Tensor],
    sources: list,
    optimizer: keras.optimizers.Optimizer,
) -> list[tf.Tensor | None]:
    """The gradients of the sum of `terms` for `optimizer.apply`, scaled where it scales the loss.

    Keras sums gradients over replicas, so they are divided by their number here and nowhere else.
    Scaled ones overflow on all replicas or on none: Keras looks at the first replica only, and an
    infinity on another one would reach the weights.
    """
    replica = tf.distribute.get_replica_context()
    seed = optimizer.scale_loss(tf.constant(1.0 / replica.num_replicas_in_sync))
    found = tape.gradient(list(terms.values()), sources, output_gradients=[seed] * len(terms))
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return found
    finite = [tf.reduce_all(tf.math.is_finite(g)) for g in found if g is not None]
    bad = 1.0 - tf.cast(tf.reduce_all(tf.stack(finite)), tf.float32)
    bad = replica.all_reduce(tf.distribute.ReduceOp.SUM, bad)
    poison = tf.where(bad > 0, float("nan"), 0.0)
    return [None if g is None else g + tf.cast(poison, g.dtype) for g in found]
