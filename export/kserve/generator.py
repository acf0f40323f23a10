"""An MLServer runtime for the folders that `export(..., format="onnx")` writes."""

import asyncio
from pathlib import Path

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor
from mlserver.utils import get_model_uri

DATATYPES = {"tensor(float)": "FP32", "tensor(int32)": "INT32"}


class Generator(MLModel):
    """Latents by name -> `image` or `vector`; `parameters.uri` is a version's folder."""

    async def load(self) -> bool:
        file = Path(await get_model_uri(self.settings)) / "model.onnx"
        self.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        self.inputs = [described(argument) for argument in self.session.get_inputs()]
        self.outputs = [described(argument) for argument in self.session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        try:
            # In a thread, so that the server answers others meanwhile; the session is thread-safe.
            inputs = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
            (output,) = await asyncio.to_thread(self.session.run, None, inputs)
        except Exception as error:  # each of NumPy and ONNX Runtime has its own for bad requests
            raise InferenceError(str(error)) from error
        answer = NumpyCodec.encode_output(self.outputs[0].name, output)
        return InferenceResponse(model_name=self.name, outputs=[answer])


def described(argument):
    shape = [-1 if isinstance(size, str) else size for size in argument.shape]
    return MetadataTensor(name=argument.name, datatype=DATATYPES[argument.type], shape=shape)
