"""`ganzoo train`."""

from __future__ import annotations

import logging
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli import completion, errors, options, output

if TYPE_CHECKING:
    from ganzoo.training.curve import Curve
    from ganzoo.training.runs import Interrupted, Run


def train(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A name that ganzoo list shows.",
            autocompletion=completion.gan_names,
        ),
    ] = None,
    settings: options.Settings = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="A data set that ganzoo data lists; by default one that suits the GAN: "
            "mnist5k, or digit_pairs for pix2pix.",
            show_default=False,
            autocompletion=completion.data_names,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the data; by default, as many as make about 1,600 steps, "
            "or those of the GAN's recipe, which are 7,500 for lsgan: two minutes on two cores.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Generator updates, in place of --epochs.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Rows of each update; 64 by default, or 16 with networks of width 32 for images "
            "of at least 48×48 where there is no GPU.",
            show_default=False,
        ),
    ] = None,
    size: options.Size = None,
    fit: options.Fit = None,
    flip: options.Flip = False,
    value_range: options.ValueRange = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of weights, batches and latents; the same as seed=SEED."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder, which must be new or empty; by default the next of "
            "runs/NAME-DATA-001, -002 and so on."
        ),
    ] = None,
    export: Annotated[
        bool, typer.Option("--export/--no-export", help="Export SavedModel and ONNX.")
    ] = True,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="kid|frechet|precision|recall|density|coverage|psnr|ssim|none",
            help="How samples are measured during training, to keep the best GAN; none keeps only "
            "the last. By default psnr for pairs of images, kid for other images, and coverage "
            "for vectors.",
            show_default=False,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop early when N measurements in succession, of about ten in a training, are "
            "not better than the best one.",
            show_default=False,
        ),
    ] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Keep the checkpoints at an address such as s3://bucket/faces, and continue from "
            "those that are there.",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="mirrored: on all GPUs of this machine. multiworker: on all machines that "
            "TF_CONFIG lists; run this command on each, with --out in a folder that all share.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Continue a run that was stopped, from its newest checkpoint. The only other "
            "options that it takes are --strategy and --no-export.",
        ),
    ] = None,
) -> None:
    """Trains a GAN and writes its pictures, history, models and exports to a folder.

    The samples are measured about ten times. Exports and samples.png show the best GAN, which
    best.keras keeps.

    Ctrl-C stops training after the current step and saves the model; --resume continues.
    """
    given = (
        name, settings, data, epochs, steps, batch_size, size, fit, value_range, seed, out, metric,
        patience, checkpoints,
    )  # fmt: skip
    if resume is not None and (flip or any(value is not None for value in given)):
        raise ValueError(
            f"--resume {resume} continues that run with its own settings: leave out everything but "
            "--strategy and --no-export."
        )
    if resume is None and name is None:
        raise ValueError("name a GAN to train, such as lsgan, or --resume a run.")
    shape = options.size(size)
    if strategy == "multiworker" and resume is None and out is None:
        raise ValueError(
            "--strategy multiworker needs --out: name a folder that all workers can write to."
        )
    chosen = output.import_tensorflow(strategy)
    from ganzoo.devices import strategies
    from ganzoo.foundation import keywords
    from ganzoo.training import runs

    hyperparameters = keywords.read(name, settings or [], seed) if name else None

    began, console = time.monotonic(), output.console(stderr=True)
    writes = chosen is None or strategies.is_chief(chosen)
    console.quiet = not writes
    if not writes:
        logging.getLogger("ganzoo").setLevel(logging.WARNING)
    try:
        if resume is not None:
            run = runs.resume(resume, export=export, strategy=chosen, console=console)
        else:
            assert name is not None  # checked above
            run = runs.train(
                name,
                data,
                hyperparameters=hyperparameters,
                epochs=epochs,
                steps=steps,
                batch_size=batch_size,
                size=shape,
                fit=fit or "crop",
                flip=flip,
                value_range=options.value_range(value_range),
                out=out,
                export=export,
                metric=metric or "auto",
                patience=patience,
                checkpoints=checkpoints,
                strategy=chosen,
                command=context.obj.command,
                console=console,
            )
    except runs.Interrupted as stop:
        raise errors.Interrupted(_how_to_go_on(stop, strategy, export)) from stop
    if writes:
        _report(run, round(time.monotonic() - began), export)


def _how_to_go_on(stop: Interrupted, strategy: str | None, export: bool) -> str:
    """The sentence after Ctrl-C, which ends with the command that continues."""
    folder = output.shown(stop.run.path)
    if stop.finished:
        return f"{stop} All steps were made. To export: {shlex.join(['ganzoo', 'export', folder])}"
    words = ["ganzoo", "train", "--resume", folder]
    words += ["--strategy", strategy] if strategy else []
    words += [] if export else ["--no-export"]
    return f"{stop} To continue: {shlex.join(words)}"


def _report(run: Run, seconds: int, exported: bool) -> None:
    """Prints what was trained, where the results are, and what to do next."""
    config, curve = run.config, run.curve
    networks = f" with {config['networks']} networks" if "networks" in config else ""
    steps = curve.last.step if curve and curve.last else config["steps"]
    typer.echo(
        f"{config['gan']} learned {config['data']}{networks}: {steps:,} steps, "
        f"{seconds // 60}:{seconds % 60:02}"
    )
    if curve and run.stopped_early:
        typer.echo(
            f"stopped before step {config['steps']:,}: {curve.metric} did not improve in the last "
            f"{curve.since_best} measurements"
        )
    if curve and curve.best:
        typer.echo(f"  {'best':<11} {_best(curve)}")
    results = {"run": "", "picture": "samples.png", "losses": "losses.png"}
    if exported:
        results |= {"ONNX": "export/onnx/1/model.onnx", "SavedModel": "export/tf_saved_model/1"}
    for key, path in results.items():
        typer.echo(f"  {key:<11} {output.shown(run.path / path)}")
    ill = _say_diagnosis(run)
    folder = shlex.quote(output.shown(run.path))
    asked = "-n 64 --seed 1"
    if _maps_samples(config["gan"]):
        asked = f"--data {shlex.quote(config['data'])}"
    typer.echo(f"next\n  ganzoo sample {folder} {asked} --out more.png")
    if not exported and not ill:
        typer.echo(f"  ganzoo export {folder} --format onnx")


def _best(curve: Curve) -> str:
    """Says which step of a training was the best, and by how much."""
    best, last = curve.best, curve.last
    assert best and last  # the caller has looked
    words = f"step {best.step:,}, {curve.metric} {best.value:.3g}"
    if best == last:
        return f"{words}, the last"
    return f"{words}; at the last step {last.value:.3g} (kept as model.keras)"


def _say_diagnosis(run: Run) -> bool:
    """Prints what the diagnosis found, and returns whether that is a failure."""
    from ganzoo import diagnosis

    found = diagnosis.of_run(run.path, run.config)
    typer.echo(f"  {'diagnosis':<11} {found.title}")
    for finding in found.findings:
        typer.echo(f"  {'':<11} {finding}")
    return bool(found.findings)


def _maps_samples(name: str) -> bool:
    """Whether the GAN's data have several samples in a row, of which it maps one to another."""
    from ganzoo.foundation import registry

    columns = registry.find(name).columns.values()
    return sum(column.kind == "sample" for column in columns) > 1
