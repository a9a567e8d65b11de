"""Parses rows in ClickHouse's Native format, with the parser of its own client.

Importing the client costs a quarter of a second of CPU, so this module is imported when a warehouse
has answered.
"""

from typing import Any

from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.query import QueryContext
from clickhouse_connect.driver.transform import NativeTransform

_BUFFER: Any = RespBuffCls
_PARSE: Any = NativeTransform.parse_response


def parsed(source: Any) -> Any:
    """The client's result for a source of bytes; its `column_block_stream` has the columns."""
    return _PARSE(_BUFFER(source), QueryContext(tz_mode="aware"))
