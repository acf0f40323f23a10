"""Runs a SavedModel as TF Serving does: by TensorFlow's C++ loader and none of its Python.

    python tf_serving_loader.py FOLDER REQUESTS.npz ANSWERS.npz

Requests are arrays by "CALLER/SIGNATURE/INPUT", answers by "CALLER/SIGNATURE/OUTPUT". Each caller
is a thread, and all call at once. It ends with the loader's own words where it refuses.
"""

import ctypes
import importlib.util
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path

import numpy as np  # before the libraries, or its random module crashes

LIBRARIES = Path(importlib.util.find_spec("tensorflow").origin).parent  # imports nothing
DTYPES = {1: np.float32, 3: np.int32, 9: np.int64}  # the codes of tensorflow/c/tf_datatype.h
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
STRING, STRING_BYTES = 7, 24


class Output(ctypes.Structure):
    """TF_Output: one tensor of the graph."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class Buffer(ctypes.Structure):
    """TF_Buffer."""

    _fields_ = [("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p)]


class C:
    """The functions of the C API that are called, with their types."""

    def __init__(self):
        framework = ctypes.CDLL(str(LIBRARIES / "libtensorflow_framework.so.2"))
        whole = ctypes.CDLL(str(LIBRARIES / "libtensorflow_cc.so.2"))
        pointer, outputs, tensors = c_void_p, POINTER(Output), POINTER(c_void_p)
        for library, name, result, *arguments in (
            (framework, "TF_NewStatus", pointer),
            (framework, "TF_DeleteStatus", None, pointer),
            (framework, "TF_GetCode", c_int, pointer),
            (framework, "TF_Message", c_char_p, pointer),
            (framework, "TF_NewBuffer", POINTER(Buffer)),
            (framework, "TF_AllocateTensor", pointer, c_int, POINTER(c_int64), c_int, c_size_t),
            (framework, "TF_DeleteTensor", None, pointer),
            (framework, "TF_TensorData", pointer, pointer),
            (framework, "TF_TensorType", c_int, pointer),
            (framework, "TF_NumDims", c_int, pointer),
            (framework, "TF_Dim", c_int64, pointer, c_int),
            (whole, "TF_NewGraph", pointer),
            (whole, "TF_NewSessionOptions", pointer),
            (whole, "TF_LoadSessionFromSavedModel", pointer, pointer, pointer, c_char_p,
             POINTER(c_char_p), c_int, pointer, POINTER(Buffer), pointer),
            (whole, "TF_GraphOperationByName", pointer, pointer, c_char_p),
            (whole, "TF_SessionRun", None, pointer, pointer, outputs, tensors, c_int,
             outputs, tensors, c_int, pointer, c_int, pointer, pointer),
            (whole, "TF_StringGetDataPointer", pointer, pointer),
            (whole, "TF_StringGetSize", c_size_t, pointer),
        ):  # fmt: skip
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name.removeprefix("TF_"), function)


class Model:
    """What TF Serving keeps of a version: a session, and the signatures of its meta graph."""

    def __init__(self, folder):
        self.c = C()
        self.graph, meta_graph = self.c.NewGraph(), self.c.NewBuffer()
        self.session = self.checked(
            self.c.LoadSessionFromSavedModel,
            *(self.c.NewSessionOptions(), None, str(folder).encode()),
            *((c_char_p * 1)(b"serve"), 1, self.graph, meta_graph),
        )
        data = ctypes.string_at(meta_graph.contents.data, meta_graph.contents.length)
        self.signatures = {
            name: [
                {key: dict(fields(tensor))[1].decode() for key, tensor in entries(definition, n)}
                for n in (1, 2)  # SignatureDef.inputs, .outputs: TensorInfo.name by key
            ]
            for name, definition in entries(data, 5)  # MetaGraphDef.signature_def
        }

    def checked(self, function, *arguments):
        """Calls a function whose last argument is a TF_Status."""
        status = self.c.NewStatus()
        result = function(*arguments, status)
        code, message = self.c.GetCode(status), self.c.Message(status).decode()
        self.c.DeleteStatus(status)
        if code:
            raise SystemExit(message)
        return result

    def run(self, signature, inputs):
        """The outputs by name; `inputs` are arrays by name, of the signature's own dtypes."""
        names, results = self.signatures[signature]
        asked = (Output * len(names))(*(self.output(names[key]) for key in inputs))
        given = (c_void_p * len(names))(*(self.tensor(array) for array in inputs.values()))
        wanted = (Output * len(results))(*map(self.output, results.values()))
        answer = (c_void_p * len(results))()
        self.checked(
            self.c.SessionRun,
            *(self.session, None, asked, given, len(names), wanted, answer, len(results)),
            *(None, 0, None),
        )
        arrays = {key: self.array(tensor) for key, tensor in zip(results, answer, strict=True)}
        for tensor in (*given, *answer):
            self.c.DeleteTensor(tensor)
        return arrays

    def output(self, name):
        operation, index = name.split(":")
        return Output(self.c.GraphOperationByName(self.graph, operation.encode()), int(index))

    def tensor(self, array):
        shape = (c_int64 * array.ndim)(*array.shape)
        tensor = self.c.AllocateTensor(CODES[array.dtype], shape, array.ndim, array.nbytes)
        ctypes.memmove(self.c.TensorData(tensor), array.tobytes(), array.nbytes)
        return tensor

    def array(self, tensor):
        """A copy; strings become NumPy's bytes, which is safe for PNGs as none ends in a zero."""
        shape = [self.c.Dim(tensor, axis) for axis in range(self.c.NumDims(tensor))]
        data, count = self.c.TensorData(tensor), int(np.prod(shape))
        if self.c.TensorType(tensor) == STRING:
            places = [data + STRING_BYTES * i for i in range(count)]
            texts = [
                ctypes.string_at(self.c.StringGetDataPointer(p), self.c.StringGetSize(p))
                for p in places
            ]
            return np.array(texts).reshape(shape)
        dtype = np.dtype(DTYPES[self.c.TensorType(tensor)])
        content = ctypes.string_at(data, count * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape(shape)


def fields(message):
    """(number, value) of each field of a protobuf message: integers, and bytes of all else."""
    place = 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            yield number, varint()
            continue
        size = {1: 8, 5: 4}.get(wire) or varint()
        place += size
        yield number, message[place - size : place]


def entries(message, number):
    """(key, value) of the map with this field number."""
    for entry in (dict(fields(value)) for found, value in fields(message) if found == number):
        yield entry[1].decode(), entry[2]


def main(folder, requests, answers):
    model, callers = Model(folder), {}
    with np.load(requests) as given:
        for name, array in given.items():
            caller, signature, key = name.split("/")
            callers.setdefault(caller, {}).setdefault(signature, {})[key] = array
    together = threading.Barrier(len(callers))

    def call(caller):
        together.wait()
        return {
            f"{caller}/{signature}/{key}": array
            for signature, inputs in callers[caller].items()
            for key, array in model.run(signature, inputs).items()
        }

    with ThreadPoolExecutor(len(callers)) as threads:
        found = [entry for given in threads.map(call, callers) for entry in given.items()]
    np.savez(answers, **dict(found))
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main(*sys.argv[1:])
