"""What is made of a video measurement: shares, savings, intervals, tables, pictures, pages, results."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.video_points import CLIPS, FRAMES, measurement, point, trace

from isthmus.common.errors import InputError
from isthmus.common.results import Provenance, Results, read_results, read_summary, write_results
from isthmus.data.video.clips import ClipSet
from isthmus.measure.document import LINK_TABLES, VIDEO_TABLES, render
from isthmus.measure.video.clips import NamedClips
from isthmus.measure.video.link import (
    EDGE_ONLY,
    SPLIT,
    LinkMeasurement,
    LinkOptions,
    LinkWay,
    measure_link,
)
from isthmus.measure.video.measurement import OWN_ANSWER, VideoMeasurement
from isthmus.measure.video.outputs import write_video_outputs
from isthmus.measure.video.page import write_video_page
from isthmus.measure.video.plots import draw_link_png, draw_video_png, video_lines
from isthmus.measure.video.point import (
    ALL_INTRA,
    MOTION_RESIDUAL,
    FrameKind,
    Times,
    VideoPoint,
    join_traces,
    lost_points,
    right_percent,
    saved_percent,
)
from isthmus.measure.video.rows import link_table, video_tables
from isthmus.measure.video.run import NamedMeasurement, VideoRun


def test_a_point_adds_up_over_frames() -> None:
    p = point(MOTION_RESIDUAL, "s", 200, 8)
    assert p.bits_a_frame == pytest.approx(200 + (CLIPS - 1) / 2)
    assert p.right_percent == pytest.approx(80)
    assert [p.share_percent(kind) for kind in FrameKind] == pytest.approx([10, 70, 20])
    assert p.mean_nrmse == pytest.approx(0.01)
    assert p.edge_macs == pytest.approx(1e6 * 3 / FRAMES)  # one key frame and two residuals of ten ran the network


def test_answers_are_compared_with_those_of_all_intra_and_where_the_network_is_sure() -> None:
    p = point(MOTION_RESIDUAL, "s", 200, 8)
    assert p.same_percent == pytest.approx(90)  # all intra is right on one frame more
    assert p.sure_frames.sum() == 5 * CLIPS
    assert p.sure_percent == pytest.approx(80)  # frames 0, 2, 4 and 6 of 0, 2, 4, 6 and 8
    files = point("JPEG", "q", 100, 8, codec="")
    assert math.isnan(files.same_percent)
    assert math.isnan(VideoPoint.of("f", "s", [trace(1, 1, (FrameKind.KEY,))]).sure_percent)


def test_clips_weigh_by_their_frames() -> None:
    kinds = (FrameKind.KEY,)
    traces = [trace(100, 0, kinds), trace(400, 3, kinds * 3)]
    p = VideoPoint.of("f", "s", traces)
    assert p.bits_a_frame == pytest.approx((100 + 3 * 400) / 4)
    assert p.right_percent == pytest.approx(75)


def test_times_are_medians_by_kind() -> None:
    times = Times.of(trace(1, 1, (FrameKind.KEY, FrameKind.MOTION, FrameKind.MOTION), edge_ms=2.0))
    assert (times.key, times.motion, times.predicted) == (8.0, 2.0, 2.0)
    assert math.isnan(times.residual)
    assert times.mean == pytest.approx(4.0)
    assert times.cloud == 3.0


def test_savings_and_losses_have_intervals_over_clips() -> None:
    intra, default = measurement().intra, measurement().default
    saved = saved_percent(default, intra)
    assert saved.value == pytest.approx(100 * (1 - 202.5 / 1002.5))
    assert saved.low <= saved.value <= saved.high
    lost = lost_points(default, intra)
    assert (lost.value, lost.low, lost.high) == pytest.approx((10, 10, 10))  # every clip loses one frame in ten
    right = right_percent(default)
    assert (right.value, right.low) == pytest.approx((80, 80))
    uneven = VideoPoint.of("f", "s", [trace(1, r, (FrameKind.KEY,) * 10) for r in (10, 0, 10, 10, 0, 10)])
    assert right_percent(uneven).low < 50 < right_percent(uneven).value < right_percent(uneven).high


def test_points_of_other_clips_are_not_compared() -> None:
    other = VideoPoint.of("f", "s", [trace(1, 1, (FrameKind.KEY,))])
    with pytest.raises(InputError, match="same clips"):
        saved_percent(other, measurement().intra)


def test_traces_are_joined_in_order_and_must_be_whole() -> None:
    joined = join_traces([trace(1, 1, (FrameKind.KEY,)), trace(2, 0, (FrameKind.MOTION,) * 2)])
    assert joined.bits.tolist() == [1, 2, 2]
    with pytest.raises(InputError, match="frames"):
        trace(1, 0, ())


def test_the_summary_says_what_the_issue_asks_for() -> None:
    summary = measurement().summary("video.labelled")
    assert summary["video.labelled.rate_saved_percent"] == pytest.approx(79.8, abs=0.01)
    assert summary["video.labelled.accuracy_lost_points"] == pytest.approx(10)
    assert summary["video.labelled.edge_time_ratio"] == pytest.approx(0.25)
    assert summary["video.labelled.edge_macs_saved_percent"] == pytest.approx(70)
    assert summary["video.labelled.message_bits_a_frame"] == pytest.approx(260)
    assert all(math.isfinite(value) for value in summary.values())
    natural = measurement(OWN_ANSWER).summary("video.natural")
    assert natural["video.natural.agreement_percent"] == pytest.approx(80)
    assert "video.natural.whole_network_accuracy_percent" not in natural


def test_nearest_takes_the_cheapest_that_is_right_enough() -> None:
    m = measurement()
    nearest = m.nearest("H.264", 65)
    assert nearest is not None
    assert nearest.setting == "CRF 40"
    best = m.nearest("H.264", 99)
    assert best is not None
    assert best.setting == "CRF 30"
    assert m.nearest("AV1", 10) is None


def test_a_measurement_comes_back_from_its_file(tmp_path: Path) -> None:
    m = measurement()
    results = Results("video_labelled", Provenance.of("c", m.data, 1), m.summary("video.labelled"), m.detail())
    again = VideoMeasurement.from_detail(read_results(write_results(tmp_path, results)).detail)
    before, after = m.summary("v.x"), again.summary("v.x")
    assert before.keys() == after.keys()
    assert list(after.values()) == pytest.approx(list(before.values()), rel=1e-5)
    with pytest.raises(InputError, match="this version"):
        VideoMeasurement.from_detail({"data": "x"})


def test_a_measurement_without_its_default_says_so() -> None:
    m = measurement()
    none = VideoMeasurement(m.data, m.truth, m.clip_names, "video-q9", m.points, m.whole_right, 5.0)
    with pytest.raises(InputError, match="video-q9"):
        _ = none.default
    with pytest.raises(InputError, match="clips"):
        VideoMeasurement(m.data, m.truth, ("one",), m.codec, m.points, m.whole_right, 5.0)


def test_the_page_shows_every_table_and_the_picture(tmp_path: Path) -> None:
    m = measurement()
    draw_video_png(m, tmp_path / "v.png")
    assert (tmp_path / "v.png").read_bytes().startswith(b"\x89PNG")
    write_video_page(m, "isthmus measure video <x>", tmp_path / "v.png", tmp_path / "v.html")
    page = (tmp_path / "v.html").read_text(encoding="utf-8")
    assert "<x>" not in page
    assert "clip <0>" not in page
    assert "clip &lt;0&gt;" in page
    assert "A note &amp; more." in page
    assert "data:image/png;base64," in page
    tables = video_tables(m)
    assert len(tables) == 6  # no video files are among the clips
    assert page.count("<table>") == 6
    assert len(video_tables(replace(m, videos=m.clip_names))) == 7


def test_curves_are_by_growing_rate_and_the_settings_of_one_codec() -> None:
    lines = {line.label: line for line in video_lines(measurement())}
    assert [p.codec for p in lines[MOTION_RESIDUAL].points] == ["video-q2"] * 2
    assert [p.bits_a_frame for p in lines[ALL_INTRA].points] == sorted(p.bits_a_frame for p in lines[ALL_INTRA].points)
    assert len(lines[f"{MOTION_RESIDUAL}, every quality"].points) == 2


def link_measurement() -> LinkMeasurement:
    kinds = (FrameKind.KEY, *(FrameKind.MOTION,) * 9)
    options = LinkOptions((0.01, 1.0, 100.0), delay_ms=10, slow_down=10, fps=25)
    ways = {
        SPLIT: LinkWay.of_trace("default", trace(1000, 9, kinds, edge_ms=0.5), options.slow_down),
        EDGE_ONLY: LinkWay.edge_only(10.0, 10, 100.0, options.slow_down),
        "cloud only, JPEG": LinkWay.of_trace("quality 10", trace(50_000, 10, kinds, edge_ms=0.1), options.slow_down),
    }
    return measure_link("made up", ways, options)


def test_split_wins_where_the_link_is_neither_too_thin_nor_too_wide() -> None:
    m = link_measurement()
    # 10 x 0.5 ms, 1000 bits at 1 Mbit/s, 10 ms, 3 ms, 192 bits, 10 ms
    row = m.row(SPLIT, 1.0)
    assert row is not None
    assert row.outcome.latency_p50_ms == pytest.approx(5 + 1 + 10 + 3 + 0.192 + 10)
    assert row.right_percent == pytest.approx(90)
    edge = m.row(EDGE_ONLY, 1.0)
    assert edge is not None
    assert edge.outcome.latency_p50_ms == pytest.approx(100)
    assert m.wins() == (1.0,)
    assert m.summary("video.link")["video.link.split_wins_from_mbit"] == 1.0
    assert m.summary("video.link")["video.link.latency_ms_edge_only_at_0p01_mbit"] == pytest.approx(100)


def test_a_link_measurement_renders_and_comes_back(tmp_path: Path) -> None:
    m = link_measurement()
    assert LinkMeasurement.from_detail(m.detail()) == m
    table = link_table(m)
    assert len(table.rows) == 3
    assert all(row.count("*") == 0 and sum("*" in cell for cell in row) == 1 for row in table.rows)
    draw_link_png(m, tmp_path / "link.png")
    assert (tmp_path / "link.png").stat().st_size > 5000
    with pytest.raises(InputError, match="this version"):
        LinkMeasurement.from_detail({})
    with pytest.raises(InputError, match="slow-down"):
        LinkOptions(slow_down=0)


def test_points_of_empty_kinds_are_no_trouble() -> None:
    every_key = VideoPoint.of("f", "s", [trace(1, 1, (FrameKind.KEY,) * 2)])
    assert np.isnan(every_key.times.predicted)
    again = VideoPoint.from_json({**every_key.to_json(), "edge_macs": None})
    assert np.isnan(again.edge_macs)


def test_documents_take_the_tables_of_video(tmp_path: Path) -> None:
    m, link = replace(measurement(), videos=("clip <0>",)), link_measurement()
    write_results(tmp_path, Results("video_made", Provenance.of("c", "d", 1), {}, m.detail()))
    write_results(tmp_path, Results("video_link", Provenance.of("c", "d", 1), {}, link.detail()))
    tables = {**dict.fromkeys(VIDEO_TABLES, "video_made"), **dict.fromkeys(LINK_TABLES, "video_link")}
    for name, source in tables.items():
        text = render(f"<!-- results: {name} {source} -->\n<!-- end results -->", tmp_path).text
        assert text.count("\n|") >= 3, name


@pytest.mark.slow
def test_the_ratio_of_times_is_that_of_natural_video(tmp_path: Path) -> None:
    def run(root: str) -> VideoRun:
        m = measurement(OWN_ANSWER)
        clips = NamedClips(root.replace(".", "_"), root, OWN_ANSWER, ClipSet("made", m.clip_names, lambda _: None))  # type: ignore[arg-type,return-value]
        return VideoRun((NamedMeasurement(clips, m),), (link_measurement(),))

    written = write_video_outputs(run("video.natural"), "isthmus measure video", tmp_path / "a", page=False)
    assert [path.name for path in written] == [
        "video_natural.json",
        "video_natural.png",
        "video_link.json",
        "video_link.png",
    ]
    summary = read_summary(tmp_path / "a")
    assert summary["video.edge_time_ratio_predicted_over_intra"] == pytest.approx(0.25)
    assert "video.link.split_wins_to_mbit" in summary
    write_video_outputs(run("video_mine.natural"), "isthmus measure video", tmp_path / "b", page=True)
    assert not any(key.startswith("video.") for key in read_summary(tmp_path / "b"))
    assert (tmp_path / "b" / "video_mine_link.html").is_file()
