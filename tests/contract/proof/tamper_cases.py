"""The table of tampering: each change, and which check finds it. `test_tampering.py` runs it."""

from domain.checkpoint import STREAM
from tests.contract.proof.tampers import (
    A,
    B,
    Case,
    another_actor,
    another_cause,
    another_read,
    cut_to_fifth,
    edit,
    forged_tail,
    hidden,
    last_checkpoint_dropped,
    last_of_order,
    later,
    order_end,
    own_hash,
    rewrite,
    richer,
    row_of_another,
    shadow,
    signed_anew,
    signed_by_stranger,
    snapshot,
    spaced,
    spaced_within,
    sql,
    state,
    swap,
    swapped_keys,
    take_out,
    twice,
    with_the_machine,
    without_checkpoints,
)  # fmt: skip

M = f"from log.messages where stream = '{A}'"
LAST = "where position = (select max(position) from log.events)"
MIDDLE = "where position > (select max(position) / 2 from log.events)"
ORDER = "(select id from sagas.state where saga = 'order' order by id limit 1)"

CASES = (
    Case("a byte of a payload", edit(A, richer, rechain=False), f"{A}@", "cash"),
    Case("a payload, and its own hash", own_hash, "previous hash", "cash"),
    Case("a payload, and all hashes of its stream", rewrite, "Merkle root", "cash"),
    Case("an actor", edit(A, another_actor, rechain=False), "bytes do not give its hash"),
    Case("an actor, all hashes", edit(A, another_actor, rechain=True), "Merkle root"),
    Case("a cause", edit(A, another_cause, rechain=True), "order-NONE@7: it is missing"),
    Case("what was read", edit(A, another_read, rechain=True), "client-C00001@900: it is missing"),
    Case("a name column", sql(f"update log.events set name = 'cash.conjured' where stream = '{A}' "
         "and version = 2"), "names another event"),
    Case("a schema column", sql(f"update log.events set schema = 9 where stream = '{A}' "
         "and version = 2"), "column schema"),
    Case("payload_at of nothing", sql(f"update log.events set payload_at = 0 where stream = '{A}' "
         "and version = 2"), "column payload_at"),
    Case("payload_at in the metadata", sql("update log.events set payload_at = 12 where stream = "
         f"'{A}' and version = 2"), "column payload_at"),
    Case("a shadow payload", state(shadow), "not exactly its metadata and its payload"),
    Case("the payload twice", state(twice), "not exactly its metadata and its payload"),
    Case("metadata behind the payload", state(swapped_keys), "not exactly its metadata"),
    Case("spaces behind the state", state(spaced), "not exactly its metadata"),
    Case("spaces in the state", state(spaced_within), "not exactly its metadata"),
    Case("a middle event gone", take_out(lambda f: (A, f.deposit)), f"{A}@", "?"),
    Case("a middle event gone, tidied up", take_out(lambda f: (A, f.deposit), tidy=True),
         "Merkle root", "?"),
    Case("an order's last event gone", last_of_order, "order-", "?"),
    Case("an order's stream gone, messages too", take_out(order_end), "order-", "?"),
    Case("an order's stream gone, tidied up", take_out(order_end, tidy=True), "order-", "?"),
    Case("a stream that nobody followed gone", take_out(lambda f: ("instrument-JPM", None)),
         "are missing", "?"),
    Case("two streams in each other's place", swap("log.events", "position",
         f"stream = '{A}' and version = 2", f"stream = '{B}' and version = 2"), "Merkle root", "?"),
    Case("two versions of a stream swapped", swap("log.events", "version",
         f"stream = '{A}' and version = 2", f"stream = '{A}' and version = 3"), f"{A}@", "?"),
    Case("an event where no reader comes", hidden, "no reader of the log reaches"),
    Case("the last event gone", sql(f"delete from log.events {LAST}"), "later events are missing",
         "?"),
    Case("a head ahead", sql("update log.head set position = position + 5"), "later events"),
    Case("a head behind", sql("update log.head set position = position - 5"), "events continue to",
         "?"),
    Case("the head's clock", sql("update log.head set committed_at = now()"), "head's clock"),
    Case("a checkpoint's root", lambda s: (s.forger.edit(STREAM, 3, lambda _, p: p.update(
         merkle_root="ab" * 32)), s.forger.rechain(STREAM)), "signature is not that"),
    Case("a checkpoint called one of the first form", lambda s: (s.forger.edit(STREAM, 3,
         lambda _, p: p.update(form=1)), s.forger.rechain(STREAM)), "signature is not that"),
    Case("a middle checkpoint gone", lambda s: (s.forger.remove(STREAM, 3),
         s.forger.rechain(STREAM)), "does not begin at"),
    Case("the last checkpoint gone, the log cut there", last_checkpoint_dropped,
         "the signer's memory", "?", "the witness"),
    Case("the log cut to the fifth checkpoint", cut_to_fifth, "the signer's memory", "?",
         "the witness"),
    Case("no checkpoint left, history rewritten", without_checkpoints, "no checkpoint covers it",
         "?", "the witness"),
    Case("rewritten, signed by a stranger", signed_by_stranger, "signed by another key", "?",
         "the witness"),
    Case("with the machine: cut to the fifth checkpoint", with_the_machine(cut_to_fifth), "", "?",
         "the witness"),
    Case("with the machine: memory gone, last checkpoint too",
         with_the_machine(last_checkpoint_dropped, remembers="gone"), "no checkpoint covers it",
         "?", "the witness"),
    Case("with the machine: rewritten and signed anew", with_the_machine(signed_anew), "", "cash",
         "the witness"),
    Case("committed_at backwards", sql("update log.events set committed_at = committed_at - "
         "interval '20 days' where position = 500"), "committed_at"),
    Case("committed_at later from the middle on", later(MIDDLE), "committed_at"),
    Case("committed_at later at the end", later(LAST), "committed_at"),
    Case("two committed_at swapped", swap("log.events", "committed_at", "position = 5",
         "position = 600"), "committed_at"),
    Case("an event forged behind the last checkpoint", forged_tail, "", "?", ""),
    Case("two clients' keys swapped", swap("keys.data_keys", "wrapped", "client_id = 'C00001'",
         "client_id = 'C00002'"), "personal data was altered", "?"),
    Case("the key of another client", row_of_another, "personal data was altered", "?"),
    Case("a key that is no key", sql("update keys.data_keys set wrapped = 'x' where "
         "client_id = 'C00001'"), "keys.data_keys was changed", "?"),
    Case("a key's row gone", sql("delete from keys.data_keys where client_id = 'C00001'"),
         "no row in keys.data_keys"),
    Case("an erasure that was none", sql("update keys.data_keys set wrapped = null, destroyed = "
         "true where client_id = 'C00001'"), "its row in keys.data_keys was changed"),
    Case("a message forgotten", sql(f"delete {M} and version = 2"), "its row in log.messages"),
    Case("a message kept for ever forgotten", sql(f"delete {M} and keep and version = (select "
         f"max(version) {M} and keep)"), "its row in log.messages is missing"),
    Case("a message's request", sql(f"update log.messages set request_hash = 'x' where stream = "
         f"'{A}' and version = 2"), "was changed: request_hash"),
    Case("a message's answer", sql(f"update log.messages set position = 1 where stream = '{A}' "
         "and version = 2"), "its row in log.messages"),
    Case("a message that may be forgotten", sql("update log.messages set keep = false where keep"),
         "was changed: keep"),
    Case("a message of no event", sql("insert into log.messages select stream, 'new', request_hash,"
         f" version, position + 100000, hash, keep, bound_at {M} and version = 2"),
         "names is missing"),
    Case("a message that changed nothing, at no version", sql("insert into log.messages select "
         f"stream, 'new', request_hash, 9999, 0, hash, keep, bound_at {M} and version = 2"),
         "never had"),
    Case("a snapshot's state", snapshot("state = overlay(state placing 'Z' from 60 for 1)"),
         "did not seal"),
    Case("a snapshot's version", snapshot("version = version - 1"), "did not seal"),
    Case("the snapshot of another stream", sql(f"update log.snapshots set state = (select state "
         f"from log.snapshots where stream = '{B}') where stream = '{A}'"), "did not seal"),
    Case("a snapshot of another build", sql(f"update log.snapshots set domain_hash = (select "
         f"max(domain_hash) from log.snapshots), state = 'old' where stream = '{A}'"),
         "did not seal"),
    Case("all snapshots gone", sql("truncate log.snapshots")),
    Case("a saga forgotten", sql(f"delete from sagas.state where saga = 'order' and id = {ORDER}"),
         "", "order"),
    Case("a saga's deadline", sql("update sagas.state set due_at = now() where saga = 'order' and "
         f"id = {ORDER}"), "", "order"),
    Case("a gateway's memory", sql("update sagas.state set ended = not ended where saga = 'venue' "
         "and id = (select id from sagas.state where saga = 'venue' limit 1)"), "", "venue"),
    Case("a saga ahead of the log", sql("update sagas.checkpoint set position = position + 99 "
         "where saga = 'order'"), "", "order"),
    Case("a command that no saga owes", sql("insert into sagas.outbox values ('m', 'payout', 'x', "
         "1, 0, 'SendWithdrawal', '{}', 'c', 'c', now())"), "", "payout"),
    Case("a view's row", sql("update views.cash set traded = traded + 1 where (account_id, "
         "currency) = (select account_id, currency from views.cash limit 1)"), "", "cash"),
    Case("a view ahead", sql("update views.checkpoints set position = position + 99 where view = "
         "'cash'"), "", "cash"),
)  # fmt: skip
