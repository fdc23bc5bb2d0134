"""Generate `proto/isthmus/v1/*_pb2*.py(i)` from the `.proto` files; with `--check`, say whether they are current.

The generated files are committed, so that nobody needs a protocol compiler to use the project; the check keeps
them from drifting. Needs grpcio-tools (extra `dev`).

    python scripts/generate_protos.py [--check]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

PROTO_ROOT = Path(__file__).resolve().parent.parent / "proto"
PACKAGE = Path("isthmus/v1")


def generate(out: Path) -> dict[str, bytes]:
    """Run the compiler into `out`; return the generated files by name. RuntimeError if it fails."""
    import google.rpc
    import grpc_tools  # type: ignore[import-untyped]
    from grpc_tools import protoc

    rpc_folder = Path(next(iter(google.rpc.__path__)))
    sources = sorted(str(p.relative_to(PROTO_ROOT)) for p in (PROTO_ROOT / PACKAGE).glob("*.proto"))
    if not sources:
        raise RuntimeError(f"expected .proto files in {PROTO_ROOT / PACKAGE}, found none")
    arguments = [
        "protoc",
        f"--proto_path={PROTO_ROOT}",
        f"--proto_path={rpc_folder.parent.parent}",
        f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
        f"--python_out={out}",
        f"--pyi_out={out}",
        f"--grpc_python_out={out}",
        *sources,
    ]
    if (code := protoc.main(arguments)) != 0:
        raise RuntimeError(f"protoc ended with code {code} on {', '.join(sources)}")
    files = {p.name: p.read_bytes() for p in sorted((out / PACKAGE).iterdir())}
    # A file without a service has an empty grpc companion; it would only be noise.
    return {name: data for name, data in files.items() if not (name.endswith("_pb2_grpc.py") and b"Stub" not in data)}


def drift(files: dict[str, bytes]) -> list[str]:
    """Names of generated files that are missing, different or left over in the tree."""
    folder = PROTO_ROOT / PACKAGE
    present = {p.name: p.read_bytes() for pattern in ("*_pb2*.py", "*_pb2*.pyi") for p in folder.glob(pattern)}
    return sorted(name for name in files.keys() | present.keys() if files.get(name) != present.get(name))


def main(argv: list[str] | None = None) -> int:
    """Generate, or check: 0 when the tree is (or has been made) current, 1 when the check finds drift."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the files are not current")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        files = generate(Path(folder))
    changed = drift(files)
    if arguments.check:
        if changed:
            print(f"not current: {', '.join(changed)}; run python scripts/generate_protos.py", file=sys.stderr)
        return 1 if changed else 0
    for name in changed:
        path = PROTO_ROOT / PACKAGE / name
        if name in files:
            path.write_bytes(files[name])
        else:
            path.unlink()
        print(f"{'wrote' if name in files else 'removed'} {path.relative_to(PROTO_ROOT.parent)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
