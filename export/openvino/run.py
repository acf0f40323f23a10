"""Draws pictures from a generator exported for OpenVINO: numpy, openvino and pillow only.

python run.py serving/lsgan/1 --count 16 --seed 0 --out samples.png
"""

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.modules.setdefault("openvino_telemetry", None)  # it would call home when openvino is imported
import openvino  # noqa: E402

NUMBER = r"(-?[\d.]*\d)"


def load(folder):
    """The compiled model, and how each input is distributed, from a version's folder."""
    core = openvino.Core()
    model = core.read_model(Path(folder) / "model.xml")
    ranges = json.loads(model.get_rt_info(["ganzoo", "latents"]).astype(str))
    return core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}), ranges


def draw(model, ranges, count, seed=0, fixed=None):
    """Latents by input name, `count` rows each; `fixed` (name -> one row) repeats that row."""
    generator = np.random.default_rng(seed)
    latents = {}
    for tensor in model.inputs:
        name, text = tensor.any_name, ranges[tensor.any_name]
        shape = (count, *(size.get_length() for size in list(tensor.partial_shape)[1:]))
        if name in (fixed or {}):
            rows = np.broadcast_to(np.asarray(fixed[name]).reshape(shape[1:]), shape)
        elif text == "standard normal":
            rows = generator.standard_normal(shape)
        elif limits := re.fullmatch(rf"uniform in \[{NUMBER}, {NUMBER}\]", text):
            rows = generator.uniform(*map(float, limits.groups()), shape)
        elif limits := re.fullmatch(r"(\d+)\.\.(\d+)", text):
            rows = generator.integers(*map(int, limits.groups()), shape, endpoint=True)
        else:
            raise SystemExit(f"don't know how to draw {name!r} from {text!r}: say --set {name}=…")
        latents[name] = rows.astype(tensor.element_type.to_dtype())
    return latents


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="a version folder, such as serving/lsgan/1")
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="samples.png")
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE[,VALUE…]",
        action="append",
        default=[],
        help="the same row for every picture, such as label=3",
    )
    chosen = parser.parse_args(arguments)
    if not (Path(chosen.folder) / "model.xml").is_file():
        parser.error(f"no model.xml in {chosen.folder}: name a version folder, as serving/lsgan/1")
    model, ranges = load(chosen.folder)
    fixed = {}
    for assignment in chosen.set:
        name, _, values = assignment.partition("=")
        if name not in ranges:
            parser.error(f"no input {name!r}: inputs are {', '.join(ranges)}")
        fixed[name] = [float(value) for value in values.split(",")]
    output = model(draw(model, ranges, chosen.count, chosen.seed, fixed))[0]
    if model.outputs[0].any_name == "vector":
        print(output)
    elif output.shape[-1] not in (1, 3, 4):
        parser.error(f"a picture has 1, 3 or 4 channels, these have {output.shape[-1]}")
    else:
        levels = np.rint((np.clip(output, -1, 1) + 1) * 127.5).astype(np.uint8)
        row = np.concatenate(levels, axis=1)  # side by side
        Image.fromarray(row.squeeze(-1) if row.shape[-1] == 1 else row).save(chosen.out)
        print(f"{chosen.count} pictures in {chosen.out}")


if __name__ == "__main__":
    main()
