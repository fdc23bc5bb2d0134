"""The critical points of a cloud alone give the same symbols, for every codec that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from isthmus.common.zoo import codec_folders, find_zoo
from isthmus.data.pointcloud.furniture import generate_set
from isthmus.data.pointcloud.normalize import normalize
from isthmus.models.pointcloud.critical import critical_points

SHIPPED = [f for f in codec_folders(find_zoo()) if f.match("pc-*-q[69]")]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda f: f.name)
def test_critical_points_alone_give_the_same_symbols(folder: Path) -> None:
    session = onnxruntime.InferenceSession(folder / "edge.onnx")
    clouds = generate_set(1, 700, 3)
    for cloud in clouds.clouds[:4]:
        points = normalize(cloud)
        kept = critical_points(folder / "edge.onnx", points)
        assert 1 <= len(kept) < points.shape[1]
        if "lite" in folder.name:
            assert len(kept) <= 32
        if "micro" in folder.name:
            assert len(kept) <= 16
        whole = session.run(None, {"points": points[None]})[0]
        alone = session.run(None, {"points": np.ascontiguousarray(points[:, kept])[None]})[0]
        np.testing.assert_array_equal(alone, whole)
        lost = np.delete(points, kept, axis=1)
        assert lost.shape[1] == points.shape[1] - len(kept)
