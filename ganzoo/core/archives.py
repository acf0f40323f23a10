"""What a `.keras` file may hold, checked before Keras builds anything from it.

Keras's safe mode prevents a file from bringing its own code. But a file may still name any function
and class of Keras, and ask for networks of any size. Keras allocates networks before it compares
their weights, so that a configuration of two kilobytes could fill the memory.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras

from ganzoo.foundation import keras_compat

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {CONFIG, WEIGHTS, "metadata.json"}

# How many numbers a GAN may ask for beyond its weights, 64 MB of float32. The logs' statistics take
# some twenty, and a row of latents or of an image may take more.
SLACK = 2**24

_LAYOUTS = (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT)
_MODULES = re.compile(
    r"keras(\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics|ops"
    r"|optimizers|optimizers\.schedules|quantizers|regularizers))?"
    r"|keras\.src\.models\.functional|keras\.src\.ops(\.\w+)*"  # where Keras itself says so
)
_PROGRAMS = {"TFSMLayer", "TorchModuleWrapper"}  # layers that are a program in a file
_VALUES = {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"}


def read(path: Path) -> tuple[dict, int]:
    """The configuration in a `.keras` file, and how many numbers its weights are.

    All that it holds is read once and compared with its checksum.

    Raises:
        ValueError, and what zipfile, json and h5py raise: it isn't laid out as Keras writes it.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = sorted(entry.filename for entry in entries)
        if names != sorted(MEMBERS):
            raise ValueError(
                f"it holds {', '.join(names)[:80] or 'nothing'} where Keras writes "
                f"{', '.join(sorted(MEMBERS))}"
            )
        for entry in entries:
            if entry.file_size != entry.compress_size or entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"its {entry.filename} is compressed, as Keras never writes it")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise ValueError(f"its {entry.filename} is a link")
        if sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise ValueError("its members overlap")
        contents = {name: archive.read(name) for name in names}
    config = json.loads(contents[CONFIG])
    if not (
        isinstance(config, dict)
        and isinstance(config.get("config"), dict)
        and isinstance(config.get("class_name"), str)
    ):
        raise ValueError(f"its {CONFIG} describes no model")
    return config, _numbers(contents[WEIGHTS])


def _numbers(weights: bytes) -> int:
    """How many numbers are in an HDF5 file, each of which must be there in full."""
    datasets = {}

    def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    with h5py.File(io.BytesIO(weights)) as file:
        if astray := file.visititems_links(_elsewhere):
            raise ValueError(f"its weights lead elsewhere at {astray}")
        file.visititems(collect)
        for name, dataset in datasets.items():
            made = dataset.id.get_create_plist()
            if made.get_layout() not in _LAYOUTS or made.get_external_count():
                raise ValueError(f"its weight {name} is stored as Keras never writes it")
            if dataset.dtype.kind not in "biuf" and dataset.dtype.str != "|V2":  # bfloat16
                raise ValueError(f"its weight {name} holds {dataset.dtype}, no numbers")
            if dataset.id.get_storage_size() != dataset.nbytes:
                raise ValueError(f"its weight {name} isn't there in full")
        if sum(dataset.nbytes for dataset in datasets.values()) > len(weights):
            raise ValueError("its weights overlap")
        return sum(dataset.size for dataset in datasets.values())


def _elsewhere(name: str, link: Any) -> str | None:
    return None if isinstance(link, h5py.HardLink) else name


def check(config: dict, numbers: int) -> None:
    """Checks a GAN's configuration against the `numbers` that its weights are.

    Raises:
        ValueError: it names what is neither a part of a network nor registered with Keras, or asks
            for an absurd size.
    """
    pending: list[Any] = [config]
    while pending:  # not recursive: a file may nest as deep as it likes
        item = pending.pop()
        if isinstance(item, dict):
            pending += item.values()
            if "class_name" in item and not _is_harmless(item):
                name = f"{item.get('module') or ''}.{item['class_name']}".strip(".")
                if item["class_name"] == "function":
                    name = f"function {item.get('config')!r}"
                raise ValueError(f"its {CONFIG} names {name[:80]}, which no network is made of")
        elif isinstance(item, list):
            pending += item
    sizes = {key: n for key, n in config["config"].items() if type(n) is int and key != "seed"}
    fields = config["config"].get("fields")
    if not fields:
        raise ValueError("its GAN has never seen data")
    for name, field in fields.items():
        sizes[f"num_classes of {name}"] = field.get("num_classes") or 0
        sizes[f"shape of {name}"] = math.prod(field["shape"])
    for key, size in sizes.items():
        if size > max(numbers, SLACK):
            raise ValueError(f"its {CONFIG} has {key}={size} for {numbers:,} weights")


def _is_harmless(item: dict) -> bool:
    """Whether Keras may make what the configuration names."""
    kind, module = item["class_name"], item.get("module")
    inner: Any = item.get("config")
    if not isinstance(kind, str):
        return False
    name = inner if kind == "function" else item.get("registered_name", kind)
    if isinstance(name, str) and keras.saving.get_registered_object(name) is not None:
        return True
    if kind == "__numpy__":  # NumPy's own names of dtypes can ask for any size: V1000000000
        keras.backend.standardize_dtype(inner["dtype"])
    if kind in _VALUES:
        return True
    if kind == "function" and module == "builtins":  # so Keras writes its own: activations, losses
        return True
    return isinstance(module, str) and bool(_MODULES.fullmatch(module)) and kind not in _PROGRAMS


@contextlib.contextmanager
def allowance(numbers: int) -> Iterator[None]:
    """Within it, this thread can make Keras variables of `numbers` + SLACK numbers in all.

    The sizes are known only when the variables are made, because networks are a user's own or
    follow from hyper-parameters in their own ways.

    Raises:
        ValueError: a variable would exceed that; it is not made.
    """
    left = numbers + SLACK

    def count(size: int) -> None:
        nonlocal left
        left -= size
        if left < 0:
            raise ValueError(f"its {CONFIG} asks for more than its {numbers:,} weights")

    with keras_compat.before_variables(count):
        yield
