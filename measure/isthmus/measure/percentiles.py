"""Middle, tail and mean of times and the like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Middle, tail and mean of samples; their unit is the caller's."""

    p50: float
    p95: float
    mean: float

    @classmethod
    def of(cls, samples: npt.ArrayLike) -> Percentiles:
        """Those of samples ``[...]``. InputError if there are none."""
        values = np.asarray(samples, dtype=np.float64).ravel()
        if len(values) == 0:
            raise InputError("expected one or more samples to take percentiles of, got none")
        p50, p95 = np.percentile(values, (50, 95))
        return cls(float(p50), float(p95), float(values.mean()))
