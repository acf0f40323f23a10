"""Asks TF Serving for pictures over REST: Python's standard library only.

python client_rest.py serving/lsgan/1/certificate.json --count 16 --out pictures
"""

import argparse
import base64
import json
import random
import re
import urllib.error
import urllib.request
from pathlib import Path

NUMBER = r"(-?[\d.]*\d)"


def sampler(text, generator):
    """A function that draws one number as `text` says, or None if that is in no known words."""
    if text == "standard normal":
        return lambda: generator.gauss(0, 1)
    if limits := re.fullmatch(rf"uniform in \[{NUMBER}, {NUMBER}\]", text):
        return lambda: generator.uniform(*map(float, limits.groups()))
    if limits := re.fullmatch(r"(\d+)\.\.(\d+)", text):
        return lambda: generator.randint(*map(int, limits.groups()))
    return None


def draw(certificate, count, seed=0, fixed=None):
    """Latents by input name, as nested lists of `count` rows, as the certificate describes them.

    `fixed` (name -> one row) repeats that row instead.
    """
    generator = random.Random(seed)
    latents = {}
    for name, tensor in certificate["signatures"]["serving_default"]["inputs"].items():
        if name in (fixed or {}):
            latents[name] = [fixed[name]] * count
            continue
        text = certificate["latents"][name]
        if not (value := sampler(text, generator)):
            raise SystemExit(f"don't know how to draw {name!r} from {text!r}: say --set {name}=…")
        width = tensor["shape"][1:]
        latents[name] = [
            [value() for _ in range(width[0])] if width else value() for _ in range(count)
        ]
    return latents


def request(url, model, inputs, signature="serving_default", rows=False, version=None):
    """The POST for one call.

    Columns by default: {"inputs": {name: [row, …]}}, which scalars such as `count` need too.
    `rows=True` sends {"instances": [{name: row, …}, …]}, one object per picture.
    """
    path = f"{url}/v1/models/{model}" + (f"/versions/{version}" if version else "")
    if rows:
        columns = zip(*inputs.values(), strict=True)
        body = {"instances": [dict(zip(inputs, row, strict=True)) for row in columns]}
    else:
        body = {"inputs": inputs}
    body["signature_name"] = signature
    return urllib.request.Request(
        f"{path}:predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )


def parse(body):
    """The one output of an answer: nested lists of numbers, or a list of bytes.

    TF Serving calls it "outputs" for columns and "predictions" for rows, leaves the tensor's name
    out, and wraps what is named `…_bytes` as {"b64": …}.
    """
    answer = json.loads(body)
    rows = answer["outputs"] if "outputs" in answer else answer["predictions"]
    return [base64.b64decode(row["b64"]) if isinstance(row, dict) else row for row in rows]


def call(prepared):
    """Sends a request and returns `parse` of the answer; a refusal ends with the server's words."""
    try:
        with urllib.request.urlopen(prepared, timeout=60) as response:
            return parse(response.read())
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{error.code}: {error.read().decode()}") from error


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("certificate", help="certificate.json of the version that is served")
    parser.add_argument("--url", default="http://localhost:8501")
    parser.add_argument("--model", help="the name in models.config; the certificate's by default")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="pictures", help="a folder for the PNGs")
    parser.add_argument(
        "--set",
        metavar="NAME=JSON",
        action="append",
        default=[],
        help="the same row for every picture, such as label=3 or code=[0.5,-1]",
    )
    chosen = parser.parse_args(arguments)
    certificate = json.loads(Path(chosen.certificate).read_text())
    pairs = (assignment.split("=", 1) for assignment in chosen.set)
    fixed = {name: json.loads(value) for name, value in pairs}
    if unknown := fixed.keys() - certificate["latents"].keys():
        parser.error(f"no input {unknown.pop()!r}: inputs are {', '.join(certificate['latents'])}")
    latents = draw(certificate, chosen.count, chosen.seed, fixed)
    signature = "png" if "png" in certificate["signatures"] else "serving_default"
    model = chosen.model or certificate["model"]
    rows = call(request(chosen.url, model, latents, signature))
    if signature == "serving_default":
        print(json.dumps(rows))
        return
    folder = Path(chosen.out)
    folder.mkdir(parents=True, exist_ok=True)
    for index, png in enumerate(rows):
        (folder / f"{index:03}.png").write_bytes(png)
    print(f"{len(rows)} pictures in {folder}")


if __name__ == "__main__":
    main()
