"""Two logical CPU devices, so that every test can run two replicas, and what many tests use."""

import os
import shlex
import sys

import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
pytest.register_assert_rewrite("cases", "keras_files")
VERDICT = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    session.config.stash[VERDICT] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Ends the process with pytest's verdict, without the native libraries' own end: TensorFlow,
    torch, ONNX Runtime and OpenVINO are all loaded in here, and once in some twenty runs one of
    them asked for the interpreter when it was gone, a segmentation fault after all had passed.
    That a program of a user's ends well is tested in processes of their own."""
    if VERDICT in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[VERDICT])


@pytest.fixture(scope="session")
def web_runtime():
    """The files of ONNX Runtime for browsers by name. Skips where they can't be had, but not in CI,
    where a wrong pinned hash would else skip too."""
    from ganzoo.exporters.web import runtime

    try:
        return runtime.load()
    except ValueError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def ganzoo_in(monkeypatch, capsys):
    """Runs a command line in a folder; returns (exit code, standard output, standard error)."""

    from ganzoo import cli

    def run(folder, line):
        monkeypatch.chdir(folder)
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return run
