"""Tries every setting of `isthmus.measure.video.thresholds` on the tuning clips, and writes what came of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_zoo
from isthmus.data.beside import data_beside
from isthmus.data.video.clips import ClipSet, join_sets, moved_photographs, packed_photographs, video_files
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.track import Track, no_track
from isthmus.measure.video.clips import NATURAL_FOLDER, tuning_videos
from isthmus.measure.video.network import WholeNetwork
from isthmus.measure.video.options import ThresholdOptions
from isthmus.measure.video.outputs import VERSIONED
from isthmus.measure.video.point import join_traces
from isthmus.measure.video.run import choose_video_codecs
from isthmus.measure.video.runs import LatentSender, truth_of
from isthmus.measure.video.thresholds import ThresholdSearch, Trial, tried_policies

NAME = "video_thresholds"
PHOTOGRAPHS = data_beside("photos_a_256.npz")
PHOTOGRAPH_SIZE = (160, 160)
SEED = 0  # of the first photograph's motion
CHOSEN = "Thresholds were chosen here, on tuning videos and moved training photographs; none of them is in a test."


def tuning_clips(options: ThresholdOptions) -> ClipSet:
    """Tuning videos and moved training photographs. InputError where one of them is not there."""
    videos = video_files(tuning_videos(Path(options.videos or NATURAL_FOLDER)), options.frames, "tuning videos")
    files = packed_photographs(Path(options.photographs or PHOTOGRAPHS), options.clips)
    moved = moved_photographs(files, len(files), options.moved_frames, PHOTOGRAPH_SIZE, "photograph", SEED)
    return join_sets("tuning videos and moved training photographs", (videos, moved))


def search_thresholds(options: ThresholdOptions, track: Track = no_track) -> ThresholdSearch:
    """Try every setting.

    Raises:
        InputError: no such codec, or clips that are not there.
    """
    folder, *_ = choose_video_codecs(find_zoo(options.zoo), (options.codec,))
    network = WholeNetwork(folder)
    clips = tuning_clips(options)
    seen = [(clip, truth_of(clip, network)) for clip in map(clips.clip, range(len(clips)))]

    def tried(values: Mapping[str, float], policy: VideoPolicy) -> Trial:
        sender = LatentSender(folder, policy)
        trace = join_traces([sender.send(clip, network, truth) for clip, truth in seen])
        advance(1)
        return Trial(
            values=values,
            bits_a_frame=float(trace.bits.mean()),
            agreement_percent=100 * float(trace.is_right.mean()),
            network_percent=100 * float(trace.network_runs.mean()),
            edge_ms=float(trace.edge_ms.mean()),
        )

    policies = tried_policies()
    advance = track(clips.name, 1 + len(policies))
    return ThresholdSearch(
        data=clips.name,
        codec=folder.name,
        clip_names=clips.clip_names,
        frames=sum(len(clip) for clip, _ in seen),
        intra=tried({}, VideoPolicy(mode="intra")),
        trials=tuple(tried(values, policy) for values, policy in policies),
    )


def write_thresholds(search: ThresholdSearch, command: str, folder: Path) -> Path:
    """Write the results file and gather the summary; answers its path."""
    provenance = Provenance.of(command, search.data, SEED, VERSIONED, chosen=CHOSEN)
    written = write_results(folder, Results(NAME, provenance, search.summary(), search.detail()))
    gather_summary(folder)
    return written
