"""A cloud from Python: every signal has one result, in its place, whatever befalls it; and connections that go."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import tiny_codec, tiny_video_codec
from support.ctrl_c import CtrlC
from support.tiny_clips import panning, write_video
from support.tiny_image_codec import photo
from support.tiny_zoo import POINTS

from isthmus.codec import AsyncConnection, Codec, Result, aconnect, connect, exchange, load
from isthmus.common.bits.packet import PacketType
from isthmus.common.codec import Allowance
from isthmus.common.errors import (
    CloudUnreachableError,
    InputError,
    IsthmusError,
    LimitExceededError,
    ManifestMismatchError,
    StreamMisuseError,
    UnknownCodecError,
)
from isthmus.common.protocol import FrameReconstruction
from isthmus.common.signals import Image, PointCloud
from isthmus.common.video.signal import VIDEO
from isthmus.measure.drill.faulty_proxy import faulty_proxy

IMAGES, VIDEOS = "image-test-q1", tiny_video_codec.NAME
pytestmark = pytest.mark.zoo(POINTS, IMAGES, VIDEOS)

NOBODY = "127.0.0.1:9"  # the discard port, where no cloud listens

Collect = Callable[[str, Codec, Any], list[Result]]


def collect(address: str, codec: Codec, given: Any) -> list[Result]:
    with connect(address, codec) as cloud:
        return list(cloud.results(given))


def acollect(address: str, codec: Codec, given: Any) -> list[Result]:
    async def run() -> list[Result]:
        async with aconnect(address, codec) as cloud:
            return [result async for result in cloud.results(given)]

    return asyncio.run(run())


both = pytest.mark.parametrize("collected", [collect, acollect])


@pytest.fixture(scope="module")
def points(zoo: Path) -> Codec:
    return load(POINTS, zoo=zoo)


@pytest.fixture(scope="module")
def images(zoo: Path) -> Codec:
    return load(IMAGES, zoo=zoo)


@pytest.fixture(scope="module")
def videos(zoo: Path) -> Codec:
    return load(VIDEOS, zoo=zoo)


@both
def test_many_more_than_may_be_in_flight(address: str, points: Codec, collected: Collect) -> None:
    clouds = tiny_codec.clouds(100)
    found = collected(address, points, clouds)
    assert [result.value for result in found] == [points.decode(points.encode(cloud)) for cloud in clouds]
    assert all(result.given is cloud for result, cloud in zip(found, clouds, strict=True))
    assert all(0 < result.round_trip_s < 30 for result in found)
    assert [result.packet_bits for result in found] == [points.encode(cloud).packet_bits for cloud in clouds]


@both
def test_images_come_back_as_pixels(address: str, images: Codec, collected: Collect) -> None:
    pictures = [photo(40, 56, seed) for seed in range(3)]
    for picture, result in zip(pictures, collected(address, images, pictures), strict=True):
        assert isinstance(result.value, Image)
        assert np.array_equal(result.value.pixels, images.decode(images.encode(picture)).pixels)


def test_or_as_their_checksum_where_that_is_enough(address: str, images: Codec) -> None:
    with connect(address, images, wants_pixels=False, wants_timing=True) as cloud:
        result = cloud.ask(photo(40, 56))
    assert isinstance(result.value, FrameReconstruction)
    assert (result.value.height, result.value.width) == (40, 56)
    assert result.timing.task_us > 0


@both
def test_a_video_file_is_answered_frame_by_frame(
    address: str, videos: Codec, collected: Collect, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mp4", panning(7, 64, 96))
    found = collected(address, videos, clip)
    assert [result.given for result in found] == [clip] * 7
    kinds = {result.coded.packet.type for result in found if result.coded is not None}
    assert kinds == {PacketType.INTRA, PacketType.PREDICTED}
    assert [result.value for result in found] == list(videos.decode_all(videos.encode_all(clip)))


def test_frames_asked_one_by_one_are_one_stream(address: str, videos: Codec) -> None:
    frames = panning(5, 64, 96)
    with connect(address, videos) as cloud:
        found = [cloud.ask(frame) for frame in frames]
    expected = list(videos.encode_all(frames))
    assert [result.coded.packet for result in found if result.coded is not None] == [c.packet for c in expected]
    assert [result.value for result in found] == list(videos.decode_all(expected))


@both
def test_what_cannot_be_read_or_coded_keeps_its_place(
    address: str, points: Codec, collected: Collect, tmp_path: Path
) -> None:
    cloud = tiny_codec.clouds(1)[0]
    np.save(tmp_path / "cloud.npy", cloud.points)
    bad = tmp_path / "bad.npy"
    bad.write_bytes(b"none")
    given = [cloud, bad, np.zeros((2, 3)), tmp_path / "cloud.npy", tmp_path / "nothing.npy", cloud]
    found = collected(address, points, given)
    assert [isinstance(result.outcome, InputError) for result in found] == [False, True, True, False, True, False]
    assert [result.given for result in found] == given
    assert found[0].value == found[3].value == found[5].value
    assert (found[1].coded, found[1].packet_bits, found[1].round_trip_s) == (None, 0, 0.0)
    with pytest.raises(InputError, match=r"bad\.npy"):
        _ = found[1].value


@both
def test_the_callers_own_error_comes_after_all_results(address: str, points: Codec, collected: Collect) -> None:
    clouds = tiny_codec.clouds(5)
    seen: list[Result] = []

    def failing() -> Iterator[Any]:
        yield from clouds
        raise KeyError("the sensor is gone")

    def run() -> None:
        with connect(address, points) as cloud:
            seen.extend(cloud.results([]))
            for result in cloud.results(failing()):
                seen.append(result)

    async def arun() -> None:
        async with aconnect(address, points) as cloud:
            async for result in cloud.results(failing()):
                seen.append(result)

    with pytest.raises(KeyError, match="sensor"):
        run() if collected is collect else asyncio.run(arun())
    assert [result.given for result in seen] == clouds


def test_a_frame_that_the_cloud_refuses(zoo: Path, videos: Codec) -> None:
    """Too large a packet is not sent; what would refer to it is a key frame instead."""
    frames = panning(6, 64, 96)
    large = np.random.default_rng(0).integers(0, 256, (512, 768, 3), dtype=np.uint8)
    served = tiny_codec.live_cloud(zoo, allowances={"video": small_packets(4096)})
    with served as live, connect(live.address, videos) as cloud:
        found = list(cloud.results([*frames[:3], large, *frames[3:]]))
    assert [isinstance(result.outcome, LimitExceededError) for result in found] == [False] * 3 + [True] + [False] * 3
    assert found[4].coded is not None
    assert found[4].coded.packet.type is PacketType.INTRA


def test_after_a_frame_that_the_cloud_refused_the_next_is_a_key_frame(zoo: Path, videos: Codec) -> None:
    small, large = panning(4, 64, 96), panning(3, 128, 192)
    served = tiny_codec.live_cloud(zoo, allowances={"video": replace(VIDEO.allowance, max_pixels=64 * 96)})
    with served as live, connect(live.address, videos) as cloud:
        asked = [cloud.ask(frame) for frame in (*small[:2], *large[:2], *small[2:])]
        found = list(cloud.results([*small, *large, *small]))
    assert [type(result.outcome).__name__ for result in asked] == [
        *["NamedLabels"] * 2,
        *["LimitExceededError"] * 2,  # not ReferenceMissingError: it refers to nothing
        *["NamedLabels"] * 2,
    ]
    assert len(found) == 11
    assert [result.given for result in found] == [*small, *large, *small]
    assert [isinstance(result.outcome, IsthmusError) for result in found] == [False] * 4 + [True] * 3 + [False] * 4


def test_what_a_codec_cannot_code(address: str, zoo: Path) -> None:
    with connect(address, load(IMAGES, zoo=zoo, adaptation="synthesized")) as cloud:
        found = list(cloud.results([photo(40, 56), photo(56, 40)]))
    assert ["does not synthesize tables" in str(result.outcome) for result in found] == [True, True]
    assert [result.coded for result in found] == [None, None]


def small_packets(max_packet_size_bytes: int) -> Allowance:
    limits = VIDEO.allowance.limits
    packet = replace(limits.packet, max_packet_size_bytes=max_packet_size_bytes)
    return replace(VIDEO.allowance, limits=replace(limits, packet=packet))


def test_leaving_early_gives_up_what_is_under_way(address: str, points: Codec, videos: Codec) -> None:
    clouds = tiny_codec.clouds(60)
    with connect(address, points) as cloud:
        for result in cloud.results(clouds):
            assert result.given is clouds[0]
            break
        assert cloud.ask(clouds[7]).value == points.decode(points.encode(clouds[7]))
        older = cloud.results(clouds)
        next(older)
        assert [result.given for result in cloud.results(clouds[3:5])] == clouds[3:5]
        with pytest.raises(StreamMisuseError, match="use a connection for each"):
            list(older)  # after those that had come by then
        short = cloud.results(clouds[:2])  # all of it is sent before the first result is taken, or soon after
        next(short)
        cloud.ask(clouds[5])
        with pytest.raises(StreamMisuseError):
            list(short)
    frames = panning(6, 64, 96)
    for _ in range(20):
        with connect(address, videos) as cloud:
            next(iter(cloud.results(frames)))
            again = list(cloud.results(frames))
        first = again[0].coded
        assert first is not None
        if first.packet.type is PacketType.INTRA:
            break  # else the cloud was so quick that nothing was under way, and the stream went on
    assert first is not None
    assert first.packet.type is PacketType.INTRA  # the new stream holds nothing
    assert [result.value for result in again] == list(videos.decode_all(videos.encode_all(frames)))


@pytest.mark.slow
def test_what_comes_after_a_ctrl_c_is_not_what_was_asked_before(
    address: str, points: Codec, videos: Codec, ctrl_c: CtrlC
) -> None:
    """Wherever it comes: a cell of a notebook that is stopped, and another that asks on."""
    clouds, frames = tiny_codec.clouds(5), panning(5, 64, 96)
    right = [points.decode(points.encode(cloud)) for cloud in clouds]
    assert right[0] != right[3]
    stopped = 0
    with connect(address, points) as cloud, connect(address, videos) as film:
        for at in range(1, 400):
            for connection, signals in ((cloud, clouds), (film, frames))[: 2 if at % 5 == 0 else 1]:
                with ctrl_c.coming(at, (inspect.getfile(exchange),)), suppress(KeyboardInterrupt):
                    ctrl_c.begin()
                    list(connection.results(signals[:3]))
                stopped += bool(ctrl_c.where)
            assert [result.value for result in cloud.results(clouds[3:])] == right[3:], ctrl_c.where
            assert all(result.value for result in film.results(frames[3:])), ctrl_c.where  # none lacks its reference
            if not ctrl_c.where:
                break
    assert stopped > 40


def test_leaving_early_with_asyncio(address: str, points: Codec) -> None:
    clouds = tiny_codec.clouds(60)

    async def run() -> list[Any]:
        async with aconnect(address, points) as cloud:
            async for result in cloud.results(clouds):
                assert result.given is clouds[0]
                break
            return [(await cloud.ask(clouds[k])).value for k in (7, 9)]

    assert asyncio.run(run()) == [points.decode(points.encode(clouds[k])) for k in (7, 9)]


def test_an_older_call_that_ends_late_takes_nothing_from_a_newer_one(address: str, points: Codec) -> None:
    clouds = tiny_codec.clouds(40)

    async def run() -> list[Result]:
        async with aconnect(address, points) as cloud:
            older = cloud.results(clouds)
            await anext(older)
            newer = cloud.results(clouds[:20])
            found = [await anext(newer)]
            await older.aclose()
            return found + [result async for result in newer]

    assert [result.given for result in asyncio.run(run())] == clouds[:20]


def test_an_asynchronous_source_and_the_loop_that_goes_on(address: str, videos: Codec) -> None:
    frames = panning(6, 64, 96)
    ticks: list[float] = []

    async def camera() -> AsyncIterator[Any]:
        for frame in frames:
            await asyncio.sleep(0.01)
            yield frame

    async def tick() -> None:
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.002)

    async def run() -> list[Result]:
        ticking = asyncio.create_task(tick())
        async with aconnect(address, videos) as cloud:
            found = [result async for result in cloud.results(camera())]
        ticking.cancel()
        return found

    assert [result.value for result in asyncio.run(run())] == list(videos.decode_all(videos.encode_all(frames)))
    assert len(ticks) > 10


def test_two_connections_at_a_time(address: str, points: Codec, videos: Codec) -> None:
    clouds, frames = tiny_codec.clouds(30), panning(6, 64, 96)
    expected = list(videos.decode_all(videos.encode_all(frames)))
    with connect(address, videos) as one, connect(address, videos) as two, connect(address, points) as three:
        sources = zip(one.results(frames), two.results(frames), three.results(clouds[:6]), strict=True)
        found = list(sources)
    assert [a.value for a, _, _ in found] == expected == [b.value for _, b, _ in found]
    assert [c.given for _, _, c in found] == clouds[:6]

    async def ask(cloud: AsyncConnection) -> list[Any]:
        return [result.value async for result in cloud.results(frames)]

    async def run() -> list[list[Any]]:
        async with aconnect(address, videos) as one, aconnect(address, videos) as two:
            return list(await asyncio.gather(ask(one), ask(two)))

    assert asyncio.run(run()) == [expected] * 2


def test_asking_is_for_one(address: str, points: Codec, tmp_path: Path) -> None:
    for number, one in enumerate(tiny_codec.clouds(3)):
        np.save(tmp_path / f"{number}.npy", one.points)
    with connect(address, points) as cloud:
        with pytest.raises(InputError, match="ask: expected one signal, got several"):
            cloud.ask(tmp_path)
        assert len(list(cloud.results(tmp_path))) == 3
        assert isinstance(cloud.ask(tmp_path / "nothing.npy").outcome, InputError)

    async def run() -> None:
        async with aconnect(address, points) as cloud:
            await cloud.ask(tmp_path)

    with pytest.raises(InputError, match="got several"):
        asyncio.run(run())


def test_a_cloud_that_is_not_there(points: Codec) -> None:
    with pytest.raises(CloudUnreachableError, match="start one with: isthmus cloud"):
        collect(NOBODY, points, tiny_codec.clouds(1))
    with pytest.raises(CloudUnreachableError):
        acollect(NOBODY, points, tiny_codec.clouds(1))
    with pytest.raises(InputError, match="expected host:port"):
        connect("nowhere", points)
    with pytest.raises(InputError, match="task: expected classify, as codec"):
        connect(NOBODY, points, "boxes")


def slowly(cloud: PointCloud) -> Iterator[PointCloud]:
    for _ in range(1000):
        time.sleep(0.01)
        yield cloud


def test_a_cloud_that_goes(zoo: Path, points: Codec) -> None:
    with tiny_codec.live_cloud(zoo) as live, connect(live.address, points, reconnect_tries=1) as cloud:
        assert cloud.ask(tiny_codec.clouds(1)[0]).packet_bits > 0
        live.stop.set()
        with pytest.raises(IsthmusError):
            list(cloud.results(slowly(tiny_codec.clouds(1)[0])))


@both
def test_a_connection_that_breaks_costs_nothing(address: str, points: Codec, videos: Codec, collected: Collect) -> None:
    """Each signal has its one result, in its place, whatever becomes of the way."""
    clouds = tiny_codec.clouds(300)
    expected = [result.value.best.class_index for result in collect(address, points, clouds)]
    for fault in ("cut", "truncate"):
        with faulty_proxy(address, (fault,), 2) as proxy:
            proxy.after_s = (0.0, 0.02)
            found = collected(proxy.address, points, clouds)
            assert [result.value.best.class_index for result in found] == expected
            assert proxy.broken[fault]
    frames = [Image(pixels) for pixels in panning(24, step=1.0)]
    with faulty_proxy(address, ("cut",), 2) as proxy:
        proxy.after_s = (0.0, 0.02)
        found = collected(proxy.address, videos, frames)
        assert [isinstance(result.outcome, IsthmusError) for result in found] == [False] * 24


def test_a_cloud_without_the_codec_or_with_another(address: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownCodecError, match="isthmus cloud --zoo"):
        collect(address, load(tiny_codec.write_codec(tmp_path, "tiny-q2")), [])
    other = tiny_codec.write_codec(tmp_path, POINTS, checksum_size_bytes=2)
    with pytest.raises(ManifestMismatchError, match="same codec folder on both sides"):
        collect(address, load(other), [])


def test_closing_early_and_twice(address: str, points: Codec) -> None:
    cloud = connect(address, points)
    with cloud:
        results = cloud.results(tiny_codec.clouds(50))
        next(results)
        cloud.close()
        with pytest.raises(StreamMisuseError):
            list(results)
    cloud.close()
    with pytest.raises(StreamMisuseError):
        cloud.ask(tiny_codec.clouds(1)[0])

    async def run() -> None:
        async with aconnect(address, points) as cloud:
            async for _ in cloud.results(tiny_codec.clouds(50)):
                await cloud.close()

    async def late() -> None:
        async with aconnect(address, points) as cloud:
            pass
        await cloud.ask(tiny_codec.clouds(1)[0])

    with pytest.raises(StreamMisuseError):
        asyncio.run(run())
    with pytest.raises(StreamMisuseError, match="after close"):
        asyncio.run(late())


def test_a_task_that_is_cancelled_lets_go_at_once(address: str, points: Codec) -> None:
    async def never() -> AsyncIterator[Any]:
        yield tiny_codec.clouds(1)[0]
        await asyncio.sleep(3600)

    async def work() -> None:
        async with aconnect(address, points) as cloud:
            async for _ in cloud.results(never()):
                pass

    async def run() -> float:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.3)
        start_s = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - start_s

    assert asyncio.run(run()) < 5
