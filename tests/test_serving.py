"""SavedModels run where users run them: TF Serving's own loader, its files and its messages."""

import base64
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from client_pages import PAGES, page
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from served import SHAPES, asked_and_expected, run, trained
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from ganzoo.exporters import saved_model

LOADER = Path(__file__).with_name("tf_serving_loader.py")
CALLERS = 8


@pytest.fixture(scope="module", params=SHAPES)
def served(request, tmp_path_factory):
    """A GAN of the zoo after one step, and the folder of versions of its SavedModel."""
    gan = trained(request.param)
    path = tmp_path_factory.mktemp("serving") / request.param
    gan.export(path)
    return gan, path


# TF Serving's loader


def load(folder, requests, tmp_path):
    """Answers of a process without TensorFlow's Python to arrays by "CALLER/SIGNATURE/INPUT"."""
    np.savez(tmp_path / "requests.npz", **requests)
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # Keras answers on the CPU
    files = (tmp_path / "requests.npz", tmp_path / "answers.npz")
    run(sys.executable, LOADER, folder, *files, env=environment)
    return np.load(tmp_path / "answers.npz")


@pytest.mark.skipif(sys.platform != "linux", reason="the loader knows the libraries' Linux names")
def test_eight_callers_at_once_get_what_keras_says(served, tmp_path):
    gan, path = served
    asked = {
        str(caller): asked_and_expected(gan, rows=1 + caller, seed=caller)
        for caller in range(CALLERS)
    }
    requests = {
        f"{caller}/{signature}/{name}": array
        for caller, signatures in asked.items()
        for signature, (inputs, _) in signatures.items()
        for name, array in inputs.items()
    }
    answers = load(path / "1", requests, tmp_path)
    outputs = {"serving_default": gan.output_name, "sample": gan.output_name}
    outputs |= {"png": "image_bytes", "encode": "latent"}
    assert len(answers) == CALLERS * len(asked["0"])
    for caller, signatures in asked.items():
        for signature, (_, expected) in signatures.items():
            answer = answers[f"{caller}/{signature}/{outputs[signature]}"]
            if signature == "png":
                answer = np.stack([tf.io.decode_png(picture) for picture in answer])
            tolerance = 0.51 if signature == "png" else 1e-5
            assert answer.shape == expected.shape
            np.testing.assert_allclose(answer, expected, 1e-5, tolerance, err_msg=signature)


@pytest.mark.skipif(sys.platform != "linux", reason="the loader knows the libraries' Linux names")
def test_the_loader_refuses_what_only_python_loads(tmp_path):
    module = tf.Module()
    module.model = trained("gan").generator
    spec = tf.TensorSpec([None, 6], name="latent")
    serve = tf.function(lambda latent: {"vector": module.model(latent)}, input_signature=[spec])
    tf.saved_model.save(module, tmp_path / "fake", signatures=serve)
    latent = np.zeros([1, 6], np.float32)
    loaded = tf.saved_model.load(tmp_path / "fake")
    assert loaded.signatures["serving_default"](latent=tf.constant(latent))["vector"].shape == (
        1,
        2,
    )
    with pytest.raises(AssertionError, match="Could not find variable"):
        load(tmp_path / "fake", {"0/serving_default/latent": latent}, tmp_path)


# TF Serving's files


def batching_parameters(text):
    """Parsed as tensorflow.serving.BatchingParameters, which no Python package brings."""
    numbers = {
        "max_batch_size": 1,
        "batch_timeout_micros": 2,
        "max_enqueued_batches": 3,
        "num_batch_threads": 4,
        "enable_large_batch_splitting": 8,
        "max_execution_batch_size": 9,
    }
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    for name, number in numbers.items():
        kind = "BoolValue" if name.startswith("enable") else "Int64Value"
        message.field.add(
            name=name, number=number, label=1, type=11, type_name=f".google.protobuf.{kind}"
        )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    described = pool.FindMessageTypeByName("BatchingParameters")
    parsed = text_format.Parse(text, message_factory.GetMessageClass(described)())
    return {field.name: value.value for field, value in parsed.ListFields()}


def test_the_files_beside_the_versions_are_what_the_server_parses(served):
    gan, path = served
    config = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((path / "models.config").read_text(), config)
    (model,) = config.model_config_list.config
    name = gan.registry_name
    assert (model.name, model.base_path) == (name, f"/models/{name}")
    assert model.model_platform == "tensorflow"
    text = (path / "batching.config").read_text()
    batching = batching_parameters(text)
    assert batching["enable_large_batch_splitting"]
    assert batching["max_execution_batch_size"] <= batching["max_batch_size"]
    parts = batching["max_batch_size"] / batching["max_execution_batch_size"]
    assert parts <= batching["max_enqueued_batches"]  # or the largest request is always refused
    assert batching["batch_timeout_micros"] == 0


def test_what_users_wrote_beside_the_versions_stays(served):
    gan, path = served
    mine = "# mine\n" + (path / "models.config").read_text()
    (path / "models.config").write_text(mine)
    gan.export(path)
    assert (path / "models.config").read_text() == mine


def refusal_of_batching(inputs):
    """Why a TF Serving that batches refuses these arrays, or None: it stacks them by rows."""
    if not all(array.ndim for array in inputs.values()):
        return "inputs without a batch"
    if len({len(array) for array in inputs.values()}) != 1:
        return "inputs of different batches"
    return None


def test_a_server_that_batches_loads_every_version(served):
    """It runs the warm-up requests through the batching too, and drops a version that fails one."""
    gan, path = served
    file = path / "1" / "assets.extra" / "tf_serving_warmup_requests"
    warm = set()
    with saved_model.opened(path / "1") as (signatures, answer):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            assert refusal_of_batching(inputs) is None
            signature = request.model_spec.signature_name
            rows = {len(array) for array in inputs.values()}
            assert rows == {len(answer(signature, inputs))}  # they are dealt out by rows again
            warm.add(signature)
        assert warm == signatures.keys() - {"sample"}
    sample, _ = asked_and_expected(gan, 2, 0)["sample"]
    assert refusal_of_batching(sample) == "inputs without a batch"


# TF Serving's messages


def as_the_server_writes(array):
    """JSON's values as TF Serving has them: the shortest decimal of a float32, bytes in base64."""
    if array.dtype.kind in "OS":
        return [{"b64": base64.b64encode(value).decode()} for value in array]
    return [
        as_the_server_writes(value) if value.ndim else float(str(np.float32(value)))
        for value in array
    ]


def test_every_signature_through_the_messages_of_both_interfaces(served):
    gan, path = served
    grpc = page(PAGES / "tf_serving" / "client_grpc.py")
    rest = page(PAGES / "tf_serving" / "client_rest.py")
    asked = asked_and_expected(gan, rows=3, seed=5)
    with saved_model.opened(path / "1") as (signatures, answer):
        assert signatures.keys() == asked.keys()
        for signature, (inputs, _) in asked.items():
            dtypes = {n: t["dtype"] for n, t in signatures[signature]["inputs"].items()}
            (name,) = signatures[signature]["outputs"]
            expected = answer(signature, inputs)

            sent = grpc.request(gan.registry_name, inputs, signature, version=1)
            sent = predict_pb2.PredictRequest.FromString(sent.SerializeToString())
            spec = sent.model_spec
            assert (spec.name, spec.version.value) == (gan.registry_name, 1)
            assert spec.signature_name == signature
            received = {name: tf.make_ndarray(value) for name, value in sent.inputs.items()}
            assert {name: array.dtype.name for name, array in received.items()} == dtypes
            response = predict_pb2.PredictResponse()
            response.outputs[name].CopyFrom(tf.make_tensor_proto(answer(signature, received)))
            response = predict_pb2.PredictResponse.FromString(response.SerializeToString())
            np.testing.assert_array_equal(grpc.parse(response)[name], expected)

            lists = {name: array.tolist() for name, array in inputs.items()}
            rows = (False,) if signature == "sample" else (False, True)
            for by_rows in rows:
                sent = rest.request("http://host", "gan", lists, signature, by_rows, version=1)
                assert sent.full_url == "http://host/v1/models/gan/versions/1:predict"
                body = json.loads(sent.data)
                assert body.pop("signature_name") == signature
                ((key, columns),) = body.items()
                if by_rows:
                    columns = {name: [row[name] for row in columns] for name in dtypes}
                received = {n: np.asarray(column, dtypes[n]) for n, column in columns.items()}
                result = as_the_server_writes(answer(signature, received))
                key = {"inputs": "outputs", "instances": "predictions"}[key]
                parsed = rest.parse(json.dumps({key: result}, indent=4))
                parsed = np.asarray(parsed, None if signature == "png" else np.float32)
                np.testing.assert_array_equal(parsed, expected)  # no digit is lost in the JSON
