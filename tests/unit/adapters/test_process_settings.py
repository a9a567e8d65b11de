"""No import changes settings of the process; only the parts in use do, and only as needed."""

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from adapters.clickhouse.quiet import hush
from adapters.warehouse.client import Warehouse, WarehouseUnavailable
from tests.paths import ROOT

IMPORTS = """
import gc, logging, os, sys
import clickhouse_connect.driver.httputil, esdbclient  # each sets something itself
def settings():
    names = ("clickhouse_connect", "urllib3", "urllib3.connectionpool")
    loggers = [(logging.getLogger(n).level, logging.getLogger(n).filters) for n in names]
    collector = gc.get_threshold(), gc.get_freeze_count(), sys.getswitchinterval()
    return dict(os.environ), loggers, collector
before = settings()
import adapters.clickhouse.connecting, adapters.eventstoredb.link, adapters.wiring.platform
assert settings() == before, (before, settings())
"""
LINK = """
import os
from adapters.eventstoredb.link import Link
assert "GRPC_ENABLE_FORK_SUPPORT" not in os.environ
Link("esdb://127.0.0.1:1?Tls=false", reply_s=1, retry_s=1)
assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "false"
"""


@pytest.mark.parametrize("code", [IMPORTS, LINK], ids=["imports", "a link to EventStoreDB"])
def test_the_process_is_changed_by_use_alone(code: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr.decode()


@pytest.mark.parametrize("thread, heard", [("warehouse", False), ("analyst", False), ("x", True)])
def test_a_failed_attempt_is_logged_for_other_threads_alone(
    thread: str, heard: bool, caplog: pytest.LogCaptureFixture
) -> None:
    hush()
    with ThreadPoolExecutor(1, thread) as threads, caplog.at_level(logging.WARNING):
        threads.submit(logging.getLogger("urllib3.connectionpool").warning, "Retrying").result()
    assert ("Retrying" in caplog.messages) is heard


async def test_an_unreachable_warehouse_is_one_line_for_its_caller_and_none_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warehouse = Warehouse("clickhouse://127.0.0.1:1/nowhere")
    with pytest.raises(WarehouseUnavailable) as result:
        await warehouse.query("SELECT 1")
    assert "\n" not in str(result.value)
    assert not [r for r in caplog.records if r.name.startswith(("urllib3", "clickhouse_connect"))]
