"""Videos as a signal of the house."""

from __future__ import annotations

from isthmus.common.codec import Allowance, Signal, Taking
from isthmus.common.limits import Limits, StreamLimits

VIDEO_LIMITS = Limits(max_packet_size_bytes=4 << 20, max_symbol_count=1 << 23, max_signal_count=1)

# Of the files that are taken for videos where no codec was named; PyAV reads more.
SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".y4m",
    ".264",
    ".h264",
    ".265",
    ".h265",
    ".hevc",
    ".mpg",
    ".mpeg",
    ".ts",
    ".m2ts",
    ".wmv",
    ".flv",
    ".ogv",
    ".3gp",
    ".mjpeg",
    ".mjpg",
    ".ivf",
    ".obu",
)

SOURCE_WAIT_S = 30.0
"""How long a pipe, an address or a camera may send nothing."""

CAMERA_PATTERN = r"camera:([0-9]{1,3})"

DEFAULT_CODEC = "vision-lite0-b5"
LABELLING_CODEC = DEFAULT_CODEC
"""Of images that are to be classified, which are key frames of the same."""

VIDEO = Signal(
    name="video",
    noun="video",
    plural="videos",
    manifest="isthmus.common.video.manifest:VideoManifest",
    formats={suffix: suffix[1:] for suffix in SUFFIXES},
    default_codec=DEFAULT_CODEC,
    allowance=Allowance(
        StreamLimits(
            VIDEO_LIMITS,
            # Enough for a second of video over a slow link; an edge that plays in real time allows itself fewer.
            max_in_flight_frame_count=32,
            max_message_size_bytes=VIDEO_LIMITS.max_packet_size_bytes + 64,
        ),
        max_stream_count=16,  # each may hold two states of up to 32 MiB
        # A frame of 3840 x 2160 and some: a network's activations, unlike its latents, are not counted by a limit on
        # symbols, and are many times as large where a codec has few channels.
        max_pixels=1 << 23,
    ),
    encoder="isthmus.edge.video.coding:open_encoder",
    read="isthmus.edge.video.coding:read",
    cloud_half="isthmus.cloud.video.codec:VideoCodec",
    pack="isthmus.edge.video.job:pack",
    job="isthmus.edge.video.job:run",
    options="isthmus.edge.video.options:VideoOptions",
    inspector="isthmus.codec.video:INSPECTOR",
    message_types=("sensor_msgs/Image", "sensor_msgs/CompressedImage"),
    admission="isthmus.common.video.admission:VideoLimits",
    takes={
        "image": Taking(
            options="isthmus.edge.video.options:StillOptions",
            pack="isthmus.edge.video.stills:pack",
            job="isthmus.edge.video.stills:run",
            is_one="isthmus.data.video.stills:is_still",
        )
    },
    pattern=CAMERA_PATTERN,
    is_sequence=True,  # a folder of images is one only where somebody says so
)
