"""What may be set of bags of robots, which hold signals of every kind. No heavy imports."""

from __future__ import annotations

from typing import Any

from isthmus.common.options import option


def topic_option() -> Any:
    """The topic whose messages are taken, "" where there is one that can be read."""
    return option(
        "",
        "Topic of a bag (.mcap, .db3, .bag, or a folder of ROS 2).",
        automatic="the one there is that can be read",
        metavar="NAME",
    )
