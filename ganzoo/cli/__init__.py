"""The command line. Each command parses its arguments, calls the public interface and prints.

TensorFlow, and the rooms that need it, are imported inside the commands, so that help and shell
completion are instant.
"""

from ganzoo.cli.app import main

__all__ = ["main"]
