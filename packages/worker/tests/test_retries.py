"""When a step is tried again."""

from __future__ import annotations

from random import Random

from workflow_worker.retries import Retry


def retry(**fields):
    return Retry.of({"retry": {"maxAttempts": 5, "backoffMs": 1000, **fields}})


def test_delays_double_up_to_their_maximum():
    """Without jitter they are exact."""
    steady = retry(jitter=False, maxDelayMs=3000)
    assert [steady.delay(attempt, Random(1)) for attempt in (1, 2, 3, 4, 5000)] == [1, 2, 3, 3, 3]


def test_jitter_draws_from_the_upper_half():
    """It is on unless the step says otherwise, and the same random numbers give the same delays."""
    delays = [retry().delay(2, Random(seed)) for seed in range(50)]
    assert all(1 <= delay <= 2 for delay in delays)
    assert len(set(delays)) > 40
    assert delays == [retry().delay(2, Random(seed)) for seed in range(50)]


def test_a_step_without_a_word_is_tried_once():
    """Unless its action has a hint."""
    assert Retry.of({}).max_attempts == 1


def test_a_dry_run_is_not_patient():
    """Few attempts without pauses, whatever the step or its action says; what asks for a pause gets a short one."""
    patient = {"retry": {"maxAttempts": 100, "backoffMs": 600_000}}
    dry = Retry.of(patient, dry_run=True)
    assert (dry.max_attempts, dry.delay(1, Random(1)), dry.longest_asked) == (3, 0, 10)
    assert Retry.of({}, dry_run=True).max_attempts == 1
    assert Retry.of(patient).longest_asked == 24 * 3600
