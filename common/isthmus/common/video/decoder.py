"""The packets of one stream of video, decoded in order: the coder, and the states that it may refer to."""

from __future__ import annotations

from isthmus.common.bits.packet import Packet
from isthmus.common.limits import Limits
from isthmus.common.video.coder import VideoCoder
from isthmus.common.video.frames import DecodedFrame
from isthmus.common.video.signal import VIDEO_LIMITS
from isthmus.common.video.state import References


class VideoDecoder:
    """Decodes the packets of one stream, in order. A frame that fails leaves the references as they were.

    Args:
        coder: of the codec.
        limits: what is refused before anything is allocated for it.
    """

    def __init__(self, coder: VideoCoder, limits: Limits = VIDEO_LIMITS) -> None:
        self._coder, self._limits = coder, limits
        self.references = References()

    def decode(self, data: bytes) -> DecodedFrame:
        """The next frame.

        Raises:
            PacketError, ReferenceMissingError, LimitExceededError, SymbolMismatchError: as `VideoCoder.decode` says.
        """
        packet = Packet.from_bytes(data, self._limits)
        frame = self._coder.decode(packet, self.references.states, self._limits)
        self.references.add(frame.state, is_key=frame.is_key)
        return frame
