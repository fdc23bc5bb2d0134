"""How many bits codecs of your own take, and how often they are right, on files that lie in folders by their class.

python examples/measure_your_codec.py shapes/ pc-lite-any-q4 codecs/pc-mine-q7

`isthmus measure` does this over the real wire, with baselines and pictures; here is the core of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from isthmus.codec import load


def main(folder: str, *names: str) -> None:
    files = [path for path in sorted(Path(folder).glob("*/*")) if path.is_file()]
    for name in names:
        codec = load(name)
        unknown = {path.parent.name for path in files} - set(codec.classes)
        if unknown:
            sys.exit(f"{codec.name} knows {', '.join(codec.classes)}, and not {', '.join(sorted(unknown))}")
        bits, right = 0, 0
        for path in files:
            coded = codec.encode(path)
            bits += coded.packet_bits
            right += codec.decode(coded).best.class_name == path.parent.name
        print(f"{codec.name}: {bits / len(files):.1f} bits a packet, {right} of {len(files)} right")


if __name__ == "__main__":
    main(*sys.argv[1:])
