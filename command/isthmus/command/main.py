"""The one command, `isthmus`: what each subcommand needs is imported only when it runs."""

from __future__ import annotations

import typer

from isthmus.command.cloud import cloud
from isthmus.command.demo import demo
from isthmus.command.edge import edge
from isthmus.command.inspect import inspect
from isthmus.command.local_files import decode, encode
from isthmus.command.measure import add_commands
from isthmus.command.split import build_squeezenet, split, train_video
from isthmus.command.train import freeze, train_classifiers_command, train_image, train_pointcloud
from isthmus.command.train_motion_networks import train_motion_networks_command

app = typer.Typer(
    name="isthmus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Collaborative intelligence: the edge half of a network here, the cloud half there, a few bits between.",
    epilog="Start with `isthmus demo`; or `isthmus cloud` in one terminal and `isthmus edge FILES` in another.",
)
app.command()(edge)
app.command()(cloud)
app.command()(encode)
app.command()(decode)

measure = typer.Typer(no_args_is_help=True, help="Rate against accuracy of a live cloud, over the real wire.")
add_commands(measure)
app.add_typer(measure, name="measure")

train = typer.Typer(no_args_is_help=True, help="Train the networks; needs the extra `train`.")
train.command("pointcloud")(train_pointcloud)
train.command("image")(train_image)
train.command("video")(train_video)
train.command("motion-networks")(train_motion_networks_command)
train.command("classifiers")(train_classifiers_command)
app.add_typer(train, name="train")

app.command()(freeze)
app.command()(split)
app.command("build-squeezenet")(build_squeezenet)
app.command()(inspect)
app.command()(demo)


def main() -> None:
    """Entry point of `isthmus`."""
    app()


if __name__ == "__main__":
    main()
