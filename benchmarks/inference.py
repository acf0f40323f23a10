"""How fast, and how exact, is each way to run the same trained generator on this processor?

    pip install torch openvino         # torch on a processor; without them their rows are left out
    python benchmarks/inference.py     # trains two DCGANs, some minutes each, then measures

Two generators: `28x28x1`, `dcgan` on the bundled MNIST digits, and `64x64x3`, `dcgan` on random
crops of the two photographs that scikit-learn brings. Every runtime gets the same latents, on the
same number of threads, in turns within one process, for batches of 1 and 64.

Rows go to results/inference.csv. `milliseconds` is the median over all turns of the time of one
call, `quartile` the first quartile; `ratio` is the median over the turns of the plain tf2onnx
export's time in that turn over this one's, so above 1 is faster, and disturbances that hit both
cancel. `difference` is the largest from Keras and `psnr` its peak signal-to-noise ratio in dB, over
`latents` latents that no calibration saw. `needs` names the processor's instructions that a row
lives from, and `cpu` those that this one has.
"""

import argparse
import csv
import importlib
import os
import platform
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import onnx
import tensorflow as tf
from sklearn.datasets import load_sample_images

import ganzoo
from ganzoo.exporters import folding, runtime, subpixel
from ganzoo.exporters import onnx as onnx_exporter
from ganzoo.exporters.certificate import psnr

RESULTS = Path(__file__).parent.parent / "results"
BATCHES = (1, 64)
FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")


def crops(count=4096, size=64, seed=0):
    """Random squares of the two photographs, uint8 [count, size, size, 3]."""
    rng, photographs = np.random.default_rng(seed), load_sample_images().images
    cut = []
    for number in range(count):
        photograph = photographs[number % 2]
        top, left = (rng.integers(n - size) for n in photograph.shape[:2])
        cut.append(photograph[top : top + size, left : left + size])
    return np.stack(cut)


def trained(net, folder, seed):
    """A DCGAN, trained once and kept in `folder`."""
    file = folder / f"{net}.keras"
    if not file.exists():
        gan = ganzoo.get("dcgan", seed=seed)
        if net == "28x28x1":
            gan.fit(ganzoo.data.load("mnist5k"), epochs=8, verbose=2)
        else:
            gan.fit(crops(), epochs=6, verbose=2)
        gan.save(file)
    return ganzoo.load(file)


def runtimes(gan, folder):
    """Name -> (what it needs of the processor, bytes of its file, latents -> images)."""
    found = {}
    predict = gan.generator.predict
    found["keras predict"] = ("", "", lambda z: predict(z, batch_size=len(z), verbose=0))
    function = tf.function(lambda z: gan.serve({"latent": z}))
    found["tf.function"] = ("", "", lambda z: function(z).numpy())

    def onnx_runtime(name, file, needs=""):
        session = runtime.session(file)
        run = lambda z: session.run(None, {"latent": z})[0]  # noqa: E731
        found[f"onnxruntime {name}"] = (needs, file.stat().st_size, run)

    plain = folder / "plain.onnx"
    plain.write_bytes(onnx_exporter.converted(gan).SerializeToString())
    onnx_runtime("plain tf2onnx", plain)
    files = {}
    for precision in ("float32", "int8", "float16"):
        written = gan.export(folder / precision, "onnx", precision=precision, least_psnr=0)
        files[precision] = written / onnx_exporter.FILE
        needs = "avx512_vnni or avx_vnni" if precision == "int8" else ""
        onnx_runtime(f"ganzoo {precision}", files[precision], needs)
    if importlib.util.find_spec("openvino"):
        written = gan.export(folder / "openvino", "openvino") / "model.xml"
        found |= openvino_runtimes(
            {"": written, " plain tf2onnx": plain, " rewritten": rewritten(plain)}
        )
        found |= openvino_runtimes({" ganzoo int8": files["int8"]}, ("f32",))
    if importlib.util.find_spec("torch"):
        found |= torch_runtimes(gan)
    return found


def rewritten(plain):
    """The plain export with batch normalisation folded in and all transposed convolutions
    rewritten."""
    model, file = onnx.load(plain), plain.with_name("rewritten.onnx")
    folding.fold(model)
    onnx.save(subpixel.rewritten(model), file)
    return file


def openvino_runtimes(files, precisions=("f32", "bf16")):
    import openvino

    core, found = openvino.Core(), {}
    for name, file in files.items():
        size = file.stat().st_size
        if file.suffix == ".xml":
            size += file.with_suffix(".bin").stat().st_size
        for precision in precisions:
            hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
            compiled = core.compile_model(core.read_model(file), "CPU", hints)
            needs = "amx_bf16 or avx512_bf16" if precision == "bf16" else ""
            run = lambda z, compiled=compiled: compiled({"latent": z})[0]  # noqa: E731
            label = "" if name.endswith("int8") else f" {precision}"
            found[f"openvino{name}{label}"] = (needs, size, run)
    return found


def torch_runtimes(gan):
    """The generator in PyTorch, layer by layer with the same weights, channels last."""
    import torch

    torch.set_num_threads(os.cpu_count())
    layers = []
    for layer in gan.generator.layers:
        weights = [torch.tensor(np.asarray(w)) for w in layer.get_weights()]
        kind = type(layer).__name__
        if kind == "Dense":
            made = torch.nn.Linear(*weights[0].shape, bias=len(weights) > 1)
            made.weight.data = weights[0].T.contiguous()
        elif kind == "BatchNormalization":
            made = torch.nn.BatchNorm2d(len(weights[0]), eps=layer.epsilon)
            scale = [torch.ones_like(weights[-1])] * (not layer.scale)
            made.weight.data, made.bias.data, made.running_mean, made.running_var = scale + weights
        elif kind == "Conv2DTranspose":
            kernel = weights[0].permute(3, 2, 0, 1).contiguous()
            made = torch.nn.ConvTranspose2d(*kernel.shape[:2], 4, 2, 1, bias=len(weights) > 1)
            made.weight.data = kernel
        elif kind == "Reshape":
            h, w, c = layer.target_shape
            made = Reshape(torch, h, w, c)
        elif kind in ("ReLU", "Activation"):
            made = torch.nn.ReLU() if kind == "ReLU" else torch.nn.Tanh()
        elif kind == "InputLayer":
            continue
        else:
            raise TypeError(f"{kind} has no counterpart here")
        if kind in ("Dense", "Conv2DTranspose") and len(weights) > 1:
            made.bias.data = weights[1]
        layers.append(made)
    network = torch.nn.Sequential(*layers).eval().to(memory_format=torch.channels_last)

    def run(z, dtype=None):
        with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype is not None):
            return network(torch.from_numpy(z)).float().permute(0, 2, 3, 1).numpy()

    return {
        "pytorch f32": ("", "", run),
        "pytorch bf16": ("amx_bf16 or avx512_bf16", "", lambda z: run(z, torch.bfloat16)),
    }


def Reshape(torch, height, width, channels):
    class Images(torch.nn.Module):
        def forward(self, x):
            return x.reshape(-1, height, width, channels).permute(0, 3, 1, 2)

    return Images()


def measured(found, latents, turns, seconds):
    """name -> times of one call in each turn, for each batch size.

    In a turn each runtime computes for `seconds`, after a pause in which the threads of the one
    before stop waiting busily for more work, and after one call that isn't counted.
    """
    times = {}
    for batch in BATCHES:
        z = latents[:batch]
        for name, (_, _, run) in turns * list(found.items()):
            time.sleep(0.05)
            run(z)
            start, calls = time.perf_counter(), 0
            while calls == 0 or time.perf_counter() - start < seconds:
                run(z)
                calls += 1
            taken = (time.perf_counter() - start) / calls
            times.setdefault((name, batch), []).append(taken)
    return {key: np.array(value) for key, value in times.items()}


def features():
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else ()
    return " ".join(name for name in FEATURES if name in flags)


def versions():
    names = ("tensorflow", "keras", "onnxruntime", "tf2onnx", "openvino", "torch")
    modules = [importlib.import_module(name) for name in names if importlib.util.find_spec(name)]
    return " ".join(f"{m.__name__} {m.__version__.split('-')[0]}" for m in (ganzoo, *modules))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=["28x28x1", "64x64x3"])
    parser.add_argument("--turns", type=int, default=11)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=Path, help="a folder for the trained models, to use again")
    options = parser.parse_args()
    command = f"python benchmarks/inference.py --turns {options.turns} --seed {options.seed}"
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        models = options.models or Path(scratch)
        models.mkdir(parents=True, exist_ok=True)
        for net in options.nets:
            gan = trained(net, models, options.seed)
            folder = Path(scratch) / net
            folder.mkdir()
            found = runtimes(gan, folder)
            count = 1024 if net == "28x28x1" else 256
            latents = gan.draw_latents(count, 987654321)["latent"].numpy()
            expected = gan.serve({"latent": latents}).numpy()
            times = measured(found, latents, options.turns, seconds=0.05)
            for name, (needs, size, run) in found.items():
                chunks = [run(latents[i : i + 64]) for i in range(0, count, 64)]
                errors = np.abs(np.concatenate(chunks) - expected)
                decibels = psnr(np.square(errors, dtype=float), expected, "image")
                for batch in BATCHES:
                    mine, plain = times[name, batch], times["onnxruntime plain tf2onnx", batch]
                    rows.append(
                        {
                            "net": net,
                            "batch": batch,
                            "runtime": name,
                            "milliseconds": f"{1000 * np.median(mine):.3f}",
                            "quartile": f"{1000 * np.quantile(mine, 0.25):.3f}",
                            "ratio": f"{np.median(plain / mine):.2f}",
                            "difference": f"{errors.max():.2g}",
                            "psnr": f"{decibels:.1f}",
                            "latents": count,
                            "bytes": size,
                            "needs": needs,
                            "cpu": features(),
                            "machine": f"{os.cpu_count()} cores, {platform.machine()}, no GPU",
                            "seed": options.seed,
                            "versions": versions(),
                            "command": command,
                        }
                    )
                    print(*list(rows[-1].values())[:8], flush=True)
    with open(RESULTS / "inference.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
