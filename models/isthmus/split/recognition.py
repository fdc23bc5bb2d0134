"""What a network's answers are for, told by its outputs where nobody says so."""

from __future__ import annotations

from isthmus.common.tasks import CLASSIFY, DETECT, SEGMENT, TENSORS
from isthmus.split.box_forms import box_form
from isthmus.split.network import Network

PICTURE_CHANNELS = 3
MOST_CLASSES = 256


def recognised(network: Network) -> str:
    """The task of a network that was read with its outputs as they are, as a person would ask for it.

    | outputs | task |
    |---|---|
    | one, `[1, n]`, or `[1, n, 1, 1]` | classify |
    | boxes, in a form of `box_forms` | detect |
    | one, `[1, C, h, w]`, with 1, 2, or 4 to 256 channels | segment |
    | all else, among it pictures of 3 channels | tensors |

    An embedding looks like logits: a person must say that it is one.
    """
    shapes = [network.shape(output) for output in network.output_names]
    if len(shapes) == 1 and (len(shapes[0]) <= 2 or all(side == 1 for side in shapes[0][2:])):
        return CLASSIFY
    if box_form(network):
        return DETECT
    is_plane = len(shapes) == 1 and len(shapes[0]) == 4 and 1 <= shapes[0][1] <= MOST_CLASSES
    if is_plane and shapes[0][1] != PICTURE_CHANNELS:
        return SEGMENT
    return TENSORS
