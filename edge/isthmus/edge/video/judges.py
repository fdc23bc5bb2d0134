"""Who decides what is sent: by shares of contrast and energy, or by what the answers lose.

An encoder asks its judge three things of a frame that may be predicted: whether the network shall look at it, what
becomes of each block once it has, and whether a key frame would be better than what came of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from isthmus.common.video.frames import CodedFrame
from isthmus.common.video.step import UNIT_STEP
from isthmus.edge.video.answer_error import AnswerError, grey_difference, mean_square
from isthmus.edge.video.canvas import CanvasShape
from isthmus.edge.video.modes import cheapest_modes, choose_modes
from isthmus.edge.video.policy import VideoPolicy

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
KeyMaker = Callable[[Int32], CodedFrame]

TRIED_SHARE = 0.7
"""A key frame is tried where a predicted one costs this share of what the last did: no cheaper one is likely."""


class Judge(Protocol):
    """Latents are int32 `[M, h, w]` in 1/16 of a unit, steps are in 1/16 of a unit."""

    def wants_network(self, damages: Float32, current: UInt8, held: UInt8, shape: CanvasShape, fine_step: int) -> bool:
        """Whether motion alone may not do.

        Args:
            damages: float32 [block rows, block columns], as of `block_damage`.
            current, held: canvases, uint8 [rows, columns].
            shape: of both.
            fine_step: of the frame.
        """

    def modes(self, y: Int32, predicted: Int32, block: int, fine_step: int) -> tuple[Int32, Int32]:
        """(modes of the blocks, int32 `[bh, bw]`; the residual in steps, int32 `[M, h, w]`)."""

    def better_key(self, coded: CodedFrame, y: Int32, fine_step: int, make: KeyMaker) -> CodedFrame | None:
        """A key frame of the same latents `[M, h, w]`, where it is better; else None."""

    def sees(self, y: Int32, predicted: Int32) -> None:
        """What the latents are that the network was wanted for, and what motion makes of them; `[M, h, w]` each."""

    def holds(self, y: Int32, coded: CodedFrame, fine_step: int) -> None:
        """What was sent of latents `[M, h, w]`."""

    def forgets(self) -> None:
        """Another picture comes."""


class ShareJudge:
    """By shares of the frame's contrast and of its latents' energy. Whatever a latent's error does to the answer."""

    def __init__(self, policy: VideoPolicy) -> None:
        self._policy = policy

    def wants_network(self, damages: Float32, current: UInt8, held: UInt8, shape: CanvasShape, fine_step: int) -> bool:
        """Where the damage of a block is large; arrays are `[rows, columns]`, of blocks and of cells."""
        del current, held, shape, fine_step
        return float(damages.max()) > self._policy.residual_damage

    def modes(self, y: Int32, predicted: Int32, block: int, fine_step: int) -> tuple[Int32, Int32]:
        """By the latents' true errors, as a share of their energy; `[M, h, w]`."""
        return choose_modes(y, predicted, self._policy, block, fine_step)

    def better_key(self, coded: CodedFrame, y: Int32, fine_step: int, make: KeyMaker) -> CodedFrame | None:
        """One of latents `[M, h, w]` that takes few more bits."""
        del fine_step
        key = make(y)
        return key if coded.packet_bits > self._policy.key_share * key.packet_bits else None

    def sees(self, y: Int32, predicted: Int32) -> None:
        """Nothing is learned of latents `[M, h, w]`."""

    def holds(self, y: Int32, coded: CodedFrame, fine_step: int) -> None:
        """Nothing is learned of latents `[M, h, w]`."""

    def forgets(self) -> None:
        """Nothing was learned."""


class AnswerJudge:
    """By squared errors of latents in steps, which in a codec with tiles are what the answers lose, and by bits."""

    def __init__(self, policy: VideoPolicy) -> None:
        self._policy = policy
        self._error = AnswerError()
        self._difference = 0.0
        self._key_cost = 0.0

    def wants_network(self, damages: Float32, current: UInt8, held: UInt8, shape: CanvasShape, fine_step: int) -> bool:
        """Where the error that motion adds is large, as far as canvases `[rows, columns]` tell."""
        del damages
        self._difference = grey_difference(current, held, shape)
        return self._error.expected(self._difference) * UNIT_STEP**2 > self._policy.answer_error * fine_step**2

    def modes(self, y: Int32, predicted: Int32, block: int, fine_step: int) -> tuple[Int32, Int32]:
        """What costs least, of latents `[M, h, w]`."""
        return cheapest_modes(y, predicted, self._policy.rate_weight, block, fine_step)

    def better_key(self, coded: CodedFrame, y: Int32, fine_step: int, make: KeyMaker) -> CodedFrame | None:
        """One of latents `[M, h, w]` that costs less; it is not tried where that is unlikely."""
        cost = self._cost(y, coded, fine_step)
        if cost < TRIED_SHARE * self._key_cost:
            return None
        key = make(y)
        return key if self._cost(y, key, fine_step) < cost else None

    def sees(self, y: Int32, predicted: Int32) -> None:
        """The guess is held against latents `[M, h, w]`."""
        self._error.seen(self._difference, y, predicted)

    def holds(self, y: Int32, coded: CodedFrame, fine_step: int) -> None:
        """What is left wrong of latents `[M, h, w]`, and what a key frame costs."""
        self._error.held(y, coded.state.values)
        if coded.field is None:
            self._key_cost = self._cost(y, coded, fine_step)

    def forgets(self) -> None:
        """The next picture's gain is another."""
        self._error.forget()

    def _cost(self, y: Int32, coded: CodedFrame, fine_step: int) -> float:
        """Squared error in steps, and the bits' weight."""
        error = mean_square(y, coded.state.values) * y.size * (UNIT_STEP / fine_step) ** 2
        return error + self._policy.rate_weight * coded.packet_bits


def judge_of(policy: VideoPolicy) -> Judge:
    """The one that a policy asks for."""
    return AnswerJudge(policy) if policy.rate_weight else ShareJudge(policy)
