"""`pytest --nbmake notebooks`: every kernel starts with the network closed and the fast profile; solutions are checked strictly."""

from __future__ import annotations

import contextlib
import os

import pytest

from ldm_lab.course.run import environment

SET = ("IPYTHONDIR", "COURSE_PROFILE", "COURSE_STRICT", "LDM_LAB_PASSPORT", "PYTHONPATH", "OMP_WAIT_POLICY", "MPLBACKEND")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        strict = item.path.parent.name == "solutions"
        values = stack.enter_context(environment(profile="fast", strict=strict, model=os.environ.get("LDM_LAB_MODEL", "")))
        for name in SET:
            patch.setenv(name, values[name])
        return (yield)
