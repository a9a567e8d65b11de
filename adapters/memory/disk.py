"""A disk in memory: the stores that survive a killed process, and the journal of their writes.

    stores --each completed write--> journal --first n writes--> the disk as it was then

A killed process leaves behind exactly the writes it had completed, in order. Between two writes
nothing durable changes. So the disks after the first n writes, for every n, are all the states that
a kill at any moment can leave.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, cast

from adapters.host.entropy import Entropy
from adapters.log.keys import KeyStore, MemoryKeyStore
from adapters.log.recorder import Recorder
from adapters.memory.recorder import MemoryRecorder
from adapters.memory.saga_store import MemorySagaStore
from adapters.memory.sink import MemorySink
from adapters.simulators.statement import MemoryStatement, Statement
from sagas.engine.ports import SagaStore

WRITES = {
    "recorder": frozenset({"append", "prune", "save_snapshots", "drop_snapshots"}),
    "keys": frozenset({"data_key", "destroy"}),
    "sink": frozenset({"prepare", "save"}),
    "saga_store": frozenset({"positions", "save", "acknowledge", "reset"}),
    "statement": frozenset({"book"}),
}
"""The methods that change a store. Reading a key or a checkpoint may create it."""


class Write(NamedTuple):
    store: str
    method: str
    args: tuple[Any, ...]
    more: Mapping[str, Any]

    @property
    def appends(self) -> bool:
        return (self.store, self.method) == ("recorder", "append")


class Disk:
    """Fresh stores; `journal` grows with every write to them.

    `rows` and `sagas` are the views' and the sagas' stores without a journal, for reading.
    """

    recorder: Recorder
    keys: KeyStore
    saga_store: SagaStore
    statement: Statement

    def __init__(self, entropy: Entropy) -> None:
        self.journal: list[Write] = []
        self.rows, self.sagas = MemorySink(), MemorySagaStore()
        self.sink = cast(MemorySink, self._noted("sink", self.rows))
        self.saga_store = cast(SagaStore, self._noted("saga_store", self.sagas))
        self.recorder = cast(Recorder, self._noted("recorder", MemoryRecorder()))
        self.keys = cast(KeyStore, self._noted("keys", MemoryKeyStore(entropy)))
        self.statement = cast(Statement, self._noted("statement", MemoryStatement()))

    @classmethod
    async def after(cls, writes: Sequence[Write], entropy: Entropy) -> Self:
        """A new disk with these writes applied."""
        disk = cls(entropy)
        for write in writes:
            done = getattr(getattr(disk, write.store), write.method)(*write.args, **write.more)
            if inspect.isawaitable(done):
                await done
        return disk

    async def forget(self, name: str, count: int) -> None:
        """Undo the last `count` writes of a store of derived data; its first write stays.

        This is the state of a server that lost its last unsynced commits in a crash.

        Args:
            name: "sink" or "saga_store".
        """
        mine = [write for write in self.journal if write.store == name]
        kept = mine[: max(1, len(mine) - count)]
        self.journal[:] = [write for write in self.journal if write.store != name]
        if name == "sink":
            self.rows = MemorySink()
            self.sink = cast(MemorySink, self._noted(name, self.rows))
        else:
            self.sagas = MemorySagaStore()
            self.saga_store = cast(SagaStore, self._noted(name, self.sagas))
        for write in kept:
            await getattr(getattr(self, name), write.method)(*write.args, **write.more)

    def _noted(self, name: str, store: object) -> "_Noted":
        return _Noted(store, WRITES[name], lambda *write: self.journal.append(Write(name, *write)))


class _Noted:
    """Wraps a store and notes each completed write; passes everything else through."""

    def __init__(
        self,
        store: object,
        writes: frozenset[str],
        note: Callable[[str, tuple[Any, ...], Mapping[str, Any]], None],
    ) -> None:
        self._store, self._writes, self._note = store, writes, note

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in self._writes:
            return method
        if inspect.iscoroutinefunction(method):
            return self._async(name, method)

        def write(*args: Any, **more: Any) -> Any:
            args = tuple(list(a) if isinstance(a, Iterator) else a for a in args)
            done = method(*args, **more)
            if more or args != ([],):  # a statement that books nothing does not change
                self._note(name, args, more)
            return done

        return write

    def _async(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def write(*args: Any, **more: Any) -> Any:
            done = await method(*args, **more)
            self._note(name, args, more)
            return done

        return write
