"""The command line completes commands, options and names in the shell."""

import os
import subprocess
import sys
from pathlib import Path

import ganzoo
from ganzoo.cli import completion


def test_completion_in_bash():
    script = (
        'eval "$(ganzoo --show-completion bash)"; COMP_WORDS=({words}); '
        "COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); _ganzoo_completion ganzoo; "
        'echo "${{COMPREPLY[@]}}"'
    )
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for words, completed in (
        ("ganzoo tr", "train"),
        ("ganzoo train --bat", "--batch-size"),
        ("ganzoo train lsg", "lsgan"),
        ("ganzoo show wgan", "wgan_gp"),
    ):
        done = subprocess.run(
            ["bash", "-c", script.format(words=words)],
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": scripts},
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert completed in done.stdout.split(), words


def test_completion_needs_no_tensorflow():
    code = (
        "import sys; from ganzoo import cli\n"
        "try: cli.main([])\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'numpy'} & sys.modules.keys()\n"
    )
    asked = {
        completion.VARIABLE: "complete_bash",
        "COMP_WORDS": "ganzoo train began",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked
    )
    assert (done.stdout, done.stderr) == ("began\n", "")


def test_all_names_are_completed():
    assert completion.gan_names("") == ganzoo.names()
    data = {name.replace("PATH", "").replace("NAME", "") for name, _ in ganzoo.data.available()}
    assert completion.data_names("") == sorted(data)


def test_completion_is_installed_where_the_shell_looks(ganzoo_in, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, _ = ganzoo_in(tmp_path, "--install-completion fish")
    assert code == 0 and "ganzoo.fish" in out
    _, script, _ = ganzoo_in(tmp_path, "--show-completion fish")
    (installed,) = tmp_path.rglob("ganzoo.fish")
    assert installed.read_text().strip() == script.strip() != ""
