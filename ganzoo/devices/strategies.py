"""Many devices and many machines: which `tf.distribute` strategy, and which worker does what.

With several workers every process runs the same program, each with the `TF_CONFIG` that
https://www.tensorflow.org/guide/distributed_training describes. Each trains on its rows of every
batch, and only the chief, the first of them, writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from ganzoo.foundation.keras_compat import one_after_another, sums_of_many

NAMES = ("mirrored", "multiworker")
_FORM = (
    '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}, with the '
    "same cluster for all workers and an index of its own for each"
)


def make(name: str) -> tf.distribute.Strategy:
    """A strategy by name: "mirrored" for all GPUs of this machine (or its CPU, where it has none),
    "multiworker" for those of all machines that TF_CONFIG lists.

        strategy = ganzoo.strategies.make("mirrored")
        with strategy.scope():
            gan = ganzoo.get("lsgan")
        gan.fit(images, epochs=20)

    With "multiworker", all workers wait here for each other. TensorFlow allows it only before it
    has computed anything.

    Raises:
        ValueError: the name is unknown, TF_CONFIG is missing or ill-formed, or it is too late.
        WorkerLost: the others can't be reached.
    """
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name != "multiworker":
        raise ValueError(f"there is no strategy {name!r}: there are {' and '.join(NAMES)}.")
    _check_tf_config(os.environ.get("TF_CONFIG"))
    try:
        with _default_signals():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "a strategy of several workers has to be made before TensorFlow computes anything: "
            "make it first in your program."
        ) from error
    except tf.errors.OpError as error:
        reason = error.message.strip().split("\n")[0]
        raise WorkerLost(
            f"the workers of TF_CONFIG can't be brought together ({reason[:200]}): start all of "
            "them, and see that their ports are free and can be reached."
        ) from error


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Lets Ctrl-C end a process that waits for other workers, and SIGTERM end it afterwards.

    The process waits outside of Python, where Python's handler of Ctrl-C doesn't run. For SIGTERM
    TensorFlow sets a preemption handler of its own, which would not end the process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt, terminate = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)


def _check_tf_config(text: str | None) -> None:
    if not text:
        raise ValueError(f"multiworker needs TF_CONFIG in the environment: set it to {_FORM}.")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers = cluster[task["type"]]
        hosts = [host for kind in cluster.values() for host in kind]
        right = (
            isinstance(workers, list)
            and set(cluster) <= {"chief", "worker"}
            and all(isinstance(host, str) and host.rpartition(":")[2].isdecimal() for host in hosts)
            and len(set(hosts)) == len(hosts)
            and int(task["index"]) in range(len(workers))
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        right = False
    if not right:
        raise ValueError(f"TF_CONFIG={text[:200]!r} must be {_FORM}.")


def check(strategy: tf.distribute.Strategy) -> None:
    """Raises ValueError for a strategy that Keras can't train under."""
    if isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy):
        raise ValueError(
            "Keras can't train under a ParameterServerStrategy: use MirroredStrategy for one "
            "machine, or MultiWorkerMirroredStrategy for several."
        )


class WorkerLost(RuntimeError):
    """Another worker died or can't be reached, and the others can't continue without it."""

    exit_code = 75  # "try again", by the convention of sysexits.h


@contextlib.contextmanager
def lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Within it, the errors that TensorFlow raises when a worker is gone become WorkerLost."""
    errors = tf.errors
    gone = (
        errors.UnavailableError, errors.AbortedError, errors.CancelledError,
        errors.DeadlineExceededError,
    )  # fmt: skip
    try:
        yield
        return
    except gone:
        if workers(strategy) == 1:
            raise
    # Raised outside of the clause: otherwise the caught error would be kept with its frames until
    # the program ends, and the thread pool in these frames would then print a traceback.
    raise WorkerLost(
        "another worker is gone: start all of them again, they go on from the last checkpoint."
    )


def workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    resolver = strategy.cluster_resolver
    if resolver is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    return max(1, resolver.cluster_spec().num_tasks("worker") + _chiefs(resolver.cluster_spec()))


def _chiefs(cluster: tf.train.ClusterSpec) -> int:
    return cluster.num_tasks("chief") if "chief" in cluster.jobs else 0


def part(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """(i, n) for the i-th of n workers, the chief being the first."""
    count, resolver = workers(strategy), strategy.cluster_resolver
    if count == 1:
        return 0, 1
    before = _chiefs(resolver.cluster_spec()) if resolver.task_type == "worker" else 0
    return before + resolver.task_id, count


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes."""
    return strategy.extended.should_checkpoint


def is_distributed(strategy: tf.distribute.Strategy) -> bool:
    """Whether a step must be run through the strategy: not under TensorFlow's default one."""
    return strategy is not tf.distribute.get_strategy() or tf.distribute.has_strategy()


def on_one_cpu(strategy: tf.distribute.Strategy, variables: list[keras.Variable]) -> bool:
    """Whether everything is computed on the first CPU device."""
    return (
        strategy.num_replicas_in_sync == workers(strategy) == 1
        and {device.device_type for device in tf.config.list_logical_devices()} == {"CPU"}
        and all(variable.value.device.endswith("/device:CPU:0") for variable in variables)
    )


def in_order(function: tf.types.experimental.ConcreteFunction) -> Callable:
    """Returns a function that gives equal bits for equal arguments.

    TensorFlow runs operations in parallel. A sum of three or more terms then varies in its last
    digits, because it starts with any term whose memory is free; a sum of two terms doesn't. A
    function with such sums is run one operation after another, each on all cores, which is slower
    for small networks (figures: `benchmarks/repeats.py`). Other functions are returned unchanged.

    Functions with loops, branches or inner functions (recurrent layers, float16's loss scale) are
    returned unchanged too. Don't pass a function on several devices: its parts would wait for each
    other.
    """

    operations = function.graph.get_operations()
    kinds = {a.type for operation in operations for a in operation.op_def.attr}
    if kinds & {"func", "list(func)"} or not sums_of_many(function.graph):
        return function
    context = one_after_another()

    def ordered(*args: Any) -> Any:
        with context():
            return function(*args)

    return ordered


def own_rows(
    strategy: tf.distribute.Strategy, dataset: tf.data.Dataset, endless: bool
) -> tf.distribute.DistributedDataset:
    """A dataset of this worker's `part` of each batch, as its replicas take it.

    Of an `endless` one TensorFlow need not ask all workers in each step whether they have rows
    left, which would cost a round trip of the network.

    Row blocks go to the replicas in their order, as `experimental_distribute_dataset` deals them
    within one process; its sharding among several would read other rows than one device reads.
    """
    here = strategy.num_replicas_in_sync // workers(strategy)

    def block(column: tf.Tensor) -> tf.Tensor:
        return tf.reshape(column, [here, column.shape[0] // here, *column.shape[1:]])

    @tf.autograph.experimental.do_not_convert
    def blocks(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: block(column) for name, column in batch.items()}

    def of(context: tf.distribute.InputContext) -> tf.data.Dataset:
        rows = dataset.map(blocks, tf.data.AUTOTUNE).unbatch().prefetch(here)
        if endless:
            rows = rows.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        return rows

    return strategy.distribute_datasets_from_function(of)


def check_together(strategy: tf.distribute.Strategy, step: int) -> None:
    """Waits for all workers, and raises ValueError if they are at different steps.

    Their weights would then differ, and later nothing would show it.
    """
    if workers(strategy) == 1:
        return
    replicas = strategy.num_replicas_in_sync

    @tf.function(autograph=False)
    def spread() -> tf.Tensor:
        def squares() -> tf.Tensor:
            number = tf.constant(step, tf.float64)
            return tf.stack([number, number**2])

        mean = strategy.reduce("SUM", strategy.run(squares), axis=None) / replicas
        return mean[1] - mean[0] ** 2

    with lost_workers(strategy):
        apart = spread().numpy()
    if apart > 0.1:
        raise ValueError(
            f"this worker is at step {step} and another is not: let all workers read the "
            "checkpoints of one shared folder."
        )


def from_chief(strategy: tf.distribute.Strategy, number: float) -> float:
    """The chief's number on every worker. All workers must call it at the same place. Where there
    is one worker, it is the number itself."""
    if workers(strategy) == 1:
        return number
    mine = float(number) if is_chief(strategy) else 0.0

    @tf.function(autograph=False)
    def total() -> tf.Tensor:
        numbers = strategy.run(lambda: tf.constant(mine, tf.float64))
        return strategy.reduce("SUM", numbers, axis=None)

    with lost_workers(strategy):
        return float(total().numpy()) * workers(strategy) / strategy.num_replicas_in_sync
