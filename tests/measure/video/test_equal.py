"""The default setting beside its rivals: right equally often, over whole curves, and clip by clip."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from support.paths import ROOT
from support.video_points import CLIPS, measurement, point

from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.measure.video.clips import TUNING_STEMS
from isthmus.measure.video.equal import at_equal, equal_summary, h264_a_clip, our_line, over_answers, rival_lines
from isthmus.measure.video.measurement import LABELS, OWN_ANSWER, VideoMeasurement
from isthmus.measure.video.outputs import video_summary
from isthmus.measure.video.rows import clips_table, comparison_table, equal_table, others_table, videos_table


def with_points(*more: tuple[str, float, int]) -> VideoMeasurement:
    """Bits and right answers a clip of further settings of H.264, beside those of `measurement`."""
    m = measurement(OWN_ANSWER)
    return replace(m, points=(*m.points, *(point(f, f"CRF {b:g}", b, right, codec="") for f, b, right in more)))


def test_curves_are_over_qualities_and_no_setting_is_picked() -> None:
    m = measurement()
    assert [p.codec for p in our_line(m).points] == ["video-q1", "video-q2"]
    assert all(p.is_default for p in our_line(m).points)
    lines = {line.name: line for line in rival_lines(m)}
    assert list(lines) == ["all intra, every quality", "motion", "H.264 medium", "JPEG"]
    assert lines["all intra, every quality"].answers.tolist() == [[502.5, 70], [1002.5, 90]]


def test_at_equal_answers_a_rival_is_read_between_its_points() -> None:
    m = measurement()
    intra, motion, h264, jpeg = rival_lines(m)
    equal = at_equal(m, (intra,))
    assert equal.percent == pytest.approx(80)
    assert equal.our_bits == 202.5
    assert equal.bits == pytest.approx(math.sqrt(502.5 * 1002.5))  # halfway between 70 and 90 %, on a log scale
    assert equal.saved_percent == pytest.approx(100 * (1 - 202.5 / math.sqrt(502.5 * 1002.5)))
    assert at_equal(m, (intra, h264)).bits == equal.bits  # the one that needs fewer
    assert math.isnan(at_equal(m, (motion,)).bits)  # a single point is no curve
    assert at_equal(m, (h264, jpeg)) == at_equal(m, (h264,))


def test_a_rival_that_is_always_right_more_often_is_taken_at_its_cheapest() -> None:
    m = with_points(("H.264 fine", 4000, 9), ("H.264 fine", 9000, 10))
    fine = rival_lines(m)[-1]
    assert (fine.name, at_equal(m, (fine,)).bits) == ("H.264 fine", 4002.5)


def test_a_rival_that_is_never_right_as_often_is_met_at_its_best() -> None:
    m = with_points(("H.264 coarse", 300, 6), ("H.264 coarse", 500, 7))
    equal = at_equal(m, (rival_lines(m)[-1],))
    assert equal.percent == pytest.approx(70)
    assert equal.bits == pytest.approx(502.5)
    assert equal.our_bits == pytest.approx(math.sqrt(122.5 * 202.5))  # 70 % of our own curve, between 60 and 80


def test_bd_rates_say_what_they_rest_on() -> None:
    over = over_answers(measurement(), rival_lines(measurement())[0])
    # Both are straight on a log scale; from 70 to 80 % they are compared, at 75 % on average.
    test = np.log10(122.5) + 0.75 * np.log10(202.5 / 122.5)
    anchor = np.log10(502.5) + 0.25 * np.log10(1002.5 / 502.5)
    assert over.percent == pytest.approx(100 * (10 ** (test - anchor) - 1))
    assert over.points.are_few
    (row,) = (row for row in equal_table(measurement()).rows if row[0].startswith("all intra"))
    assert row[1:3] == ("2", "80.00")
    assert "1 of 2 / 1 of 2: few" in row[6]


def test_keys_of_h264_are_over_its_curve_that_is_hardest_to_beat() -> None:
    cheap = (("H.264 medium, one I frame", 210, 7), ("H.264 medium, one I frame", 400, 9))
    plain, hard = equal_summary(measurement(), "video.x"), equal_summary(with_points(*cheap), "video.x")
    key = "video.x.rate_saved_at_equal_{}_over_h264{}_percent"
    assert plain[key.format("accuracy", "")] == plain[key.format("accuracy", "_medium")]
    assert hard[key.format("agreement", "")] == hard[key.format("agreement", "_medium_one_i_frame")]
    assert hard[key.format("agreement", "")] < hard[key.format("agreement", "_medium")]
    bd = "video.x.bd_rate_agreement_over_h264{}_percent"
    assert hard[bd.format("")] == max(hard[bd.format("_medium")], hard[bd.format("_medium_one_i_frame")])
    assert plain["video.x.settings"] == 9
    assert plain["video.x.settings_within_a_point"] == 2  # the default itself, and JPEG


def test_h264_at_its_own_default_and_finer_takes_times_our_bits() -> None:
    m = with_points(("H.264 medium", 18, 8), ("H.264 medium", 23, 7))
    fine = ("CRF 18", "CRF 23")
    m = replace(m, points=tuple(replace(p, bits=1000 * p.bits) if p.setting in fine else p for p in m.points))
    found = equal_summary(m, "v")
    at_23 = 1000 * 25.5 / math.sqrt(122.5 * 202.5)  # 70 %: halfway on our own curve, from 60 to 80 %
    assert found["v.ratio_to_h264_at_crf_23"] == pytest.approx(at_23)
    assert found["v.ratio_to_h264"] == pytest.approx(min(at_23, 1000 * 20.5 / 202.5))
    better = replace(m, points=tuple(replace(p, right=p.right + 2) if p.setting == "CRF 18" else p for p in m.points))
    assert math.isnan(equal_summary(better, "v")["v.ratio_to_h264"])  # 100 %, where we never are
    assert math.isnan(equal_summary(measurement(), "v")["v.ratio_to_h264"])


def test_the_whole_network_at_the_edge_is_a_way_too() -> None:
    last = others_table(measurement()).rows[-1]
    assert last == ("edge only, the whole network there", "0.0", "90.00", "–", "0.0000", "5.00", "0.00")
    summary = video_summary(measurement(), "video.labelled")
    assert summary["video.labelled.whole_network_ms"] == 5
    assert summary["video.labelled.whole_network_macs"] == 3e6


def test_what_cannot_be_said_has_no_key() -> None:
    summary = video_summary(measurement(), "video.labelled")
    assert not any("over_jpeg" in key or "over_motion" in key for key in summary)
    assert "video.labelled.rate_saved_at_equal_accuracy_over_all_intra_percent" in summary
    assert "video.edge_time_ratio_predicted_over_intra" not in summary
    natural = video_summary(measurement(OWN_ANSWER), "video.natural")
    assert natural["video.edge_time_ratio_predicted_over_intra"] == natural["video.natural.edge_time_ratio"]


def test_each_clip_stands_beside_h264_that_is_right_there_as_often() -> None:
    m = with_points(("H.264 medium", 150, 8))
    assert [p and p.setting for p in h264_a_clip(m)] == ["CRF 150"] * CLIPS
    assert [p and p.setting for p in h264_a_clip(measurement())] == ["CRF 30"] * CLIPS
    assert all("*" in row[-2] for row in clips_table(m).rows)
    assert not any("*" in row[-2] for row in clips_table(measurement()).rows)
    assert equal_summary(m, "v.x")["v.x.clips_where_h264_is_cheaper"] == CLIPS
    without = replace(m, points=tuple(p for p in m.points if not p.family.startswith("H.264")))
    assert h264_a_clip(without) == (None,) * CLIPS
    assert clips_table(without).rows[0][-3:] == ("none", "–", "–")


def test_the_same_quality_is_compared_with_itself() -> None:
    rows = comparison_table(measurement(LABELS)).rows
    assert [row[0] for row in rows] == ["video-q1", "video-q2"]
    assert rows[1][1:6] == ("1,002", "90.00", "202", "80.00", "79.8")
    assert rows[1][7] == "10.00"


def test_video_files_are_shown_alone() -> None:
    m = measurement(OWN_ANSWER)
    first = m.clip_names[0]
    m = replace(m, videos=(first, "not measured"))
    assert m.only((first,)).default.bits.tolist() == [2000]
    rows = {row[0]: row[1:] for row in videos_table(m).rows}
    assert rows["video-q2: motion + residual, key every 32, damage x1"] == ("200", "80.00", "0.0100", "yes")
    assert rows["H.264 medium, CRF 30"][-1] == "yes"
    assert rows["video-q1: all intra"][-1] == "no"
    summary = video_summary(m, "video.natural")
    assert (summary["video.untuned.clips"], summary["video.untuned.bits_a_frame"]) == (1, 200)
    assert summary["video.untuned.h264_bits_a_frame"] == 3000
    assert "video.untuned.clips" not in video_summary(m, "video_mine.natural")
    with pytest.raises(InputError, match="points"):
        m.only(("not measured",))


@pytest.mark.parametrize("study", ["video", "video_lite0"])
def test_no_tuning_video_is_in_the_record(study: str) -> None:
    detail = read_results(ROOT / "results" / f"{study}_natural.json").detail
    names = {name.lower() for name in detail["clip_names"]}
    assert len(names) == 24
    assert names.isdisjoint(TUNING_STEMS)
    assert set(detail["videos"]) < set(detail["clip_names"])
