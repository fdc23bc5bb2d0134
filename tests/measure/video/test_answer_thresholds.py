"""The rule that chooses the thresholds of codecs with tiles, and what the choice rests on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support.paths import ROOT
from support.tiny_clips import panning

from isthmus.common.errors import InputError
from isthmus.common.results import read_results
from isthmus.common.video.signal import VIDEO
from isthmus.common.video.step import DEFAULT_STEP
from isthmus.data.video.clips import Clip
from isthmus.edge.video.policy import STEPPED_POLICY
from isthmus.measure.video.answer_thresholds import GRID, AnswerSearch, AnswerTrial, policy_with, tried_policies
from isthmus.measure.video.clips import TUNING_STEMS
from isthmus.measure.video.network import WholeNetwork
from isthmus.measure.video.proxy import ProxyEvidence, proxy_evidence
from isthmus.measure.video.runs import truth_of
from isthmus.measure.video.studies import study_of

LITE = ROOT / "models" / "zoo" / "vision-lite0-b5"
VALUES = {"key_interval": 24, "rate_weight": 0.05, "answer_error": 0.05, "key_finer": 4}


def search(*trials: tuple[float, float, float]) -> AnswerSearch:
    """Of (bits, nats, share of the frames for which the network ran); all intra halves its bits as nats double."""
    made = tuple(AnswerTrial({**VALUES, "key_finer": i}, b, n, 70.0, run, 5.0) for i, (b, n, run) in enumerate(trials))
    intra = tuple(
        AnswerTrial({"step": DEFAULT_STEP + 8 * k}, 8000 / 2**k, 0.1 * 2**k, 80.0, 100.0, 4.0) for k in (-1, 0, 1)
    )
    return AnswerSearch("made up", "vision-test", ("one",), 10, intra, made, ProxyEvidence(9, 0.8, 0.9, 0.7, 0.2))


def test_the_most_saved_at_equal_nats_is_chosen() -> None:
    found = search((4000, 0.1, 30), (2500, 0.14, 30), (2400, 0.14, 41), (1000, 0.151, 30))
    assert found.own_intra.bits_a_frame == 8000
    assert found.saved_percent(found.trials[0]) == pytest.approx(50)
    assert found.saved_percent(found.trials[1]) == pytest.approx(100 * (1 - 2500 * 1.4 / 8000))
    assert found.chosen is found.trials[1]  # the others run the network too often, or lose too much
    assert found.saved_percent(replace(found.trials[0], nats=0.01)) == pytest.approx(75)  # as at the finest step


def test_a_grid_without_any_says_so() -> None:
    with pytest.raises(InputError, match="40 % of the frames"):
        _ = search((100, 0.1, 90)).chosen


def test_a_search_comes_back_and_is_shown() -> None:
    found = search((4000, 0.1, 30), (2500, 0.14, 30))
    assert AnswerSearch.from_detail(json.loads(json.dumps(found.detail()))) == found
    assert [row[0] for row in found.table().rows] == [
        *(f"all intra, step {step}" for step in (24, 32, 40)),
        "chosen",
        "tried",
    ]
    summary = found.summary("video.test")
    assert summary["video.test.key_finer"] == 1
    assert summary["video.test.grey_to_error_rank"] == 0.9
    with pytest.raises(InputError, match="this version"):
        AnswerSearch.from_detail({"trials": []})


def test_every_combination_is_tried_and_nothing_else_changes() -> None:
    tried = tried_policies()
    assert len({policy for _, policy in tried}) == len(tried) == np.prod([len(v) for v in GRID.values()])
    for values, policy in tried:
        assert {name: getattr(policy, name) for name in GRID} == values
        assert replace(STEPPED_POLICY, **{name: getattr(policy, name) for name in GRID}) == policy
    assert policy_with(VALUES).key_finer == 4


def test_the_encoder_has_what_the_record_chose() -> None:
    record = read_results(ROOT / "results" / "video_lite0_thresholds.json")
    found = AnswerSearch.from_detail(record.detail)
    assert [trial.values for trial in found.trials] == [values for values, _ in tried_policies()]
    assert policy_with(found.chosen.values) == STEPPED_POLICY
    assert found.codec == VIDEO.default_codec
    assert set(TUNING_STEMS) < set(found.clip_names)
    assert all(name in TUNING_STEMS or name.startswith("photograph ") for name in found.clip_names)


def test_names_of_results() -> None:
    assert study_of("vision-lite0-b5").root == "video.lite0"
    assert study_of("video-tiny-q3").stem == study_of("mine").stem == "video"


def test_what_the_guess_rests_on() -> None:
    """Frames that differ more from what is held have latents that are further off."""
    network = WholeNetwork(LITE)
    clips = [Clip(f"pan {k}", np.stack(panning(4, step=k))) for k in (1.0, 5.0)]
    found = proxy_evidence(LITE, [(clip, truth_of(clip, network)) for clip in clips], network)
    assert found.proxy_frames >= 4
    assert found.grey_to_error_rank > 0
    assert -1 <= found.error_to_nats_rank <= 1
    assert 0 < found.grey_gain < 10
