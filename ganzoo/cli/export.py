"""`ganzoo export`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import options, output


def export(
    run_or_model: options.RunOrModelOrName,
    weights: options.Weights = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="tf_saved_model, onnx, openvino, or web: a page for the browser. By default "
            "tf_saved_model, or onnx if --out ends in .onnx.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder that gets the next version, or one .onnx file; by default "
            "export/FORMAT in the run's folder, beside the .keras file, or with --weights here."
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, float16 or int8; the latter two for onnx and web.")
    ] = "float32",
    least_psnr: Annotated[
        float,
        typer.Option(help="The least PSNR of a reduced precision, with Keras as reference, in dB."),
    ] = 40.0,
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="For web: the folder of an onnxruntime-web package; by default it is fetched "
            "by npm.",
        ),
    ] = None,
    webgpu: Annotated[
        bool,
        typer.Option(
            "--webgpu", help="For web: the page may compute on the visitor's GPU; adds 27 MB."
        ),
    ] = False,
) -> None:
    """Exports the generator of a trained GAN: for TF Serving, ONNX Runtime, OpenVINO, browsers."""
    output.import_tensorflow()
    from ganzoo.training import runs

    if format is None:
        format = "onnx" if out is not None and out.suffix == ".onnx" else "tf_saved_model"
    gan = runs.load(run_or_model, weights)
    home = run_or_model if run_or_model.is_dir() else run_or_model.parent
    exported = gan.export(
        out or home / "export" / format,
        format=format,
        precision=precision,
        least_psnr=least_psnr,
        runtime=runtime,
        webgpu=webgpu,
    )
    if exported.is_dir():
        _report(exported)
    else:
        typer.echo(f"{output.shown(exported)}  {output.file_size(exported.stat().st_size)}")
        typer.echo(f"check   ganzoo verify {shlex.quote(output.shown(exported))}")


def _report(folder: Path) -> None:
    """Prints a version's files, its difference from Keras, its speed, and commands to use it."""
    from ganzoo import exporters

    certificate = json.loads((folder / "certificate.json").read_text())
    files, speed = certificate["files"], certificate["speed"]
    typer.echo(output.shown(folder))
    for name, entry in files.items():
        typer.echo(f"  {name:<{max(map(len, files))}}  {output.file_size(entry['bytes']):>8}")
    typer.echo(f"parity  {output.agreement(certificate, certificate)}")
    typer.echo(f"speed   {speed['milliseconds']:g} ms for {speed['batch']} samples")
    typer.echo(f"serve   {exporters.command(folder)}")
    typer.echo(f"check   ganzoo verify {shlex.quote(output.shown(folder))}")
