"""Big data, small memory: training from 200,000 pictures on disk, against the same from memory.

    python benchmarks/bigdata.py                  # all of it, in minutes; needs 1 GB of disk
    python benchmarks/bigdata.py --files 20000 --steps 300 --data folder

Pictures of 32×32×3 in 20 classes, 300 different ones over and over, are written as a folder of PNGs
and as ArrayRecords of TFDS; an `lsgan` of width 8 is trained on each with batches of 64, each in a
process of its own. "memory" is one batch again and again, which costs no reading: what its row
shows is TensorFlow's. Rows go to results/bigdata.csv, in place of those of the same data. Per row:

- `load`: seconds of `ganzoo.data.load`, which lists the files and looks at 2,000 of them.
- `first_step`: seconds from the call of `fit` to the end of its first step, tracing included.
- `resumed`: seconds to the first batch of step 100,000, reading and decoding included.
- `rss_50`, `rss_end`, `growth`: resident memory after 50 steps, at the end of `fit`, and the
  difference, in MB (10⁶ bytes).
- `steps_per_second`, of `fit` from step 50 on; `read_per_second`, batches where nothing trains.
- `waited`: the share of the time that a training loop spends on asking for its next batch;
  `of_memory`: its steps per second, of those from memory. Both loops take turns, 4 times 60 steps
  each, of which the first 20 are left out, because batches were made ahead meanwhile. Where
  reading and training share a core, `of_memory` is below 1 by what reading takes of it, and
  `waited` is to be read beside that of "memory", which isn't 0 either.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import psutil
import tables
import tensorflow as tf
from PIL import Image

import ganzoo

PATH = Path(__file__).parent.parent / "results" / "bigdata.csv"
CLASSES, BATCH = 20, 64


def pictures():
    """300 of them, as PNG."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        small = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype="uint8"))
        file = io.BytesIO()
        small.resize((32, 32), Image.Resampling.BICUBIC).save(file, "PNG")
        yield file.getvalue()


def write_folder(root, count):
    known = list(pictures())
    for label in range(CLASSES):
        (root / f"{label:02}").mkdir(parents=True)
    for i in range(count):
        (root / f"{i % CLASSES:02}" / f"{i:06}.png").write_bytes(known[i % len(known)])
    return f"folder:{root}"


def write_array_record(root, count):
    import tensorflow_datasets as tfds

    known = list(pictures())

    def rows():
        for i in range(count):
            yield i, {"image": io.BytesIO(known[i % len(known)]), "label": i % CLASSES}

    tfds.disable_progress_bar()
    image = tfds.features.Image(shape=(32, 32, 3), encoding_format="png")
    label = tfds.features.ClassLabel(num_classes=CLASSES)
    tfds.dataset_builders.store_as_tfds_dataset(
        name="big",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"image": image, "label": label}),
        split_datasets={"train": rows()},
        data_dir=root,
        disable_shuffling=True,
        file_format="array_record",
    )
    return "tfds:big"


DATA = {"memory": None, "folder": write_folder, "array_record": write_array_record}


class Watch(keras.callbacks.Callback):
    """When each step ended, and the memory then."""

    def __init__(self):
        super().__init__()
        self.process, self.ends, self.memory = psutil.Process(), [], []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append(time.perf_counter())
        self.memory.append(self.process.memory_info().rss / 1e6)


def measure(source, steps, seed):
    start = time.perf_counter()
    batch = np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in pictures()])[:BATCH]
    data = batch if source == "memory" else ganzoo.data.load(source)
    row = {"load": time.perf_counter() - start}
    gan, watch = ganzoo.get("lsgan", width=8, seed=seed), Watch()
    start = time.perf_counter()
    gan.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[watch])
    row["first_step"] = watch.ends[0] - start
    row["rss_50"], row["rss_end"] = watch.memory[49], watch.memory[-1]
    row["growth"] = row["rss_end"] - row["rss_50"]
    row["steps_per_second"] = (steps - 50) / (watch.ends[-1] - watch.ends[49])
    start = time.perf_counter()
    next(iter(gan.batches(data, first_step=100_000).dataset))
    row["resumed"] = time.perf_counter() - start
    stream = iter(gan.batches(data).dataset)
    for count in range(220):
        start = time.perf_counter() if count == 20 else start
        next(stream)
    row["read_per_second"] = 200 / (time.perf_counter() - start)
    return row | waiting(gan, gan.batches(data), gan.batches(batch))


def waiting(gan, *streams):
    """What share of the first stream's steps was waiting, and their speed, of the second's."""
    step = tf.function(gan.train_step, autograph=False)
    streams = [iter(stream.dataset) for stream in streams]
    waited, took = np.zeros(2), np.zeros(2)
    for _ in range(4):
        for number, stream in enumerate(streams):
            for count in range(60):
                start = time.perf_counter()
                batch = next(stream)
                asked = time.perf_counter()
                keras.tree.map_structure(float, step(batch))
                if count >= 20:
                    waited[number] += asked - start
                    took[number] += time.perf_counter() - start
    return {"waited": waited[0] / took[0], "of_memory": took[1] / took[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=DATA)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, options.steps, options.seed)))
        return
    rows = []
    for case in options.data:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TFDS_DATA_DIR"] = folder
            write = DATA[case]
            source = write(Path(folder), options.files) if write else case
            arguments = ["--case", source, "--steps", options.steps, "--seed", options.seed]
            line = [sys.executable, __file__, *map(str, arguments)]
            found = subprocess.run(line, stdout=subprocess.PIPE, check=True, text=True).stdout
        numbers = json.loads(found.splitlines()[-1])
        digits = {"growth": 1, "rss_50": 0, "rss_end": 0, "waited": 3}
        rows.append(
            {"data": case, "rows": options.files if write else BATCH, "steps": options.steps}
            | {key: round(value, digits.get(key, 2)) for key, value in numbers.items()}
            | {
                "seed": options.seed,
                **tables.facts(),
                "command": " ".join(["python benchmarks/bigdata.py", *sys.argv[1:]]),
            }
        )
        print(rows[-1], flush=True)
    tables.write(PATH, rows, ("data",))


if __name__ == "__main__":
    main()
