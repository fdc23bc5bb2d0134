"""The readers that are given damaged files. A new one is a line here, and a function that makes its small files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from isthmus.data.image.files import read_image
from isthmus.data.pointcloud.files import read_point_cloud
from isthmus.data.pointcloud.hdf5 import load_scanobjectnn
from isthmus.data.pointcloud.packed import load_lidar, load_packed
from isthmus.measure.inputs import bags, clouds, films, graphs, labels, pictures, recordings, scenes
from isthmus.measure.inputs.reader import Reader
from isthmus.measure.inputs.sums import with_e57_sums, with_png_sums, with_zip_sums

POINTCLOUD, IMAGE, VIDEO, BAG, LABELS, NETWORK = "pointcloud", "image", "video", "bag", "labels", "network"
DRAWN_POINTS = 16
# An image of some bytes may say that it has 2^26 pixels, and be right.
PICTURE_BYTES, PICTURE_S = 1 << 30, 10.0
FILM_BYTES, FILM_S = 256 << 20, 10.0
GRAPH_BYTES = 256 << 20

Files = Callable[[], tuple[bytes, ...]]
Mend = Callable[[bytes], bytes]
APART_SHARE = 0.1


def read_cloud(path: Path) -> None:
    """A cloud, few points of a mesh."""
    read_point_cloud(path, points=DRAWN_POINTS)


def cloud(name: str, suffixes: str, files: Files, mend: Mend | None = None) -> Reader:
    """A reader of point clouds."""
    return Reader(name, POINTCLOUD, tuple(suffixes.split()), files, read_cloud, mend)


def apart(name: str, suffixes: str, files: Files, mend: Mend | None = None) -> Reader:
    """The same in a process of its own, which takes its time to start."""
    return replace(cloud(name, suffixes, files, mend), share=APART_SHARE)


def image(name: str, suffixes: str, files: Files, mend: Mend | None = None) -> Reader:
    """A reader of images."""
    return Reader(name, IMAGE, tuple(suffixes.split()), files, read_image, mend, PICTURE_BYTES, PICTURE_S)


def film(name: str, suffixes: str) -> Reader:
    """A container of videos; its first suffix is one of `films.CONTAINERS`."""
    known = tuple(suffixes.split())
    files = films.films_of(known[0])
    return Reader(name, VIDEO, known, files, films.read_film, None, FILM_BYTES, FILM_S)


READERS: tuple[Reader, ...] = (
    cloud("xyz", ".xyz .txt .csv", clouds.xyz_files),
    cloud("npy", ".npy", clouds.npy_files),
    cloud("bin", ".bin", clouds.bin_files),
    cloud("bin5", ".pcd.bin", clouds.bin5_files),
    cloud("ply", ".ply", clouds.ply_files),
    cloud("pcd", ".pcd", clouds.pcd_files),
    cloud("off", ".off", clouds.off_files),
    cloud("obj", ".obj", clouds.obj_files),
    cloud("stl", ".stl", clouds.stl_files),
    cloud("las", ".las", clouds.las_files),
    apart("laz", ".laz", scenes.laz_files),
    apart("e57", ".e57", scenes.e57_files, with_e57_sums),
    replace(apart("pcap", ".pcap .pcapng", recordings.pcap_files), read=recordings.read_recording),
    cloud("gltf", ".glb .gltf", scenes.gltf_files),
    cloud("3mf", ".3mf", scenes.threemf_files, with_zip_sums),
    cloud("dae", ".dae", scenes.dae_files),
    image("png", ".png .apng", pictures.png_files, with_png_sums),
    image("jpeg", ".jpg .jpeg .jfif", pictures.jpeg_files),
    image("webp", ".webp", pictures.webp_files),
    image("tiff", ".tif .tiff", pictures.tiff_files),
    image("bmp", ".bmp", pictures.bmp_files),
    image("gif", ".gif", pictures.gif_files),
    image("ppm", ".ppm .pgm .pbm .pnm", pictures.ppm_files),
    image("avif", ".avif", pictures.avif_files),
    image("heif", ".heic .heif .hif", pictures.heif_files),
    film("mp4", ".mp4 .m4v"),
    film("mov", ".mov"),
    film("3gp", ".3gp"),
    film("mkv", ".mkv"),
    film("webm", ".webm"),
    film("avi", ".avi"),
    film("y4m", ".y4m"),
    film("h264", ".264 .h264"),
    film("h265", ".265 .h265 .hevc"),
    film("mpg", ".mpg .mpeg"),
    film("ts", ".ts .m2ts"),
    film("wmv", ".wmv"),
    film("flv", ".flv"),
    film("ogv", ".ogv"),
    film("mjpeg", ".mjpeg .mjpg"),
    film("ivf", ".ivf"),
    film("obu", ".obu"),
    Reader("moving", VIDEO, (".gif",), films.moving_files, films.read_film, None, FILM_BYTES, FILM_S),
    Reader("pipe", VIDEO, (".pipe",), films.piped_files, films.read_piped, None, FILM_BYTES, FILM_S),
    Reader("mcap", BAG, (".mcap",), bags.mcap_files, bags.read_bag),
    Reader("db3", BAG, (".db3",), bags.db3_files, bags.read_bag),
    Reader("ros1", BAG, (".bag",), bags.ros1_files, bags.read_bag),
    Reader("table", LABELS, (".csv", ".tsv"), labels.table_files, labels.read_table),
    Reader("packed_clouds", LABELS, (".npz",), labels.packed_cloud_files, load_packed, with_zip_sums),
    Reader("lidar", LABELS, (".npz",), labels.lidar_files, load_lidar, with_zip_sums),
    Reader("packed_images", LABELS, (".npz",), labels.packed_image_files, labels.read_packed_images, with_zip_sums),
    Reader("hdf5", LABELS, (".h5",), labels.hdf5_files, load_scanobjectnn),
    Reader("onnx", NETWORK, (".onnx",), graphs.graph_files, graphs.read_graph, None, GRAPH_BYTES),
)
