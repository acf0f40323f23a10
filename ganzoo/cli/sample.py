"""`ganzoo sample`."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ganzoo.cli import options, output, table_rows

if TYPE_CHECKING:
    import numpy as np

    from ganzoo.core.gan import GAN

FORMATS = ("png", "npy", "npz")
COLUMNS = 8  # of --interpolate and --traverse; a class has a column for each of its values


def sample(
    context: typer.Context,
    run_or_model: options.RunOrModelOrName,
    weights: options.Weights = None,
    count: Annotated[int, typer.Option("--count", "-n", max=10**6, help="Number of samples.")] = 64,
    seed: options.Seed = 0,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="3,4",
            help="Classes by name or number, if the GAN was trained on labels; each gets the "
            "same share of the samples.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="An input of the generator, fixed for all samples instead of drawn, such as "
            "category=3 or code=0.5,-1 for infogan, or a column of a table that holds categories; "
            "repeat it for several.",
        ),
    ] = None,
    truncation: Annotated[
        float | None,
        typer.Option(
            help="Latents beyond this number are drawn again: samples vary less and are more "
            "typical.",
            show_default=False,
        ),
    ] = None,
    interpolate: Annotated[
        bool,
        typer.Option("--interpolate", help="Each row leads from one sample to another."),
    ] = False,
    traverse: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="In each row one input takes several values: category, code or code:1 for "
            "infogan, label for cgan, latent:0, or directions, those in which samples change most.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE_OR_FOLDER",
            help="The picture, or the folder of pictures, that a GAN such as pix2pix maps; at most "
            "--count of them, resized to what the GAN was trained on.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="In place of --source, a data set that ganzoo data lists, such as digit_pairs.",
            show_default=False,
        ),
    ] = None,
    fit: options.Fit = None,
    out: Annotated[
        Path,
        typer.Option(
            help="A .png picture, a .npy array, or a .npz archive of samples and latents; .csv or "
            ".parquet for the rows of a table. An existing file is replaced. - is standard output."
        ),
    ] = Path("samples.png"),
    format: Annotated[
        str | None, typer.Option(help="png, npy, npz or csv, for --out -.", show_default=False)
    ] = None,
) -> None:
    """Draws samples from a trained GAN."""
    to_stdout = str(out) == "-"
    if to_stdout:
        ending = _checked(format, context.obj.stdout.isatty())
    elif format is not None:
        raise ValueError(
            "--format is for --out - only: the ending of --out chooses the format of a file."
        )
    else:
        ending = out.suffix.removeprefix(".")
        if ending not in (*FORMATS, *table_rows.FORMATS):
            raise ValueError(
                f"--out {out} must end in .png, .npy or .npz (.csv or .parquet for the rows of a "
                "table), or be - with --format."
            )
    if interpolate and traverse:
        raise ValueError("--interpolate and --traverse were both given: leave one out.")
    output.import_tensorflow()
    import numpy as np

    from ganzoo.cli import given_samples
    from ganzoo.core import latents
    from ganzoo.training import runs

    gan = runs.load(run_or_model, weights)
    accepted = table_rows.FORMATS if gan.spec.is_table else FORMATS
    if ending not in accepted:
        what = "the rows of a table" if gan.spec.is_table else "samples"
        raise ValueError(
            f"{gan.registry_name} makes {what}, which can't be written as .{ending}: choose one of "
            f"{', '.join(accepted)}."
        )
    if gan.spec.is_table:
        images_only: dict[str, object] = {
            "--labels": labels,
            "--traverse": traverse,
            "--interpolate": interpolate or None,
            "--source": source,
            "--data": data,
        }
        if wrong := [key for key, value in images_only.items() if value is not None]:
            raise ValueError(f"{wrong[0]} is not for tables: leave it out.")
        asked = table_rows.conditions(gan, settings or [])
        made = gan.sample(count, seed, conditions=asked, truncation=truncation)
        table_rows.write(made, gan, context.obj.stdout.buffer if to_stdout else out, ending)
        return
    grid: dict[str, Any] = {}
    varied, columns = [], None
    if interpolate or traverse:
        rows, varied = math.ceil(count / COLUMNS), latents.varied(gan, traverse)
        if traverse:
            paths = latents.traverse(gan, traverse, rows, COLUMNS, seed, truncation)
        else:
            paths = latents.interpolate(gan, rows, COLUMNS, seed, truncation)
        grid, (rows, columns) = latents.flattened(paths)
        count, truncation = rows * columns, None
    given = given_samples.read(gan, source, data, fit or "crop", count)
    if given:
        count = len(next(iter(given.values())))
    inputs: dict[str, Any] = read_inputs(gan, settings or [], count)
    if twice := [name for name in inputs if name in given]:
        raise ValueError(f"--set {twice[0]}= can't set samples: leave it out.")
    inputs |= given
    if labels is not None:
        if "label" in inputs:
            raise ValueError("--labels and --set label= were both given: leave one out.")
        # `sample` itself refuses labels that the GAN doesn't have
        inputs["label"] = _in_equal_shares(class_numbers(gan, "--labels", labels), count)
    if fixed := [name for name in varied if name in inputs]:
        option = f"--traverse {traverse}" if traverse else "--interpolate"
        raise ValueError(f"{option} varies the {fixed[0]} that was set: leave one of them out.")
    if truncation is not None:
        if "truncation" in inputs:
            raise ValueError("--truncation and --set truncation= were both given: leave one out.")
        inputs["truncation"] = truncation
    samples = gan.sample(count, seed, **grid | inputs)
    drawn = grid or latents.draw(gan, count, seed, inputs.get("truncation"))
    drawn |= {k: np.broadcast_to(v, drawn[k].shape) for k, v in inputs.items() if k in drawn}
    if to_stdout:
        _write_to(context.obj.stdout.buffer, gan, samples, drawn, ending, columns)
    else:
        _save(gan, samples, drawn, out, columns)
        typer.echo(output.shown(out))


def _checked(format: str | None, is_terminal: bool) -> str:
    """Returns `format`, if samples can be written to standard output in it."""
    if format is None or format not in (*FORMATS, "csv"):
        seen = "--out -" if format is None else f"--out - --format {format}"
        raise ValueError(f"{seen} needs a format: --format png, npy, npz or csv.")
    if is_terminal:
        raise ValueError(
            "--out - writes binary data, which a terminal can't show: redirect it, as in > x.png."
        )
    return format


def read_inputs(gan: GAN, settings: list[str], count: int) -> dict[str, np.ndarray]:
    """Reads NAME=VALUE settings as inputs of the generator, for `gan.sample(count, **inputs)`.

    The value of an input of classes is one class or several, each of which gets an equal share of
    the samples. The value of another input is as many numbers as it is wide, for all samples.

    Returns:
        Name of an input -> its values, int32 [count] for classes, or [count, width].

    Raises:
        ValueError: a word is not NAME=VALUE, the GAN has no such input, or the value doesn't fit.
    """
    import numpy as np

    from ganzoo.foundation import registry

    inputs: dict[str, np.ndarray] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting} must be NAME=VALUE, as in --set category=3.")
        if name in inputs:
            raise ValueError(f"--set {name}= was given twice: leave one out.")
        if name not in gan.latent_spec:
            raise ValueError(
                registry.unknown(f"input of {gan.registry_name}", name, gan.latent_spec)
            )
        spec, option = gan.latent_spec[name], f"--set {name}="
        if spec.dtype.is_integer:
            inputs[name] = _in_equal_shares(class_numbers(gan, option, text, name), count)
            continue
        try:
            row = np.array([float(word) for word in text.split(",")], spec.dtype.as_numpy_dtype)
        except ValueError:
            row = np.empty(0)
        width = spec.shape[-1]
        if row.shape != (width,) or not np.isfinite(row).all():
            example = ",".join(["0.5"] * min(width, 2)) + ",…" * (width > 2)
            raise ValueError(
                f"{option}{text} must be {width} finite number{'s' * (width > 1)}, as in "
                f"{option}{example}."
            )
        inputs[name] = np.broadcast_to(row, (max(count, 0), width))
    return inputs


def class_numbers(gan: GAN, option: str, text: str, name: str = "label") -> list[int]:
    """Reads class numbers from numbers or, if the GAN knows them, names that commas separate.

    Raises:
        ValueError: a word is neither.
    """
    names = list(gan.fields[name].class_names or []) if name in gan.fields else []
    numbers = []
    for word in text.split(","):
        if word in names:
            numbers.append(names.index(word))
        elif word.strip().removeprefix("-").isdecimal():
            numbers.append(int(word))
        else:
            known = f", or names out of {output.listed(names)}" if names else ""
            separator = "" if option.endswith("=") else " "
            raise ValueError(
                f"{option}{separator}{text} can't be read: write numbers, as in "
                f"{option}{separator}3,4{known}."
            )
    return numbers


def _in_equal_shares(values: list[int], count: int) -> np.ndarray:
    """Returns int32 [count]: a block of each value, in the given order."""
    import numpy as np

    return np.array(values, "int32")[np.arange(count) * len(values) // max(count, 1)]


def _save(
    gan: GAN, samples: np.ndarray, latents: dict[str, Any], path: Path, columns: int | None
) -> None:
    import numpy as np

    from ganzoo.foundation import files
    from ganzoo.reporting import plots

    if path.suffix == ".png":
        plots.save_samples(samples, path, value_range=gan.spec.value_range, columns=columns)
        return
    with files.replacing(path) as draft:
        if path.suffix == ".npy":
            np.save(draft, samples)
        else:
            np.savez(draft, **({gan.output_name: samples} | latents))


def _write_to(
    stdout: BinaryIO,
    gan: GAN,
    samples: np.ndarray,
    latents: dict[str, Any],
    format: str,
    columns: int | None,
) -> None:
    """Writes to a temporary file first, because the writers of pictures and .npz need a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"samples.{format}")
        _save(gan, samples, latents, path, columns)
        stdout.write(path.read_bytes())
        stdout.flush()
