"""The video measure: rate against accuracy of latents that move, beside all intra and input codecs; and over a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import find_zoo
from isthmus.data.video.clips import Clip
from isthmus.edge.video.coding import step_of
from isthmus.edge.video.policy import VideoPolicy, default_policy
from isthmus.measure.cloud_process import CloudProcess
from isthmus.measure.codecs import fitting_codecs
from isthmus.measure.options import words
from isthmus.measure.packages import require_packages
from isthmus.measure.track import Track, no_track
from isthmus.measure.video.clips import NamedClips, clip_sets, with_codec_classes
from isthmus.measure.video.input_codecs import input_codecs
from isthmus.measure.video.link import (
    CLOUD_H264,
    CLOUD_H264_SPARE,
    CLOUD_JPEG,
    EDGE_ONLY,
    SPLIT,
    SPLIT_INTRA,
    LinkMeasurement,
    LinkOptions,
    LinkWay,
    measure_link,
)
from isthmus.measure.video.live import LiveSender, open_client
from isthmus.measure.video.measurement import LABELS, VideoMeasurement, nearest
from isthmus.measure.video.network import WholeNetwork
from isthmus.measure.video.notes import notes
from isthmus.measure.video.options import NONE, EmulatedLink, VideoOptions
from isthmus.measure.video.point import ALL_INTRA, FrameTrace, VideoPoint, join_traces
from isthmus.measure.video.runs import LatentSender, LatentWay, Truth, latent_ways, send_input, truth_of
from isthmus.measure.video.studies import study_of

Traces = dict[str, list[FrameTrace]]
"""By the name of a way: of each clip."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedMeasurement:
    """What was measured on some clips, with their names."""

    clips: NamedClips
    measurement: VideoMeasurement


@dataclass(frozen=True, slots=True, eq=False)
class VideoRun:
    """All that one run measured; `link` is empty or one."""

    measurements: tuple[NamedMeasurement, ...]
    link: tuple[LinkMeasurement, ...]


def measure_videos(options: VideoOptions, emulated: EmulatedLink | None = None, track: Track = no_track) -> VideoRun:
    """Measure everything.

    Raises:
        InputError: no codec or clip fits the options; each message ends with what to do.
        IsthmusError: what the cloud or the codecs raise.
    """
    emulated = emulated or EmulatedLink()
    link_options = LinkOptions.of(emulated)
    zoo = find_zoo(options.zoo)
    folders = choose_video_codecs(zoo, words(options.codec))
    found_sets = clip_sets(options, study_of(folders[0].name))
    sets = [with_codec_classes(s, folders[0]) if s.truth == LABELS else s for s in found_sets]
    found: list[NamedMeasurement] = []
    link: tuple[LinkMeasurement, ...] = ()
    with ExitStack() as stack:
        address = ""
        if options.is_live:
            address = options.cloud or stack.enter_context(CloudProcess(zoo)).address
        for each in sets:
            measurement, traces = measure_clips(each, folders, options, address, track)
            found.append(NamedMeasurement(each, measurement))
            if emulated.is_emulated:  # of the last set: natural, where there is one, is of a usual size
                link = (link_of(measurement, traces, link_options),)
    return VideoRun(tuple(found), link)


def choose_video_codecs(zoo: Path, names: Sequence[str]) -> list[Path]:
    """Folders of the video codecs that fit names or patterns, in the order of these. InputError if one fits none."""
    found: list[Path] = []
    for name in names:
        fitting = fitting_codecs(zoo, name)
        if not fitting:
            raise InputError(
                f"expected a codec {name!r} in {zoo}, found none: name another with --codec, or make one with "
                "`isthmus split`"
            )
        found += [folder for folder in fitting if folder not in found]
    for folder in found:
        load_codec_folder(folder, needed=(), kind=VideoManifest)
    return found


def measure_clips(
    clips: NamedClips, folders: Sequence[Path], options: VideoOptions, address: str = "", track: Track = no_track
) -> tuple[VideoMeasurement, Mapping[str, FrameTrace]]:
    """One set of clips, sent in every way; and all frames of each way of the swept codec by the name of its point.

    Args:
        clips: to send.
        folders: of codecs; the first is swept.
        options: which ways.
        address: of a cloud for the default setting; empty to send nothing over a wire.
        track: progress.
    """
    policy = _policy_of(folders[0])
    inputs = input_codecs(words(options.inputs), quick=options.is_quick)
    with ExitStack() as stack:
        swept = _Codec(folders[0], latent_ways(policy, quick=options.is_quick))
        others = [_Codec(folder, latent_ways(_policy_of(folder))[:2]) for folder in folders[1:]]
        others += _other_qualities(swept, folders[0], policy, options)
        if address:
            swept.go_live(address, stack)
        input_traces: Traces = {}
        advance = track(clips.clips.name, len(clips.clips))
        for index in range(len(clips.clips)):
            clip = clips.clips.clip(index)
            truth = swept.send(clip)
            for other in others:
                other.send(clip, truth if other.network is swept.network else None)
            for codec in inputs:
                trace = send_input(codec, clip, policy.key_interval, swept.network, truth)
                input_traces.setdefault(codec.name, []).append(trace)
            advance(1)
    points = [point for codec in (swept, *others) for point in codec.points()]
    points += [VideoPoint.of(c.family, c.setting_name, input_traces[c.name], sure=swept.sure) for c in inputs]
    measurement = VideoMeasurement(
        data=clips.clips.name,
        truth=clips.truth,
        clip_names=clips.clips.clip_names,
        codec=folders[0].name,
        points=tuple(points),
        whole_right=np.array(swept.whole_right),
        whole_ms=float(np.median(swept.whole_ms)),
        whole_macs=float(np.mean(swept.whole_macs)),
        notes=notes(address, inputs, policy),
        videos=clips.videos,
    )
    return measurement, {name: join_traces(found) for name, found in (swept.traces | input_traces).items()}


class _Codec:
    """One codec at work: its ways, and all that came of them."""

    def __init__(
        self, folder: Path, ways: Sequence[LatentWay], name: str = "", network: WholeNetwork | None = None
    ) -> None:
        self.network = network or WholeNetwork(folder)
        self.traces: Traces = {}
        self.whole_right: list[float] = []
        self.whole_ms: list[float] = []
        self.whole_macs: list[float] = []
        self.sure: list[npt.NDArray[np.bool_]] = []
        self._name = name or folder.name
        self._senders = [(way, LatentSender(folder, way.policy)) for way in ways]
        self._live: dict[str, LiveSender] = {}
        self._edge_macs: list[float] = []

    def go_live(self, address: str, stack: ExitStack) -> None:
        """Send the default setting over the wire from now on."""
        for way, sender in self._senders:
            if way.is_default:
                self._live[way.name] = LiveSender(sender, stack.enter_context(open_client(address, sender)))

    def send(self, clip: Clip, known: Truth | None = None) -> Truth:
        """A clip in every way; answers what is right of it, which may be known from another of the same network."""
        truth = known or truth_of(clip, self.network)
        edge_macs, cloud_macs = self.network.macs(*clip.frames.shape[1:3])
        self._edge_macs.append(edge_macs)
        self.whole_macs.append(edge_macs + cloud_macs)
        self.whole_right.append(float((truth.own == truth.answers).sum()))
        self.whole_ms.append(truth.own_ms)
        self.sure.append(truth.is_sure)
        for way, sender in self._senders:
            live = self._live.get(way.name)
            trace = live.send(clip, truth) if live else sender.send(clip, self.network, truth)
            self.traces.setdefault(way.name, []).append(trace)
        return truth

    def points(self) -> list[VideoPoint]:
        """One a way."""
        return [self._point(way) for way, _ in self._senders]

    def _point(self, way: LatentWay) -> VideoPoint:
        point = VideoPoint.of(
            way.family,
            way.setting,
            self.traces[way.name],
            intra=self.traces[ALL_INTRA],
            sure=self.sure,
            codec=self._name,
            is_default=way.is_default,
            macs_a_run=self._edge_macs,
        )
        live = self._live.get(way.name)
        return replace(point, message_bits=live.message_bits_a_frame) if live else point


def link_of(measurement: VideoMeasurement, traces: Mapping[str, FrameTrace], options: LinkOptions) -> LinkMeasurement:
    """Split, edge only and cloud only over emulated links; input codecs at the cheapest setting as good as the split's
    default, or at their best, and H.264 at its best for no more bits than that takes, too."""
    default, intra = measurement.default, measurement.intra
    ways = {
        SPLIT: LinkWay.of_trace(default.setting, traces[default.name], options.slow_down),
        SPLIT_INTRA: LinkWay.of_trace("all intra", traces[intra.name], options.slow_down),
        EDGE_ONLY: LinkWay.edge_only(
            measurement.whole_ms, measurement.frames, measurement.whole_percent, options.slow_down
        ),
    }
    h264 = measurement.of_family("H.264 veryfast") or measurement.of_family("H.264 medium")
    spare = [p for p in h264 if p.bits_a_frame <= default.bits_a_frame]
    for way, points in (
        (CLOUD_H264, h264),
        (CLOUD_H264_SPARE, spare),
        (CLOUD_JPEG, measurement.of_family("JPEG")),
    ):
        point = nearest(points, default.right_percent)
        if point is not None:
            ways[way] = LinkWay.of_trace(point.setting, traces[point.name], options.slow_down)
    return measure_link(measurement.data, ways, options)


def require_video_packages(options: VideoOptions) -> None:
    """MissingDependencyError if a package is missing that this needs."""
    needed = ["matplotlib", "cv2", "av", *(["grpc_health"] if options.is_live and not options.cloud else [])]
    require_packages(needed, "measure,video")


def _policy_of(folder: Path) -> VideoPolicy:
    """The default of its codec."""
    return default_policy(load_codec_folder(folder, needed=(), kind=VideoManifest).manifest)


def _other_qualities(swept: _Codec, folder: Path, policy: VideoPolicy, options: VideoOptions) -> list[_Codec]:
    """All intra and the default at other qualities of a codec whose frames choose their step."""
    if not swept.network.manifest.tile_latents or options.qualities == NONE:
        return []
    wanted = words(options.qualities)
    if unknown := [word for word in wanted if not word.isdigit()]:
        raise InputError(f"--qualities: expected numbers from 1 to 9, comma apart, got {', '.join(unknown)}")
    found = []
    for quality in map(int, wanted[:1] if options.is_quick else wanted):
        ways = latent_ways(replace(policy, step=step_of(quality)))[:2]
        found.append(_Codec(folder, ways, f"{folder.name}, quality {quality}", swept.network))
    return found
