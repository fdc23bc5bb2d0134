"""The clips of a video measurement: those asked for, else those that lie beside the project, else moved photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.video.manifest import VideoManifest
from isthmus.data.beside import data_beside
from isthmus.data.image.labelled import load_labelled_images
from isthmus.data.video.clips import (
    ClipSet,
    find_videos,
    join_sets,
    labelled_videos,
    moved_labelled,
    moved_photographs,
    packed_sequences,
    shrunk,
    video_files,
)
from isthmus.data.video.formats import is_video_name
from isthmus.measure.image.photographs import find_image_set
from isthmus.measure.key import slug
from isthmus.measure.video.measurement import LABELS, OWN_ANSWER
from isthmus.measure.video.options import NONE, VideoOptions
from isthmus.measure.video.studies import LITE, PLAIN, Study

LABELLED_FILES = {
    PLAIN: data_beside("tinyimagenet50.npz"),
    LITE: data_beside("imagenet500_256.npz"),
}
NATURAL_FILE = data_beside("davis20_416x240_32f.npz")
NATURAL_FOLDER = data_beside("video")
TUNING_STEMS = ("bikes", "cockatoo", "vtest_20s")
"""Thresholds are chosen on these; they are in no test."""
PHOTOGRAPH_SIZE = (240, 416)


@dataclass(frozen=True, slots=True, eq=False)
class NamedClips:
    """Clips to measure on.

    Attributes:
        name: stem of the results file.
        root: first part of the summary's keys.
        truth: `LABELS` or `OWN_ANSWER`.
        clips: themselves.
        videos: names of those that are video files.
    """

    name: str
    root: str
    truth: str
    clips: ClipSet
    videos: tuple[str, ...] = ()


def clip_sets(options: VideoOptions, study: Study = PLAIN) -> list[NamedClips]:
    """Each set that is asked for, or there: labelled before natural. Those beside the project are named by the study.

    Raises:
        InputError: none is there, or one that is named is not.
    """
    found: list[NamedClips] = []
    labelled = Path(options.labelled or LABELLED_FILES[study])
    if options.labelled != NONE and not options.is_tuning and (options.labelled or labelled.exists()):
        clips = _labelled(labelled, options)
        beside = f"{study.stem}_labelled", f"{study.root}.labelled"
        name, root = beside if not options.labelled else _own_names(labelled, "labelled")
        found.append(NamedClips(name, root, LABELS, clips))
    if options.natural != NONE:
        found += _natural_sets(options, study)
    if not found:
        raise InputError("expected clips to measure on, got --labelled none and --natural none")
    return found


def _natural_sets(options: VideoOptions, study: Study) -> list[NamedClips]:
    sets = _whole_natural_sets(options, study)
    return [replace(named, clips=shrunk(named.clips, options.natural_side)) for named in sets]


def _whole_natural_sets(options: VideoOptions, study: Study) -> list[NamedClips]:
    frames = min(options.natural_frames, 8) if options.is_quick else options.natural_frames
    limit = min(options.natural_clips or 4, 4) if options.is_quick else options.natural_clips
    if options.is_tuning:
        clips = video_files(tuning_videos(NATURAL_FOLDER), frames, "tuning videos")
        return [NamedClips(f"{study.stem}_tuning", f"{study.stem}_tuning.natural", OWN_ANSWER, clips)]
    if options.natural:
        path = Path(options.natural)
        if path.suffix == ".npz":
            clips = packed_sequences(path, frames)
        else:
            clips = video_files(find_videos(path) if path.is_dir() else [path], frames, path.stem)
        return [NamedClips(*_own_names(path, "natural"), OWN_ANSWER, clips.take(limit))]
    videos: tuple[str, ...] = ()
    parts = [packed_sequences(NATURAL_FILE, frames)] if NATURAL_FILE.is_file() else []
    if NATURAL_FOLDER.is_dir():
        files = [path for path in find_videos(NATURAL_FOLDER) if path.stem not in TUNING_STEMS]
        parts.append(video_files(files, frames))
        videos = parts[-1].clip_names
    if parts:
        if options.is_quick:
            parts = [part.take(limit // 2) for part in parts]
        name = " and ".join(part.name.removesuffix("20_416x240_32f").replace("davis", "DAVIS") for part in parts)
        clips = join_sets(name, parts).take(limit)
        return [NamedClips(f"{study.stem}_natural", f"{study.root}.natural", OWN_ANSWER, clips, videos)]
    photographs = find_image_set(None)
    count = limit or 12
    clips = moved_photographs(photographs.paths, count, min(frames, 32), PHOTOGRAPH_SIZE, f"{photographs.name}, moved")
    return [NamedClips("video_photographs", "video_photographs.natural", OWN_ANSWER, clips)]


def tuning_videos(folder: Path) -> list[Path]:
    """The videos of a folder that thresholds are tuned on. InputError where one is missing."""
    found = [path for path in find_videos(folder) if path.stem in TUNING_STEMS]
    if len(found) != len(TUNING_STEMS):
        raise InputError(f"{folder}: expected videos {', '.join(TUNING_STEMS)}, found {[p.stem for p in found]}")
    return found


def with_codec_classes(named: NamedClips, folder: Path) -> NamedClips:
    """The same clips, labelled by the classes of a codec. InputError where it does not know one of them."""
    manifest = load_codec_folder(folder, needed=(), kind=VideoManifest).manifest
    return replace(named, clips=named.clips.with_classes(manifest.class_names, manifest.name))


def _labelled(path: Path, options: VideoOptions) -> ClipSet:
    """Labelled videos where a folder or table has them, else labelled images, moved."""
    count, frames = options.labelled_clips, options.labelled_frames
    if options.is_quick:
        count, frames = min(count or 20, 20), min(frames, 8)
    if path.is_dir() and any(is_video_name(file) for file in path.rglob("*")):
        return labelled_videos(path, frames).take(count)
    return moved_labelled(load_labelled_images(path), count, frames)


def _own_names(path: Path, kind: str) -> tuple[str, str]:
    """Of a set that the user named."""
    stem = slug(path.stem)
    return f"video_{stem}_{kind}", f"video_{stem}.{kind}"
