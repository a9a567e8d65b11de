"""Regions: one home region per aggregate, fencing by epochs, and what a failover may lose.

    home --append(epoch)--> own log --replicate--> the others        acknowledged: see `Mode`
    register: the next epoch goes to a new home only when the last one's lease has run out

A model of the protocol in `docs/scale.md`, small enough to be explored by a property test: one
aggregate (aggregates do not meet), a log in each region, messages that are late, doubled, out of
order or lost, any region cut off, clocks that drift by up to `DRIFT`. The register is kept by a
majority (a consensus service); a region that is cut off cannot reach it.

    SYNC   acknowledged when a majority of regions has the entry
    ASYNC  acknowledged when the home has it

A failover asks a majority. The log of the highest epoch, and among those the longest, becomes the
log of all of them under the new epoch before the new home serves. Entries that a region has beyond
a log that it takes over are put aside (`orphans`), for people to look at.
"""

from enum import StrEnum
from typing import NamedTuple

LEASE = 6  # ticks of the holder's clock
DRIFT = 2  # ticks that a clock may lag


class Mode(StrEnum):
    SYNC = "sync"
    ASYNC = "async"


class Entry(NamedTuple):
    epoch: int
    value: int  # identifies the entry


Log = tuple[Entry, ...]


class Replicate(NamedTuple):
    """A message with the home's log of an epoch."""

    sender: int
    receiver: int
    epoch: int
    log: Log


class Region:
    """One region: its log, the newest epoch that it knows, and its own epoch as a home."""

    def __init__(self) -> None:
        self.log: Log = ()
        self.seen = 0
        self.epoch, self.lease_end = 0, 0
        self.clock = self.lag = 0
        self.has: dict[Entry, set[int]] = {}  # of a home: the regions known to have each entry
        self.orphans: list[Entry] = []

    @property
    def serves(self) -> bool:
        return self.epoch > 0 and self.epoch == self.seen and self.clock < self.lease_end

    def take(self, epoch: int, log: Log) -> None:
        self.orphans += [e for e in self.log if e not in log and e not in self.orphans]
        self.seen, self.log = epoch, log


class World:
    """Regions, the network between them, and the register; every method is one step.

    Args:
        fencing: False disables epochs and leases, to check that the laws then fail.
        leases: False simulates clocks beyond the allowed drift: only epochs are left.
    """

    def __init__(
        self, mode: Mode, regions: int = 3, *, fencing: bool = True, leases: bool = True
    ) -> None:
        self.mode, self._fencing, self._leases = mode, fencing, fencing and leases
        self.regions = [Region() for _ in range(regions)]
        self.cut: set[int] = set()
        self.wire: list[Replicate] = []
        self.time = self.epoch = self._granted_until = self._values = 0
        self.home: int | None = None
        self.appended: set[tuple[int, int]] = set()  # (epoch, region) of every append
        self.acknowledged: list[Entry] = []
        self.lost: set[Entry] = set()  # acknowledged, and not in the log of a new epoch
        self.unreplicated: set[Entry] = set()  # acknowledged, and in no region that was asked

    @property
    def majority(self) -> int:
        return len(self.regions) // 2 + 1

    @property
    def reachable(self) -> list[int]:
        return [i for i in range(len(self.regions)) if i not in self.cut]

    def tick(self, slow: int = -1) -> None:
        """Advance the time; the clock of `slow` may fall behind, within the allowed drift."""
        self.time += 1
        for i, region in enumerate(self.regions):
            if i == slow and region.lag < DRIFT:
                region.lag += 1
            else:
                region.clock += 1

    def grant(self, to: int) -> bool:
        """Ask the register to make `to` the home (again, or newly); True if it did."""
        if to in self.cut or len(self.reachable) < self.majority:
            return False
        if self._leases and to != self.home and self.time < self._granted_until:
            return False
        if self._fencing or not self.epoch:
            self.epoch += 1
        self._granted_until = self.time + LEASE + DRIFT
        self.home = to
        self._begin(to)
        return True

    def append(self, at: int) -> Entry | None:
        """Append an entry for a caller in region `at`; None: the region does not serve."""
        region = self.regions[at]
        if not (region.serves if self._fencing else region.epoch):
            return None
        self._values += 1
        entry = Entry(region.epoch, self._values)
        region.log += (entry,)
        region.has[entry] = {at}
        self.appended.add((region.epoch, at))
        if self.mode is Mode.ASYNC:
            self.acknowledged.append(entry)
        self._send(at)
        return entry

    def deliver(self, index: int, *, again: bool = False, answered: bool = True) -> None:
        """Deliver one message; it is lost if its sender or receiver is cut off.

        Again: it will arrive once more. Not answered: the sender does not hear of its arrival.
        """
        message = self.wire[index % len(self.wire)]
        if not again:
            self.wire.remove(message)
        if {message.sender, message.receiver} & self.cut:
            return
        receiver = self.regions[message.receiver]
        if self._fencing and message.epoch < receiver.seen:
            return
        if message.epoch > receiver.seen or len(message.log) > len(receiver.log):
            receiver.take(message.epoch, message.log)
        if answered:
            self._confirm(message)

    def settle(self) -> Log:
        """End all faults and deliver every message; returns the log that all regions then have."""
        self.cut.clear()
        for _ in range(LEASE + DRIFT):
            self.tick()
        self.grant(0 if self.home is None else self.home)
        while self.wire:
            self.deliver(0)
        (log,) = {region.log for region in self.regions}
        return log

    def _begin(self, to: int) -> None:
        """Begin the new epoch: give all the regions that were asked one log."""
        asked = [self.regions[i] for i in self.reachable]
        best = max(asked, key=lambda region: (region.seen, len(region.log)))
        held = {entry for region in asked for entry in region.log}
        behind = set(self.acknowledged) - set(best.log)
        self.unreplicated |= behind - held
        self.lost |= behind
        if self._fencing:
            log = best.log
            for region in asked:
                region.take(self.epoch, log)
        new = self.regions[to]
        new.epoch, new.lease_end = self.epoch, new.clock + LEASE
        holders = set(self.reachable) if self._fencing else {to}
        new.has = {entry: set(holders) for entry in new.log}
        self._acknowledge(new)
        self._send(to)

    def _send(self, sender: int) -> None:
        region = self.regions[sender]
        self.wire += [
            Replicate(sender, receiver, region.epoch, region.log)
            for receiver in range(len(self.regions))
            if receiver != sender
        ]

    def _confirm(self, message: Replicate) -> None:
        sender = self.regions[message.sender]
        if sender.epoch == message.epoch:
            for entry in message.log:
                sender.has.setdefault(entry, {message.sender}).add(message.receiver)
            self._acknowledge(sender)

    def _acknowledge(self, home: Region) -> None:
        if self.mode is Mode.SYNC:
            known = set(self.acknowledged)
            self.acknowledged += [
                entry
                for entry in home.log
                if entry not in known and len(home.has.get(entry, ())) >= self.majority
            ]
