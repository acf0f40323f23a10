"""Checkpoints and saved GANs on object storage: whole or not there, and training goes on."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from test_checkpoints import X, assert_same, make
from test_strategies import checkpointed, kill_trainer, said, start_cluster

import ganzoo
from ganzoo import data
from ganzoo.foundation import files
from ganzoo.training import runs

ADDRESS = "s3://bucket/c"


def names(address=ADDRESS):
    return sorted(path.name for path in files.at(address).iterdir())


def test_training_goes_on_from_object_storage(s3):
    undisturbed = make()
    undisturbed.fit(X, epochs=5, verbose=0)
    make().fit(X, epochs=2, verbose=0, checkpoint=ADDRESS)
    assert names() == ["step_00000005.keras", "step_00000010.keras"]
    gan = make()
    history = gan.fit(X, epochs=5, verbose=0, checkpoint=ADDRESS)
    assert history.epoch == [2, 3, 4]
    assert names() == [f"step_000000{step}.keras" for step in (15, 20, 25)]
    assert_same(gan, undisturbed)
    newest = files.at(ADDRESS) / "step_00000025.keras"
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"s3://bucket/c/step_00000025\.keras is damaged"):
        make().fit(X, epochs=5, verbose=0, checkpoint=ADDRESS)


def test_a_gan_is_saved_and_loaded_at_an_address(s3):
    gan = make()
    gan.fit(X, verbose=0)
    gan.save("s3://bucket/gan.keras")
    assert_same(ganzoo.load("s3://bucket/gan.keras"), gan)
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        gan.save("s3://bucket/gan.keras", overwrite=False)
    with pytest.raises(FileNotFoundError, match="no saved GAN at s3://bucket/none"):
        ganzoo.load("s3://bucket/none.keras")
    (files.at("s3://bucket") / "bad.keras").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"s3://bucket/bad\.keras is no saved GAN"):
        ganzoo.load("s3://bucket/bad.keras")


def test_an_address_that_cannot_be_written_is_refused_before_the_first_step(s3, monkeypatch):
    def denied(*_):
        raise PermissionError("Access Denied")

    gan = make()
    monkeypatch.setattr(files.at(ADDRESS).fs, "put_file", denied)
    with pytest.raises(OSError, match="s3://bucket/c/writable was not written: Access Denied"):
        gan.fit(X, verbose=0, checkpoint=ADDRESS)
    assert gan.step == 0


# ---- kill -9 while an object is on its way


class Cut:
    """A proxy to the S3 server. When half of the object whose key ends in `key` has passed, it
    kills the client and passes on nothing more."""

    def __init__(self, key):
        self.key, self.client, self.halfway = key.encode(), None, threading.Event()
        there = urlparse(os.environ["AWS_ENDPOINT_URL"])
        self.there = there.hostname, there.port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            here, _ = self.listening.accept()
            there = socket.create_connection(self.there)
            threading.Thread(target=self.up, args=(here, there), daemon=True).start()
            threading.Thread(target=self.down, args=(there, here), daemon=True).start()

    def up(self, here, there):
        passed = None
        while block := here.recv(4096):
            if passed is None and b"PUT " in block and self.key in block.partition(b"\r\n")[0]:
                passed = 0
            there.sendall(block)
            if passed is not None:
                passed += len(block)
                if passed > 40_000:  # of 84,000
                    self.client.send_signal(signal.SIGKILL)
                    self.halfway.set()
                    there.close()
                    return
        there.close()

    def down(self, there, here):
        try:
            while block := there.recv(65536):
                here.sendall(block)
        except OSError:
            pass


TRAIN = """
import sys
sys.path.insert(0, sys.argv[1])
from test_checkpoints import X, make
make().fit(X, epochs=5, verbose=0, checkpoint=sys.argv[2])
"""


def test_kill_9_in_the_middle_of_an_upload(s3):
    cut = Cut("step_00000015.keras")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    quiet |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{cut.port}"}
    here = os.path.dirname(__file__)
    cut.client = subprocess.Popen(
        [sys.executable, "-c", TRAIN, here, ADDRESS], env=os.environ | quiet
    )
    assert cut.client.wait(timeout=300) == -signal.SIGKILL and cut.halfway.is_set()
    assert names() == ["step_00000005.keras", "step_00000010.keras"]
    gan, whole = make(), make()
    assert gan.fit(X, epochs=5, verbose=0, checkpoint=ADDRESS).epoch == [2, 3, 4]
    whole.fit(X, epochs=5, verbose=0)
    assert_same(gan, whole)


# ---- runs


@pytest.mark.slow
def test_a_run_with_its_checkpoints_elsewhere_outlives_its_folder(s3, tmp_path, ganzoo_in):
    line = "train gan --data ring --batch-size 32 --no-export --metric none --checkpoints s3://bucket/r"
    assert ganzoo_in(tmp_path, f"{line} --steps 20 --out one")[0] == 0
    assert not (tmp_path / "one" / "checkpoints").exists() and "step_00000020.keras" in names(
        "s3://bucket/r"
    )
    assert runs.Run.at(tmp_path / "one").checkpoints.newest.name == "step_00000020.keras"
    assert ganzoo_in(tmp_path, f"{line} --steps 40 --out two")[0] == 0
    assert ganzoo.load(tmp_path / "two" / "model.keras").step == 40
    rows = runs.Run.at(tmp_path / "two").history
    assert len(rows) < len(runs.Run.at(tmp_path / "one").history) + 40
    assert ganzoo_in(tmp_path, f"{line} --steps 60 --out two")[0] == 0  # in the same folder
    assert ganzoo.load(tmp_path / "two" / "model.keras").step == 60
    code, _, err = ganzoo_in(tmp_path, "train --resume two --checkpoints s3://bucket/r")
    assert code == 2 and "leave out everything" in err


@pytest.mark.slow
def test_workers_without_a_shared_folder_train_from_shards_and_outlive_a_kill(s3, tmp_path):
    data.write_shards(data.load("digits").take(1792), "s3://bucket/digits", shards=8)
    words = ("lsgan", "width=8", "--data", "shards:s3://bucket/digits", "--steps", "140")
    words += ("--no-export", "--metric", "none", "--checkpoints")
    quiet = [tmp_path / "quiet-0", tmp_path / "quiet-1"]
    said(start_cluster(quiet, *words, "s3://bucket/quiet"))
    folders = [tmp_path / "0", tmp_path / "1"]
    cluster = start_cluster(folders, *words, "s3://bucket/disturbed")
    for victim, step in ((1, 28), (0, 84)):
        while checkpointed(files.at("s3://bucket/disturbed")) < step:
            ended = [process for process in cluster if process.poll() is not None]
            assert not ended, [process.communicate()[0][-2000:] for process in ended]
        kill_trainer(cluster[victim])
    words = said(cluster)
    assert "another worker is gone" in words[0] + words[1]
    one, other = (ganzoo.load(Path(f) / "model.keras") for f in (quiet[0], folders[0]))
    assert one.step == other.step == 140
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
