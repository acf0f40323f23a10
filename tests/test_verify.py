"""An export can be checked again anywhere: any byte that changed is found, and so is a model that
answers otherwise than it was certified to."""

import hashlib
import json
import shutil
import zipfile

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from fake_gan import FakeGAN
from onnx import numpy_helper

from ganzoo import cli, exporters
from ganzoo.exporters import certificate

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """One export in each format that needs no npm."""
    gan = FakeGAN((8, 6, 3), labels=True)
    home = tmp_path_factory.mktemp("exports")
    names = exporters.FORMATS.keys() - {"web"}
    return {name: exporters.export(gan, home / name, name) for name in names}


@pytest.fixture(params=list(exporters.FORMATS))
def folder(request, originals, tmp_path):
    """A copy elsewhere."""
    if request.param == "web" and "web" not in originals:
        request.getfixturevalue("web_runtime")
        home = originals["onnx"].parents[1]
        gan = FakeGAN((8, 6, 3), labels=True)
        originals["web"] = exporters.export(gan, home / "web", "web")
    return shutil.copytree(originals[request.param], tmp_path / "copy" / "1")


@pytest.fixture
def model(originals, tmp_path):
    return shutil.copytree(originals["onnx"], tmp_path / "copy" / "1")


def sign(folder, **changes):
    """Makes the hashes of a changed export consistent again, as a forger would."""
    file = folder / certificate.FILE
    stated = json.loads(file.read_text()) | changes
    stated["files"] = dict.fromkeys(stated["files"])
    for name in stated["files"]:
        content = (folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        stated["files"][name] = {"bytes": len(content), "sha256": digest}
    del stated["sha256"]
    text = json.dumps(stated, indent=2) + "\n"
    stated["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(json.dumps(stated, indent=2) + "\n")


def test_an_untouched_export_is_verified_elsewhere(folder):
    (verified,) = exporters.verify(folder).values()
    stated = json.loads((folder / certificate.FILE).read_text())
    assert verified == stated | {"verified": verified["verified"]}
    assert verified["verified"].keys() == stated["signatures"].keys()
    for name, measured in verified["verified"].items():
        assert measured["largest_difference"] <= stated["signatures"][name]["tolerance"]


def test_one_flipped_byte_is_found_in_every_file(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {certificate.FILE, certificate.RECORD} < {path.name for path in files}
    for file in files:
        content = file.read_bytes()
        every = len(content) < 5000 and file.name == certificate.FILE
        places = range(0, len(content), 7) if every else rng.integers(0, len(content), 6)
        for place in {0, len(content) - 1, *map(int, places)}:
            damaged = bytearray(content)
            damaged[place] ^= 1 << int(rng.integers(8))
            file.write_bytes(damaged)
            with pytest.raises(exporters.ExportError, match=file.name.replace(".", r"\.")):
                exporters.verify(folder)
        file.write_bytes(content)
    exporters.verify(folder)


def test_what_is_missing_added_cut_off_or_linked_is_named(model, tmp_path):
    file = model / "model.onnx"
    content = file.read_bytes()
    for change, message in [
        (file.unlink, "model.onnx is missing"),
        (lambda: file.write_bytes(content[: len(content) // 2]), "model.onnx was altered"),
        (lambda: file.write_bytes(b""), "model.onnx was altered"),
        (lambda: (model / "more.bin").touch(), "more.bin is not in its certificate"),
        (lambda: (model / "link").symlink_to(tmp_path), "link is not in its certificate"),
        (lambda: (file.unlink(), file.symlink_to(tmp_path / "else")), "not a plain file"),
        (lambda: (model / certificate.FILE).unlink(), "certificate.json is missing"),
    ]:
        (tmp_path / "else").write_bytes(content)
        kept = shutil.copytree(model, tmp_path / "kept")
        change()
        with pytest.raises(exporters.ExportError, match=message):
            exporters.verify(model)
        shutil.rmtree(model)
        shutil.move(kept, model)
    exporters.verify(model)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff", b"[]", b"{}", b'{"sha256": 1, "files": 3}', b"[" * 100_000, b" " * 2**21],
    ids=["empty", "binary", "list", "object", "types", "deep", "long"],
)
def test_a_certificate_that_is_none(model, content):
    (model / certificate.FILE).write_bytes(content)
    with pytest.raises(exporters.ExportError, match="is not a certificate, or is damaged"):
        exporters.verify(model)


def test_consistent_hashes_do_not_hide_other_answers(model):
    file = model / "model.onnx"
    network = onnx.load(file)
    weights = max(network.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.01, weights.name))
    onnx.save(network, file)
    sign(model)
    with pytest.raises(exporters.ExportError, match=r"'serving_default' differs from Keras by 0\."):
        exporters.verify(model)


def test_consistent_hashes_do_not_hide_other_names_or_formats(model):
    stated = json.loads((model / certificate.FILE).read_text())["signatures"]
    renamed = json.loads(json.dumps(stated).replace('"label"', '"category"'))
    for changes, message in [
        ({"signatures": renamed}, "the inputs of 'serving_default' are not the certified ones"),
        ({"signatures": {"png": stated["serving_default"]}}, "has the signatures serving_default"),
        ({"format": "tf_saved_model"}, "does not have the format"),
        (
            {"format": "onnx", "signatures": {"serving_default": {}}},
            "not the record of this export",
        ),
    ]:
        sign(model, **changes)
        with pytest.raises(exporters.ExportError, match=message):
            exporters.verify(model)


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/../../secret", "..\\secret"])
def test_nothing_outside_the_export_is_read(model, tmp_path, name):
    (tmp_path / "copy" / "secret").write_text("mine")
    stated = json.loads((model / certificate.FILE).read_text())
    stated["files"][name] = {"bytes": 4, "sha256": hashlib.sha256(b"mine").hexdigest()}
    del stated["sha256"]
    digest = hashlib.sha256((json.dumps(stated, indent=2) + "\n").encode()).hexdigest()
    text = json.dumps(stated | {"sha256": digest}, indent=2) + "\n"
    (model / certificate.FILE).write_text(text)
    with pytest.raises(exporters.ExportError, match="outside the export"):
        exporters.verify(model)


def test_a_record_that_would_fill_the_memory_or_run_code_is_refused(model):
    file = model / certificate.RECORD
    record = dict(np.load(file))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:  # 100 MB in 100 kB
        archive.writestr("1/output.npy", bytes(10**8))
    sign(model)
    with pytest.raises(exporters.ExportError, match="not the record of this export"):
        exporters.verify(model)
    np.savez(file, **record | {"1/output": np.array([print], dtype=object)})
    sign(model)
    with pytest.raises(exporters.ExportError, match="not the record of this export"):
        exporters.verify(model)
    with zipfile.ZipFile(file, "w") as archive:  # a header that promises 4 TB
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
        with archive.open("1/output.npy", "w") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
    sign(model)
    with pytest.raises(exporters.ExportError, match="not the record of this export"):
        exporters.verify(model)


def test_a_saved_model_that_touches_files_is_not_run(tmp_path):
    gan = FakeGAN()
    folder = exporters.export(gan, tmp_path / "fake")
    secret, written = tmp_path / "secret", tmp_path / "written"
    secret.write_text("mine")

    def reading(latent):
        secrets = tf.strings.length(tf.io.read_file(str(secret)))
        return {"image": gan.serve({"latent": latent}) + tf.cast(0 * secrets, tf.float32)}

    def writing(latent):
        tf.io.write_file(str(written), "x")
        return {"image": gan.serve({"latent": latent})}

    def saving(latent):
        tf.raw_ops.SaveV2(
            prefix=str(written), tensor_names=["x"], shape_and_slices=[""], tensors=[latent]
        )
        return {"image": gan.serve({"latent": latent})}

    (stated,) = exporters.verify(folder).values()
    for function, operation in ((reading, "ReadFile"), (writing, "WriteFile"), (saving, "SaveV2")):
        archive = keras.export.ExportArchive()
        archive.add_endpoint("serving_default", function, [tf.TensorSpec([None, 5], name="latent")])
        other = tmp_path / operation / "1"
        archive.write_out(str(other), verbose=False)
        for name in (certificate.FILE, certificate.RECORD):
            shutil.copy(folder / name, other)
        files = {p.relative_to(other).as_posix(): {} for p in other.rglob("*") if p.is_file()}
        signatures = {"serving_default": stated["signatures"]["serving_default"]}
        sign(other, signatures=signatures, files=files.keys() - {certificate.FILE})
        with pytest.raises(exporters.ExportError, match=f"uses the operation {operation}"):
            exporters.verify(other)
    assert not list(tmp_path.glob("written*"))


def test_a_model_that_is_none_gets_one_sentence(model):
    (model / "model.onnx").write_bytes(b"not an ONNX file")
    sign(model)
    with pytest.raises(exporters.ExportError, match="can't be run here") as raised:
        exporters.verify(model)
    assert "\n" not in str(raised.value)


def test_all_versions_of_a_model_and_no_other_place(model, capsys, monkeypatch):
    monkeypatch.chdir(model.parents[1])
    shutil.copytree(model, model.parent / "10")
    (model.parent / "models.config").touch()  # what stands beside versions is not theirs
    assert [path.name for path in exporters.verify(model.parent)] == ["1", "10"]
    assert cli.main(["verify", str(model.parent)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(
        "2 files as certified, differs from Keras by" in x for x in lines
    )
    (model / "model.onnx").write_bytes(b"")
    assert cli.main(["verify", str(model.parent)]) == 1
    assert "model.onnx was altered" in capsys.readouterr().err
    for wrong in (model.parents[1] / "nowhere", model.parents[1]):
        assert cli.main(["verify", str(wrong)]) == 2
        assert "name a folder that was exported" in capsys.readouterr().err


# A single file


@pytest.fixture
def single(tmp_path):
    return exporters.export(FakeGAN((8, 6, 3), labels=True), tmp_path / "g.onnx", "onnx")


def test_a_single_file_is_verified_alone(single, tmp_path, capsys, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    single = shutil.move(single, elsewhere / "other.onnx")
    monkeypatch.chdir(elsewhere)
    ((file, stated),) = exporters.verify(single).items()
    measured = stated["verified"]["serving_default"]["largest_difference"]
    assert file == single and stated["model"] == "fake" and stated["format"] == "onnx"
    assert 0 <= measured <= stated["tolerance"]
    onnx.checker.check_model(single, full_check=True)
    assert cli.main(["verify", "other.onnx"]) == 0
    line = "other.onnx: fake, onnx, its hash as certified, differs from Keras by"
    assert capsys.readouterr().out.startswith(line)
    assert [path.name for path in elsewhere.iterdir()] == ["other.onnx"]


def test_one_flipped_byte_of_a_single_file_is_found(single):
    content = single.read_bytes()
    for place in {0, 1, len(content) - 1, *map(int, rng.integers(0, len(content), 40))}:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        single.write_bytes(damaged)
        with pytest.raises((exporters.ExportError, ValueError), match=r"g\.onnx"):
            exporters.verify(single)
    for wrong in (content[:-1], content[: len(content) // 2], content + b"\0", content * 2):
        single.write_bytes(wrong)
        with pytest.raises(exporters.ExportError, match=r"g\.onnx"):
            exporters.verify(single)


def test_a_single_file_with_other_weights_or_without_a_certificate_is_refused(single):
    network = onnx.load(single)
    weights = max(network.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.01, weights.name))
    onnx.save(network, single)
    with pytest.raises(exporters.ExportError, match=r"g\.onnx: its model\.onnx was altered"):
        exporters.verify(single)
    (parity,) = (x for x in network.metadata_props if x.key == "ganzoo_parity")
    parity.value = "no Base64"
    onnx.save(network, single)
    with pytest.raises(exporters.ExportError, match="ganzoo_parity is damaged"):
        exporters.verify(single)
    del network.metadata_props[:]
    onnx.save(network, single)
    with pytest.raises(ValueError, match=r"g\.onnx has no certificate: verify a model that ganzoo"):
        exporters.verify(single)
    single.write_bytes(b"not an ONNX file")
    with pytest.raises(exporters.ExportError, match="is not an ONNX model, or is damaged"):
        exporters.verify(single)


def test_consistent_hashes_of_a_single_file_do_not_hide_other_answers(single, tmp_path):
    from ganzoo.exporters import onnx as onnx_exporter

    folder = tmp_path / "unpacked"
    folder.mkdir()
    onnx_exporter.extract(single, folder)
    network = onnx.load(folder / "model.onnx")
    weights = max(network.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 1.01, weights.name))
    onnx.save(network, folder / "model.onnx")
    sign(folder, files=["model.onnx", certificate.RECORD])
    onnx_exporter.embed(folder, single)
    with pytest.raises(
        exporters.ExportError, match=r"g\.onnx: the model: 'serving_default' differs"
    ):
        exporters.verify(single)


# Reduced precision


@pytest.mark.parametrize("precision", ["int8", "float16"])
def test_reduced_precision_is_certified_by_its_psnr(tmp_path, precision):
    gan = FakeGAN((8, 6, 3))
    written = exporters.export(gan, tmp_path / "fake", "onnx", precision=precision)
    (verified,) = exporters.verify(written).values()
    assert verified["precision"] == precision and "tolerance" not in verified
    assert verified["psnr"] == verified["verified"]["serving_default"]["psnr"] > 40
    asked = np.load(written / certificate.RECORD)
    answers, errors = asked["8/output"], []
    from ganzoo.exporters import onnx as onnx_exporter

    with onnx_exporter.opened(written) as (_, run):
        for rows in (1, 8):
            got = run("serving_default", {"latent": asked[f"{rows}/inputs/latent"]})
            assert got.dtype == np.float32
            errors.append(np.square(got - asked[f"{rows}/output"]).ravel())
    assert np.isclose(verified["psnr"], 10 * np.log10(4 / np.concatenate(errors).mean()), atol=0.02)
    assert answers.shape == (8, 8, 6, 3)


def test_what_is_too_far_from_keras_is_refused_with_the_measurement(tmp_path):
    gan = FakeGAN((8, 6, 3))
    exporters.export(gan, tmp_path / "fake", "onnx")
    before = sorted(tmp_path.rglob("*"))
    message = r"is \d\d\.\d dB from Keras \(largest difference 0\.0\d+\), and at least 90 dB were"
    with pytest.raises(exporters.ExportError, match=message):
        exporters.export(gan, tmp_path / "fake", "onnx", precision="int8", least_psnr=90)
    assert sorted(tmp_path.rglob("*")) == before


def test_psnr_by_hand():
    assert certificate.psnr(np.array([4.0, 0.0]), None, "image") == pytest.approx(3.0103, abs=1e-4)
    assert certificate.psnr(np.full(3, 0.01), np.array([0.0, 10.0]), "vector") == pytest.approx(40)
    found = certificate.psnr(np.array([4.0, 0.0]), np.array([0.0, 10.0]), "target")  # of pix2pix
    assert found == pytest.approx(3.0103, abs=1e-4)
    assert certificate.psnr(np.zeros(3), None, "image") == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"precision": "int4"}, "unknown precision 'int4': the nearest is 'int8'"),
        ({"precision": "int8", "format": "openvino"}, "for the formats 'onnx' and 'web'"),
        ({"precision": "float16", "least_psnr": "high"}, "least_psnr must be a number"),
    ],
)
def test_impossible_precisions_get_the_mend(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        exporters.export(FakeGAN(), tmp_path / "fake", **{"format": "onnx"} | arguments)
    assert not list(tmp_path.iterdir())
