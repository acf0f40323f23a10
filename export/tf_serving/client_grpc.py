"""Asks TF Serving for pictures over gRPC, whose answers are binary and several times smaller.

pip install --no-deps tensorflow-serving-api grpcio     (TensorFlow itself is needed too)
python client_grpc.py lsgan --count 16 --out samples.npy
"""

import argparse

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def request(model, inputs, signature="serving_default", version=None):
    """A PredictRequest; `inputs` are arrays by name, of the very dtypes of the signature."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = model
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    for name, value in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return message


def parse(response):
    """The arrays by name of a PredictResponse."""
    return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}


def call(target, message, timeout=60):
    """Sends a request to "host:port" and returns `parse` of the answer."""
    unlimited = [("grpc.max_receive_message_length", -1)]  # pictures pass gRPC's 4 MB soon
    with grpc.insecure_channel(target, unlimited) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return parse(stub.Predict(message, timeout=timeout))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="the name in models.config")
    parser.add_argument("--target", default="localhost:8500")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="samples.npy")
    chosen = parser.parse_args(arguments)
    inputs = {"count": np.int32(chosen.count), "seed": np.int64(chosen.seed)}
    (samples,) = call(chosen.target, request(chosen.model, inputs, "sample")).values()
    np.save(chosen.out, samples)
    print(f"{samples.dtype} {samples.shape} in {chosen.out}")


if __name__ == "__main__":
    main()
