"""The command line: parses, calls the public interface, prints.

TensorFlow, and the rooms that need it, are imported inside the commands: help is instant.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import sys
import time
import traceback
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import ganzoo

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    help="A model zoo of generative adversarial networks. Try: ganzoo train lsgan",
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the entry point.

    Returns:
        0, or 1 where training diverged, an export disagreed with Keras or there is a bug, 2 where
        what was asked for can't be done, 75 where another worker is gone, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    command = shlex.join(["ganzoo", *arguments])
    debug = "--debug" in arguments
    # taken out here, so that it may stand anywhere
    arguments = [word for word in arguments if word != "--debug"] or ["--help"]
    try:
        with contextlib.nullcontext() if debug else _only_our_words(), _our_log():
            code = typer.main.get_command(app).main(
                arguments, prog_name="ganzoo", standalone_mode=False, obj=command
            )
    except Exception as error:
        if debug:
            traceback.print_exc()
        code, sentence = _verdict(error)
        _complain(sentence)
        return code
    if code == INTERRUPTED:
        _complain("interrupted.")
    return code if isinstance(code, int) else 0


class _Interrupted(Exception):
    """Ctrl-C, with more to say than that; typer swallows KeyboardInterrupts."""


def _verdict(error: Exception) -> tuple[int, str]:
    """The exit code and the one sentence for an error."""
    if isinstance(error, _Interrupted):
        return INTERRUPTED, str(error)
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "ganzoo"
        return BAD_INPUT, f"{error.format_message().rstrip('.')} (see {where} --help)."
    notes = getattr(error, "__notes__", [])
    if isinstance(error, OSError) and error.strerror:
        of = f"{error.filename}: " if error.filename else ""
        return BAD_INPUT, " ".join([f"{of}{error.strerror}.", *notes])
    ours = isinstance(error, RuntimeError) and type(error).__module__.startswith("ganzoo.")
    # sentences are one line: what has more comes from the depths of a library, not from us
    if ("\n" not in str(error) or _by_us(error)) and (
        ours or isinstance(error, ValueError | OSError)
    ):
        code = getattr(error, "exit_code", FAILED) if ours else BAD_INPUT
        return code, " ".join([str(error), *notes])
    first = next(iter(str(error).strip().splitlines()), "")
    name = type(error).__name__ + (f": {first}" if first else "")
    ask = "This may be a bug: run again with --debug to see where."
    return FAILED, " ".join([f"{name[:200].rstrip('.')}.", *notes, ask])


def _by_us(error: Exception) -> bool:
    """Whether ganzoo raised it: then a line break is part of a name that was given."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and str(frames[-1][0].f_globals.get("__name__")).startswith("ganzoo.")


def _complain(sentence: str) -> None:
    # a file's name may hold line breaks, and what a terminal would obey
    letters = (x if x.isprintable() else x.encode("unicode_escape").decode() for x in sentence)
    print(f"ganzoo: {''.join(letters)}", file=sys.stderr)


@contextlib.contextmanager
def _only_our_words():
    """Silences what TensorFlow, Keras and matplotlib say of themselves."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("tensorflow", "absl", "matplotlib"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="ganzoo")
        warnings.showwarning = lambda message, *_: _complain(f"warning: {message}")
        yield


@contextlib.contextmanager
def _our_log():
    """Shows what ganzoo decides by itself, such as a precision."""
    log, shown = logging.getLogger("ganzoo"), logging.Handler()
    shown.emit = lambda record: _complain(record.getMessage() + ".")
    before = log.level
    log.addHandler(shown)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(shown)
        log.setLevel(before)


def _import_tensorflow(strategy: str | None = None):
    """Imports it with file descriptor 2 shut: its libraries write there before they know of
    TF_CPP_MIN_LOG_LEVEL, both when loaded and when they first look for devices. Returns the
    strategy, which has to be made before anything else."""
    heard = "tensorflow" in sys.modules or os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0"
    with contextlib.nullcontext() if heard else _without_standard_error():
        import tensorflow as tf

        if strategy is None:
            tf.config.list_logical_devices()
            return None
        from ganzoo.devices import strategies

        return strategies.make(strategy)


@contextlib.contextmanager
def _without_standard_error():
    with contextlib.ExitStack() as restore, open(os.devnull, "w") as null:
        with contextlib.suppress(OSError):  # a process may have no standard error
            saved = os.dup(2)
            restore.callback(os.close, saved)
            restore.callback(os.dup2, saved, 2)
            os.dup2(null.fileno(), 2)
        yield


def _console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 160  # in a pipe a row of a table should stay a line
    return console


def _shown(path: str | os.PathLike) -> str:
    """A path as the user would type it here."""
    path = Path(path).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _table(*headers: str) -> Table:
    table = Table(box=None, show_header=any(headers), pad_edge=False, padding=(0, 3, 0, 0))
    for number, header in enumerate(headers):
        table.add_column(header, no_wrap=number == 0, style="bold" if number == 0 else None)
    return table


# ---- commands

GANName = Annotated[str, typer.Argument(metavar="NAME", help="A name that ganzoo list shows.")]
RunOrModel = Annotated[
    Path, typer.Argument(metavar="RUN_OR_MODEL", help="A run's folder, or a .keras file.")
]
Size = Annotated[
    str | None, typer.Option(metavar="H,W", help="Height and width to resize images to.")
]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Hyper-parameters that ganzoo show NAME lists: "
        "width=32, coding=-1,1,0, penalties=r1:10,r2:10.",
    ),
]
ValueRange = Annotated[
    str | None,
    typer.Option(metavar="LO,HI", help="Of numbers that are neither bytes nor in [-1, 1]."),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same samples.")]


def _version(wanted: bool) -> None:
    if wanted:
        stack = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras"))
        typer.echo(f"ganzoo {ganzoo.__version__} ({stack}, python {sys.version.split()[0]})")
        raise typer.Exit()


@app.callback()
def _globals(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Versions.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks, and all that TensorFlow says.")
    ] = False,
) -> None:
    pass


@app.command("list")
def list_(
    pattern: Annotated[str, typer.Argument(help="Shell-style, such as '*wgan*'.")] = "*",
) -> None:
    """Lists the GANs of the zoo."""
    _import_tensorflow()
    from ganzoo.foundation import registry

    names = ganzoo.names(pattern)
    if not names:
        raise ValueError(registry.unknown("GAN", pattern, ganzoo.names()))
    table = _table("name", "paper", "year", "arXiv")
    for card in map(ganzoo.card, names):
        table.add_row(card.name, escape(card.title), str(card.year), card.arxiv)
    _console().print(table)


@app.command()
def show(name: GANName) -> None:
    """Shows the card of a GAN: its paper, its losses, its hyper-parameters."""
    _import_tensorflow()
    from ganzoo.foundation import keywords

    card, console = ganzoo.card(name), _console()
    console.print(f"[bold]{card.name}[/]: {escape(card.title)}", soft_wrap=True)
    link = f"https://arxiv.org/abs/{card.arxiv}"
    console.print(f"{escape(card.authors)} {card.year}, {link}\n", soft_wrap=True)
    for line in card.equation.splitlines():
        console.print(f"    [cyan]{escape(line)}[/]", soft_wrap=True)
    console.print(f"\ntrained {'on' if card.conditional else 'without'} labels\n")
    table = _table("hyper-parameter", "default", "meaning")
    for key, default in card.hyperparameters.items():
        table.add_row(key, escape(keywords.written(default)), escape(card.descriptions[key]))
    console.print(table)


@app.command()
def train(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One that ganzoo list shows.")
    ] = None,
    settings: Settings = None,
    data: Annotated[
        str | None,
        typer.Option(help="A data set that ganzoo data lists; mnist5k by default."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the data; as many as make about 1,600 steps by default, "
            "which take lsgan two or three minutes on two cores.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Generator updates, in place of --epochs.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows of each update; 64 by default.")
    ] = None,
    size: Size = None,
    value_range: ValueRange = None,
    seed: Annotated[
        int | None, typer.Option(help="Of weights, batches and draws; the same as seed=.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The run's folder, new or empty; the next of runs/NAME-DATA-001, "
            "-002 and so on by default."
        ),
    ] = None,
    export: Annotated[
        bool, typer.Option("--export/--no-export", help="Export SavedModel and ONNX.")
    ] = True,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="mirrored: on all GPUs of this machine; multiworker: on all machines that "
            "TF_CONFIG lists, each of which runs this command; with --out in a folder of all.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with a run that was killed, from its newest checkpoint; in place of "
            "everything else but --strategy and --no-export.",
        ),
    ] = None,
) -> None:
    """Trains a GAN and leaves its pictures, history, model and exports in a folder.

    Ctrl-C ends training after the step in hand, and saves what was learned; --resume goes on.
    """
    asked = (name, settings, data, epochs, steps, batch_size, size, value_range, seed, out)
    if resume is not None and any(value is not None for value in asked):
        raise ValueError(f"--resume {resume} says all that there is to say: leave out the rest.")
    if resume is None and name is None:
        raise ValueError("train what? Name one that ganzoo list shows, or --resume a run.")
    shape = _numbers("--size", size)
    if strategy == "multiworker" and resume is None and out is None:
        raise ValueError("several workers need one run: name a folder that all reach in --out.")
    chosen = _import_tensorflow(strategy)
    from ganzoo.devices import strategies
    from ganzoo.foundation import keywords
    from ganzoo.training import runs

    hyperparameters = keywords.read(name, settings or [], seed) if name else None

    began, console = time.monotonic(), _console(stderr=True)
    writes = chosen is None or strategies.is_chief(chosen)
    console.quiet = not writes
    try:
        if resume is not None:
            run = runs.resume(resume, export=export, strategy=chosen, console=console)
            name, data = run.config["gan"], run.config["data"]
        else:
            data = "mnist5k" if data is None else data
            run = runs.train(
                name,
                data,
                hyperparameters=hyperparameters,
                epochs=epochs,
                steps=steps,
                batch_size=batch_size,
                size=shape,
                value_range=_numbers("--value-range", value_range, float),
                out=out,
                export=export,
                strategy=chosen,
                command=context.obj,
                console=console,
            )
    except runs.Interrupted as stop:
        raise _Interrupted(f"{stop} {_what_is_left(stop.run)}") from stop
    if not writes:
        return
    taken = round(time.monotonic() - began)
    facts = {"run": "", "picture": "samples.png", "losses": "losses.png"}
    if export:
        facts |= {"ONNX": "export/onnx/1/model.onnx", "SavedModel": "export/tf_saved_model/1"}
    say = typer.echo
    say(f"{name} learned {data}: {run.config['steps']:,} steps, {taken // 60}:{taken % 60:02}")
    for key, path in facts.items():
        say(f"  {key:<11} {_shown(run.path / path)}")
    say("next")
    say(f"  ganzoo sample {shlex.quote(_shown(run.path))} -n 64 --seed 1 --out more.png")
    if not export:
        say(f"  ganzoo export {shlex.quote(_shown(run.path))} --format onnx")


@app.command()
def sample(
    run_or_model: RunOrModel,
    count: Annotated[int, typer.Option("--count", "-n", max=10**6, help="How many.")] = 64,
    seed: Seed = 0,
    labels: Annotated[
        str | None,
        typer.Option(metavar="3,4", help="Classes, where the GAN was trained on labels."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="A .png picture, an .npy array, or an .npz archive of samples and latents; "
            "a file that is there is replaced."
        ),
    ] = Path("samples.png"),
) -> None:
    """Draws samples from a trained GAN."""
    if out.suffix not in (".png", ".npy", ".npz"):
        raise ValueError(f"{out} won't do: end it in .png, .npy or .npz.")
    classes = _numbers("--labels", labels)
    _import_tensorflow()
    import numpy as np

    from ganzoo.foundation import files
    from ganzoo.reporting import plots
    from ganzoo.training import runs

    gan = runs.load(run_or_model)
    chosen = {}
    if classes:
        chosen["labels"] = np.array(classes)[np.arange(count) * len(classes) // max(count, 1)]
    samples = gan.sample(count, seed, **chosen)
    if out.suffix == ".png":
        plots.save_samples(samples, out, value_range=gan.spec.value_range)
    else:
        latents = {key: value.numpy() for key, value in gan.draw_latents(count, seed).items()}
        if classes:
            latents["label"] = chosen["labels"].astype("int32")
        with files.replacing(out) as draft:
            if out.suffix == ".npy":
                np.save(draft, samples)
            else:
                np.savez(draft, **{gan.output_name: samples}, **latents)
    typer.echo(_shown(out))


@app.command()
def evaluate(
    run_or_model: RunOrModel,
    data: Annotated[
        str | None,
        typer.Option(
            help="A data set that ganzoo data lists; what the run was trained on by default.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[int, typer.Option(help="At most how many to draw.")] = 2500,
    seed: Seed = 0,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Where all is written; evaluation.json in the run's folder by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Measures a trained GAN's samples against data, and real samples against each other."""
    if samples < 1:
        raise ValueError(f"--samples {samples} won't do: it takes at least 1.")
    is_run = run_or_model.is_dir()
    if not is_run and data is None:
        raise ValueError("a .keras file doesn't tell its data: name them, as in --data mnist5k.")
    _check_file("--json", json_file)
    _import_tensorflow()
    from ganzoo.foundation import files
    from ganzoo.training import runs

    config = runs.Run.at(run_or_model).config if is_run else {}
    gan, name = runs.load(run_or_model), config.get("data") if data is None else data
    if name is None:
        raise ValueError(f"{run_or_model} doesn't tell its data: name them, as in --data mnist5k.")
    own = data is None or data == config.get("data")
    size = config.get("size") if own and gan.spec.is_image else None
    size = gan.spec.shape[:2] if gan.spec.is_image and size is None and not own else size
    examples = ganzoo.data.load(name, size=tuple(size) if size else None)
    value_range = config.get("value_range") if own else None
    began, console = time.monotonic(), _console()
    with _console(stderr=True).status("measuring"):
        evaluation = gan.evaluate(
            examples,
            batch_size=config.get("batch_size"),
            value_range=tuple(value_range) if value_range else None,
            samples=samples,
            seed=seed,
        )
    table = _table("metric", "value", "95% interval", "real", "ratio", "N", "of")
    for key, found in evaluation.items():
        table.add_row(
            key,
            f"{found:.4g}",
            f"{found.low:.4g} to {found.high:.4g}",
            "" if found.reference is None else f"{found.reference:.4g}",
            "" if found.ratio is None else f"{found.ratio:.3g}",
            f"{found.n:,}",
            escape(", ".join(filter(None, [found.extractor, found.note]))),
        )
    console.print(table)
    for key, reason in evaluation.refused.items():
        console.print(f"{key} is left out: {escape(reason)}", soft_wrap=True)
    record = {
        "gan": gan.registry_name,
        "step": gan.step,
        "data": name,
        "samples": samples,
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "ganzoo": ganzoo.__version__,
    }
    out = json_file or (run_or_model / "evaluation.json" if is_run else None)
    if out is not None:
        with files.replacing(out) as draft:
            draft.write_text(json.dumps(record | evaluation.to_json(), indent=2) + "\n")
        typer.echo(_shown(out))


@app.command()
def augment(
    context: typer.Context,
    name: GANName,
    settings: Settings = None,
    data: Annotated[
        str, typer.Option(help="A data set that ganzoo data lists, of labelled images.")
    ] = "digits",
    per_class: Annotated[
        list[int] | None,
        typer.Option(
            help="How many real images of each class there are; give it once for each number. "
            "10, 20 and 50 by default.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many GANs for each number, at least 2.")] = 5,
    steps: Annotated[
        int | None,
        typer.Option(help="Generator updates of each GAN; 1,600 by default.", show_default=False),
    ] = None,
    size: Size = None,
    value_range: ValueRange = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Where all is written.")
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Where a row for each arm is written; the rows of other commands in it stay.",
        ),
    ] = None,
) -> None:
    """Measures whether a GAN's samples help a classifier where labelled images are few.

    Classifiers learn from so many real images per class alone, with samples of a GAN that was
    trained on these images alone, with shifts, turns and zooms, and with both; none of them has
    seen the images that they are tested on.
    """
    shape, limits = _numbers("--size", size), _numbers("--value-range", value_range, float)
    _check_file("--json", json_file)
    _import_tensorflow()
    from ganzoo.evaluation import usefulness
    from ganzoo.foundation import files, keywords

    hyperparameters = keywords.read(name, settings or [])

    chosen = {
        "per_class": per_class or usefulness.PER_CLASS,
        "seeds": range(seeds),
        "steps": usefulness.STEPS if steps is None else steps,
    }
    usefulness.check(name, **chosen, **hyperparameters)
    if csv_file is not None:
        usefulness.check_csv(csv_file)
    began, console = time.monotonic(), _console()
    found = usefulness.augmentation(
        name,
        ganzoo.data.load(data, size=shape),
        value_range=limits,
        console=_console(stderr=True),
        **chosen,
        **hyperparameters,
    )
    table = _table("per class", "trained on", "accuracy", "more than real")
    for arm in found:
        numbers = (arm.accuracy, arm.difference)
        table.add_row(
            str(arm.per_class) if arm.name == usefulness.ARMS[0] else "",
            arm.name,
            *("" if m is None else f"{m:.3f} ± {m.high - m:.3f}" for m in numbers),
        )
    console.print(table)
    console.print(
        f"means over {seeds} seeds ± their 95% intervals (Student's t), on {found[0].tested:,} "
        "test images",
        soft_wrap=True,
    )
    facts = {
        "data": data,
        "name": name,
        "hyperparameters": " ".join(settings or []),
        "steps": chosen["steps"],
        "seeds": " ".join(map(str, chosen["seeds"])),
        "seconds": round(time.monotonic() - began, 1),
        "command": context.obj,
    }
    if csv_file is not None:
        usefulness.save_csv(found, csv_file, facts)
        typer.echo(_shown(csv_file))
    if json_file is not None:
        record = facts | {
            "ganzoo": ganzoo.__version__,
            "arms": [arm.to_json() for arm in found],
        }
        with files.replacing(json_file) as draft:
            draft.write_text(json.dumps(record, indent=2) + "\n")
        typer.echo(_shown(json_file))


@app.command()
def export(
    run_or_model: RunOrModel,
    format: Annotated[
        str, typer.Option(help="tf_saved_model, onnx, openvino, or web: a page for the browser.")
    ] = "tf_saved_model",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder that gets the next version; by default export/FORMAT in the run's "
            "folder, or beside the .keras file."
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, float16 or int8; the latter two for onnx and web.")
    ] = "float32",
    least_psnr: Annotated[
        float, typer.Option(help="How near to Keras a reduced precision must be, in dB.")
    ] = 40.0,
) -> None:
    """Exports the generator of a trained GAN: for TF Serving, ONNX Runtime, OpenVINO, browsers."""
    _import_tensorflow()
    from ganzoo import exporters
    from ganzoo.training import runs

    gan = runs.load(run_or_model)
    home = run_or_model if run_or_model.is_dir() else run_or_model.parent
    folder = gan.export(
        out or home / "export" / format, format=format, precision=precision, least_psnr=least_psnr
    )
    certificate = json.loads((folder / "certificate.json").read_text())
    speed = certificate["speed"]
    say = typer.echo
    say(_shown(folder))
    for name, entry in certificate["files"].items():
        say(f"  {name:<{max(map(len, certificate['files']))}}  {_size(entry['bytes']):>8}")
    say(f"parity  {_agreement(certificate, certificate)}")
    say(f"speed   {speed['milliseconds']:g} ms for {speed['batch']} samples")
    say(f"serve   {exporters.command(folder)}")
    say(f"check   ganzoo verify {shlex.quote(_shown(folder))}")


@app.command()
def verify(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A version's folder, or that of all versions.")
    ],
) -> None:
    """Checks an export again: its files' hashes, its names, its answers to recorded latents."""
    _import_tensorflow()
    from ganzoo import exporters

    for folder, certificate in exporters.verify(path).items():
        measured = certificate["verified"]["serving_default"]
        typer.echo(
            f"{_shown(folder)}: {certificate['model']}, {certificate['format']}, "
            f"{len(certificate['files'])} files as certified, {_agreement(measured, certificate)}"
        )


@app.command("data")
def data_(
    name: Annotated[str | None, typer.Argument(help="A data set; else all are listed.")] = None,
    size: Size = None,
    out: Annotated[Path | None, typer.Option(help="Write examples to this .png.")] = None,
) -> None:
    """Lists the data sets, or describes one."""
    if out is not None and (name is None or out.suffix != ".png"):
        raise ValueError("--out takes examples of a data set: ganzoo data digits --out digits.png.")
    shape = _numbers("--size", size)
    _check_file("--out", out)
    _import_tensorflow()
    import numpy as np

    from ganzoo import data
    from ganzoo.reporting import plots

    console = _console()
    table = _table("", "")
    if name is None:
        for key, description in data.available():
            table.add_row(escape(key), escape(description))
        console.print(table)
        return
    dataset = data.load(name, size=shape)
    with data.clear_errors():
        stream = data.batches(dataset, batch_size=1)
        number = 64 if stream.spec.is_image else plots.POINTS
        examples = np.concatenate([row[stream.sample_name] for row in stream.dataset.take(number)])
    classes, count = getattr(dataset, "class_names", None), int(dataset.cardinality())
    described = {
        "shape": "×".join(map(str, stream.spec.shape)),
        "dtype": stream.spec.dtype,
        "samples": f"{count:,}" if count >= 0 else "unknown",
        "classes": f"{len(classes)}: {_listed(classes)}" if classes else "not named",
    }
    for key, value in described.items():
        table.add_row(key, escape(value))
    console.print(table)
    if out is not None:
        plots.save_samples(examples, out, value_range=stream.spec.value_range)
        typer.echo(_shown(out))


# ---- words


def _check_file(option: str, path: Path | None) -> None:
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise ValueError(f"{option} {path} won't do: it takes a file in a folder that is there.")


def _numbers(option: str, text: str | None, kind: type = int) -> tuple | None:
    try:
        return None if text is None else tuple(kind(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"{option} {text} won't do: write numbers, as in {option} 3,4.") from None


def _listed(names: list[str], most: int = 20) -> str:
    """All of them, or the first and the last of too many to read."""
    if len(names) > most:
        names = [*names[:3], "…", names[-1]]
    return ", ".join(names)


def _size(count: int) -> str:
    """Bytes in a unit that one reads."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _agreement(measured: dict, bound: dict) -> str:
    if "psnr" in measured:
        return f"{measured['psnr']:.1f} dB from Keras ({bound['least_psnr']:g} dB asked for)"
    largest, allowed = measured["largest_difference"], bound["tolerance"]
    return f"differs from Keras by {largest:.2g} at most ({allowed:.2g} allowed)"


def _what_is_left(run) -> str:
    try:
        run.model  # noqa: B018  asking is the point
    except ValueError as error:
        return str(error)
    return f"What it learned is saved: ganzoo sample {shlex.quote(_shown(run.path))}"
