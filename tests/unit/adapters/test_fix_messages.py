"""Our messages as FIX 4.4 fields: what is written is what is read, and odd values are named."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields as fields_of

from adapters.counterparties import fix
from adapters.fix import store_files
from adapters.fix.orders import from_fields, to_fields
from adapters.fix.text import SOH, BadMessage, Fields, checksum, framed, timestamp, utc_time
from domain.shared.fix import OrdStatus

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
AMOUNT = st.decimals("0.00000001", "999999999999999", places=8)
MOMENT = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda d: d.replace(tzinfo=UTC)
)
KINDS = (
    fix.NewOrderSingle,
    fix.OrderCancelRequest,
    fix.OrderCancelReplaceRequest,
    fix.OrderStatusRequest,
    fix.OrderMassCancelRequest,
    fix.DontKnowTrade,
    fix.ExecutionReport,
    fix.OrderCancelReject,
)
VALUES = {
    str: TEXT,
    Decimal: AMOUNT,
    datetime: MOMENT,
    date: st.dates(date(1990, 1, 1), date(2100, 1, 1)),
    bool: st.booleans(),
}


@st.composite
def messages(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(KINDS))
    known: dict[str, Any] = {}
    for field in fields_of(kind):
        if field.encode_name == "source":
            continue
        hints = [h for h in getattr(field.type, "__args__", (field.type,)) if h is not type(None)]
        value = VALUES[hints[0]] if hints[0] in VALUES else st.sampled_from(list(hints[0]))
        if field.required or draw(st.booleans()):
            known[field.encode_name] = draw(value)
    return kind(**known)


@given(messages())
def test_every_field_of_every_message_comes_back_exactly(message: Any) -> None:
    msg_type, pairs = to_fields(message)
    assert from_fields(Fields([(35, msg_type), *pairs])) == message


@given(messages())
def test_a_framed_message_has_its_length_and_checksum(message: Any) -> None:
    msg_type, pairs = to_fields(message)
    raw = framed([(35, msg_type), *pairs])
    fields = Fields.parse(raw.decode("iso-8859-1"))
    head, _, tail = raw.partition(f"9={fields.get(9)}{SOH}".encode())
    assert head == b"8=FIX.4.4\x01"
    assert len(tail) - len(b"10=000\x01") == int(fields.get(9))
    assert int(fields.get(10)) == checksum(raw[: -len(b"10=000\x01")])


@given(MOMENT)
def test_times_keep_their_microseconds(at: datetime) -> None:
    assert utc_time(timestamp(at), 60) == at


REPORT = (
    "35=8|49=XSIM|52=20240304-12:00:00|37=V1|11=O1.c1|17=E1|150=F|39=1|55=AAPL|54=1|32=5|31=50.25"
    "|151=5|14=5|6=50.25"
)


def parsed(text: str) -> Fields:
    return Fields.parse(text.replace("|", SOH))


def test_a_report_may_leave_out_what_the_standard_lets_it() -> None:
    report = from_fields(parsed(REPORT))
    assert isinstance(report, fix.ExecutionReport)
    assert report.transact_time == datetime(2024, 3, 4, 12, tzinfo=UTC)  # its SendingTime
    assert (report.trade_date, report.order_qty) == (date(2024, 3, 4), Decimal(10))
    assert report.ord_status is OrdStatus.PARTIALLY_FILLED


@pytest.mark.parametrize(
    ("was", "said", "rule"),
    [
        ("31=50.25", "31=1E3", "tag 31: '1E3' is no decimal number"),
        ("31=50.25", "31=NaN", "tag 31: 'NaN' is no decimal number"),
        ("31=50.25", "31=5_0", "tag 31: '5_0' is no decimal number"),
        ("54=1", "54=Q", "tag 54: value 'Q' is not among"),
        ("39=1", "39=?", "tag 39: value '?' is not among"),
        ("52=20240304-12:00:00", "52=yesterday", "tag 52: 'yesterday' is no UTC timestamp"),
        ("52=20240304-12:00:00", "52=20240304-12:00:00.1234567", "is no UTC timestamp"),
        ("17=E1|", "", "tag 17 (exec_id) is missing in 8"),
        ("54=1|", "", "tag 54 (side) is missing in 8"),
    ],
)
def test_an_odd_value_is_named_with_its_tag(was: str, said: str, rule: str) -> None:
    with pytest.raises(BadMessage) as caught:
        from_fields(parsed(REPORT.replace(was, said)))
    assert rule in str(caught.value)


@pytest.mark.parametrize("text", ["35=8|x", "35=8|=5", "35=8|a=5", "35=8|٣=5"])
def test_what_is_no_field_is_said(text: str) -> None:
    with pytest.raises(BadMessage, match="is not tag=value"):
        parsed(text)


def test_another_message_type_is_none_of_ours() -> None:
    assert from_fields(parsed("35=BF|1=x")) is None


def test_the_store_is_written_as_the_engine_reads_it(tmp_path: Path) -> None:
    store_files.write(tmp_path, "F", (3, 5), {2: b"second", 1: b"first"})
    assert (tmp_path / "F.seqnums").read_text() == "0000000003 : 0000000005"
    assert (tmp_path / "F.header").read_text() == "1,0,5 2,5,6 "
    assert (tmp_path / "F.body").read_bytes() == b"firstsecond"
