"""Which signal a command is about: its codec says it, or where none was named, the names of its inputs."""

from __future__ import annotations

from pathlib import Path

from isthmus.common.errors import InputError
from isthmus.common.image.manifest import ImageManifest
from isthmus.common.manifest.folder import load_codec_folder
from isthmus.common.manifest.manifest import Manifest
from isthmus.common.pointcloud.manifest import PointCloudManifest
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.zoo import ZooFolders, codec_folders, find_codec, find_zoos
from isthmus.data.image.formats import FORMATS as IMAGE_FORMATS
from isthmus.data.image.formats import is_image_name
from isthmus.data.pointcloud.formats import is_point_cloud_name
from isthmus.data.video.formats import is_video_name

DEFAULT_CLOUD_CODEC = "pc-lite-any-q10"
DEFAULT_IMAGE_CODEC = "image-light-q4"
DEFAULT_IMAGE_FAMILY = "image-light"
DEFAULT_VIDEO_CODEC = "video-tiny-q3"


def choose_codec(
    inputs: tuple[str, ...], codec: str, zoo: ZooFolders, format_name: str, quality: int, *, video: bool = False
) -> tuple[type[Manifest], str]:
    """The kind of codec and its name; the default of the inputs' signal where `codec` is "".

    `video` says that the inputs are videos, whatever their names: a folder of images is one then.

    Raises:
        InputError: no such codec, or none was named and the inputs are of several signals.
        ManifestError: the codec's folder is damaged.
    """
    if codec:
        return _kind_of(codec, zoo), codec
    if video or _hold_videos(inputs):
        return VideoManifest, DEFAULT_VIDEO_CODEC
    if format_name in IMAGE_FORMATS or (not format_name and _hold_images(inputs)):
        return ImageManifest, DEFAULT_IMAGE_FAMILY if quality else DEFAULT_IMAGE_CODEC
    return PointCloudManifest, DEFAULT_CLOUD_CODEC


def _kind_of(codec: str, zoo: ZooFolders) -> type[Manifest]:
    if "/" not in codec and "\\" not in codec:
        folders = codec_folders(find_zoos(zoo))
        members = [path for path in folders if path.name.rpartition("-q")[0] == codec]
        if members and all(path.name != codec for path in folders):
            return type(load_codec_folder(members[0], needed=()).manifest)
    return type(load_codec_folder(find_codec(codec, zoo), needed=()).manifest)


def _hold_videos(inputs: tuple[str, ...]) -> bool:
    """Whether the inputs are videos by their names. A folder is none: its images are images unless somebody says so."""
    videos = [given for given in inputs if is_video_name(given)]
    others = [given for given in inputs if given not in videos]
    if videos and others:
        raise InputError(
            f"expected inputs of one signal, got the video {videos[0]} and {others[0]}; name the wanted files, or a "
            "codec with --codec"
        )
    return bool(videos)


def _hold_images(inputs: tuple[str, ...]) -> bool:
    """Whether the inputs are images by their names; a folder by those of its files."""
    image, cloud = "", ""
    for given in inputs:
        path = Path(given)
        is_folder = path.is_dir()
        names = list(path.rglob("*")) if is_folder else [path]
        image = next((str(name) for name in names if is_image_name(name)), image)
        cloud = next((str(name) for name in names if is_point_cloud_name(name, is_certain=is_folder)), cloud)
    if image and cloud:
        raise InputError(
            f"expected inputs of one signal, got the image {image} and the point cloud {cloud}; name the wanted files, "
            "or a codec with --codec"
        )
    return bool(image)
