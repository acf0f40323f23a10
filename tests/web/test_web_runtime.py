"""ONNX Runtime for browsers comes from npm once and is checked, or from a folder that is named."""

import os
import shutil
import stat
import tarfile

import numpy as np
import pytest

import ganzoo
from ganzoo import exporters
from ganzoo.exporters.web import runtime


@pytest.fixture
def contents(web_runtime):
    """The pinned files, from npm or the cache of this machine."""
    return web_runtime


@pytest.fixture
def folder(contents, tmp_path):
    """An unpacked package."""
    (tmp_path / "package" / "dist").mkdir(parents=True)
    for name, content in contents.items():
        (tmp_path / "package" / "dist" / name).write_bytes(content)
    return tmp_path / "package"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def gan():
    gan = ganzoo.get("gan", width=8, latent_dim=4)
    gan.build_for({"image": ganzoo.data.Field((8, 8, 1), "float32")})
    return gan


def npm(tmp_path, monkeypatch, script):
    """Puts a program of that name first on an otherwise bare PATH."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


def refused(gan, tmp_path, message, **options):
    with pytest.raises(ValueError, match=message) as raised:
        exporters.export(gan, tmp_path / "page", "web", **options)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "page").exists()


def test_the_cache_is_filled_once_and_needs_no_npm_afterwards(cache, contents, monkeypatch):
    assert runtime.load() == contents
    stored = cache / f"onnxruntime-web-{runtime.VERSION}"
    assert set(os.listdir(stored)) == set(runtime.FILES)
    monkeypatch.setenv("PATH", "")
    assert runtime.load() == contents


def test_a_damaged_cache_is_filled_again(cache, contents, gan, tmp_path, monkeypatch):
    file = cache / f"onnxruntime-web-{runtime.VERSION}" / "ort.wasm.min.mjs"
    file.parent.mkdir(parents=True)
    for name, content in contents.items():
        (file.parent / name).write_bytes(content)
    assert runtime.load() == contents
    file.write_bytes(b"damaged")
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", "")
    refused(gan, tmp_path, "npm, which would fetch it, is not installed")
    monkeypatch.setenv("PATH", path)
    assert runtime.load() == contents and file.read_bytes() == contents[file.name]


def test_without_npm_the_sentence_says_how_to_go_on(cache, gan, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    refused(gan, tmp_path, r"npm.* is not installed: .*runtime=FOLDER \(--runtime FOLDER")
    assert not cache.exists()


def test_without_a_network_the_sentence_names_the_error(cache, gan, tmp_path, monkeypatch):
    npm(tmp_path, monkeypatch, "echo npm error code ENOTFOUND >&2; exit 1")
    refused(gan, tmp_path, r"npm failed \(ENOTFOUND\): run the export once where")
    assert not cache.exists()


def test_another_archive_is_discarded(cache, folder, gan, tmp_path, monkeypatch):
    """It holds the right files, but is not the archive that was published."""
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as archive:
        archive.add(folder, "package")
    npm(tmp_path, monkeypatch, f'cp "{tmp_path}/other.tgz" .')
    refused(gan, tmp_path, "does not have the SHA-512")
    assert not cache.exists()


@pytest.mark.parametrize("part", ["", "dist"])
def test_a_folder_can_be_named(folder, cache, gan, tmp_path, monkeypatch, part):
    monkeypatch.setenv("PATH", "")
    written = gan.export(tmp_path / "page", format="web", runtime=folder / part)
    assert set(runtime.FILES) < set(os.listdir(written))
    assert not cache.exists()
    latents = {"latent": np.ones([2, 4], np.float32)}
    with exporters.onnx.opened(written) as (_, run):
        assert run("serving_default", latents).shape == (2, 8, 8, 1)


def test_a_folder_without_the_pinned_files_is_refused(folder, gan, tmp_path):
    file = folder / "dist" / "ort-wasm-simd-threaded.mjs"
    file.write_bytes(file.read_bytes() + b" ")
    refused(gan, tmp_path, r"threaded\.mjs is not the file of onnxruntime-web 1", runtime=folder)
    file.unlink()
    refused(gan, tmp_path, r"threaded\.mjs is missing from onnxruntime-web", runtime=folder)
    shutil.rmtree(folder)
    refused(gan, tmp_path, "is missing from", runtime=folder)
    refused(gan, tmp_path, "runtime=3 is not a path", runtime=3)
    with pytest.raises(ValueError, match="runtime is for the format 'web'"):
        exporters.export(gan, tmp_path / "page", "onnx", runtime=folder)
