"""`tidemark replay` and `tidemark rebuild VIEW`: check the read models against the log."""

import argparse
from typing import Any

import msgspec

from adapters.operations.rebuild import alone, begin, rebuild
from adapters.wiring.views import FOLD
from api.cli import UsageError, add_verb, emit, say, settings
from api.cli.opening import platform_of
from projections.catalogue import BY_NAME, VIEWS
from streams.proof import street_audit
from streams.proof.proving import prove

REPLAY = """\
Compute every read model again from the log, in memory, and compare it row by row with what is
served. Do the same for the rows of sagas and gateways. The verb changes nothing, and
`tidemark serve` may run meanwhile. `tidemark rebuild` repairs a read model that differs.
"""
REPLAY_MORE = """\
examples:
  tidemark replay
  tidemark replay --json

exit codes: 0 all is equal; 1 something differs (a line names each), or the verb failed
"""
REBUILD = """\
Build a read model again from the log, in a table beside the old one; compare the two; then replace
the old one by the new one. `tidemark serve` may run meanwhile.
"""
REBUILD_MORE = """\
examples:
  tidemark rebuild positions
  tidemark rebuild all --no-swap     only compare

exit codes: 0 the old one was right; 1 it was wrong (replaced now, unless --no-swap), or the verb
            failed
"""


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    again = add_verb(verbs, shared, "replay", about=REPLAY, more=REPLAY_MORE)
    again.set_defaults(run=_replay)
    new = add_verb(verbs, shared, "rebuild", about=REBUILD, more=REBUILD_MORE)
    new.add_argument(
        "view", metavar="VIEW", help=f"the read model: all, or one of {', '.join(BY_NAME)}"
    )
    new.add_argument("--no-swap", action="store_true", help="only compare, and keep the old one")
    new.set_defaults(run=_rebuild)


async def _replay(args: argparse.Namespace) -> int:
    async with await platform_of(settings(args), verb="replay", exclusive=False) as p:
        proof = await prove(p)
    rows: list[dict[str, Any]] = [
        {
            "view": one.live.view,
            "position": one.live.position,
            "rows": one.live.rows,
            "hash": one.live.hash,
            "replayed_rows": one.folded.rows,
            "replayed_hash": one.folded.hash,
            "differences": list(one.faults),
            "equal": one.equal,
        }
        for one in proof.views
    ]
    kept = [{**msgspec.to_builtins(one), "equal": one.equal} for one in proof.kept]
    lines = [f"{r['view']:<16}{r['rows']:>10}  {r['hash'][:16]}  {_word(r['equal'])}" for r in rows]
    lines += [f"{_kind(s.name):<16}{s.rows:>10}  {_word(s.equal)}" for s in proof.kept]
    lines += [f"{'schema':<16}{'':>10}  {_word(not proof.schema)}"]
    lines += [f"  {r['view']}: {wrong}" for r in rows for wrong in r["differences"]]
    lines += [f"  {s.name}: {wrong}" for s in proof.kept for wrong in s.differences]
    lines += [f"  {wrong}" for wrong in proof.schema]
    answer = {"equal": proof.equal, "views": rows, "sagas": kept, "schema": list(proof.schema)}
    emit(args, answer, "\n".join(lines))
    return 0 if proof.equal else 1


def _kind(name: str) -> str:
    return name if name == street_audit.NAME else f"saga {name}"


def _word(equal: bool) -> str:
    return "equal" if equal else "DIFFERS"


async def _rebuild(args: argparse.Namespace) -> int:
    if args.view != "all" and args.view not in BY_NAME:
        raise UsageError(f"no view {args.view!r}; there are {', '.join(BY_NAME)}")
    chosen = VIEWS if args.view == "all" else (BY_NAME[args.view],)
    reports: list[dict[str, Any]] = []
    opened = await platform_of(settings(args), verb="rebuild", exclusive=False)
    async with opened as p, alone(p.sink):
        await p.sink.prepare(VIEWS, take=False)
        await begin(p.log, p.sink, chosen, child=FOLD, data_dir=p.settings.data_dir)
        for view in chosen:
            report = await rebuild(p.log, p.sink, view, swap=not args.no_swap, begun=True)
            reports.append({**msgspec.to_builtins(report), "equal": report.equal})
            line = f"{view.NAME:<16}{report.rows:>10} rows at {report.position}"
            say(f"{line}  {_word(report.equal)}")
    answer = reports[0] if len(reports) == 1 else {"views": reports}
    emit(args, answer, "")
    return 0 if all(r["equal"] for r in reports) else 1
