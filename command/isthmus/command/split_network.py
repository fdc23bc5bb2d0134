"""A network that somebody wants split, as the options of a command say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.command.frame import print_note
from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.image.imagenet import IMAGENET, imagenet_classes
from isthmus.data.text import text_of
from isthmus.split.options import FrameOptions

if TYPE_CHECKING:
    from isthmus.data.image.labelled import LabelledImages
    from isthmus.split.network import Network
    from isthmus.split.pictures import Pictures
    from isthmus.split.preprocessing import Preprocessing
    from isthmus.split.reading import Reading

MAX_SIDE = 8192


def require_split_packages() -> None:
    """MissingDependencyError where a package that splitting needs is not installed."""
    missing = [package for package in ("onnx", "cv2") if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(f"splitting needs {', '.join(missing)}: pip install 'isthmus[measure]'")


def network_of(model: Path, frames: FrameOptions) -> Network:
    """The network of a file, for frames of the size that was asked for. InputError if there is none."""
    from isthmus.common.tasks import CLASSIFY, TENSORS
    from isthmus.split.network import load_network
    from isthmus.split.recognition import recognised

    if frames.task == CLASSIFY:
        return sized_as(load_network(model, frames.output), frames.size)
    network = sized_as(load_network(model, frames.output, frames.task or TENSORS), frames.size)
    if frames.task or (task := recognised(network)) == TENSORS:
        return network
    if task != CLASSIFY:
        print_note(f"{network.name} is taken to {task} by its outputs; --task says otherwise")
    return sized_as(load_network(model, frames.output, task), frames.size)


def preprocessing_of(frames: FrameOptions) -> Preprocessing | None:
    """What is done to pixels; None where nothing is said. InputError if the options say nothing sound."""
    from isthmus.split.preprocessing import Preprocessing

    if not frames.says_pixels:
        return None
    return Preprocessing.said(frames.mean, frames.std, frames.order, frames.range)


def reading_of(
    model: Path, frames: FrameOptions, pictures: Callable[[int], Pictures], tensors: Sequence[str] = ()
) -> Reading:
    """The network understood, with what the options say of it; what was found out is said.

    Args:
        model: the file.
        frames: what a person said.
        pictures: so many images, which may be taken to find out what nobody said.
        tensors: to be cut at, looked for before anything that takes long.
    """
    from isthmus.split.codec_folder import sized_for
    from isthmus.split.conventions import MOST_IMAGES
    from isthmus.split.reading import read_with
    from isthmus.split.several import find_cut

    told, network, seen = preprocessing_of(frames), network_of(model, frames), pictures(MOST_IMAGES)
    sized = sized_for(network, seen)
    for tensor in tensors:
        find_cut(sized, tensor)
    reading = read_with(network, sized, seen, told)
    for note in reading.notes:
        print_note(note)
    return reading


def frames_said(frames: FrameOptions, reading: Reading) -> FrameOptions:
    """The options that say what was found out, so that a command may be typed again."""
    from isthmus.split.reading import flags_of_pixels

    return replace(frames, **flags_of_pixels(reading.preprocessing)) if reading.is_tried else frames  # type: ignore[arg-type]


def sized_as(network: Network, size: str) -> Network:
    """The network for frames of ``HxW``, or as it is. InputError if that is no size."""
    if not size:
        return network
    sides = size.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 1 <= int(side) <= MAX_SIDE for side in sides):
        raise InputError(f"--size: expected height and width such as 224x224, got {size!r}")
    return network.sized(int(sides[0]), int(sides[1]))


def class_names_of(path: Path | None) -> tuple[str, ...]:
    """The lines of a file that are not empty, or ImageNet's classes by that word; () without a file.

    Raises:
        InputError: the file is no text.
    """
    if path is None:
        return ()
    if path == Path(IMAGENET) and not path.exists():
        return imagenet_classes()
    try:
        return tuple(line.strip() for line in text_of(path.read_bytes()).splitlines() if line.strip())
    except (OSError, InputError) as error:
        raise InputError(f"{path}: expected a text file of class names, a line each: {error}") from error


def labelled_for(network: str, images: LabelledImages, class_names: tuple[str, ...]) -> LabelledImages:
    """Images with labels as a network numbers its classes. InputError where it does not know one of them."""
    if class_names:
        return images.with_classes(class_names, network)
    # An ImageNet network's 207 is nobody's 207th folder.
    print_note(
        f"label 0 is {images.class_names[0]}, label {len(images.class_names) - 1} is {images.class_names[-1]}, in the "
        f"order of {images.name}; if {network} has another, say its names with --classes"
    )
    return images
