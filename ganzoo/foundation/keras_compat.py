"""All that leans on names that Keras and TensorFlow keep to themselves, in one place.

tests/test_keras_compat.py has a test for each, which fails when a new version changes it.
"""

from __future__ import annotations

import collections
import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.src.saving.serialization_lib import SafeModeScope
from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig
from tensorflow.python.eager import context
from tensorflow.python.framework import op_def_registry


def safe_mode() -> contextlib.AbstractContextManager:
    """Within it, files bring no code of their own, even after
    `keras.config.enable_unsafe_deserialization()`."""
    return SafeModeScope(True)


_alone = threading.RLock()


@contextlib.contextmanager
def before_variables(check: Callable[[int], None]) -> Iterator[None]:
    """Within it, `check(size)` is called before this thread makes a Keras variable of `size`
    numbers, and an error that it raises prevents the variable.

    Other threads make their variables as usual, but wait to enter such a block of their own.
    """
    # This replaces Keras's own method, because nothing public tells a size before memory is taken:
    # in a StatelessScope no variable can be made from an array, and tf.variable_creator_scope gives
    # a function, which has to be traced for its shape, and keras.initializers.STFT, for one, takes
    # memory for its window while it is traced.
    here = threading.get_ident()

    def checked(
        self: keras.Variable, initializer: Any, shape: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        if threading.get_ident() == here:
            check(math.prod(shape or ()))
        make(self, initializer, shape, *args, **kwargs)

    with _alone:
        make, keras.Variable.__init__ = keras.Variable.__init__, checked
        try:
            yield
        finally:
            keras.Variable.__init__ = make


def leaves(model: keras.layers.Layer) -> list[keras.layers.Layer]:
    """All layers of a model and of the models in it, but for the models themselves."""
    return [x for x in model._flatten_layers() if not isinstance(x, keras.Model)]


def averages(
    optimizer: keras.optimizers.Optimizer, weights: Sequence[keras.Variable]
) -> list[keras.Variable]:
    """The averages of `weights` that an optimizer with `use_ema=True` keeps."""
    kept = optimizer._model_variables_moving_average
    return [kept[optimizer._get_variable_index(weight)] for weight in weights]


def draw_seeds_from(layer: keras.layers.Layer, kind: type[keras.random.SeedGenerator]) -> None:
    """Lets a random layer's seed generator be one of `kind`. A new one can't be assigned, since
    Keras locks the state of layers that are built."""
    if isinstance(getattr(layer, "seed_generator", None), keras.random.SeedGenerator):
        layer.seed_generator.__class__ = kind


def layer_before(output: keras.KerasTensor) -> keras.layers.Layer:
    """The layer of a functional model that gives one of its outputs."""
    return output._keras_history.operation


def is_default(method: Any) -> bool:
    """Whether a callback leaves a method as keras.callbacks.Callback has it."""
    default = getattr(keras.callbacks.Callback, method.__name__, None)
    return default is not None and getattr(method, "__func__", None) is default


def is_stateful(operation: str) -> bool | None:
    """Whether TensorFlow calls an operation stateful; None where it doesn't know the operation."""
    registered = op_def_registry.get(operation)
    return None if registered is None else registered.is_stateful


def sums_of_many(graph: tf.Graph) -> bool:
    """Whether an AddN of three terms or more is in a graph, or comes to be there when TensorFlow
    joins additions. It joins terms of one shape, and adds the sums of different shapes in pairs.

    Such a sum starts with a term whose memory happens to be free, so that its last digits may
    differ from run to run. A sum of two terms can't differ.
    """
    operations = graph.get_operations()

    def is_sum(operation: tf.Operation) -> bool:
        return operation.type in ("AddN", "AddV2", "Add")

    def terms(operation: tf.Operation) -> collections.Counter[str]:
        """How many terms of each shape are added up."""
        found: collections.Counter[str] = collections.Counter()
        for x in operation.inputs:
            joined = is_sum(x.op) and len(x.consumers()) == 1
            found += terms(x.op) if joined else collections.Counter([str(x.shape)])
        return found

    return any(is_sum(o) and max(terms(o).values()) > 2 for o in operations)


def one_after_another() -> Callable[[], contextlib.AbstractContextManager[None]]:
    """A maker of contexts in which functions run their operations one after another.

    `tf.experimental.function_executor_type` alone fails for large graphs: TensorFlow's memory
    optimizer then makes sums in place, by references that this executor can't pass on. Here that
    optimizer is off.
    """
    config = context.context().config
    config.graph_options.rewrite_options.memory_optimization = RewriterConfig.NO_MEM_OPT
    options = context.FunctionCallOptions("SINGLE_THREADED_EXECUTOR", config)

    @contextlib.contextmanager
    def within() -> Iterator[None]:
        here = context.context()
        before, here.function_call_options = here.function_call_options, options
        try:
            yield
        finally:
            here.function_call_options = before

    return within


def begin_at(model: keras.Model, epoch: int) -> None:
    """Lets `fit` begin at an epoch, from 0; for a callback's `on_train_begin`. Later calls of `fit`
    begin there too until it is set to 0."""
    model._initial_epoch = epoch
