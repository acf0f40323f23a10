"""A `with` block in which TensorFlow and tf2onnx print nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator

# TensorFlow warns that the loader which TF Serving uses is deprecated.
_LOGGERS = ("tensorflow", "absl", "tf2onnx")
# Without the lock a second thread would save the muted state and restore it.
_ALONE = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Mutes the loggers of TensorFlow and tf2onnx, and standard error of C++ code.

    The levels and the stream are restored when the block ends, also after an exception. C++ logging
    can't be switched off once TensorFlow is imported, so file descriptor 2 is redirected for the
    whole process: keep the block short.
    """
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    # This logger is named after a file, so it is no child of the logger "tf2onnx".
    if tf2onnx_utils := sys.modules.get("tf2onnx.utils"):
        loggers.append(tf2onnx_utils.logger)
    with _ALONE, contextlib.ExitStack() as restore:
        for logger in loggers:
            restore.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        with contextlib.suppress(OSError):  # a process may have no standard error
            stderr = os.dup(2)
            restore.callback(os.close, stderr)
            restore.callback(os.dup2, stderr, 2)
            null = os.open(os.devnull, os.O_WRONLY)
            restore.callback(os.close, null)
            os.dup2(null, 2)
        yield
