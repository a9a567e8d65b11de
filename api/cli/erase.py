"""`tidemark erase CLIENT`: destroys a client's data key, and records that in the log."""

import argparse
from typing import Any

from adapters.log.recorder import Unavailable
from adapters.operations.erasure import erase
from api.cli import UsageError, add_verb, emit, say, settings
from api.cli.opening import platform_of
from commands.handler import Declined, Done
from domain.shared.identifiers import is_id
from domain.shared.message import Refused

ABOUT = """\
Destroy a client's data key. The client's names and texts in the log can then never be read again,
and the read models lose them too. The events stay, and no balance changes. The client must be
closed and the retention time be over; --force erases before that.
"""
MORE = """\
examples:
  tidemark erase C1 --yes                               closed five years ago or longer
  tidemark erase C1 --yes --force --reason "a court"    before that

An erasure cannot be undone. `tidemark serve` may run meanwhile, and forgets the key at once.
"""
STILL = (
    "backups of the database that are older still hold the wrapped key, and old files of its "
    "write-ahead log may: let them expire"
)


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    verb = add_verb(verbs, shared, "erase", about=ABOUT, more=MORE)
    verb.add_argument("client", metavar="CLIENT", help="the id of the client")
    verb.add_argument(
        "--yes", action="store_true", help="confirm the erasure; without it the verb does nothing"
    )
    verb.add_argument(
        "--force",
        action="store_true",
        help="erase though the client is open or the retention time is not over; needs --reason",
    )
    verb.add_argument(
        "--reason", default="", help="the reason; the log keeps it, encrypted with the firm's key"
    )
    verb.set_defaults(run=_run)


async def _run(args: argparse.Namespace) -> int:
    if not is_id(args.client):
        raise UsageError(f"CLIENT: {args.client!r} is no client id")
    if not args.yes:
        raise UsageError("an erasure cannot be undone: confirm it with --yes")
    if args.force and not args.reason.strip():
        raise UsageError("--force needs --reason TEXT, which the log keeps")
    async with await platform_of(settings(args), verb="erase", exclusive=False) as platform:
        outcome, compact = await erase(platform, args.client, force=args.force, reason=args.reason)
    if isinstance(outcome, Declined):
        return _decline(args, outcome.refused)
    if not isinstance(outcome, Done):
        raise Unavailable(
            f"client-{args.client}: other writers kept changing the stream; run the verb again"
        )
    answer = {"client_id": args.client, "erased": True, "compact": compact, "still": STILL}
    place = {"stream": outcome.stream, "version": outcome.version, "position": outcome.position}
    owner = "" if compact else "\nthe owner of keys.data_keys has to run VACUUM FULL on it"
    emit(args, answer | place, f"{args.client} is erased; {STILL}{owner}")
    return 0


def _decline(args: argparse.Namespace, why: Refused) -> int:
    state = ", ".join(f"{k} {v}" for k, v in why.state.items())
    say(f"tidemark: {args.client} is not erased: {why.refusal} ({state})")
    if getattr(args, "json", False):
        answer = {"client_id": args.client, "erased": False, "refusal": str(why.refusal)}
        emit(args, answer | {"state": why.state}, "")
    return 1
