"""Which measurements README and docs quote, by which command each is made, and what that command needs.

All run in one working folder, so that what a command reads by name (checkpoints, a graph, folders of pictures) is what
another made there. Data sets are named as they lie beside the project; a measurement whose data is not there is left
out, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass

OUT = "{out}"
"""In a command: the folder of the results."""
CHECKOUT = "{root}"
"""The folder of the checkout."""
DATA = "{data}/"
"""In a command, before the name of a data set: the folder that it lies in."""
ISTHMUS = ("-m", "isthmus.command")


@dataclass(frozen=True, slots=True)
class Step:
    """What is made first, if it is not there.

    Attributes:
        makes: a file or folder, the last that the command makes, seen from the working folder.
        command: words after `python`.
    """

    makes: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One command whose figures are quoted.

    Attributes:
        name: what it is called here.
        command: words after `python`.
        writes: names of its results files.
        needs: data sets beside the project without which it cannot be.
        steps: what is made first.
        is_timed: whether its figures are times, so that it waits for a quiet machine.
        formerly: as a person typed it when the results that are here were made, where what it takes unasked was other
            then; "" where it is as it was.
    """

    name: str
    command: tuple[str, ...]
    writes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    is_timed: bool = False
    formerly: str = ""

    @property
    def typed(self) -> str:
        """As a person types it, data sets and folders by their name alone."""
        words = [word.removeprefix(DATA) for word in self.command if word not in ("--out", OUT, "--root", CHECKOUT)]
        if tuple(words[:2]) == ISTHMUS:
            return " ".join(["isthmus", *words[2:]])
        return " ".join(["python", *words])


def _measure(
    name: str,
    *words: str,
    writes: str,
    needs: tuple[str, ...] = (),
    steps: tuple[Step, ...] = (),
    formerly: str = "",
) -> Measurement:
    command = (*ISTHMUS, "measure", *words, "--out", OUT)
    return Measurement(name, command, tuple(writes.split()), needs, steps, formerly=formerly)


def _benchmark(name: str, *words: str, writes: str) -> Measurement:
    command = (f"benchmarks/{name}.py", *words, "--out", OUT)
    return Measurement(f"benchmark-{name}", command, (writes,), is_timed=True)


def _stills(folder: str) -> Step:
    return Step(folder, ("-m", "isthmus.measure.everything.stills", folder))


TRAINED_IMAGES = Step(
    "runs/image/hyper-q6.pt",
    (
        *ISTHMUS,
        *("train", "image", "--data", f"{DATA}photos_a_256.npz", "--qualities", "3,6"),
        *("--synthesized", "3,6", "--hyperprior", "3,6"),
    ),
)
TRAINED_MOTION = Step(
    "runs/motion/max-motion.pt",
    (*ISTHMUS, "train", "motion-networks", "--data", f"{DATA}tinyimagenet50.npz"),
)
POINT_SWEEP = Step(
    "point-sweep/pc-micro-p1024-lambda16000-seed2",
    (
        *ISTHMUS,
        *("train", "pointcloud-sweep", "--data", f"{DATA}modelnet10_2048.npz", "--configs", "micro"),
        *("--zoo", "point-sweep"),
    ),
)
LITE0 = Step("lite0.onnx", (*ISTHMUS, "build-efficientnet", "--float16"))
SQUEEZENET = Step("squeezenet.onnx", (*ISTHMUS, "build-squeezenet", f"{DATA}nets/imagenet_squeezenet_v10_dc.npz"))

MEASUREMENTS: tuple[Measurement, ...] = (
    _benchmark("coder", writes="coder"),
    _benchmark("edge", writes="edge"),
    _benchmark("image", writes="image_edge"),
    _benchmark("wire", writes="wire"),
    _benchmark("pipe", writes="pipe"),
    _measure("abuse", "abuse", writes="abuse"),
    _measure("load", "load", writes="load"),
    _measure("pointcloud", "pointcloud", writes="pointcloud_p1024"),
    _measure("pointcloud-256", "pointcloud", "--codecs", "pc-*-p256-q*", "--points", "256", writes="pointcloud_p256"),
    _measure(
        "pointcloud-sweep",
        *("pointcloud-sweep", "--zoo", "point-sweep"),
        writes="pointcloud_sweep",
        needs=("modelnet10_2048.npz",),
        steps=(POINT_SWEEP,),
    ),
    _measure(
        "determinism",
        *("determinism", "--codecs", "pc-*-q3,pc-*-q7,pc-*-q10", "--clouds", "16"),
        writes="determinism",
    ),
    _measure("image", "image", "--codec", "image-light,image-hyper", writes="image_kodak", needs=("kodak",)),
    _measure(
        "image-davis",
        *("image", "--images", "davis"),
        writes="image_davis",
        needs=("davis20_416x240_32f.npz",),
        steps=(_stills("davis"),),
    ),
    _measure(
        "image-scikit",
        "image",
        "--images",
        "scikit-image",
        writes="image_scikit_image",
        steps=(_stills("scikit-image"),),
    ),
    _measure("distributions", "distributions", writes="distributions", needs=("kodak",)),
    _measure(
        "side-weight",
        *("side-weight", "--photos", f"{DATA}photos_a_256.npz"),
        writes="side_weight",
        needs=("photos_a_256.npz", "kodak"),
    ),
    _measure("determinism-image", "determinism-image", writes="determinism_image"),
    _measure("fuzz", "fuzz", writes="fuzz"),
    _measure("inputs", "inputs", "--root", CHECKOUT, writes="inputs"),
    Measurement("drill", (*ISTHMUS, "drill", "--out", OUT), ("drill",)),
    _measure(
        "video",
        "video",
        writes="video_lite0_labelled video_lite0_natural video_lite0_link",
        needs=("imagenet500_256.npz", "davis20_416x240_32f.npz", "video"),
    ),
    _measure("determinism-video", "determinism-video", writes="determinism_video_lite0"),
    _measure(
        "video-tiny",
        *("video", "--codec", "video-tiny-q3,video-tiny-*", "--labelled-clips", "500", "--labelled-frames", "16"),
        *("--inputs", "h264,jpeg"),
        writes="video_labelled video_natural video_link",
        formerly="isthmus measure video",
    ),
    _measure(
        "determinism-video-tiny",
        *("determinism-video", "--codec", "video-tiny-q3"),
        writes="determinism_video",
        formerly="isthmus measure determinism-video",
    ),
    _measure(
        "split",
        *("split", "--model", "squeezenet.onnx", "--images", f"{DATA}imagenet500_256.npz"),
        *("--at", "fire2/squeeze,fire5/squeeze,fire9/squeeze"),
        writes="split_squeezenet",
        needs=("imagenet500_256.npz", "nets/imagenet_squeezenet_v10_dc.npz"),
        steps=(SQUEEZENET,),
    ),
    _measure("split-cuts", "split-cuts", writes="split_multi"),
    _measure("split-tasks", "split-tasks", writes="split_tasks"),
    _measure(
        "split-edge",
        *("split-edge", "--photos", f"{DATA}photos_a_256.npz", "--images", f"{DATA}imagenet500_256.npz"),
        writes="split_edge",
        needs=("photos_a_256.npz", "imagenet500_256.npz"),
        steps=(LITE0,),
    ),
    _measure(
        "stills",
        *("stills", "--images", f"{DATA}imagenet500_256.npz"),
        writes="stills",
        needs=("imagenet500_256.npz",),
    ),
    _measure("photograph", "photograph", writes="photograph"),
    _measure(
        "motion",
        *("motion", "--checkpoints", "runs/motion"),
        writes="motion",
        needs=("tinyimagenet50.npz", "imagenet500_256.npz", "nets/imagenet_squeezenet_v10_dc.npz"),
        steps=(TRAINED_MOTION,),
        formerly="isthmus measure motion --checkpoints runs/motion; isthmus measure motion --network lite0 --merge",
    ),
    _measure(
        "open-question-1",
        *("open-question-1", "--photos", f"{DATA}photos_a_256.npz", "--steps", "300"),
        writes="open_question_1",
        needs=("photos_a_256.npz",),
        steps=(TRAINED_IMAGES,),
    ),
    _measure(
        "open-question-2",
        *("open-question-2", "--photos", f"{DATA}photos_a_256.npz", "--kodak", f"{DATA}kodak"),
        writes="open_question_2",
        needs=("photos_a_256.npz", "kodak"),
        steps=(TRAINED_IMAGES,),
    ),
)
"""In the order in which they run: those of times first, before anything else has made the machine warm and busy."""
