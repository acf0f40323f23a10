"""Runs and callbacks: whole folders, none shared, nothing left where nothing began."""

import errno
import io
import json
import os
import signal
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import ganzoo
from ganzoo.foundation import registry, schedules
from ganzoo.reporting import plots
from ganzoo.training import callbacks, prepared, recipes, runs
from ganzoo.training.runs import Run

SMALL = {"dataset": "digits", "hyperparameters": {"width": 8}, "steps": 3, "export": False}


def files(folder):
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


# ---- folders


def test_numbers_go_up_and_are_never_shared(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: Run.create(tmp_path / "r", "a-b:c", {"n": n}), range(16)))
    assert {run.path.name for run in made} == {f"a-b-c-{n:03}" for n in range(1, 17)}
    assert {run.config["n"] for run in made} == set(range(16))
    made[3].discard()
    (tmp_path / "r" / "a-b-c-1000").mkdir()
    (tmp_path / "r" / "other-2000").mkdir()
    assert Run.create(tmp_path / "r", "a-b:c", {}).path.name == "a-b-c-1001"


def test_discard_removes_only_what_was_made(tmp_path):
    (tmp_path / "kept").mkdir()
    for path, left in (("kept/x/y", "kept"), ("kept", "kept"), ("x/y/z", None)):
        run = Run.new(tmp_path / path, {})
        (run.path / "samples").mkdir()
        (run.path / "samples" / "1.png").touch()
        run.discard()
        assert not (tmp_path / path).exists() or path == left
        assert [p.name for p in tmp_path.iterdir()] == ["kept"]


def test_discard_spares_the_run_beside_it(tmp_path):
    first, second = (Run.create(tmp_path / "r", "a", {}) for _ in range(2))
    first.discard()
    assert second.config == {}


def test_new_refuses_a_folder_with_something_in_it(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(ValueError, match="not empty"):
        Run.new(tmp_path / "full", {})
    with pytest.raises(ValueError, match="is a file"):
        Run.new(tmp_path / "full" / "x", {})
    assert files(tmp_path) == {"full/x"}


def test_at_refuses_what_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="there is no run at"):
        Run.at(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is no run of ganzoo"):
        Run.at(tmp_path)
    run = Run.new(tmp_path / "r", {})
    assert run.history == []
    with pytest.raises(ValueError, match="holds no saved GAN"):
        runs.load(run.path)


# ---- training


def test_a_run_holds_everything(tmp_path):
    run = runs.train("lsgan", **SMALL | {"export": True}, out=tmp_path / "a", command="typed")
    assert files(run.path) >= {
        "config.json", "history.csv", "losses.png", "samples.png", "samples/epoch_0001.png",
        "checkpoints/step_00000003.keras", "model.keras",
        "export/onnx/1/model.onnx", "export/tf_saved_model/1/saved_model.pb",
    }  # fmt: skip
    assert not [name for name in files(run.path) if os.path.basename(name).startswith(".")]
    config = Run.at(run.path).config
    assert config["gan"] == "lsgan" and config["data"] == "digits" and config["steps"] == 3
    assert config["hyperparameters"]["width"] == 8 and config["command"] == "typed"
    assert config["versions"]["ganzoo"] == ganzoo.__version__
    (row,) = run.history
    assert list(row) == ["epoch", "seconds", "discriminator", "r1", "generator"]
    assert row["epoch"] == 1
    gan = runs.load(run.path)
    assert gan.step == 3
    samples = gan.sample(4, seed=1)
    np.testing.assert_array_equal(samples, runs.load(run.path / "model.keras").sample(4, seed=1))
    assert run.export(gan, "onnx") == run.path / "export" / "onnx" / "2"


@pytest.mark.parametrize(
    ("asked", "steps_per_epoch", "told"),
    [
        ((None, None), 78, (21, 78, 1638)),
        ((None, None), 781, (2, 781, 1562)),
        ((None, None), 5000, (1, 5000, 5000)),
        ((None, None), None, (16, 100, 1600)),
        ((3, None), 28, (3, 28, 84)),
        ((None, 4), 28, (1, 4, 4)),
        ((None, 30), 28, (2, 28, 30)),
    ],
)
def test_length(asked, steps_per_epoch, told):
    assert prepared.length(*asked, steps_per_epoch) == told


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "lsgna"},
        {"dataset": "digit"},
        {"hyperparameters": {"widht": 8}},
        {"hyperparameters": {"width": "8"}},
        {"steps": 0},
        {"epochs": 2},
        {"batch_size": 0},
        {"batch_size": 10_000},
        {"size": (4, 4), "hyperparameters": {"architecture": "dcgan"}},
    ],
    ids=str,
)
def test_bad_input_leaves_nothing(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        runs.train(**{"name": "lsgan"} | SMALL | wrong)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_failing_before_the_first_step_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks.HistoryCSV, "on_train_begin", no_space)
    with pytest.raises(OSError, match="No space"):
        runs.train("lsgan", **SMALL, root=tmp_path / "runs")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_later_leaves_whole_files(tmp_path, monkeypatch):
    monkeypatch.setattr(callbacks.Checkpoints, "save", no_space)
    with pytest.raises(OSError, match="No space") as error:
        runs.train("lsgan", **SMALL, out=tmp_path / "a")
    assert "keeps what was written" in error.value.__notes__[0]
    assert files(tmp_path / "a") == {
        "config.json", "history.csv", "losses.png", "samples/epoch_0001.png", "signals.csv",
        "best.csv", "best.keras", "best.png",
    }  # fmt: skip


def test_divergence_keeps_the_run_and_saves_no_nan(tmp_path):
    wild = {"width": 8, "generator_learning_rate": 1e38}
    with pytest.raises(callbacks.Diverged, match="diverged at step") as error:
        runs.train("gan", "ring", hyperparameters=wild, steps=9, out=tmp_path / "a")
    assert "\n" not in str(error.value)
    assert "config.json" in files(tmp_path / "a")
    assert "model.keras" not in files(tmp_path / "a")


# ---- callbacks


def test_ctrl_c_stops_after_a_whole_step_and_saves(tmp_path, monkeypatch):
    write = callbacks.SamplePictures.write
    interrupt = threading.Event()

    def write_then_interrupt(self, epoch):
        write(self, epoch)
        if not interrupt.is_set():
            interrupt.set()
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(callbacks.SamplePictures, "write", write_then_interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(runs.Interrupted, match="stopped at step 29 of 560") as stop:
            runs.train("lsgan", **SMALL | {"steps": None, "epochs": 20}, out=tmp_path / "a")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.value.run.path == tmp_path / "a"
    assert [row["epoch"] for row in stop.value.run.history] == [1, 2]
    assert files(tmp_path / "a") >= {
        "model.keras",
        "checkpoints/step_00000029.keras",
        "samples.png",
    }
    assert runs.load(tmp_path / "a/model.keras").step == 29


def test_a_second_ctrl_c_ends_at_once():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), callbacks.StopOnInterrupt() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.interrupted
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with callbacks.StopOnInterrupt() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.interrupted
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A folder and the output of five epochs under every callback."""
    folder, out = tmp_path_factory.mktemp("watched"), io.StringIO()
    gan = ganzoo.get("gan", width=8)
    with callbacks.Progress(Console(file=out, width=40), steps=9, rows=64) as progress:
        progress.verdict = "healthy"
        gan.fit(
            np.random.default_rng(0).integers(0, 255, (128, 8, 8, 1), dtype="uint8"),
            epochs=5,
            verbose=0,
            callbacks=[
                callbacks.StopAtStep(9),
                callbacks.HistoryCSV(folder / "history.csv"),
                callbacks.SamplePictures(folder / "samples", every=2, count=9),
                callbacks.Checkpoints(folder / "c", every=3),
                progress,
            ],
        )
    return gan, folder, out.getvalue()


def test_what_callbacks_write(watched):
    gan, folder, _ = watched
    assert gan.step == 9
    assert files(folder) == {
        "history.csv", "c/step_00000006.keras", "c/step_00000009.keras",
        *(f"samples/epoch_{epoch:04}.png" for epoch in (1, 2, 4, 5)),
    }  # fmt: skip
    assert ganzoo.load(folder / "c/step_00000009.keras").step == 9
    rows = (folder / "history.csv").read_text().splitlines()
    assert rows[0] == "epoch,seconds,discriminator,generator"
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3", "4", "5"]


def test_pictures_show_the_same_latents(watched, tmp_path):
    gan, folder, _ = watched
    plots.save_picture(gan, tmp_path / "again.png", count=9)
    assert (tmp_path / "again.png").read_bytes() == (
        folder / "samples" / "epoch_0005.png"
    ).read_bytes()


def test_progress_in_a_pipe_is_plain_lines(watched):
    *_, out = watched
    assert "\x1b" not in out and "\r" not in out
    first, *_, last = out.splitlines()
    assert first.startswith("epoch 1/5  step 2")
    assert last.startswith("epoch 5/5  step 9") and "generator" in last and "steps/s" in last
    assert " images/s  healthy  discriminator " in last


def test_history_is_continued(watched, tmp_path):
    gan, folder, _ = watched
    path = tmp_path / "history.csv"
    path.write_text((folder / "history.csv").read_text())
    gan.fit(
        np.zeros((64, 8, 8, 1), "uint8"),
        initial_epoch=5,
        epochs=6,
        verbose=0,
        callbacks=[callbacks.HistoryCSV(path)],
    )
    assert [line.split(",")[0] for line in path.read_text().splitlines()][-2:] == ["5", "6"]


def test_progress_on_a_terminal_shows_a_bar(watched):
    gan, *_ = watched
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, force_interactive=True, width=100)
    with pytest.raises(ZeroDivisionError), callbacks.Progress(console) as progress:
        progress.set_params({"epochs": 2, "steps": 3})
        progress.set_model(gan)
        progress.on_train_begin()
        progress.on_epoch_begin(0)
        for batch in range(3):
            progress.on_train_batch_end(batch, {"generator": 0.25})
        raise ZeroDivisionError
    assert "epoch 1/2" in out.getvalue() and "generator 0.250" in out.getvalue()
    assert out.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is back


@pytest.mark.parametrize("kind", [callbacks.Checkpoints, callbacks.SamplePictures])
def test_every_is_checked(kind, tmp_path):
    with pytest.raises(ValueError, match="every=0"):
        kind(tmp_path / "x", every=0)


def test_config_is_json(tmp_path):
    run = Run.new(tmp_path / "a", {"coding": (0, 1, 1)})
    assert json.loads((run.path / "config.json").read_text()) == {"coding": [0, 1, 1]}


def large(tmp_path, side=48):
    """The name of a data set of images whose sides are so long."""
    images = np.random.default_rng(0).integers(0, 255, (64, side, side, 1), dtype="uint8")
    np.savez(tmp_path / "large.npz", x=images)
    return f"npz:{tmp_path}/large.npz"


SHORT = {"steps": 1, "export": False, "metric": "none"}


@pytest.fixture
def untrained(monkeypatch):
    """Runs are made, but nothing is trained. A list of the GANs."""
    gans = []
    monkeypatch.setattr(
        runs.Training, "run_in", lambda self, run, export, console: gans.append(self.gan)
    )
    return gans


@pytest.mark.parametrize(
    ("side", "name", "given", "batch_size", "expected"),
    [
        (48, "dcgan", {}, None, (32, 16)),
        (48, "dcgan", {"width": 8}, None, (8, 16)),
        (48, "dcgan", {"width": 8}, 4, (8, 4)),
        (48, "dcgan", {"architecture": "mlp"}, None, (None, 64)),
        (48, "fastgan", {}, None, (8, 16)),
        (40, "dcgan", {}, None, (32, 64)),
        (24, "sngan", {}, None, (8, 64)),
        (48, "gan", {}, None, (None, 16)),
        (16, "dcgan", {}, None, (None, 64)),
    ],
)
def test_large_images_on_a_cpu_get_smaller_networks_and_batches(
    tmp_path, untrained, side, name, given, batch_size, expected
):
    out = io.StringIO()
    run = runs.train(
        name, large(tmp_path, side), hyperparameters=given, batch_size=batch_size,
        out=tmp_path / "run", console=Console(file=out), **SHORT
    )  # fmt: skip
    assert (run.config["hyperparameters"]["width"], run.config["batch_size"]) == expected
    assert untrained[0].width == expected[0]
    said = "chosen for these data" in out.getvalue()
    assert said == ("architecture" not in given)


@pytest.mark.parametrize(
    ("sides", "asked", "found"),
    [
        ([(90, 120), (70, 70)], None, (64, 64)),  # different sizes
        ([(66, 20), (66, 20)], None, (64, 64)),  # large
        ([(64, 48), (64, 48)], None, None),
        ([(90, 120), (70, 70)], (24, 16), (24, 16)),
    ],
)
def test_the_pictures_of_a_folder_get_one_size(tmp_path, untrained, sides, asked, found):
    (tmp_path / "mine").mkdir()
    draw = np.random.default_rng(0).integers
    for i in range(20):
        picture = draw(0, 255, (*sides[i % 2], 3), dtype="uint8")
        Image.fromarray(picture).save(tmp_path / "mine" / f"{i}.png")
    out = io.StringIO()
    run = runs.train(
        "dcgan", f"folder:{tmp_path / 'mine'}", size=asked, out=tmp_path / "run",
        hyperparameters={"width": 8}, batch_size=8, console=Console(file=out), **SHORT
    )  # fmt: skip
    assert run.config["size"] == (list(found) if found else None)
    assert untrained[0].spec.shape == (*(found or sides[0]), 3)
    assert ("chosen for these data: size=64x64" in out.getvalue()) == (asked != found)


def test_where_there_is_a_gpu_nothing_becomes_smaller(tmp_path, monkeypatch, untrained):
    config = types.SimpleNamespace(list_physical_devices=lambda kind: ["a GPU"])
    monkeypatch.setattr(recipes, "tf", types.SimpleNamespace(config=config))
    run = runs.train("dcgan", large(tmp_path), out=tmp_path / "run", **SHORT)
    assert (run.config["hyperparameters"]["width"], run.config["batch_size"]) == (None, 64)


def test_images_get_the_recipe_where_nothing_else_is_chosen(tmp_path, monkeypatch, untrained):
    recipe = {"ema": 0.9, "generator_learning_rate": 1e-3, "discriminator_learning_rate": 2e-3}
    monkeypatch.setattr(type(ganzoo.get("wgan_gp")), "recipe", recipe)
    given = {"width": 8, "ema": 0.5}
    run = runs.train(
        "wgan_gp", "digits", hyperparameters=given, out=tmp_path / "run", **SHORT | {"steps": 7}
    )
    (gan,) = untrained
    assert (gan.ema, gan.width) == (0.5, 8)
    assert gan.generator_learning_rate == schedules.linear(1e-3, 0.0, 7)
    assert gan.discriminator_learning_rate == schedules.linear(2e-3, 0.0, 7 * gan.critic_steps)
    again = runs._as_given("wgan_gp", Run.at(run.path).config["hyperparameters"])
    assert again["generator_learning_rate"] == gan.generator_learning_rate


def test_a_recipe_holds_what_the_gan_accepts():
    for name in ganzoo.names():
        recipe = dict(registry.find(name).recipe)
        recipe.pop("steps", None)
        if recipe:
            ganzoo.get(name, **recipes.falling(recipe, 10, 1))


def test_published_settings_get_no_recipe(tmp_path, untrained):
    given = {"as_published": True}
    run = runs.train(
        "r3gan", large(tmp_path, 32), hyperparameters=given, out=tmp_path / "run", **SHORT
    )
    assert run.config["hyperparameters"]["width"] == 768
    assert (
        untrained[0].generator_learning_rate == ganzoo.get("r3gan", **given).generator_learning_rate
    )


def test_points_get_no_recipe(tmp_path, monkeypatch, untrained):
    monkeypatch.setattr(type(ganzoo.get("gan")), "recipe", {"ema": 0.9})
    runs.train("gan", "ring", out=tmp_path / "run", **SHORT)
    assert untrained[0].ema == 0


@pytest.mark.parametrize("every", [1, 4])
def test_a_line_says_how_long_a_training_will_take(watched, every, monkeypatch):
    gan, *_ = watched
    monkeypatch.setattr(gan, "regularise_every", every)
    traced = 1 if every == 1 else 2
    out = io.StringIO()
    progress = callbacks.Progress(Console(file=out), steps=gan.step + 5000)
    progress.set_params({"epochs": 1, "steps": 5000})
    progress.set_model(gan)
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    for batch in range(progress.STEPS_TO_ESTIMATE):
        if batch == traced:
            progress._began -= progress.STEPS_TO_ESTIMATE - traced  # a second for each later step
        progress.on_train_batch_end(batch)
    assert "4,990 more steps will take about 83 minutes" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.1, "1 second"),
        (2, "2 seconds"),
        (89, "89 seconds"),
        (91, "2 minutes"),
        (9000, "2 hours and 30 minutes"),
    ],
)
def test_durations_in_words(seconds, words):
    assert callbacks._duration(seconds) == words


def test_a_value_range_reaches_the_data(tmp_path):
    np.savez(tmp_path / "heat.npz", x=np.full((64, 8, 8, 1), 40.0, "float32"))
    small = {"hyperparameters": {"width": 8}, "steps": 1, "export": False}
    with pytest.raises(ValueError, match="value_range"):
        runs.train("lsgan", f"npz:{tmp_path}/heat.npz", out=tmp_path / "a", **small)
    run = runs.train(
        "lsgan", f"npz:{tmp_path}/heat.npz", out=tmp_path / "a", value_range=(0, 50), **small
    )
    assert run.load().spec.value_range == (0, 50)
