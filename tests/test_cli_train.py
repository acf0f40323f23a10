"""`ganzoo train`: what it prints and writes, and how Ctrl-C ends it."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ganzoo
from ganzoo.training import runs


def test_train_as_typed(ganzoo_in, tmp_path):
    words = "train wgan_gp width=8 critic_steps=2 penalties=gradient_penalty:0.5 beta_1=0"
    words += " precision=float32"
    options = "--data digits --steps 4 --batch-size 16 --seed 7"
    code, out, err = ganzoo_in(tmp_path, f"{words} {options}")
    assert code == 0
    first, second, third, *_ = err.splitlines()
    assert first == "wgan_gp trains dcgan networks on digits"
    assert second.startswith("chosen for these data: ema=0.99, generator_learning_rate=")
    assert third.startswith("epoch 1/1  step 4")
    assert "wgan_gp learned digits with dcgan networks: 4 steps" in out
    for path in (
        "samples.png",
        "losses.png",
        "export/onnx/1/model.onnx",
        "export/tf_saved_model/1",
    ):
        assert f" runs/wgan_gp-digits-001/{path}\n" in out
        assert (tmp_path / "runs/wgan_gp-digits-001" / path).exists()
    config = runs.Run.at("runs/wgan_gp-digits-001").config
    assert config["hyperparameters"].items() >= {
        "width": 8, "critic_steps": 2, "penalties": {"gradient_penalty": 0.5}, "beta_1": 0.0,
        "seed": 7,
    }.items()  # fmt: skip
    assert config["command"] == f"ganzoo {words} {options}" and config["batch_size"] == 16
    suggested = next(line for line in out.splitlines() if line.startswith("  ganzoo sample"))
    assert ganzoo_in(tmp_path, suggested.removeprefix("  ganzoo "))[0] == 0
    assert (tmp_path / "more.png").exists()


def test_other_networks_than_the_papers_are_said(ganzoo_in, tmp_path):
    line = "train dcgan width=8 --data ring --steps 1 --no-export --metric none --out r"
    code, out, err = ganzoo_in(tmp_path, line)
    assert code == 0
    assert err.splitlines()[0] == (
        "dcgan trains mlp networks on ring, because the dcgan networks can't make samples of "
        "shape 2"
    )
    assert out.startswith("dcgan learned ring with mlp networks: 1 steps")
    assert runs.Run.at(tmp_path / "r").config["networks"] == "mlp"


def test_quiet_prints_nothing_but_errors(ganzoo_in, tmp_path):
    line = "train gan width=8 precision=auto --data ring --steps 1 --no-export --out r"
    assert ganzoo_in(tmp_path, f"{line} --quiet") == (0, "", "")
    assert ganzoo_in(tmp_path, "--quiet data ring") == (0, "", "")
    code, out, err = ganzoo_in(tmp_path, f"{line} --quiet")
    assert (code, out) == (
        2,
        "",
    ) and err == "ganzoo: r is not empty: name a new folder for the run.\n"


def test_divergence_is_a_sentence(ganzoo_in, tmp_path):
    words = "train gan width=8 generator_learning_rate=1e38 --data ring --steps 9"
    code, out, err = ganzoo_in(tmp_path, words)
    assert (code, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("ganzoo: training diverged at step ")
    assert last.endswith("runs/gan-ring-001 keeps what was written up to then.")


@pytest.mark.slow
def test_ctrl_c_in_a_shell(ganzoo_in, tmp_path):
    """In a process of its own, where TensorFlow has not been silenced yet."""
    line = "train lsgan width=8 precision=float32 --data digits --epochs 4000 --out r --no-export"
    process = subprocess.Popen(
        [Path(sys.executable).with_name("ganzoo"), *shlex.split(line)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"},
        # a test run in the background ignores Ctrl-C, and its children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        history = tmp_path / "r" / "history.csv"
        while not history.exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    first, *progress, last = err.splitlines()
    assert first == "lsgan trains dcgan networks on digits"
    chosen, *progress = progress
    assert chosen.startswith("chosen for these data: ")
    assert all(line.startswith("epoch ") or "more steps will" in line for line in progress), err
    assert last.startswith("ganzoo: stopped at step ")
    assert last.endswith(". To continue: ganzoo train --resume r --no-export")
    assert ganzoo_in(tmp_path, "sample r")[0] == 0
    run = runs.Run.at(tmp_path / "r")
    made = ganzoo.load(run.path / "model.keras").step
    nearly_done = run.config | {"steps": made + 1}
    (run.path / "config.json").write_text(json.dumps(nearly_done))
    assert ganzoo_in(tmp_path, last.rpartition(" ganzoo ")[2])[0] == 0
    assert ganzoo.load(run.path / "model.keras").step == nearly_done["steps"]


def test_ctrl_c_after_the_last_step_names_the_export(ganzoo_in, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.Run, "export", interrupt)
    code, out, err = ganzoo_in(tmp_path, "train gan width=8 --data ring --steps 2 --out r")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == (
        "ganzoo: stopped at step 2 of 2. All steps were made. To export: ganzoo export r"
    )
