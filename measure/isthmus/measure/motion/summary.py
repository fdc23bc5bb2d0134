"""The numbers of a motion measurement that are quoted."""

from __future__ import annotations

import numpy as np

from isthmus.measure.key import slug
from isthmus.measure.motion.measurement import AblationResult, MotionMeasurement

MAIN = {
    "motion.nrmse_random_affine_stride8": ("squeezenet", "pool4"),
    "motion.nrmse_random_affine_stride8.lite0": ("lite0", "block4"),
}
"""What is quoted beside the thesis's ResNet-34 add_3: where stride 8 is reached, or its last block."""
PLAIN = "max"
ANTI_ALIASED = "blur"


def summary_of(measurement: MotionMeasurement) -> dict[str, float]:
    """The flat map of `results/motion.json`."""
    summary: dict[str, float] = {
        "motion.maps": measurement.effort.maps,
        "motion.pictures": measurement.pictures,
        "motion.ablation_maps": measurement.effort.ablation_maps,
    }
    for tap in measurement.taps:
        place = f"{slug(tap.network)}.{slug(tap.tap)}"
        at = f"motion.random.{place}"
        values = np.array([value for value in tap.nrmse if np.isfinite(value)])
        summary |= {
            f"{at}.nrmse": tap.mean,
            f"{at}.p05": float(np.percentile(values, 5)),
            f"{at}.p95": float(np.percentile(values, 95)),
            f"{at}.inner": tap.inner,
            f"{at}.relative": tap.relative,
        }
        summary[f"motion.about_tensor.{place}"] = tap.about_tensor
        whole, half = tap.phases[0], tap.phases[-1]
        for name, found in (("whole", whole), ("half", half)):
            summary |= {f"motion.shift.{place}.{name}": found[1], f"motion.shift.{place}.{name}_inner": found[2]}
        summary |= {f"motion.warp.{place}.{kernel}": value for kernel, value in tap.kernels.items()}
        if tap.dense:
            summary[f"motion.sampling_percent.{place}"] = tap.sampling_percent
        for dense in tap.dense:
            at = f"motion.dense.{place}.{dense.family}"
            summary |= {f"{at}.sampled": dense.sampled**0.5, f"{at}.every_pixel": dense.dense**0.5}
    means = {(tap.network, tap.tap): tap.mean for tap in measurement.taps}
    summary |= {key: means[place] for key, place in MAIN.items() if place in means}
    for row in measurement.ablation:
        at = f"motion.ablation.{slug(row.name)}"
        for count, (_, nrmse, relative) in enumerate(row.halved, 1):
            summary |= {f"{at}.halvings_{count}": nrmse, f"{at}.relative_{count}": relative}
        summary |= {
            f"{at}.y": row.kernels["bicubic"],
            f"{at}.y_best": min(row.kernels.values()),
            f"{at}.y_relative": row.relative,
            f"{at}.whole": row.whole,
            f"{at}.half": row.half,
        }
        if np.isfinite(row.top1_percent):
            summary[f"{at}.top1_percent"] = row.top1_percent
    summary |= ratios(measurement.ablation)
    return {key: float(value) for key, value in summary.items() if np.isfinite(value)}


def ratios(rows: tuple[AblationResult, ...]) -> dict[str, float]:
    """The best network of stride 8 with its best warp over the one that pools by max and was not trained for motion.

    Plain has the better of the two warps that everybody uses, bilinear and bicubic. Beside it what the kind alone
    does: after three halvings of four, neither trained for motion. Each only where its pair is there.
    """
    found: dict[str, float] = {}
    kinds = {row.pooling: row.halved[2] for row in rows if len(row.halved) > 3 and not row.motion_weight}
    if {PLAIN, ANTI_ALIASED} <= kinds.keys():
        (_, blurred, blurred_relative), (_, plainly, plainly_relative) = kinds[ANTI_ALIASED], kinds[PLAIN]
        found["motion.nrmse_ratio_blur_over_max_stride8"] = blurred / plainly
        found["motion.relative_ratio_blur_over_max_stride8"] = blurred_relative / plainly_relative
    eights = [row for row in rows if row.stride == 8]
    plain = [row for row in eights if row.pooling == PLAIN and row.motion_weight == 0]
    others = [row for row in eights if row not in plain]
    if not plain or not others:
        return found
    base = min(plain[0].kernels["bilinear"], plain[0].kernels["bicubic"])
    best = min(others, key=lambda row: min(row.kernels.values()))
    found["motion.nrmse_ratio_best_over_plain"] = min(best.kernels.values()) / base
    found["motion.relative_ratio_best_over_plain"] = best.relative / plain[0].relative
    return found
