"""Reads tensors from files that PyTorch wrote, without PyTorch and without running their code."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from typing import IO, Any

import numpy as np

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage:
    """The numbers of one or more tensors. They stand at the end of the file."""

    def __init__(self, dtype: str, count: int):
        self.dtype, self.count = np.dtype(dtype), count
        self.values: np.ndarray | None = None


class _Tensor:
    """A view of a storage: the arguments of torch._utils._rebuild_tensor_v2."""

    def __init__(self, storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any):
        self.storage, self.offset = storage, offset
        self.shape, self.strides = tuple(shape), tuple(strides)

    def array(self) -> np.ndarray:
        """A contiguous copy. Tensors need not be stored in the order of their axes."""
        values, size = self.storage.values, self.storage.dtype.itemsize
        if values is None:
            raise ValueError("a storage is missing")
        last = self.offset + sum(
            (n - 1) * s for n, s in zip(self.shape, self.strides, strict=True) if n
        )
        if min(self.offset, *self.strides, 0) < 0 or last >= len(values):
            raise ValueError("a tensor reaches over the end of its storage")
        bytes_apart = [size * stride for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, bytes_apart)
        return np.ascontiguousarray(view).reshape(self.shape)


class _Unpickler(pickle.Unpickler):
    """Knows the few names that a dict of tensors needs, and refuses all others."""

    def __init__(self, file: IO[bytes], storages: dict[str, _Storage]):
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is refused")

    def persistent_load(self, found: Any) -> _Storage:
        kind, dtype, key, _, count, view = found
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"a reference to {kind!r} is refused")
        return self._storages.setdefault(key, _Storage(dtype, count))


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a state dict by name.

    It reads the format that `torch.save` wrote before version 1.6: four pickles (a magic number,
    the version of the format, facts about the machine, the dict), a pickle with the keys of the
    storages, and for each of them its length, int64, and its numbers, all little-endian. Storages
    of float32 and int64 are known.

    Raises:
        ValueError: the file has another format, is damaged, or asks for anything but tensors.
        OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        storages: dict[str, _Storage] = {}

        def unpickled() -> Any:
            return _Unpickler(file, storages).load()

        try:
            magic, version, facts, state = (unpickled() for _ in range(4))
            if (magic, version) != (_MAGIC, _PROTOCOL) or not facts["little_endian"]:
                raise ValueError("it has another magic number, version or byte order")
            for key in unpickled():
                storage = storages[key]
                count = int(np.frombuffer(file.read(8), "<i8")[0])
                if count != storage.count:
                    raise ValueError("a storage has another length")
                content = file.read(count * storage.dtype.itemsize)
                storage.values = np.frombuffer(content, storage.dtype, count)
            return {name: tensor.array() for name, tensor in state.items()}
        except OSError:
            raise
        except Exception as error:  # pickle raises whatever a damaged stream leads to
            reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
            raise ValueError(
                f"{path} can't be read as tensors of PyTorch's legacy format: {reason}."
            ) from error
