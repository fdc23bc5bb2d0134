"""The one command, `isthmus`: what each subcommand needs is imported only when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from isthmus.command.build_network import build_efficientnet, build_squeezenet
from isthmus.command.cloud import cloud
from isthmus.command.demo import demo
from isthmus.command.drill import drill
from isthmus.command.edge import edge
from isthmus.command.frame import end_output
from isthmus.command.help_text import PlainCommand, PlainGroup
from isthmus.command.inspect import inspect
from isthmus.command.local_files import decode, encode
from isthmus.command.measure import add_commands
from isthmus.command.split import split
from isthmus.command.streams import prepare_streams
from isthmus.command.token import list_tokens, new_token_command, revoke_token
from isthmus.command.train import freeze, train_classifiers_command, train_pointcloud
from isthmus.command.train_image import train_image
from isthmus.command.train_motion_networks import train_motion_networks_command
from isthmus.command.train_point_sweep import train_pointcloud_sweep
from isthmus.command.train_tables import train_tables
from isthmus.command.train_video import train_video


class Commands(typer.Typer):
    """A group of commands with plain help texts, which `-h` shows too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            cls=PlainGroup,
            no_args_is_help=True,
            add_completion=False,
            pretty_exceptions_enable=False,
            rich_markup_mode=None,
            context_settings={"help_option_names": ["-h", "--help"]},
            **settings,
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """As typer's own."""
        return super().command(name, cls=PlainCommand, **settings)


app = Commands(
    name="isthmus",
    help="Collaborative intelligence: the edge half of a network here, the cloud half there, a few bits between.",
    epilog="Start with `isthmus demo`; or `isthmus cloud` in one terminal and `isthmus edge FILES` in another.",
)
app.command()(edge)
app.command()(cloud)
app.command()(encode)
app.command()(decode)

measure = Commands(help="Rate against accuracy of a live cloud, over the real wire.")
add_commands(measure)
app.add_typer(measure, name="measure")

train = Commands(help="Train the networks; needs the extra `train`.")
train.command("pointcloud")(train_pointcloud)
train.command("pointcloud-sweep")(train_pointcloud_sweep)
train.command("image")(train_image)
train.command("tables")(train_tables)
train.command("video")(train_video)
train.command("motion-networks")(train_motion_networks_command)
train.command("classifiers")(train_classifiers_command)
app.add_typer(train, name="train")

token = Commands(help="Who is let into a cloud: each by a token or a certificate, with quotas.")
token.command("new")(new_token_command)
token.command("list")(list_tokens)
token.command("revoke")(revoke_token)
app.add_typer(token, name="token")

app.command()(freeze)
app.command()(split)
app.command("build-efficientnet")(build_efficientnet)
app.command("build-squeezenet")(build_squeezenet)
app.command()(inspect)
app.command()(demo)
app.command()(drill)


def print_version(is_asked: bool) -> None:  # noqa: FBT001  as typer calls it
    """Say which release this is, and which bitstream it reads and writes."""
    if is_asked:
        from isthmus.common.manifest.fields import BITSTREAM_VERSION

        print(f"isthmus {version('isthmus')}, bitstream version {BITSTREAM_VERSION}")
        raise typer.Exit


@app.callback()
def root(
    *,
    is_asked: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Which release this is.")
    ] = False,
) -> None:
    """Nothing of its own: `--version` has ended by now."""
    del is_asked


def main() -> None:
    """Entry point of `isthmus`."""
    prepare_streams()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:  # of what is printed outside of a frame: help texts, the version
        end_output(error)


if __name__ == "__main__":
    main()
