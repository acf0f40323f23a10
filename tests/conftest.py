"""Two logical CPU devices, so that every test can run two replicas, and what many tests use."""

import gc
import logging
import os
import re
import shlex
import sys

import pytest

os.environ.pop("COLUMNS", None)  # of pytest-xdist or a shell: tables would be cut to it
# NumPy's threads wait busily for the small matrices of the metrics, and take the cores from others.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
# Traced graphs are many small objects, and looking for garbage after each 700 takes 7% of the time.
gc.set_threshold(50_000, 20, 20)
pytest.register_assert_rewrite("cases", "keras_files")
VERDICT = pytest.StashKey[int]()


def pytest_configure(config):
    """Two logical devices; not in the process of pytest-xdist that only deals out the tests."""
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        import tensorflow as tf

        cpu, two = (
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * 2,
        )
        tf.config.set_logical_device_configuration(cpu, two)


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


@pytest.fixture(autouse=True)
def global_seed():
    """Restores Keras's seed, which GANs take that are given none. Keras can't unset it."""
    from tensorflow.python.eager import context

    before = context.context()._seed
    yield
    context.context()._seed = before


@pytest.fixture(scope="session")
def judges(tmp_path_factory):
    """A cache folder for judges, which take seconds to train: of all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"


@pytest.fixture(scope="module")
def cached_judges(judges):
    """Judges are taken from that folder, and kept there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANZOO_CACHE", str(judges))
        yield


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


class Requests(logging.Handler):
    """What an S3 server was asked, as (method, key)."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def emit(self, record):
        found = re.search(r"(GET|PUT|POST|HEAD|DELETE) /bucket/([^ ?]*)", record.getMessage())
        if found:
            self.seen.append(found.groups())

    def read(self):
        """The keys of the objects that were read."""
        return {key for method, key in self.seen if method == "GET" and key}


@pytest.fixture(scope="session")
def s3_server():
    import s3fs
    from moto.server import ThreadedMotoServer

    requests, log = Requests(), logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)
    log.handlers, log.propagate = [requests], False
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    port = server.get_host_and_port()[1]
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    where = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (keys | where).items():
            patch.setenv(name, value)
        s3fs.S3FileSystem().mkdir("bucket")
        yield requests
    server.stop()


@pytest.fixture
def s3(s3_server):
    """The requests to a local S3 server with an empty bucket, s3://bucket."""
    import s3fs

    files = s3fs.S3FileSystem(use_listings_cache=False)
    for key in files.find("bucket"):
        files.rm(key)
    s3_server.seen.clear()
    return s3_server


@pytest.fixture
def ganzoo_in(monkeypatch, capsys):
    """Runs a command line in a folder; returns (exit code, standard output, standard error)."""

    from ganzoo import cli

    def run(folder, line):
        monkeypatch.chdir(folder)
        code = cli.main(shlex.split(line))
        return code, *capsys.readouterr()

    return run
