"""The typed stub says what the native module is."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

from rheon_engine import _engine


def test_stub_and_module_agree() -> None:
    package = Path(inspect.getfile(_engine)).parent
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "rheon_engine._engine"],
        cwd=package.parent,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
