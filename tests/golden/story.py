"""The story of the golden log: a fortnight in which almost everything happens once.

Real handler, sagas and timer over the memory recorder with seeded entropy; the counterparties'
reports are written out here, so that no simulator affects the golden bytes.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from adapters.host.clock import SimulatedClock
from adapters.host.entropy import SeededEntropy
from adapters.log.codec import Codec
from adapters.log.event_log import RecorderLog
from adapters.log.keys import MemoryKeyStore
from adapters.memory.recorder import MemoryRecorder
from adapters.memory.saga_store import MemorySagaStore
from adapters.operations.balances import dues_at_end
from adapters.proof.signing import Signer
from commands.handler import Declined, Done, Handler, Outcome
from commands.ports import Request
from domain.account.adjustments import PostAdjustment
from domain.account.cash import DepositCash
from domain.account.exchange import ConvertCurrency
from domain.account.fees import ChargeFee, CreditInterest, DebitInterest
from domain.account.selection import SelectLots
from domain.account.standing import (
    AuthorisePerson,
    BlockAccount,
    ChangeLotMethod,
    CloseAccount,
    OpenAccount,
    RevokePerson,
    SetClosingOnly,
    UnblockAccount,
)
from domain.account.state import Owner, Power
from domain.account.transfers import TransferSecurities
from domain.account.withdrawals import (
    CancelWithdrawal,
    CompleteWithdrawal,
    RejectWithdrawal,
    ReturnWithdrawal,
)
from domain.catalogue import DECIDERS
from domain.client import commands as c
from domain.client.events import Kind, NationalId, Regime, RiskRating, Screening, TaxResidence
from domain.fx import FixRates
from domain.house import CloseDay, FundHouse, ReceiveInterest, RecordClose, SweepDues
from domain.instrument import commands as i
from domain.order import commands as o
from domain.settlement import commands as s
from domain.shared.fix import CxlRejResponseTo, Side, TimeInForce
from domain.shared.message import Command
from projections.ledger.controls import Served
from streams.log.signer import CheckpointSigner
from streams.sagas.runner import SagaRunner
from streams.sagas.timer import Timer
from tests.golden import words as w

D = Decimal
SEED = 20240304
AUDITOR = "auditor"
REPORTERS = ("venue", "custodian", "bank")


class Told:
    """The platform of the story; it handles each command to its end before the next."""

    def __init__(self) -> None:
        entropy = SeededEntropy(SEED)
        self.clock = SimulatedClock(datetime.combine(w.MON, time(8), UTC))
        self.recorder = MemoryRecorder()
        keys = MemoryKeyStore(entropy)
        codec = Codec(keys, entropy)
        self.log = RecorderLog(self.recorder, codec, request_key=keys.request_key)
        self.handler = Handler(
            self.log,
            DECIDERS,
            clock=self.clock,
            dues=lambda: dues_at_end(self.log, Served({}, ())),
            digest_key=keys.digest_key,
        )
        store = MemorySagaStore()
        self.sagas = SagaRunner(self.log, store, self.handler.handle)
        self.timer = Timer(store, self.handler.handle)
        signer = Signer(entropy.draw(32, "checkpoint-key"))
        self.checkpoints = CheckpointSigner(self.log, signer, self.handler.handle)
        self._n = 0

    async def do(self, *commands: Command, by: str = "clerk") -> None:
        """Run commands that must succeed, each with all its consequences."""
        for command in commands:
            outcome = await self.tell(command, by)
            assert isinstance(outcome, Done) and outcome.changed, (command, outcome)
            await self.sagas.drain()

    async def tell(self, command: Command, by: str = "clerk") -> Outcome:
        """Run one command, without its consequences."""
        self._n += 1
        person = getattr(command, "officer", getattr(command, "approved_by", by))
        request = Request(
            command=command,
            message_id=f"told-{self._n}",
            actor=person,  # an officer or approver acts under their own name
            effective_at=self.clock() if by in REPORTERS else None,
            keep=by in REPORTERS,
        )
        return (await self.handler.handle([request]))[0]

    async def refused(self, command: Command) -> None:
        assert isinstance(outcome := await self.tell(command), Declined), outcome

    async def at(self, day: date, hour: int, minute: int = 0) -> None:
        """Set the clock, and run everything that is due by then."""
        self.clock.set(datetime.combine(day, time(hour, minute), UTC))
        while await self.timer.fire(self.clock()):
            await self.sagas.drain()

    async def marks(self, day: date, apple: str, vodafone: str) -> None:
        await self.do(
            w.mark("AAPL", w.APPLE, apple, "USD", day=day),
            w.mark("VOD", w.VODAFONE, vodafone, "GBX", day=day),
            FixRates(source="ecb", rate_date=day, rates={"USD": D("1.0850"), "GBP": D("0.8560")}),
        )


async def tell_it() -> MemoryRecorder:
    told = Told()
    for chapter in (_people, _accounts, _money, _orders, _executions, _settling, _moving, _ending):
        await chapter(told)
    return told.recorder


async def _people(told: Told) -> None:
    await told.do(
        c.OnboardClient(
            client_id="C1",
            kind=Kind.INDIVIDUAL,
            legal_name="Ada Lovelace",
            country="GB",
            tax_id="TAX-1",
            email="ada@example.org",
            first_names="Ada",
            surnames="Lovelace",
            birth_date=date(1980, 12, 10),
            nationality=("GB", "FR"),
            tax_residence=(TaxResidence(country="GB", tin="TIN-1"),),
            national_id=NationalId(scheme="NIDN", value="QQ123456C"),
        ),
        c.SubmitKyc(client_id="C1", documents=(w.PASSPORT,), risk_answers={"pep": "no"}),
        c.RequestKycInformation(client_id="C1", officer="olga", reason="proof of address"),
        c.SubmitKyc(client_id="C1", documents=(w.PASSPORT,), risk_answers={"source": "salary"}),
        w.screened("C1", "scr-1", Screening.CLEAR),
        w.approved("C1", RiskRating.LOW, date(2024, 5, 4), regime=Regime.EU),
        c.OnboardClient(
            client_id="C2",
            kind=Kind.ORGANISATION,
            legal_name="Analytical Engines Ltd",
            country="GB",
            lei="5493001KJTIIGC8Y1R12",
        ),
        c.SubmitKyc(client_id="C2", documents=(w.PASSPORT,), risk_answers={"pep": "yes"}),
        c.RejectKyc(client_id="C2", officer="olga", reason="register extract missing"),
        c.SubmitKyc(client_id="C2", documents=(w.PASSPORT,)),
        w.approved("C2", RiskRating.HIGH, date(2025, 2, 28), senior=True),
        c.OnboardClient(client_id="C3", kind=Kind.INDIVIDUAL, legal_name="Eve", country="CA"),
        c.SubmitKyc(client_id="C3", documents=(w.PASSPORT,)),
        w.approved("C3", RiskRating.MEDIUM, date(2024, 3, 12)),
    )
    await told.do(
        w.listed("AAPL", w.APPLE, "USD", "XNAS"),
        w.listed("VOD", w.VODAFONE, "GBX", "XLON", settlement="GBP", tick="0.02"),
        i.AmendInstrument(instrument_id="VOD", symbol="VOD.L", tick_size=D("0.01")),
        i.HaltInstrument(instrument_id="VOD", reason="news pending"),
        i.ResumeInstrument(instrument_id="VOD", reason="news is out"),
        w.listed("OLD", "US5949181045", "USD", "XNAS"),
        i.DelistInstrument(instrument_id="OLD", reason="merged"),
    )
    await told.marks(w.MON, "50.00", "70.00")


async def _accounts(told: Told) -> None:
    power = Power(person_id="P9", trade=True, limit=D("5000.00"), valid_from=w.MON)
    await told.do(
        OpenAccount(account_id="A1", client_id="C1", base_currency="USD"),
        OpenAccount(account_id="A2", client_id="C2", base_currency="EUR", lot_method="HIFO"),
        OpenAccount(account_id="A3", client_id="C3", base_currency="USD", lot_method="AVERAGE"),
        OpenAccount(
            account_id="A4",
            client_id="C1",
            base_currency="USD",
            owners=(Owner(client_id="C1", share=D("0.6")), Owner(client_id="C2", share=D("0.4"))),
        ),
        AuthorisePerson(account_id="A1", power=power),
        AuthorisePerson(account_id="A1", power=Power(person_id="P8", withdraw=True)),
        RevokePerson(account_id="A1", person_id="P8"),
        ChangeLotMethod(account_id="A2", lot_method="FIFO"),
        BlockAccount(account_id="A4", reason="signature missing"),
        UnblockAccount(account_id="A4"),
    )


async def _money(told: Told) -> None:
    await told.do(
        FundHouse(currency="USD", amount=D("10000.00"), reference="capital"),
        w.deposit("A1", "20000.00", "first"),
        DepositCash(
            account_id="A1",
            amount=D("500.00"),
            currency="USD",
            reference="cheque",
            available_on=w.WED,
        ),
        w.returned("A1", "500.00", "cheque"),
        w.deposit("A2", "9000.00", "eur", "EUR"),
        w.deposit("A3", "100.00", "small"),
        w.returned("A3", "150.00", "small"),  # into debit: a case
        w.deposit("A3", "1050.00", "more"),
        w.withdraw("A1", "1000.00", "rent"),
        CompleteWithdrawal(account_id="A1", payment_id="A1.W1"),
        ReturnWithdrawal(
            account_id="A1",
            payment_id="A1.W1",
            amount=D("1000.00"),
            currency="USD",
            reason="AC04",
        ),
        w.withdraw("A1", "10.00", "typo", payee="Ada Lovelace, GB33BUKB20201555555555"),
        RejectWithdrawal(account_id="A1", payment_id="A1.W2", reason="AC01"),
    )
    await told.tell(w.withdraw("A1", "25.00", "second thoughts"))
    await told.do(CancelWithdrawal(account_id="A1", payment_id="A1.W3"))
    await told.do(
        ConvertCurrency(
            account_id="A1",
            fx_id="F1",
            buy_currency="GBP",
            buy_amount=D("1500.00"),
            sell_currency="USD",
            value_date=w.WED,
        ),
    )
    await told.refused(w.withdraw("A3", "99999.00", "greed"))


async def _orders(told: Told) -> None:
    """Every path of an order that ends without a trade, and the states on each path."""
    await told.at(w.MON, 14, 30)
    await told.do(w.order("O-cancel", qty="10", limit="49.00"), w.ack("O-cancel"))
    await told.do(o.CancelOrder(order_id="O-cancel", reason="client"))
    await _venue(told, w.cancel_reject("O-cancel", "O-cancel.c2", "too late to cancel"))
    await told.do(o.CancelOrder(order_id="O-cancel", reason="client again"))
    await _venue(told, o.RecordCanceled(order_id="O-cancel"))
    await told.tell(w.order("O-early", qty="1", limit="49.00"))
    await told.do(o.CancelOrder(order_id="O-early", reason="before it left"))
    await told.do(w.order("O-poor", qty="99999", limit="50.00"))  # no funds: rejected by us
    await told.do(w.order("O-no", qty="1", limit="49.00"))
    await _venue(told, o.RecordReject(order_id="O-no", reason="unknown client"))
    await told.do(w.order("O-day", qty="5", limit="40.00", tif=TimeInForce.DAY), w.ack("O-day"))
    for status in ("stopped", "suspended", "calculated", "restated", "done_for_day"):
        await _venue(told, o.RecordStatus(order_id="O-day", status=o.VenueStatus(status)))
    await told.do(w.order("O-lapse", qty="5", limit="40.00"), w.ack("O-lapse"))
    restated = o.RecordStatus(order_id="O-lapse", status=o.VenueStatus.RESTATED, qty=D(4))
    await _venue(told, restated, o.RecordExpired(order_id="O-lapse"))
    await told.do(w.order("O-more", qty="10", limit="40.00"), w.ack("O-more"))
    await told.do(o.ReplaceOrder(order_id="O-more", qty=D(20), limit_px=D("41.00")))
    await _venue(told, o.RecordReplaced(order_id="O-more", cl_ord_id="O-more.c2"))
    await told.do(o.ReplaceOrder(order_id="O-more", qty=D(90000)))  # no funds: never sent
    await told.do(o.ReplaceOrder(order_id="O-more", limit_px=D("42.00")))
    refusal = w.cancel_reject("O-more", "O-more.c4", "no", CxlRejResponseTo.REPLACE)
    await _venue(told, refusal)


async def _executions(told: Told) -> None:
    """Partial, corrected, busted, late and over-fills; a parked report; sales by chosen lots."""
    await told.at(w.MON, 15)
    await told.do(w.order("O1", qty="100", limit="50.00"), w.ack("O1"))
    await _venue(told, w.fill("O1", "E1", "60", "49.90"), w.fill("O1", "E2", "40", "49.95"))
    await _venue(told, w.correct("O1", "E3", "E2", qty="40", px="49.80"))
    await _venue(told, w.fill("O1", "E4", "5", "49.90"))  # beyond the order: a case
    await told.do(w.order("O2", qty="10", limit="51.00"), w.ack("O2"))
    await _venue(told, w.bust("O2", "E6", "E5"))  # the bust overtakes its execution
    await _venue(told, w.fill("O2", "E5", "10", "50.50"))
    await told.do(w.order("O3", qty="10", limit="52.00"), w.ack("O3"))
    await _venue(told, w.fill("O3", "E7", "10", "51.50"))  # settled, then busted
    vodafone = w.order("O4", qty="1000", limit="71.00", instrument="VOD")
    await told.do(vodafone, w.ack("O4"))
    await _venue(told, w.fill("O4", "E8", "1000", "70.50"))
    await told.do(w.order("O5", account="A3", qty="20", limit="50.00"), w.ack("O5"))
    await _venue(told, w.fill("O5", "E9", "20", "49.50"))
    await told.at(w.TUE, 15)
    await told.marks(w.TUE, "52.00", "71.00")
    await told.do(w.order("O6", qty="30", limit="51.00", side=Side.SELL), w.ack("O6"))
    await _venue(told, w.fill("O6", "E10", "30", "52.25", day=w.TUE))
    await told.do(
        SelectLots(account_id="A1", trade_id="O6.t1", lots={"O3.t1": D(10), "O1.t1": D(20)})
    )


async def _settling(told: Told) -> None:
    """Advised, matched, in part, failing, whole; cancelled, denied, and reversed."""
    await told.at(w.WED, 9)
    for status in ("accepted", "matched"):
        await _custodian(told, w.advised("O1.t1", status))
    await _custodian(told, w.advised("O5.t1", "unmatched", "no counterparty instruction"))
    await _custodian(told, w.settled("O1.t1", "S1", "40", "1996.00"))
    await _custodian(told, w.settled("O3.t1", "S2", "10", "515.00"))
    await _custodian(told, w.settled("O1.t4", "S3", "5", "249.50"))
    await _custodian(told, w.settled("O4.t1", "S4", "1000", "705.00"))
    await _custodian(told, s.RecordSettlementCancel(obligation_id="O1.t2", accepted=True))
    await told.do(w.bust("O3", "E11", "E7"), by="venue")
    await _custodian(told, w.settled("O3.t1R", "S5", "10", "515.00", day=w.WED))
    await told.at(w.WED, 23, 30)  # an instruction that is due and not settled fails
    await told.at(w.THU, 9)
    await told.marks(w.THU, "53.00", "71.50")
    await _custodian(told, w.settled("O1.t1", "S6", "20", "998.00", day=w.THU))
    await _custodian(told, w.settled("O1.t3", "S7", "40", "1992.00", day=w.THU))
    await told.at(w.THU, 12, 1)  # a delivery is held until noon, then released if covered
    await _custodian(told, w.settled("O6.t1", "S8", "30", "1567.50", day=w.THU))
    deny = s.RecordSettlementCancel(obligation_id="O5.t1", accepted=False, reason="matched")
    await told.do(s.CancelSettlement(obligation_id="O5.t1", reason="by mistake"))
    await _custodian(told, deny)


async def _moving(told: Told) -> None:
    """Transfers, fees, interest, a manual entry, the house's side, and the end of a day."""
    await told.at(w.FRI, 10)
    await told.do(w.transfer("X1", "A4", "100.00"))
    shares = TransferSecurities(
        transfer_id="X2",
        account_id="A1",
        to_account_id="A4",
        instrument_id="AAPL",
        isin=w.APPLE,
        qty=D(15),
    )
    await told.do(shares)
    await told.tell(w.transfer("X3", "A4", "7.00"))
    await told.do(BlockAccount(account_id="A4", reason="court order"))  # X3 comes back
    await told.do(UnblockAccount(account_id="A4"))
    for day in (w.MON, w.TUE, w.WED):
        await told.do(w.fee("A1", day, "20000.00"))
    await told.do(
        ChargeFee(account_id="A1", currency="USD", period_end=w.WED, vat_rate=D("0.20")),
        ReceiveInterest(currency="USD", amount=D("3.00"), value_date=w.FRI),
        CreditInterest(account_id="A1", currency="USD", amount=D("2.50"), value_date=w.FRI),
        DebitInterest(account_id="A3", currency="USD", amount=D("0.40"), value_date=w.FRI),
        PostAdjustment(
            account_id="A1",
            adjustment_id="ADJ1",
            currency="USD",
            amount=D("-1.23"),
            reason="wire fee refunded twice",
            evidence="ticket 77",
            requested_by="ben",
            approved_by="carla",
        ),
        SweepDues(currency="USD", amount=D("5.00"), reference="week 10"),
    )
    position, _ = await told.recorder.last()
    await told.at(w.FRI, 22)  # New York's session is over
    dues = w.control("C.DUE + H.DUE = 0", "0.01")
    await told.do(CloseDay(day=w.FRI))
    await told.do(RecordClose(day=w.FRI, position=position, controls=(*w.HELD, dues)), by=AUDITOR)
    await told.do(CloseDay(day=w.FRI))
    await told.do(RecordClose(day=w.FRI, position=position, controls=w.HELD), by=AUDITOR)
    assert await told.checkpoints.catch_up() == 1  # a day that closes is signed


async def _ending(told: Told) -> None:
    """Reviews due and overdue, suspension, a block and its lifting, and the exit of a client."""
    await told.do(
        c.SuspendClient(client_id="C1", reason="documents"),
        c.ReinstateClient(client_id="C1", reason="documents came"),
    )
    await told.at(w.NEXT_MON, 9)
    await told.marks(w.NEXT_MON, "54.00", "72.00")
    await told.at(date(2024, 3, 13), 9)  # C3's review date has passed
    await told.do(
        w.screened("C2", "scr-2", Screening.CONFIRMED),
        c.UnblockClient(client_id="C2", reason="another of that name"),
    )
    await told.at(w.NEXT_FRI, 9)
    await told.do(w.withdraw("A2", "9000.00", "all of it", currency="EUR"))
    await told.do(CompleteWithdrawal(account_id="A2", payment_id="A2.W1"), by="bank")
    await told.do(
        c.OffboardClient(client_id="C2", reason="moves away"),
        SetClosingOnly(account_id="A2", reason="leaving"),
        CloseAccount(account_id="A2"),
    )


async def _venue(told: Told, *reports: Command) -> None:
    await told.do(*reports, by="venue")


async def _custodian(told: Told, *reports: Command) -> None:
    await told.do(*reports, by="custodian")
