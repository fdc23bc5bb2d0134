"""Tries every setting of `isthmus.measure.video.thresholds` on the tuning clips, and writes what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from isthmus.common.results import Provenance, Results, gather_summary, write_results
from isthmus.common.zoo import find_zoo
from isthmus.data.beside import data_beside
from isthmus.data.video.clips import Clip, ClipSet, join_sets, moved_photographs, packed_photographs, video_files
from isthmus.edge.video.policy import VideoPolicy
from isthmus.measure.track import Track, no_track
from isthmus.measure.video import answer_thresholds
from isthmus.measure.video.answer_thresholds import AnswerSearch, AnswerTrial
from isthmus.measure.video.clips import NATURAL_FOLDER, tuning_videos
from isthmus.measure.video.network import WholeNetwork, nrmse
from isthmus.measure.video.options import ThresholdOptions
from isthmus.measure.video.outputs import VERSIONED
from isthmus.measure.video.point import join_traces
from isthmus.measure.video.proxy import proxy_evidence
from isthmus.measure.video.run import choose_video_codecs
from isthmus.measure.video.runs import LatentSender, Truth, truth_of
from isthmus.measure.video.studies import study_of
from isthmus.measure.video.thresholds import ThresholdSearch, Trial, tried_policies
from isthmus.split.answers import divergences, log_probabilities

NAME = "thresholds"
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


def search_thresholds(options: ThresholdOptions, track: Track = no_track) -> ThresholdSearch | AnswerSearch:
    """Try every setting: of a codec with tiles by what the answers lose, of others by agreement.

    Raises:
        InputError: no such codec, or clips that are not there.
    """
    folder, *_ = choose_video_codecs(find_zoo(options.zoo), (options.codec,))
    network = WholeNetwork(folder)
    clips = tuning_clips(options)
    seen = [(clip, truth_of(clip, network)) for clip in map(clips.clip, range(len(clips)))]
    if network.manifest.tile_latents:
        return _answer_search(folder, network, clips, seen, track)

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


def _answer_search(
    folder: Path, network: WholeNetwork, clips: ClipSet, seen: Sequence[tuple[Clip, Truth]], track: Track
) -> AnswerSearch:
    whole = [log_probabilities(network.logits(truth.latents)) for _, truth in seen]

    def tried(values: Mapping[str, float], policy: VideoPolicy) -> AnswerTrial:
        sender = LatentSender(folder, policy)
        traces, nats = [], []
        for (clip, truth), own in zip(seen, whole, strict=True):
            log, latents = sender.pass_through(clip)
            logits = network.logits(latents)
            traces.append(log.trace(logits.argmax(1), truth, nrmse(latents, truth.latents)))
            nats.append(divergences(own, log_probabilities(logits)))
        trace = join_traces(traces)
        advance(1)
        return AnswerTrial(
            values=values,
            bits_a_frame=float(trace.bits.mean()),
            nats=float(np.concatenate(nats).mean()),
            agreement_percent=100 * float(trace.is_right.mean()),
            network_percent=100 * float(trace.network_runs.mean()),
            edge_ms=float(trace.edge_ms.mean()),
        )

    policies = answer_thresholds.tried_policies()
    advance = track(clips.name, len(answer_thresholds.INTRA_STEPS) + len(policies))
    return AnswerSearch(
        data=clips.name,
        codec=folder.name,
        clip_names=clips.clip_names,
        frames=sum(len(clip) for clip, _ in seen),
        intra=tuple(
            tried({"step": step}, VideoPolicy(mode="intra", step=step)) for step in answer_thresholds.INTRA_STEPS
        ),
        trials=tuple(tried(values, policy) for values, policy in policies),
        proxy=proxy_evidence(folder, seen, network),
    )


def write_thresholds(search: ThresholdSearch | AnswerSearch, command: str, folder: Path) -> Path:
    """Write the results file and gather the summary; answers its path."""
    provenance = Provenance.of(command, search.data, SEED, VERSIONED, chosen=CHOSEN)
    study = study_of(search.codec)
    summary = search.summary(f"{study.root}.{NAME}")
    written = write_results(folder, Results(f"{study.stem}_{NAME}", provenance, summary, search.detail()))
    gather_summary(folder)
    return written
