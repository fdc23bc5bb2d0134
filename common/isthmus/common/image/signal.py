"""Images as a signal of the house."""

from __future__ import annotations

from isthmus.common.codec import Allowance, Signal
from isthmus.common.limits import Limits, StreamLimits
from isthmus.common.tasks import CLASSIFY
from isthmus.common.video.signal import LABELLING_CODEC

IMAGE_LIMITS = Limits(max_packet_size_bytes=16 << 20, max_symbol_count=1 << 26, max_signal_count=1)

IMAGE = Signal(
    name="image",
    noun="image",
    plural="images",
    manifest="isthmus.common.image.manifest:ImageManifest",
    formats={
        ".png": "png",
        ".jpg": "jpeg",
        ".jpeg": "jpeg",
        ".jfif": "jpeg",
        ".apng": "png",
        ".webp": "webp",
        ".tif": "tiff",
        ".tiff": "tiff",
        ".bmp": "bmp",
        ".gif": "gif",
        ".ppm": "ppm",
        ".pgm": "ppm",
        ".pbm": "ppm",
        ".pnm": "ppm",
        ".avif": "avif",
        ".heic": "heif",
        ".heif": "heif",
        ".hif": "heif",
    },
    default_codec="image-light-q4",
    default_family="image-light",
    task_codecs={CLASSIFY: LABELLING_CODEC},
    # Packets are large and few; each stream may hold some tens of megabytes of packets and pixels.
    allowance=Allowance(
        StreamLimits(
            IMAGE_LIMITS,
            max_in_flight_frame_count=8,
            max_message_size_bytes=IMAGE_LIMITS.max_packet_size_bytes + 64,
        ),
        max_stream_count=8,
    ),
    encoder="isthmus.edge.image.coding:open_encoder",
    read="isthmus.edge.image.coding:read",
    cloud_half="isthmus.cloud.image.codec:ImageCodec",
    pack="isthmus.edge.image.job:pack",
    job="isthmus.edge.image.job:run",
    options="isthmus.edge.image.options:ImageOptions",
    inspector="isthmus.codec.image:INSPECTOR",
    message_types=("sensor_msgs/Image", "sensor_msgs/CompressedImage"),
    admission="isthmus.common.image.admission:ImageLimits",
    answer_timeout_s=120.0,  # a large image takes a cloud longer than any cloud of points
)
