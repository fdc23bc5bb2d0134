"""Agreement of boxes, masks and embeddings; boxes beside pycocotools, which defined the measure."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from isthmus.common.answers.boxes import Box, Boxes
from isthmus.measure.agreement import (
    OVERLAPS,
    mean_average_precision,
    mean_cosine,
    mean_overlap,
    overlaps_of,
)

SIZE = (96, 128)


def drawn(seed: int, count: int) -> list[Boxes]:
    """Boxes of pictures."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        found = []
        for _ in range(int(rng.integers(0, 7))):
            left, top = rng.uniform(0, 90), rng.uniform(0, 60)
            side = rng.uniform(8, 36, 2)
            found.append(
                Box(int(rng.integers(3)), float(rng.uniform(0.3, 1)), left, top, left + side[0], top + side[1])
            )
        made.append(Boxes(*SIZE, tuple(sorted(found, key=lambda b: -b.score))))
    return made


def moved(boxes: list[Boxes], seed: int, by: float) -> list[Boxes]:
    """The same, off by some pixels; some lost, some more, some of another class."""
    rng = np.random.default_rng(seed)
    made = []
    for one in boxes:
        found = [
            Box(
                b.class_index if rng.random() > 0.1 else int(rng.integers(3)),
                float(rng.uniform(0.2, 1)),
                *(side + rng.normal(0, by) for side in (b.left, b.top, b.right, b.bottom)),
            )
            for b in one.found
            if rng.random() > 0.15
        ]
        extra = drawn(int(rng.integers(1 << 30)), 1)[0].found[:1]
        sound = [b for b in (*found, *extra) if b.right > b.left and b.bottom > b.top]
        made.append(Boxes(*SIZE, tuple(sorted(sound, key=lambda b: -b.score))))
    return made


def by_pycocotools(truth: list[Boxes], found: list[Boxes]) -> tuple[float, float]:
    """(mAP at 0.5 to 0.95, at 0.5)."""
    pytest.importorskip("pycocotools", reason="the oracle of boxes, of the extra `dev`")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def box_of(b: Box) -> list[float]:
        return [b.left, b.top, b.right - b.left, b.bottom - b.top]

    annotations: list[dict[str, Any]] = []
    for k, boxes in enumerate(truth):
        for b in boxes.found:
            box = box_of(b)
            annotations.append(
                {
                    **{"id": len(annotations) + 1, "image_id": k, "category_id": b.class_index},
                    **{"bbox": box, "area": box[2] * box[3], "iscrowd": 0},
                }
            )
    said = [
        {"image_id": k, "category_id": b.class_index, "bbox": box_of(b), "score": b.score}
        for k, boxes in enumerate(found)
        for b in boxes.found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = {
            "info": {},
            "images": [{"id": k} for k in range(len(truth))],
            "annotations": annotations,
            "categories": [{"id": k} for k in range(3)],
        }
        known.createIndex()
        judged = COCOeval(known, known.loadRes(said), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return float(judged.stats[0]), float(judged.stats[1])


@pytest.mark.parametrize("by", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_judged_as_coco_judges_them(seed: int, by: float) -> None:
    truth = drawn(seed, 30)
    found = moved(truth, seed + 100, by)
    expected = by_pycocotools(truth, found)
    got = mean_average_precision(truth, found), mean_average_precision(truth, found, OVERLAPS[:1])
    assert got == pytest.approx(expected, abs=1e-6)
    assert 0 < got[0] < got[1] < 1


def test_what_agrees_agrees() -> None:
    truth = drawn(9, 10)
    assert mean_average_precision(truth, truth) == 1
    assert mean_average_precision(truth, [Boxes(*SIZE, ())] * 10) == 0
    assert np.isnan(mean_average_precision([Boxes(*SIZE, ())], [Boxes(*SIZE, ())]))
    assert overlaps_of([Box(0, 1, 0, 0, 4, 4)], [Box(0, 1, 2, 0, 6, 4)])[0, 0] == pytest.approx(8 / 24)


def test_masks_and_embeddings() -> None:
    one, two = np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]])
    assert mean_overlap([one], [one]) == 1
    assert mean_overlap([one], [two]) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert mean_overlap([one, one], [one, two]) == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert mean_cosine([np.array([1.0, 0])], [np.array([3.0, 4])]) == pytest.approx(0.6)
