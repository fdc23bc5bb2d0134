"""Compiles the C extensions next to their sources, for wheels and editable installs alike.

Without a compiler the package still installs: the range coder then runs in pure Python, histograms in NumPy and edge
halves in onnxruntime, same bytes, slower.
Run `python hatch_build.py` to compile in a checkout that is not installed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

SOURCES = {
    # Optimised for its one loop over points; contracting to fused multiply-adds is exact there, and ISO C forbids it.
    Path("common/isthmus/runtime/_pointwise.c"): ["-O3", "-ffp-contract=fast"],
    # -O3 vectorises what a context sums up; the loops over symbols are as quick with -O2.
    Path("common/isthmus/common/bits/_range_coder.c"): ["-O3"],
    Path("common/isthmus/common/image/_histogram.c"): ["-O3"],
}
FLAGS = ["-Wall", "-Wextra", "-std=c11", "-fPIC", "-shared", "-DPy_LIMITED_API=0x030B0000"]


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's hook: adds the compiled extensions, and with it the platform, to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles; on success the wheel is tagged for CPython 3.11 and later on this platform."""
        if self.target_name != "wheel" or not compile_all(Path(self.root)):
            return
        build_data["artifacts"] += [f"/{_library(source).as_posix()}" for source in SOURCES]
        build_data["pure_python"] = False
        if version != "editable":
            # The plain platform (linux_x86_64): nobody has audited the library for a manylinux name.
            platform = next(tag.platform for tag in sys_tags() if "linux_" not in tag.platform[1:])
            build_data["tag"] = f"cp311-abi3-{platform}"


def compile_all(root: Path, extra_flags: tuple[str, ...] = ()) -> bool:
    """Compiles the C sources under `root`; on failure prints why and removes any older build of all of them."""
    command = _compiler()
    if command is None:
        _warn("no C compiler was found", "install one (Debian: apt install gcc libc6-dev)", root)
        return False
    include = sysconfig.get_path("include")
    if sys.platform == "darwin":
        command += ["-undefined", "dynamic_lookup"]
    for source, flags in SOURCES.items():
        files = [str(root / source), "-o", str(root / _library(source))]
        arguments = [*command, *FLAGS, *flags, *extra_flags, f"-I{include}", *files]
        try:
            result = subprocess.run(arguments, capture_output=True, text=True, check=False)
        except OSError as error:
            _warn(f"{command[0]} does not run: {error}", "install a C compiler", root)
            return False
        if result.returncode:
            reason = f"{shlex.join(arguments)} failed:\n{result.stderr}"
            _warn(reason, "install the compiler and Python's headers", root)
            return False
        if result.stderr:
            print(result.stderr, file=sys.stderr)
    return True


def _library(source: Path) -> Path:
    return source.with_suffix(".abi3.so")


def _compiler() -> list[str] | None:
    """The command of the first C compiler there is."""
    for command in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang"):
        words = shlex.split(command) if command else []
        if words and shutil.which(words[0]):
            return words
    return None


def _warn(reason: str, next_step: str, root: Path) -> None:
    # An older library must not outlive the source it was made from.
    for source in SOURCES:
        (root / _library(source)).unlink(missing_ok=True)
    print(
        f"WARNING: isthmus: the C extensions were not built, {reason}\n"
        "WARNING: isthmus: the pure-Python range coder and onnxruntime are used instead: same bytes, much slower\n"
        f"WARNING: isthmus: to get the fast ones, {next_step} and install again",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(0 if compile_all(Path(__file__).parent, tuple(sys.argv[1:])) else 1)
