"""Metrics count by their labels, which are looked up once for each set of values."""

from api.http.metrics import Metrics


def test_each_set_of_labels_has_a_count_of_its_own() -> None:
    metrics = Metrics()
    for outcome in ("appended", "refused", "appended"):
        metrics.commands_of("DepositCash", outcome).inc()
    text = metrics.text().decode()
    assert 'tidemark_commands_total{name="DepositCash",outcome="appended"} 2.0' in text
    assert 'tidemark_commands_total{name="DepositCash",outcome="refused"} 1.0' in text


def test_the_same_labels_are_bound_once() -> None:
    metrics = Metrics()
    first = metrics.seconds_of("DepositCash")
    assert metrics.seconds_of("DepositCash") is first
    assert metrics.seconds_of("WithdrawCash") is not first
    assert Metrics().seconds_of("DepositCash") is not first
