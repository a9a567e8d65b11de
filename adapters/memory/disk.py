"""A disk in memory: the stores that outlive a killed process, and the journal of their writes.

    stores --each write, when it is done--> journal --first n writes--> the disk as it was then

A process that is killed leaves what it had written, in order, and nothing else. So the disk after
the first n writes, for every n, is all that a kill can leave behind, whatever the moment: between
two writes nothing durable changes.
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
"""What changes a store. Reading a key or a checkpoint may make it."""


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

    `rows` and `sagas` are the views' and the sagas' stores themselves, for whoever only looks.
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
        """The disk that these writes leave behind."""
        disk = cls(entropy)
        for write in writes:
            done = getattr(getattr(disk, write.store), write.method)(*write.args, **write.more)
            if inspect.isawaitable(done):
                await done
        return disk

    async def forget(self, name: str, count: int) -> None:
        """Have a store of what is derived as it was `count` of its writes ago, if it had so many.

        What a server without its last unsynced commits comes back with; the first write stays.

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
    """A store whose writes are noted once they are done; all else is the store's own."""

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
            if more or args != ([],):  # a statement that books nothing has not changed
                self._note(name, args, more)
            return done

        return write

    def _async(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        async def write(*args: Any, **more: Any) -> Any:
            done = await method(*args, **more)
            self._note(name, args, more)
            return done

        return write
