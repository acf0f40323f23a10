"""How fast is an exported generator in a browser, beside the same file outside of it?

    pip install playwright            # and Chromium, found by its usual names
    python benchmarks/browser.py      # a minute

Two generators with the default widths of `dcgan`, as `benchmarks/inference.py` has, are exported as
web pages in float32 and int8. Their weights are untrained, which changes no time. Chromium opens a
page without a GPU and calls its generator for one picture and for 16, in turns with ONNX Runtime on
this machine, which has the same file, all threads, or one.

Rows go to results/browser.csv: the medians over the turns in milliseconds, `of_native`, how many
times as long the browser takes as all threads and as one, and `int8_times_as_fast`, the browser's
time in float32 over that in int8.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import onnxruntime
import speed
import tables
from playwright.sync_api import Page, sync_playwright

import ganzoo

RESULTS = Path(__file__).parents[1] / "results"
NETS = {"28x28x1": (28, 28, 1), "64x64x3": (64, 64, 3)}
BATCHES = (1, 16)
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
TIMED = """async ([name, latents, seconds]) => {
  await ganzoo.generate({[name]: latents});
  const began = performance.now();
  let calls = 0;
  while (performance.now() - began < 1000 * seconds) {
    await ganzoo.generate({[name]: latents});
    calls++;
  }
  return (performance.now() - began) / calls;
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def exported(net: str, folder: Path) -> dict[str, Path]:
    """precision -> the folder of the page."""
    gan = ganzoo.get("dcgan", seed=0)
    gan.build_for({"image": ganzoo.data.Field.learn(NETS[net], "uint8", 0, 255)})
    return {
        precision: gan.export(folder / precision, "web", precision=precision, least_psnr=0)
        for precision in ("float32", "int8")
    }


def in_browser(page: Page, name: str, latents: np.ndarray, seconds: float) -> float:
    """Milliseconds of a call in the page."""
    return page.evaluate(TIMED, [name, latents.ravel().tolist(), seconds])


def native(file: Path, threads: int) -> Callable[[np.ndarray, float], float]:
    """(latents, seconds) -> milliseconds of a call of ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def timed(latents: np.ndarray, seconds: float) -> float:
        session.run(None, {name: latents})
        began, calls = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            session.run(None, {name: latents})
            calls += 1
        return 1000 * (time.perf_counter() - began) / calls

    return timed


def measured(net: str, browser: Any, turns: int, seconds: float) -> list[dict[str, Any]]:
    """The rows of one generator."""
    times: dict[tuple[str, int], dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        pages, servers, natives = {}, [], {}
        for precision, folder in exported(net, Path(scratch)).items():
            handler = functools.partial(Quiet, directory=folder)
            servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
            pages[precision] = browser.new_page()
            pages[precision].goto(f"http://127.0.0.1:{servers[-1].server_port}/")
            pages[precision].evaluate("ganzoo.ready.then(() => null)")
            file = folder / "model.onnx"
            natives[precision] = {"native": native(file, 0), "native_one_thread": native(file, 1)}
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        (latent,) = session.get_inputs()
        rng = np.random.default_rng(0)
        for batch in BATCHES:
            z = rng.standard_normal((batch, latent.shape[-1])).astype(np.float32)
            for _ in range(turns):
                for precision, page in pages.items():
                    found = times.setdefault((precision, batch), {})
                    of_page = in_browser(page, latent.name, z, seconds)
                    found.setdefault("browser", []).append(of_page)
                    for where, timed in natives[precision].items():
                        time.sleep(0.05)  # until the threads of the one before stop waiting busily
                        found.setdefault(where, []).append(timed(z, seconds))
        for page, server in zip(pages.values(), servers, strict=True):
            page.close()
            server.shutdown()
            server.server_close()
    rows = []
    for (precision, batch), found in times.items():
        row: dict[str, Any] = {"net": net, "precision": precision, "batch": batch}
        row |= {f"{where}_ms": f"{median(values):.3f}" for where, values in found.items()}
        for where in ("native", "native_one_thread"):
            ratios = [a / b for a, b in zip(found["browser"], found[where], strict=True)]
            row[f"of_{where}"] = f"{median(ratios):.2f}"
        plain = times["float32", batch]["browser"]
        ratios = [a / b for a, b in zip(plain, found["browser"], strict=True)]
        row["int8_times_as_fast"] = f"{median(ratios):.2f}" if precision == "int8" else ""
        rows.append(row)
        print(*row.values(), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one measurement")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise SystemExit(f"There is no browser: install one of {', '.join(NAMES)}.")
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        facts = speed.machine() | {"browser": f"Chromium {browser.version}"}
        facts["versions"] = speed.versions() + f" onnxruntime {onnxruntime.__version__}"
        facts["command"] = " ".join(["python benchmarks/browser.py", *sys.argv[1:]])
        for net in NETS:
            rows += measured(net, browser, options.turns, options.seconds)
        browser.close()
    rows = [row | facts for row in rows]
    tables.write(RESULTS / "browser.csv", rows, ("net", "precision", "batch"))


if __name__ == "__main__":
    main()
