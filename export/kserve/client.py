"""Asks a KServe v2 server, such as MLServer or Triton, for samples over HTTP.

pip install numpy
python client.py serving/lsgan/1/certificate.json --count 16 --out samples.npy
"""

import argparse
import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

DATATYPES = {"float32": "FP32", "int32": "INT32"}
NUMBER = r"(-?[\d.]*\d)"


def draw(certificate, count, seed=0):
    """Latents by input name, arrays of `count` rows, as the certificate describes them."""
    generator = np.random.default_rng(seed)
    latents = {}
    for name, tensor in certificate["signatures"]["serving_default"]["inputs"].items():
        shape, text = (count, *tensor["shape"][1:]), certificate["latents"][name]
        if text == "standard normal":
            rows = generator.standard_normal(shape)
        elif limits := re.fullmatch(rf"uniform in \[{NUMBER}, {NUMBER}\]", text):
            rows = generator.uniform(*map(float, limits.groups()), shape)
        elif limits := re.fullmatch(r"(\d+)\.\.(\d+)", text):
            rows = generator.integers(*map(int, limits.groups()), shape, endpoint=True)
        else:
            raise SystemExit(f"don't know how to draw {name!r} from {text!r}")
        latents[name] = rows.astype(tensor["dtype"])
    return latents


def fit(latents, metadata):
    """The latents in the shapes of a model's metadata: Triton has `label` as [batch, 1]."""
    shapes = {tensor["name"]: tensor["shape"][1:] for tensor in metadata["inputs"]}
    return {name: rows.reshape(len(rows), *shapes[name]) for name, rows in latents.items()}


def about(url, model):
    """The GET of a model's metadata."""
    return urllib.request.Request(f"{url}/v2/models/{model}")


def request(url, model, inputs, version=None):
    """The POST for arrays by name, of the very dtypes of the model's inputs."""
    path = f"{url}/v2/models/{model}" + (f"/versions/{version}" if version else "")
    body = {
        "inputs": [
            {
                "name": name,
                "datatype": DATATYPES[array.dtype.name],
                "shape": array.shape,
                "data": array.ravel().tolist(),
            }
            for name, array in inputs.items()
        ]
    }
    return urllib.request.Request(
        f"{path}/infer", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )


def parse(answer):
    """The arrays by name of an answer, whose data the protocol allows to be flat or nested."""
    return {
        tensor["name"]: np.asarray(tensor["data"], np.float32).reshape(tensor["shape"])
        for tensor in answer["outputs"]
    }


def call(prepared):
    """Sends a request and returns the answer's JSON; a refusal ends with the server's words."""
    try:
        with urllib.request.urlopen(prepared, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code}: {error.read().decode()}") from error


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("certificate", help="certificate.json of the version that is served")
    parser.add_argument("--url", default="http://localhost:8080", help="Triton's is port 8000")
    parser.add_argument("--model", help="its name on the server; the certificate's by default")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="samples.npy")
    chosen = parser.parse_args(arguments)
    certificate = json.loads(Path(chosen.certificate).read_text())
    model = chosen.model or certificate["model"]
    latents = draw(certificate, chosen.count, chosen.seed)
    latents = fit(latents, call(about(chosen.url, model)))
    (samples,) = parse(call(request(chosen.url, model, latents))).values()
    np.save(chosen.out, samples)
    print(f"{samples.dtype} {samples.shape} in {chosen.out}")


if __name__ == "__main__":
    main()
