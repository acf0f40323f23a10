"""Silence for the length of a `with` block."""

import contextlib
import logging
import os
import sys
import threading

# TensorFlow announces deprecations of the loader that TF Serving itself uses, and tf2onnx names
# one of its loggers after a file, so that no parent logger covers it.
_LOGGERS = ("tensorflow", "absl", "tf2onnx")
_ALONE = threading.RLock()  # a second thread would take the muted state for the original


@contextlib.contextmanager
def quiet():
    """Mutes TensorFlow's and tf2onnx's loggers, and what C++ writes to standard error.

    The levels and the stream are as they were when the block ends, however it ends. C++ logging
    has no switch after TensorFlow is imported, hence the file descriptor: keep blocks short.
    """
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    if tf2onnx_utils := sys.modules.get("tf2onnx.utils"):
        loggers.append(tf2onnx_utils.logger)
    with _ALONE, contextlib.ExitStack() as restore:
        for logger in loggers:
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        with contextlib.suppress(OSError):  # a process without a standard error is quiet already
            stderr = os.dup(2)
            restore.callback(os.close, stderr)
            restore.callback(os.dup2, stderr, 2)
            null = os.open(os.devnull, os.O_WRONLY)
            restore.callback(os.close, null)
            os.dup2(null, 2)
        yield
