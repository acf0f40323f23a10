"""Data sets of TensorFlow Datasets."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.data.records import Element, Encoded, Records, while_python_runs
from ganzoo.data.sources.names import nearest
from ganzoo.data.sources.pictures import Change


def load_tfds(name: str, change: Change) -> tuple[tf.data.Dataset, list[str] | None]:
    import requests
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"), try_gcs=False)
    except Exception as error:
        names = tfds.list_builders(with_community_datasets=False)
        base = name.partition("/")[0].partition(":")[0]
        if base in names:
            reason = str(error).strip().splitlines()[0]
            raise ValueError(f"TensorFlow Datasets refuses {name!r}: {reason}") from error
        raise ValueError(
            f"TensorFlow Datasets has no {name!r}{nearest(base, names)}: the names are those of"
            " tfds.list_builders(), or of what is prepared in TFDS_DATA_DIR."
        ) from error
    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict) or "image" not in features:
        raise ValueError(
            f"tfds:{name} has no 'image' (its features are {', '.join(features or ())}): only"
            " image data sets can be loaded."
        )
    if not builder.is_prepared():
        try:
            # TFDS itself retries a host that it can't reach for minutes.
            for url in list(getattr(builder, "url_infos", ()))[:1]:
                requests.head(url, timeout=3)
            config = tfds.download.DownloadConfig(try_download_gcs=False)
            builder.download_and_prepare(download_config=config)
        except Exception as error:
            raise ValueError(
                f"tfds:{name} is not prepared in {builder.data_dir} and can't be downloaded"
                f" ({type(error).__name__}): connect to the network, or set TFDS_DATA_DIR to a"
                " folder that holds it."
            ) from error
    if "train" not in builder.info.splits:
        raise ValueError(f"tfds:{name} has no train split, but {', '.join(builder.info.splits)}.")
    kept = {key: features[key] for key in ("image", "label") if key in features}
    class_names = getattr(kept.get("label"), "names", None)
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        return _array_records(builder, tfds.features.FeaturesDict(kept), change), class_names

    @tf.autograph.experimental.do_not_convert
    def decode(element: Element) -> Element:
        image = kept["image"].decode_example(element["image"])
        return change({key: element[key] for key in kept} | {"image": image})

    undecoded = {"image": tfds.decode.SkipDecoding()}
    encoded = builder.as_dataset(split="train", decoders=undecoded)
    read = change.of_encoded(Encoded(encoded, decode))
    dataset = read.rows.map(read.decode, tf.data.AUTOTUNE)
    dataset.encoded = read
    return dataset, class_names


def _array_records(builder: Any, features: Any, change: Change) -> tf.data.Dataset:
    from tensorflow_datasets.core.decode import DeserializeMethod

    raw = DeserializeMethod.RAW_BYTES
    source = builder.as_data_source(split="train", deserialize_method=raw)

    def record(row: int) -> bytes:
        try:
            return source[row]
        except Exception:  # ArrayRecord's readers raise whatever they stumble over
            return b""  # which decodes to nothing, so that the error names the row

    @while_python_runs
    def records(rows: np.ndarray) -> np.ndarray:
        try:
            found = source.__getitems__(rows.tolist())
        except Exception:  # of any of them
            found = [record(row) for row in rows]
        return np.array(found, object)

    def find(rows: tf.Tensor) -> Element:
        data = tf.numpy_function(records, [rows], tf.string, stateful=False)
        data.set_shape(rows.shape)
        place = f" of tfds:{builder.info.full_name}"
        return {"data": data, "name": "row " + tf.strings.as_string(rows) + place}

    def decode(element: Element) -> Element:
        mirrored = {key: element[key] for key in element.keys() - {"data", "name"}}
        return change(features.deserialize_example(element["data"]) | mirrored)

    shape = tuple(decode({"data": tf.constant(source[0])})["image"].shape)
    numbered = Records(len(source), shape, find, decode, "an image of TensorFlow Datasets")
    return change.of_records(numbered).dataset()
