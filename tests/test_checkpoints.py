"""A training that dies goes on, bit for bit, from its newest whole checkpoint."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.devices import strategies
from ganzoo.foundation import schedules
from ganzoo.training import prepared, runs
from ganzoo.training.checkpoints import Checkpoints

X = np.random.default_rng(0).normal(size=(320, 2)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def make(name="r3gan", **more):
    rate = schedules.linear(1e-3, 0.0, 20)
    return ganzoo.get(name, width=8, ema=0.9, generator_learning_rate=rate, **more)


def state(gan):
    optimizers = (gan.generator_optimizer, gan.discriminator_optimizer)
    return [*gan.get_weights(), *(v.numpy() for o in optimizers for v in o.variables)]


def assert_same(one, other):
    one, other = state(one), state(other)
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def steps_in(folder):
    return sorted(int(path.stem[5:]) for path in folder.iterdir())


@pytest.fixture(scope="module")
def undisturbed():
    gan = make()
    gan.fit(X, epochs=5, verbose=0)
    return gan


@pytest.fixture(scope="module")
def died(tmp_path_factory):
    """The checkpoints of a training that died after two of five epochs."""
    folder = tmp_path_factory.mktemp("died") / "c"
    make().fit(X, epochs=2, verbose=0, checkpoint=folder)
    return folder


@pytest.fixture
def folder(died, tmp_path):
    """A copy of them."""
    return shutil.copytree(died, tmp_path / "c")


def test_the_same_line_goes_on(folder, undisturbed):
    gan = make()
    history = gan.fit(X, epochs=5, verbose=0, checkpoint=folder)
    assert history.epoch == [2, 3, 4] and gan.step == 25
    assert steps_in(folder) == [15, 20, 25]
    assert_same(gan, undisturbed)
    again = make()
    assert again.fit(X, epochs=5, verbose=0, checkpoint=folder).epoch == []
    assert_same(again, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["began", "bigan", "cgan", "infogan", "wgan_gp"])
def test_every_game_goes_on(name, tmp_path):
    data = (X, Y) if name == "cgan" else (X, None)
    whole, half, rest = make(name), make(name), make(name)
    whole.fit(*data, batch_size=32, epochs=2, verbose=0)
    half.fit(*data, batch_size=32, epochs=1, verbose=0, checkpoint=tmp_path)
    rest.fit(*data, batch_size=32, epochs=2, verbose=0, checkpoint=tmp_path)
    assert_same(rest, whole)


def test_from_the_middle_of_an_epoch(tmp_path, undisturbed):
    from ganzoo.training.callbacks import StopAtStep

    make().fit(X, epochs=5, verbose=0, callbacks=[StopAtStep(7)], checkpoint=tmp_path)
    assert steps_in(tmp_path) == [5, 7]
    gan = make()
    gan.fit(X, epochs=5, verbose=0, checkpoint=tmp_path)
    assert gan.step == 25
    assert_same(gan, undisturbed)


def test_a_dataset_is_replayed(tmp_path):
    data = tf.data.Dataset.from_tensor_slices(X)
    whole, half, rest = make(), make(), make()
    whole.fit(data, epochs=3, verbose=0)
    half.fit(data, epochs=2, verbose=0, checkpoint=tmp_path)
    rest.fit(data, epochs=3, verbose=0, checkpoint=tmp_path)
    assert_same(rest, whole)


def test_a_dataset_of_unknown_length_needs_steps_per_epoch(tmp_path):
    data = tf.data.Dataset.from_tensor_slices(X).filter(lambda x: True)
    with pytest.raises(ValueError, match="steps_per_epoch"):
        make().fit(data, verbose=0, checkpoint=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_broken_newest_falls_back_with_a_warning(folder, undisturbed, damage):
    newest = Checkpoints(folder).newest
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes({"flip": content, "cut": content[:-100], "empty": b""}[damage])
    gan = make()
    with pytest.warns(UserWarning, match="step_00000010.keras is damaged"):
        gan.fit(X, epochs=5, verbose=0, checkpoint=folder)
    assert_same(gan, undisturbed)


def test_when_none_is_whole_nothing_is_overwritten(folder):
    for path in folder.iterdir():
        path.write_bytes(b"PK")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=r"none of the 2 checkpoints.*10\.keras is damaged"):
        make().fit(X, verbose=0, checkpoint=folder)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("gan", "data", "words"),
    [
        (lambda: ganzoo.get("lsgan"), X, "checkpoints of r3gan, not of lsgan"),
        (lambda: make(seed=1), X, "with seed=0, not 1"),
        (make, np.concatenate([X, X], 1), "the model was built for float32 of shape"),
    ],
)
def test_checkpoints_of_another_training_are_refused(folder, gan, data, words):
    with pytest.raises(ValueError, match=words):
        gan().fit(data, verbose=0, checkpoint=folder)
    assert steps_in(folder) == [5, 10]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "c").write_text("")
    with pytest.raises(ValueError, match="is a file: name a folder"):
        make().fit(X, verbose=0, checkpoint=tmp_path / "c")


def test_a_full_disk_keeps_the_one_before(folder, undisturbed, monkeypatch):
    import errno

    import keras

    def full(self, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "save", full)
        with pytest.raises(OSError, match="No space"):
            make().fit(X, epochs=5, verbose=0, checkpoint=folder)
    assert steps_in(folder) == [5, 10]
    gan = make()
    gan.fit(X, epochs=5, verbose=0, checkpoint=folder)
    assert_same(gan, undisturbed)


class Branches(keras.layers.Layer):
    """Three operations that could run at once, and how many did."""

    def __init__(self):
        super().__init__()
        self.running, self.most = 0, 0

    def watched(self, x):
        self.running += 1
        self.most = max(self.most, self.running)
        time.sleep(0.1)
        self.running -= 1
        return x

    def call(self, x):
        terms = [
            tf.numpy_function(self.watched, [x * k], x.dtype, stateful=False) for k in (1, 2, 3)
        ]
        return x + tf.stop_gradient(tf.reshape(tf.add_n(terms), tf.shape(x)))


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core runs one operation at a time anyway")
@pytest.mark.parametrize("ordered", [True, False])
def test_the_operations_of_a_step_run_one_after_another(monkeypatch, ordered):
    """Or sums of gradients, which begin with whatever term is free, round differently."""
    if not ordered:  # what the test would see then
        monkeypatch.setattr(strategies, "in_order", lambda function: function)
    branches = Branches()
    generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    discriminator = keras.Sequential([keras.Input((2,)), branches, keras.layers.Dense(1)])
    gan = ganzoo.get("lsgan", architecture=(generator, discriminator), latent_dim=4)
    gan.fit(X[:64], verbose=0)
    assert (branches.most == 1) == ordered


@pytest.mark.slow
def test_networks_with_loops_train_on_one_thread():
    """Where a loop would wait for the thread that waits for it."""
    program = """
import numpy as np, ganzoo
from keras import Input, Sequential
from keras.layers import GRU, Dense, Reshape
generator = Sequential([Input((4,)), Reshape((2, 2)), GRU(3), Dense(2)])
pair = generator, Sequential([Input((2,)), Dense(1)])
gan = ganzoo.get("lsgan", architecture=pair, latent_dim=4)
gan.fit(np.random.default_rng(0).normal(size=(64, 2)).astype("float32"), epochs=2, verbose=0)
print(gan.step)
"""
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTEROP_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=quiet, capture_output=True, text=True, timeout=120
    )
    assert ended.stdout == "2\n", ended.stderr


def test_training_on_a_device_that_is_not_the_first_ends():
    with tf.distribute.OneDeviceStrategy("CPU:1").scope():
        gan = make()
    gan.fit(X, verbose=0)
    assert gan.step == 5


def test_a_checkpoint_from_before_a_hyperparameter_was_there_goes_on(folder, undisturbed):
    newest = folder / "step_00000010.keras"
    with zipfile.ZipFile(newest) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    del config["config"]["precision"], config["config"]["penalties"]
    contents["config.json"] = json.dumps(config)
    with zipfile.ZipFile(newest, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    gan = make()
    gan.fit(X, epochs=5, verbose=0, checkpoint=folder)
    assert_same(gan, undisturbed)


TRAIN = """
import sys, numpy as np
sys.path.insert(0, sys.argv[2])
from test_checkpoints import X, make
make().fit(X, epochs=400, verbose=0, checkpoint=sys.argv[1])
"""


def start(folder):
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    here = os.path.dirname(__file__)
    return subprocess.Popen([sys.executable, "-c", TRAIN, str(folder), here], env=quiet)


def killed_at(folder, moment):
    """Starts a training, and kills it `moment` seconds after its next checkpoint began."""
    folder.mkdir(exist_ok=True)
    before, process = set(os.listdir(folder)), start(folder)
    while process.poll() is None and set(os.listdir(folder)) <= before:
        time.sleep(0.001)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_kill_9_at_random_moments(tmp_path):
    """50 kills, in writes too; every one is resumed."""
    whole, rng = make(), random.Random(0)
    whole.fit(X, epochs=400, verbose=0)
    trainings = killed = 0
    while killed < 50:
        folder = tmp_path / str(trainings)
        trainings += 1
        while killed < 50 and 2000 not in steps_in_all(folder):
            killed_at(folder, rng.choice([0.0, rng.random() * 0.2, rng.random()]))
            killed += 1
        process = start(folder)
        assert process.wait() == 0
        gan = make()
        gan.fit(X, epochs=400, verbose=0, checkpoint=folder)
        assert_same(gan, whole)


def steps_in_all(folder):
    """Those of whole files; a killed save may have left a draft."""
    entries = folder.iterdir() if folder.is_dir() else ()
    return [int(path.stem[5:]) for path in entries if path.name.startswith("step_")]


@pytest.mark.slow
def test_kill_9_once(tmp_path):
    killed_at(tmp_path / "c", 0.0)
    left = steps_in_all(tmp_path / "c")
    assert left != [2000]
    gan, whole = make(), make()
    gan.fit(X, epochs=20, verbose=0, checkpoint=tmp_path / "c")
    whole.fit(X, epochs=gan.step // 5, verbose=0)
    assert_same(gan, whole)


# ---- runs

SMALL = {"hyperparameters": {"width": 8, "architecture": "mlp"}, "export": False}


def test_a_run_goes_on(tmp_path, monkeypatch):
    whole = runs.train("lsgan", "digits", epochs=4, out=tmp_path / "whole", **SMALL)

    class Killed(BaseException):
        pass

    save = Checkpoints.save

    def save_then_die(self, gan):
        save(self, gan)
        if gan.step == 56:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Checkpoints, "save", save_then_die)
        runs.train("lsgan", "digits", epochs=4, out=tmp_path / "a", **SMALL)
    assert not (tmp_path / "a" / "model.keras").exists()
    run = runs.resume(tmp_path / "a", export=False)
    for model in ("model.keras", "best.keras"):
        assert_same(ganzoo.load(run.path / model), ganzoo.load(whole.path / model))
    assert run.load().step == whole.load().step == run.curve.best.step
    values = [[(row.step, row.value) for row in each.curve.rows] for each in (run, whole)]
    assert values[0] == values[1] and len(values[0]) == 4
    assert [row["epoch"] for row in run.history] == [1, 2, 3, 4]
    for one, other in zip(run.history, whole.history, strict=True):
        assert one["generator"] == other["generator"]
    with pytest.raises(ValueError, match="has made all of its 112 steps"):
        runs.resume(tmp_path / "a")


def test_a_run_without_a_checkpoint_begins_again(tmp_path):
    from ganzoo.training.runs import Run

    rate = schedules.linear(1e-3, 0.0, 9)
    chosen = {"generator_learning_rate": rate, "penalties": {"r1": rate}}
    whole = runs.train(
        "lsgan",
        "digits",
        hyperparameters=SMALL["hyperparameters"] | chosen,
        steps=5,
        out=tmp_path / "whole",
        export=False,
        metric="none",
    )
    run = Run.new(tmp_path / "a", whole.config)
    assert_same(runs.resume(run.path, export=False).load(), whole.load())


def test_two_processes_never_train_one_run(tmp_path):
    run = runs.Run.new(tmp_path / "a", {})
    with (
        prepared.locked(run),
        pytest.raises(ValueError, match="is being trained by another"),
        prepared.locked(run),
    ):
        pytest.fail("both were let in")


@pytest.mark.parametrize("config", ["{", "[]", '{"gan": "a"}', '{"gan": "a", "steps": "x"}'])
def test_a_broken_configuration_is_said(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ValueError, match=r"config\.json can't be read"):
        runs.resume(tmp_path)


FILLS_UP = """
set -u
mount -t tmpfs -o size=300k tmpfs "$1"
$2 train gan width=8 --data ring --steps 3000 --metric none --no-export \
  --out "$1/run"; echo "code $?"
mount -o remount,size=20m "$1"
$2 train --resume "$1/run" --no-export; echo "code $?"
cp "$1/run/model.keras" "$1/../model.keras"
"""


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode != 0,
    reason="a small disk can't be mounted here",
)
def test_a_disk_that_fills_up_stops_a_run_that_then_goes_on(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    command = Path(sys.executable).parent / "ganzoo"
    script = ["unshare", "-rm", "bash", "-c", FILLS_UP, "fill", disk, command]
    said = subprocess.run(script, capture_output=True, text=True)
    assert said.stdout.count("code 2") == said.stdout.count("code 0") == 1, said
    assert "No space left on device" in said.stderr and "Traceback" not in said.stderr
    assert "continuing from step 1,562" in said.stderr
    chosen = {"hyperparameters": {"width": 8}, "steps": 3000, "export": False, "metric": "none"}
    whole = runs.train("gan", "ring", out=tmp_path / "whole", **chosen)
    assert_same(ganzoo.load(tmp_path / "model.keras"), whole.load())
