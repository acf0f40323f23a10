"""Hostile command lines: each ends soon in one sentence with exit code 2."""

import pytest
from cases import (
    TRAIN,
    all_of,
    content,
    copied,
    each_of,
    ends_soon_in_one_sentence_or_works,
    line,
    nothing,
)

from ganzoo import cli

COMMANDS = {
    "no such command": (nothing, line("frobnicate"), "No such command 'frobnicate'"),
    "no such option": (nothing, line("list", "--frobnicate"), "No such option"),
    "too many words": (nothing, line("show", "gan", "lsgan"), "unexpected extra"),
    "no GAN": (nothing, line("train", ""), "no GAN is called ''"),
    "a line break for a GAN": (nothing, line("show", "a\nb"), r"'a\\nb'"),
    "a line break in an option": (nothing, line("--a\nb"), "No such option"),
    "a line break in a path": (nothing, line("data", "folder:a\nb"), r"a\\nb is not a folder"),
    "a line break in a name to write": (nothing, line("sample", "x", "--out", "a\nb"), r"a\\nb"),
    "an escape in a path": (nothing, line("data", "folder:\x1b[2J"), r"\\x1b\[2J is not a folder"),
    "no Unicode in a path": (nothing, line("data", "folder:\udcff"), r"\\udcff is not a folder"),
    "a seed below zero": (nothing, line(*TRAIN, "--seed", "-1"), "seed=-1 must be"),
    "a seed of 80 bits": (nothing, line(*TRAIN, "--seed", 2**80), "seed=1208925819614629174706176"),
    "a width of 1e3": (nothing, line(*TRAIN, "width=1e3"), "width='1e3' must be"),
    "a width of nothing": (nothing, line(*TRAIN, "width="), "width='' must be"),
    "a width of a trillion": (nothing, line(*TRAIN, f"width={10**12}"), "at most 16384"),
    "a value without a key": (
        nothing,
        line(*TRAIN, "=8"),
        "no hyper-parameter of gan is called ''",
    ),
    "a rate of 1e999": (nothing, line(*TRAIN, "generator_learning_rate=1e999"), "must be"),
    "a rate of an unknown shape": (
        nothing,
        line(*TRAIN, "generator_learning_rate=up(1,0,9)"),
        "there is no schedule called 'up'",
    ),
    "a rate of words": (
        nothing,
        line(*TRAIN, "generator_learning_rate=linear(a,0,9)"),
        "START, END, STEPS",
    ),
    "a penalty without a weight": (
        nothing,
        line(*TRAIN, "penalties=r1:"),
        "write it as penalties=",
    ),
    "a penalty of NaN": (nothing, line(*TRAIN, "penalties=r1:nan"), "must be"),
    "no data": (nothing, line("train", "gan", "--data", ""), "there is no data set ''"),
    "a batch of a googol": (nothing, line(*TRAIN, "--batch-size", 10**100), "at most 1048576"),
    "no epochs": (nothing, line(*TRAIN, "--epochs", "0"), "epochs=0 must be an int"),
    "half a step": (nothing, line(*TRAIN, "--steps", "0.5"), "Invalid value for '--steps'"),
    "a size of nothing": (nothing, line("data", "digits", "--size", ""), "write numbers"),
    "a size below zero": (nothing, line("data", "digits", "--size=-8,8"), "two positive ints"),
    "a size of terabytes": (
        nothing,
        line("data", "digits", "--size", "1000000,9"),
        "at most 16384",
    ),
    "a range of NaN": (nothing, line(*TRAIN, "--value-range", "nan,1"), "not a pair of finite"),
    "a range the wrong way": (
        nothing,
        line(*TRAIN, "--value-range", "9,1"),
        "not a pair of finite",
    ),
    "a picture of the data in no folder": (
        nothing,
        line("data", "digits", "--out", "no/x.png"),
        "must name a file in a folder that exists",
    ),
    "a run in another run": (copied, line(*TRAIN, "--out", "r"), "r is not empty"),
    "a run in a file": (copied, line(*TRAIN, "--out", "r/config.json"), "is a file: name a new"),
    "a run of a long name": (nothing, line(*TRAIN, "--out", "a" * 300), "File name too long"),
    "going on with a file": (copied, line("train", "--resume", "r/config.json"), "is no run"),
    "going on with what is done": (copied, line("train", "--resume", "r"), "all of its 2 steps"),
    "samples of a trillion": (
        copied,
        line("sample", "r", "-n", 10**12),
        "less than or equal to 1000000",
    ),
    "samples of a seed of 80 bits": (copied, line("sample", "r", "--seed", 2**80), "must be"),
    "samples of no label": (copied, line("sample", "r", "--labels", ""), "write numbers"),
    "samples of halves": (copied, line("sample", "r", "--labels", "1.5"), "write numbers"),
    "samples of labels that there are none of": (
        copied,
        line("sample", "r", "--labels", "1"),
        "is not told the class",
    ),
    "samples in a folder": (
        all_of(copied, lambda place: (place.path / "s.png").mkdir()),
        line("sample", "r", "--out", "s.png"),
        "s.png was not written: Is a directory",
    ),
    "samples of the history": (copied, line("sample", "r/history.csv"), "ends in .keras"),
    "measuring a file on no data": (
        copied,
        line("evaluate", "r/model.keras"),
        "name a data set, as in",
    ),
    "measuring into no folder": (copied, line("evaluate", "r", "--json", "no/x"), "--json no/x"),
    "measuring with a seed below zero": (copied, line("evaluate", "r", "--seed", "-1"), "seed=-1"),
    "measuring on pictures": (
        copied,
        line("evaluate", "r", "--data", "digits"),
        "the model was built for float32",
    ),
    "exporting in no format": (copied, line("export", "r", "--format", "pdf"), "unknown export"),
    "exporting at infinite dB": (
        copied,
        line("export", "r", "--format", "onnx", "--precision", "int8", "--least-psnr", "inf"),
        "least_psnr must be a number of dB",
    ),
    "exporting into a file": (
        copied,
        line("export", "r", "--out", "r/config.json"),
        "is a file: name a folder",
    ),
    "exporting beside another format": (
        all_of(copied, content("1/model.onnx", b"")),
        line("export", "r", "--out", "p"),
        "holds versions in the format 'onnx'",
    ),
    "verifying a run": (copied, line("verify", "r"), "holds no export"),
    "augmenting with what takes no labels": (
        nothing,
        line("augment", "gan"),
        "takes labels, acgan or biggan",
    ),
    "augmenting with one seed": (nothing, line("augment", "cgan", "--seeds", "1"), "at least 2"),
    "augmenting into another table": (
        copied,
        line("augment", "cgan", "--csv", "r/history.csv"),
        "other columns",
    ),
}


@pytest.mark.parametrize("debug", [False, True])
def test_only_debug_shows_where_it_was_refused(place, debug):
    assert cli.main(["show", "gna", *["--debug"] * debug]) == 2
    assert ("Traceback" in place.capsys.readouterr().err) == debug


@each_of(COMMANDS)
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)
