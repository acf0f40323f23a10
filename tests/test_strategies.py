"""Several devices and several workers train what one device trains."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

import ganzoo
from ganzoo import cli
from ganzoo.devices import strategies
from ganzoo.foundation import registry
from ganzoo.training import recipes, runs

POINTS = np.random.default_rng(0).normal(size=(128, 2)).astype("float32")
HERE = Path(__file__).parent
CLUSTER = HERE.parent / "cluster"
SPEC = importlib.util.spec_from_file_location("worker", HERE / "worker.py")
WORKER = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(WORKER)


def free_ports(count=2):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def two_workers(folder, names):
    """What both of them trained."""
    ports, files = ",".join(map(str, free_ports())), [folder / "0.npz", folder / "1.npz"]
    started = [
        subprocess.Popen(
            [sys.executable, HERE / "worker.py", str(index), ports, file, *names],
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index, file in enumerate(files)
    ]
    for process in started:
        said, _ = process.communicate(timeout=900)
        assert process.returncode == 0, said[-3000:]
    return [dict(np.load(file)) for file in files]


AT_A_KINK = {"projection_gan"}
"""With its first weights and these data the input of a ReLU is so near to 0 in the second step that
rounding decides its gradient: moving all weights by 1e-7 does the same in half of the tries."""


def norm(arrays):
    return sum(float(np.sum(array**2)) for array in arrays) ** 0.5


ON_REPLICAS = [
    name
    for name in ganzoo.names()
    if "check_two_replicas_equal_one" not in getattr(registry.find(name), "waivers", {})
]


@pytest.mark.parametrize(
    "names", [["gan"], pytest.param(ON_REPLICAS, marks=pytest.mark.slow)], ids=["gan", "every gan"]
)
def test_two_workers_train_what_one_device_does(tmp_path, names):
    first, second = two_workers(tmp_path, names)
    one = WORKER.train(names)
    assert first.keys() == second.keys() == one.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(first[key], second[key], key)
        if not key.startswith(tuple(f"{name}/third/" for name in AT_A_KINK)):
            np.testing.assert_allclose(first[key], value, rtol=1e-5, atol=1e-5, err_msg=key)
    for name in AT_A_KINK & {*names}:
        third = [key for key in one if key.startswith(f"{name}/third/")]
        moved = norm(one[key] - one[key.replace("third", "first")] for key in third)
        assert norm(one[key] - first[key] for key in third) < 0.01 * moved, name


RIGHT = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "{",
        "[]",
        '{"cluster": {}}',
        json.dumps(RIGHT | {"task": {"type": "worker", "index": 2}}),
        json.dumps(RIGHT | {"task": {"type": "worker", "index": "first"}}),
        json.dumps(RIGHT | {"task": {"type": "chief", "index": 0}}),
        json.dumps(RIGHT | {"cluster": {"worker": "a:1"}}),
        json.dumps(RIGHT | {"cluster": {"worker": ["a", "b"]}}),
        json.dumps(RIGHT | {"cluster": {"worker": ["a:1", "a:1"]}}),
        json.dumps(RIGHT | {"cluster": {"worker": ["a:1"], "ps": ["b:1"]}}),
    ],
)
def test_a_wrong_tf_config_gets_a_sentence(wrong, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", wrong)
    with pytest.raises(ValueError, match=r'set it to|must be \{"cluster"'):
        strategies.make("multiworker")


def test_it_is_too_late_once_tensorflow_runs(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(RIGHT))
    tf.constant(1)
    with pytest.raises(ValueError, match="make it first in your program"):
        strategies.make("multiworker")


def test_an_unknown_strategy_gets_a_sentence(capsys):
    assert cli.main(["train", "gan", "--strategy", "horovod"]) == 2
    assert "there are mirrored and multiworker" in capsys.readouterr().err


def test_several_workers_need_a_folder_of_all(capsys):
    assert cli.main(["train", "gan", "--strategy", "multiworker"]) == 2
    assert "--out" in capsys.readouterr().err


def test_one_machine_is_its_own_chief():
    for strategy in (tf.distribute.get_strategy(), tf.distribute.OneDeviceStrategy("CPU:0")):
        assert strategies.is_chief(strategy) and strategies.workers(strategy) == 1
        strategies.check_together(strategy, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.distribute.OneDeviceStrategy("CPU:0"),
        tf.distribute.experimental.CentralStorageStrategy,
    ],
)
def test_other_strategies_train_what_one_device_does(make):
    def trained(strategy):
        with strategy.scope():
            gan = ganzoo.get("r3gan", width=8)
        gan.fit(POINTS, batch_size=32, steps_per_epoch=3, verbose=0)
        return gan.get_weights()

    one, other = trained(tf.distribute.get_strategy()), trained(make())
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_what_keras_cannot_train_under_is_refused(monkeypatch):
    strategy = object.__new__(tf.distribute.experimental.ParameterServerStrategy)
    monkeypatch.setattr(ganzoo.core.gan.GAN, "distribute_strategy", strategy)
    with pytest.raises(ValueError, match="use MirroredStrategy"):
        ganzoo.get("gan").fit(POINTS)


def test_errors_of_one_machine_are_not_lost_workers():
    with (
        pytest.raises(tf.errors.UnavailableError),
        strategies.lost_workers(tf.distribute.get_strategy()),
    ):
        raise tf.errors.UnavailableError(None, None, "a file server")


@pytest.mark.slow
def test_train_under_a_strategy_from_the_command_line(tmp_path):
    out = tmp_path / "run"
    command = [Path(sys.executable).parent / "ganzoo", "train", "lsgan", "width=8", "--out", out]
    command += ["--data", "digits", "--steps", "2", "--no-export", "--strategy", "mirrored"]
    subprocess.run(command, check=True, capture_output=True)
    assert runs.Run.at(out).load().step == 2 and runs.Run.at(out).config["replicas"] == 1


def test_recipes_are_for_several_replicas_too():
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        gan = ganzoo.get("lsgan")
        found = recipes.chosen(gan, ganzoo.data.load("digits"), decided=("steps",))
    assert found == {key: value for key, value in gan.recipe.items() if key != "steps"}


def test_the_cluster_page_runs_what_is_there():
    service, job = yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text())
    template = job["spec"]["template"]["spec"]
    container = template["containers"][0]
    name, count = job["metadata"]["name"], job["spec"]["completions"]
    hosts = [f"{name}-{index}.{service['metadata']['name']}:2222" for index in range(count)]
    assert container["env"] == [{"name": "WORKERS", "value": " ".join(hosts)}]
    assert template["subdomain"] == service["metadata"]["name"]
    assert container["args"][0].startswith("INDEX=$JOB_COMPLETION_INDEX bash /ganzoo/cluster/wor")
    for script in ("worker.sh", "slurm.sh"):
        subprocess.run(["bash", "-n", CLUSTER / script], check=True)


def start_cluster(run, *words):
    """run: the folder of all workers, or one of each."""
    folders = run if isinstance(run, list) else [run, run]
    ports = free_ports()
    workers = " ".join(f"127.0.0.1:{port}" for port in ports)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return [
        subprocess.Popen(
            ["bash", CLUSTER / "worker.sh", folders[index], *words],
            env=os.environ
            | {"WORKERS": workers, "INDEX": str(index), "PATH": path, "PAUSE": "1"}
            | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
            # As cluster/README.md says, or two equal trainings may differ in their last digits.
            | {"TF_NUM_INTEROP_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index in range(2)
    ]


def said(processes):
    words = [process.communicate(timeout=900)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], words
    return words


def checkpointed(folder):
    return max((int(f.stem[5:]) for f in folder.glob("step_*.keras")), default=0)


def kill_trainer(process):
    """The worker's Python, as a machine that fails would; its shell starts it anew."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    if not found.stdout:
        process.kill()
        raise AssertionError(f"there is no worker any more: {process.communicate()[0]}")
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)


WORDS = ("bigan", "width=8", "--data", "digits", "--steps", "280", "--no-export")


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_nothing_is_changed(tmp_path):
    undisturbed = tmp_path / "undisturbed"
    quiet = said(start_cluster(undisturbed, *WORDS))
    assert "bigan learned digits" in quiet[0] and quiet[1].strip() == ""
    run = tmp_path / "run"
    cluster = start_cluster(run, *WORDS)
    for victim, step in ((1, 28), (0, 112)):
        began = time.monotonic()
        while checkpointed(run / "checkpoints") < step and time.monotonic() - began < 300:
            time.sleep(0.05)
        kill_trainer(cluster[victim])
    words = said(cluster)
    assert "another worker is gone" in words[0] + words[1]
    assert "continuing from step" in words[0]
    one, other = (ganzoo.load(folder / "model.keras") for folder in (undisturbed, run))
    assert one.step == other.step == 280
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
