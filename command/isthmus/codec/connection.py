"""A cloud as a program uses it: signals go in, and of each comes out what the cloud says, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from types import TracebackType
from typing import Any

from isthmus.codec.codec import Codec, each
from isthmus.codec.exchange import Asking, Exchange, Result, only
from isthmus.edge.access import NO_ACCESS, Access


def connect(
    address: str,
    codec: Codec,
    task: str = "",
    *,
    wants_pixels: bool = True,
    wants_timing: bool = False,
    timeout_s: float = 0.0,
    access: Access = NO_ACCESS,
    reconnect_tries: int = 16,
) -> Connection:
    """A connection to a cloud, to be used in a `with`; the stream is opened when that begins.

        with connect("127.0.0.1:50051", codec) as cloud:
            print(cloud.ask("photo.jpg").value)
            for result in cloud.results("holiday/"):
                print(result.given, result.packet_bits, result.value)

    Args:
        address: "host:port" of a cloud that serves the same codec.
        codec: as `load` gives it; its options hold (`top_k` among them).
        task: of the codec's, in a word or verb; "" for its first.
        wants_pixels: whether reconstructions come back as images, or only their size and checksum.
        wants_timing: whether the cloud says how long it took.
        timeout_s: limit for each wait for the cloud; 0 for the signal's usual one.
        access: TLS and token; another machine is spoken to over TLS only, unless it says otherwise.
        reconnect_tries: connections that are tried after one that broke, before that is raised; 0 for none.

    Raises:
        InputError: no such task, an address that is none, or no access to it.
    """
    return Connection(
        Exchange(address, codec, Asking(task, wants_pixels, wants_timing, timeout_s, access, reconnect_tries))
    )


class Connection:
    """One stream to a cloud; `connect` makes it. Not to be used by two threads at once.

    One call at a time: a newer one takes the connection over, and an older generator that is asked for more says so.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __enter__(self) -> Connection:
        """Open encoder and stream.

        Raises:
            CloudUnreachableError, DeadlineError: no answer.
            UnknownCodecError, ManifestMismatchError, UnsupportedVersionError: not the same codec on both sides.
            OverloadedError: the cloud takes no more streams now.
        """
        try:
            self._exchange.begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the stream and the connection; what is under way is given up. May be called again."""
        self._exchange.close()

    def ask(self, given: Any) -> Result:
        """Send one signal, and wait for what the cloud says of it; an error of the signal itself is in the result.

        Raises:
            InputError: several signals, or none.
            IsthmusError: what ended the stream, or kept it from opening.
        """
        return only(list(islice(self.results([given]), 2)))

    def results(self, given: Any) -> Iterator[Result]:
        """What the cloud says of each signal, in their order; signals are drawn and sent while results are under way.

        Args:
            given: the path of a folder, of a video, or of one file; an array of frames or clouds, the first axis
                counting them; or any iterable of such things and of signals, without an end if need be.

        Raises:
            IsthmusError: what ended the stream for good, or kept it from opening; what was under way has no result.
            Exception: whatever the iterable raises, after the results of all that it gave before.
        """
        turn = self._exchange.begin()
        failure: Exception | None = None
        inputs = self._exchange.inputs(each(given))
        try:
            while True:
                try:
                    drawn = next(inputs)
                except StopIteration:
                    break
                except Exception as error:  # the caller's own, told when all that came before has its result
                    failure = error
                    break
                yield from self._exchange.taken(turn, drawn)
            while self._exchange.is_due(turn):
                yield from self._exchange.taken(turn)
            if failure is not None:
                raise failure
        finally:
            self._exchange.leave(turn)
