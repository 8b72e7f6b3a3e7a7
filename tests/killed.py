"""Processes that die at a chosen step on the disk: no cleaning up, as after kill -9 or when the power goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

STEPS = ("rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "fsync")


def dies(step: int, work: Callable[[], object]) -> bool:
    """Run `work` in a process that is gone before its `step`th change to the disk; False when it got through."""
    child = os.fork()
    if child == 0:
        left = {"steps": step}

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                left["steps"] -= 1
                if left["steps"] == 0:
                    os._exit(9)
                return real(*arguments, **options)

            return call

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, 9}
    return code == 9
