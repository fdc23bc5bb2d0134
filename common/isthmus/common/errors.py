"""The error tree of Isthmus, and whose mistake each one is.

Every class descends from `IsthmusError`, and says through its branch who was wrong:

```
IsthmusError
├── LocalError                    this side: its data, its arguments, its files
│   ├── InputError                user data or arguments that cannot be used
│   ├── SymbolRangeError          a symbol that its table cannot code
│   ├── SpoolError                frames that cannot be kept on disk
│   ├── MissingDependencyError    an optional package that is not installed
│   └── StreamMisuseError         a call that the stream's state does not allow
├── RemoteError                   the other side: bytes or answers that came from it
│   └── StreamError
│       ├── StreamNotOpenError, FrameOrderError, UnknownCodecError, ManifestMismatchError
│       ├── ReferenceMissingError, OverloadedError, CloudUnreachableError, DeadlineError, FencedError
│       ├── UnauthenticatedError, ForbiddenError
│       └── MessageError, CloudFailureError
└── CodecError                    anything about codecs and their bytes, from either side
    ├── ManifestError             (LocalError) a codec folder or manifest that cannot be used
    ├── PacketError               (RemoteError) bytes that BITSTREAM.md does not allow
    ├── LimitExceededError        (RemoteError) well-formed bytes that ask for more than is allowed
    ├── SymbolMismatchError       (RemoteError) decoded symbols that are not those encoded
    └── UnsupportedVersionError   (RemoteError) a version or feature this build does not know
```

Messages say what was expected, what came, and where. Those that a user can mend end with the next step.
"""

from __future__ import annotations


class IsthmusError(Exception):
    """Root of every error that Isthmus raises on purpose.

    Attributes:
        expected, actual: the two values that differ, where a program may want them apart from the message; else empty.
    """

    expected: str = ""
    actual: str = ""


class LocalError(IsthmusError):
    """This side is wrong: the caller's data, arguments, files, or use of the library."""


class RemoteError(IsthmusError):
    """The other side is wrong or failing: its bytes, its answers, its absence."""


class InputError(LocalError):
    """User data or arguments that cannot be used."""


class SymbolRangeError(LocalError):
    """The encoder was given a symbol that its table cannot code."""


class SpoolError(LocalError):
    """Frames cannot be kept on disk: it is full, say. What was accepted is kept."""


class MissingDependencyError(LocalError):
    """An optional package is needed and not installed; the message says which extra brings it."""


class StreamMisuseError(LocalError):
    """This side called for something that the state of its own stream does not allow."""


class CodecError(IsthmusError):
    """Something about a codec or the bytes it makes."""


class ManifestError(CodecError, LocalError):
    """A manifest or codec folder that is malformed, damaged or incomplete."""


class PacketError(CodecError, RemoteError):
    """Bytes that BITSTREAM.md does not allow."""


class LimitExceededError(CodecError, RemoteError):
    """Bytes that ask for more than a limit allows; refused before anything is allocated."""


class SymbolMismatchError(CodecError, RemoteError):
    """Decoded symbols differ from the encoded ones: the peers do not hold the same tables."""


class UnsupportedVersionError(CodecError, RemoteError):
    """A format version or feature that this build does not know."""


class StreamError(RemoteError):
    """The stream between edge and cloud did not go as agreed."""


class StreamNotOpenError(StreamError):
    """A frame came before the stream was opened, or after it was closed."""


class FrameOrderError(StreamError):
    """A frame index, request or result came out of order."""


class UnknownCodecError(StreamError):
    """The peer asked for a codec that is not served here."""


class ManifestMismatchError(StreamError):
    """Both peers know the codec's name, but their manifests differ."""


class ReferenceMissingError(StreamError):
    """A predicted packet came without the latents it refers to; the encoder must send intra."""


class OverloadedError(StreamError):
    """The cloud has more streams than it can take now; try again after `retry_delay_s` seconds."""

    retry_delay_s: float = 1.0


class CloudUnreachableError(StreamError):
    """No cloud answers at the address."""


class DeadlineError(StreamError):
    """The answer did not come within the time allowed."""


class FencedError(StreamError):
    """The named stream was opened again since: another connection has it."""


class UnauthenticatedError(StreamError):
    """The cloud lets in those that it knows, and does not know this peer."""


class ForbiddenError(StreamError):
    """The cloud knows this peer, and does not let it do that."""


class MessageError(StreamError):
    """A message that is no message of `isthmus.v1`, or one without meaning."""


class CloudFailureError(StreamError):
    """The cloud failed in a way that it does not explain to its peers; its log does."""
