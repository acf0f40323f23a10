"""Several machines: the time of a step on 1, 2 and 4 workers, what a cost model says of it, and
what happens when a cable is cut or a worker dies.

    sudo -E python benchmarks/scaling.py            # a quarter of an hour; Linux and root only
    python benchmarks/scaling.py --only paper       # the rows that are only computed

Each worker is a process in a network namespace; `scaling_network.py` is the switch between them.
They train `gan` on `digits`, 64 rows per step over all of them, under `--strategy multiworker`,
which is TensorFlow's MultiWorkerMirroredStrategy with its ring all-reduce over gRPC. All of them
share the cores of one machine, and the model knows it. Rows go to results/scaling.csv, in place of
those of the same kind. Per row of kind "measured", in milliseconds:

- `step`: the median time of a step; `quick`: the tenth percentile, for which nothing else on the
  machine held it up. `alone`: the latter with as many processes of as many rows each at the same
  time, which exchange nothing. `waits` = 1 − alone/quick is the share of a step that the exchange
  takes.
- `bytes`: what a worker gives to all-reduces in a step, in `collectives` of them: the gradients of
  each player, and the logs. They are counted where TensorFlow makes the step's graph.
- `rtt` and `bandwidth` (MB/s): of a TCP connection between two of the hosts, measured in Python.
- `cores`: how many cores two busy processes got just before, of a machine that others use too. It
  tells how far `step` is to be trusted.
- `predicted` = `compute` + `exchange` is what `scaling_model.py` says of `quick`, from measurements
  of one worker and of the network alone, and the number of the machine's cores. A step of one
  worker is measured with 64/n rows.

Rows of kind "event" are runs of `cluster/worker.sh` on two hosts, 280 steps each: `noticed` is how
many seconds after the event the last worker that remained said that one is gone, `mended` when the
cable or the worker was there again, `back` when the chief went on from a checkpoint, `exact`
whether the weights are bit for bit those of a run without the event.

Rows of kind "paper" are computed, not measured: StyleGAN2 at 256 pixels on A100 GPUs, see
`scaling_model.paper`.
"""

import argparse
import itertools
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import tables
from scaling_model import paper, predicted
from scaling_network import PORT, Network, address

PATH = Path(__file__).parent.parent / "results" / "scaling.csv"
CLUSTER = Path(__file__).parent.parent / "cluster"
ROWS, STEPS, WARM = 64, 90, 10
LINKS = {
    "near": {"delay": 0.0005, "rate": 25e6, "loss": 0.0},
    "far": {"delay": 0.005, "rate": 25e6, "loss": 0.0},
    "lossy": {"delay": 0.0005, "rate": 25e6, "loss": 0.005},
}
PATIENCE = 240  # seconds that an event is watched

SERVER = """
import socket
connection, _ = socket.create_server(("0.0.0.0", 5000)).accept()
connection.setsockopt(6, 1, 1)
for _ in range(50):
    connection.sendall(connection.recv(1))
left = 20_000_000
while left:
    left -= len(connection.recv(min(left, 1 << 20)))
connection.sendall(b".")
"""
CLIENT = """
import socket, statistics, sys, time
connection = socket.create_connection((sys.argv[1], 5000))
connection.setsockopt(6, 1, 1)
times = []
for _ in range(50):
    begun = time.perf_counter()
    connection.sendall(b"x")
    connection.recv(1)
    times.append(time.perf_counter() - begun)
begun = time.perf_counter()
connection.sendall(bytes(20_000_000))
connection.recv(1)
print(statistics.median(times), 20e6 / (time.perf_counter() - begun))
"""
BUSY = """
import time
begun, end = time.process_time(), time.monotonic() + 3
while time.monotonic() < end:
    pass
print((time.process_time() - begun) / 3)
"""


# ---- one worker


def worker(folder, me, phases):
    """Trains through the phases, each with its rows per step, and writes the times of the steps."""
    import keras
    import tensorflow as tf
    from tensorflow.python.distribute import cross_device_utils

    import ganzoo
    from ganzoo.devices import strategies

    sizes, launcher = [], cross_device_utils.CollectiveReplicaLauncher
    reduce = launcher.all_reduce

    def counted(self, tensor, *args):
        if not tf.executing_eagerly():
            sizes.append(tensor.dtype.size * tensor.shape.num_elements())
        return reduce(self, tensor, *args)

    class Times(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.wall, self.cpu = [], []

        def on_train_batch_end(self, batch, logs=None):
            self.wall.append(time.perf_counter())
            self.cpu.append(time.process_time())

    several = "TF_CONFIG" in os.environ
    strategy = strategies.make("multiworker" if several else "mirrored")
    with strategy.scope():
        gan = ganzoo.get("gan")
    digits, times = ganzoo.data.load("digits"), Times()
    make = type(gan).train_step

    def train_step(self, *args):
        sizes.clear()  # what was exchanged before the step is not the step's
        return make(self, *args)

    type(gan).train_step, launcher.all_reduce = train_step, counted
    for phase, rows in enumerate(phases):
        gan.fit(digits, batch_size=rows, steps_per_epoch=WARM, verbose=0)
        exchanged = list(sizes)
        (folder / f"ready-{phase}-{me}").touch()
        while not (folder / f"go-{phase}").exists():
            time.sleep(0.01)
        gan.fit(digits, batch_size=rows, steps_per_epoch=STEPS, verbose=0, callbacks=[times])
        wall, cpu = times.wall[WARM:], times.cpu[WARM:]
        found = {
            "steps": [b - a for a, b in itertools.pairwise(wall)],
            "cpu": (cpu[-1] - cpu[0]) / (len(cpu) - 1),
            "exchanged": exchanged,
        }
        draft = folder / f"draft-{me}"
        draft.write_text(json.dumps(found))
        draft.rename(folder / f"{phase}-{me}.json")


def together(network, count, phases, before, exchange=True):
    """What each of so many workers found in each phase; `before(phase)` is called before it."""
    hosts = [f"{address(host)}:{PORT}" for host in range(count)]
    with tempfile.TemporaryDirectory() as name:
        folder, running = Path(name), []
        for host in range(count):
            env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
            if exchange:
                task = {"type": "worker", "index": host}
                env["TF_CONFIG"] = json.dumps({"cluster": {"worker": hosts}, "task": task})
            command = [sys.executable, __file__, "--worker", name, str(host), json.dumps(phases)]
            running.append(network.run(host, command, env=env, stderr=subprocess.DEVNULL))

        def wait(pattern):
            while len(list(folder.glob(pattern))) < count:
                if any(process.poll() for process in running):
                    raise RuntimeError("a worker failed")
                time.sleep(0.05)

        found = []
        for phase in range(len(phases)):
            wait(f"ready-{phase}-*")
            before(phase)
            (folder / f"go-{phase}").touch()
            wait(f"{phase}-*.json")
            found.append(
                [json.loads(f.read_text()) for f in sorted(folder.glob(f"{phase}-*.json"))]
            )
        for process in running:
            process.wait()
    return found


def cores():
    """How many cores two busy processes get."""
    command = [sys.executable, "-c", BUSY]
    busy = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    return sum(float(process.communicate()[0]) for process in busy)


def probe(network):
    """(round trip in seconds, bytes per second) between two hosts."""
    server = network.run(0, [sys.executable, "-c", SERVER])
    time.sleep(1)
    client = [sys.executable, "-c", CLIENT, address(0)]
    said = network.run(1, client, stdout=subprocess.PIPE, text=True).communicate()[0]
    server.wait()
    return [float(number) for number in said.split()]


def quick(times):
    """The tenth percentile: a step that nothing else on the machine held up."""
    return statistics.quantiles(times, n=10)[0]


def measured():
    links, parts = list(LINKS), [ROWS, ROWS // 2, ROWS // 4]
    with Network(4) as network:
        probes = {}
        for link, values in LINKS.items():
            network.set(**values)
            probes[link] = probe(network)
        one = [found[0] for found in together(network, 1, parts, lambda phase: None, False)]
        step, least = statistics.median(one[0]["steps"]), quick(one[0]["steps"])
        yield row("measured", 1, "none", cores=cores(), step=step, quick=least, alone=least)
        for n, own in zip((2, 4), one[1:], strict=True):
            none = together(network, n, [ROWS // n], lambda phase: None, False)[0]
            alone = statistics.median(quick(found["steps"]) for found in none)
            got = cores()
            found = together(
                network, n, [ROWS] * len(links), lambda phase: network.set(**LINKS[links[phase]])
            )
            sizes = found[0][0]["exchanged"]
            for link, workers in zip(links, found, strict=True):
                step = statistics.median(time for one in workers for time in one["steps"])
                least = statistics.median(quick(one["steps"]) for one in workers)
                rtt, bandwidth = probes[link]
                compute, exchange = predicted(
                    n, quick(own["steps"]), own["cpu"], os.cpu_count(), sum(sizes), len(sizes),
                    rtt, bandwidth,
                )  # fmt: skip
                yield row(
                    "measured", n, link, cores=got, step=step, quick=least, alone=alone,
                    waits=1 - alone / least, bytes=sum(sizes), collectives=len(sizes),
                    rtt=rtt, bandwidth=bandwidth, compute=compute, exchange=exchange,
                    predicted=compute + exchange,
                )  # fmt: skip


# ---- cables and workers that fail


class Watched:
    """`cluster/worker.sh` on a host, and when it said what."""

    def __init__(self, network, host, run, words):
        env = os.environ | {
            "WORKERS": " ".join(f"{address(h)}:{PORT}" for h in (0, 1)), "INDEX": str(host),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PAUSE": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1",
            "TF_NUM_INTEROP_THREADS": "1",  # as cluster/README.md says
        }  # fmt: skip
        self.said = []
        self.process = network.run(
            host, ["bash", str(CLUSTER / "worker.sh"), str(run), *words], env=env,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stdout:
            self.said.append((time.monotonic(), line.rstrip()))

    def when(self, words, since):
        """Seconds after `since` when it said so; None if it has not."""
        return next((at - since for at, line in self.said if at > since and words in line), None)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def checkpointed(run):
    files = (run / "checkpoints").glob("step_*.keras")
    return max((int(file.stem.removeprefix("step_")) for file in files), default=0)


def events(kinds=("cable cut", "worker replaced")):
    import numpy as np

    import ganzoo

    words = ["gan", "--data", "digits", "--steps", "280", "--batch-size", str(ROWS)]
    words += ["--no-export", "--metric", "none"]
    with Network(2) as network, tempfile.TemporaryDirectory() as name:
        network.set(**LINKS["near"])

        def trained(run, disturb=None):
            cluster = [Watched(network, host, run, words) for host in (0, 1)]
            found = disturb(cluster, run) if disturb else {}
            codes = [one.process.wait() for one in cluster]
            if any(codes):
                raise RuntimeError(str([one.said[-20:] for one in cluster]))
            return found, ganzoo.load(run / "model.keras").get_weights()

        def disturb(kind):
            def happens(cluster, run):
                while checkpointed(run) < 84:
                    if any(one.process.poll() is not None for one in cluster):
                        raise RuntimeError(str([one.said[-20:] for one in cluster]))
                    time.sleep(0.05)
                since, other = time.monotonic(), cluster[1:]
                if kind == "cable cut":
                    network.cut(1)
                else:
                    cluster[1].kill()
                    other = []
                gone = "another worker is gone"
                while any(one.when(gone, since) is None for one in (cluster[0], *other)):
                    if time.monotonic() - since > PATIENCE:
                        break
                    time.sleep(0.05)
                if kind == "cable cut":
                    network.mend(1)
                else:
                    cluster[1] = Watched(network, 1, run, words)
                mended = time.monotonic() - since
                for one in cluster:
                    one.process.wait()
                seconds = [one.when(gone, since) for one in (cluster[0], *other)]
                return {
                    "noticed": max(seconds) if None not in seconds else None,
                    "mended": mended,
                    "back": cluster[0].when("continuing from step", since),
                }

            return happens

        _, whole = trained(Path(name, "whole"))
        for kind in kinds:
            found, weights = trained(Path(name, kind.replace(" ", "-")), disturb(kind))
            exact = all(np.array_equal(a, b) for a, b in zip(whole, weights, strict=True))
            yield row("event", 2, kind, exact=exact, **found)


# ---- the table


COLUMNS = [
    "kind", "workers", "link", "rows", "step", "quick", "alone", "waits", "predicted", "compute",
    "exchange", "published", "per_second", "bytes", "collectives", "rtt", "bandwidth", "cores",
    "noticed", "mended", "back", "exact", "command", "versions", "machine",
]  # fmt: skip
MILLISECONDS = {"step", "quick", "alone", "predicted", "compute", "exchange", "published", "rtt"}


def row(kind, workers, link, **values):
    import keras
    import tensorflow as tf

    values.setdefault("rows", ROWS)
    found = dict.fromkeys(COLUMNS, "") | {"kind": kind, "workers": workers, "link": link}
    for key, value in values.items():
        if value is None:
            continue
        if key in MILLISECONDS:
            value = round(1000 * value, 2)
        elif key == "bandwidth":
            value = round(value / 1e6, 2)
        elif isinstance(value, float):
            value = round(value, 3)
        found[key] = value
    found["command"] = "python benchmarks/scaling.py" + (" --only paper" if kind == "paper" else "")
    found["versions"] = f"tensorflow {tf.__version__}, keras {keras.__version__}"
    if kind != "paper":
        found["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, shared, Linux"
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=("measured", "events", "paper"))
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        folder, me, phases = given.worker
        worker(Path(folder), int(me), json.loads(phases))
        return
    on_paper = lambda: (row("paper", **values) for values in paper())  # noqa: E731
    kinds = {"measured": measured, "events": events, "paper": on_paper}
    for name, make in kinds.items():
        if given.only in (None, name):
            rows = []
            for one in make():
                rows.append(one)
                print(
                    {key: value for key, value in list(one.items())[:-3] if value != ""}, flush=True
                )
            tables.write(PATH, rows, ["kind"], ["kind"])


if __name__ == "__main__":
    main()
