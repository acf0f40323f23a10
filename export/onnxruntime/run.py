"""Draws pictures from an exported ONNX generator: numpy, onnxruntime and pillow only.

python run.py serving/lsgan/1 --count 64 --seed 0 --out samples.png
"""

import argparse
import json
import math
import re
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

NUMBER = r"(-?[\d.]*\d)"


def load(folder):
    """The session, and the metadata as a dict, of the version folder that `export` wrote."""
    session = onnxruntime.InferenceSession(
        Path(folder) / "model.onnx", providers=["CPUExecutionProvider"]
    )
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    return session, metadata | {key: json.loads(metadata[key]) for key in ("shape", "latents")}


def draw(session, ranges, count, seed=0, fixed=None):
    """Latents by input name, `count` rows each, from the distributions that the metadata names.

    `fixed` (name -> one row) repeats that row instead.
    """
    generator = np.random.default_rng(seed)
    latents = {}
    for argument in session.get_inputs():
        name, shape = argument.name, (count, *argument.shape[1:])
        text = ranges[name]
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
        latents[name] = rows.astype(np.int32 if argument.type == "tensor(int32)" else np.float32)
    return latents


def sheet(images, pixels=64, gap=2):
    """A contact sheet of float images [count, height, width, channels] in [-1, 1].

    Small images are enlarged by a whole factor, to at most `pixels`; the rows are as many as the
    columns, or one fewer.
    """
    levels = np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)
    factor = max(1, pixels // max(levels.shape[1:3]))
    levels = levels.repeat(factor, axis=1).repeat(factor, axis=2)
    count, height, width, channels = levels.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8
    )
    for index, tile in enumerate(levels):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = tile
    return Image.fromarray(canvas.squeeze(-1) if channels == 1 else canvas)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="a version folder, such as serving/lsgan/1")
    parser.add_argument("--count", type=int, default=64)
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
    if not (Path(chosen.folder) / "model.onnx").is_file():
        parser.error(f"no model.onnx in {chosen.folder}: name a version folder, as serving/lsgan/1")
    session, metadata = load(chosen.folder)
    for key, value in metadata.items():
        print(f"{key}: {value}")
    fixed = {}
    for assignment in chosen.set:
        name, _, values = assignment.partition("=")
        if name not in metadata["latents"]:
            parser.error(f"no input {name!r}: inputs are {', '.join(metadata['latents'])}")
        fixed[name] = [float(value) for value in values.split(",")]
    (output,) = session.run(
        None, draw(session, metadata["latents"], chosen.count, chosen.seed, fixed)
    )
    if session.get_outputs()[0].name == "vector":
        print(output)
    elif output.shape[-1] not in (1, 3, 4):
        parser.error(f"a picture has 1, 3 or 4 channels, these have {output.shape[-1]}")
    else:
        sheet(output).save(chosen.out)
        print(f"{chosen.count} pictures in {chosen.out}")


if __name__ == "__main__":
    main()
