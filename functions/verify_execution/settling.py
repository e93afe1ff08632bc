"""All that hangs on a verdict, in its transaction: evidence, learning, the next look, the reply, the announcements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from functions.verify_execution import rows, statements
from functions.verify_execution.core.learning import Trust, learned, revoked
from functions.verify_execution.core.tickets import Settlement
from functions.verify_execution.core.timetable import Check
from functions.verify_execution.model import FUNCTION
from shared.adapters import inbox, outbox
from shared.adapters.postgres import Connection, json_rows
from shared.domain.events import Event, to_structured


def follow(connection: Connection, won: Sequence[Settlement], *, announce: bool, propose_rollbacks: bool) -> None:
    """Write what follows from verdicts that were just given, each for a row of its own."""
    proofs = [rows.proof(settlement) for settlement in won]
    connection.send(
        statements.EVIDENCE,
        evidence=json_rows([evidence for evidence, _ in proofs]),
        readings=json_rows([reading for _, ledger in proofs for reading in ledger]),
    )
    again = [row for settlement in won if (row := rows.look_again(settlement)) is not None]
    if again:
        connection.send(statements.LOOK_AGAIN, rows=json_rows(again))
    first = [settlement for settlement in won if settlement.ticket.check is Check.INITIAL]
    inbox.remember(
        connection, FUNCTION, {(s.ticket.cause.source, s.ticket.cause.id): to_structured(s.verified) for s in first}
    )
    if announce:
        outbox.add(connection, [event for s in won for event in _announced(s, propose_rollbacks=propose_rollbacks)])
    # Last, because executions of one playbook wait for each other from here on.
    _learn(connection, [settlement for settlement in won if settlement.is_telling])


def _announced(settlement: Settlement, *, propose_rollbacks: bool) -> list[Event]:
    if settlement.rollback is None or not propose_rollbacks:
        return [settlement.verified]
    return [settlement.verified, settlement.rollback]


def _learn(connection: Connection, telling: Sequence[Settlement]) -> None:
    """The executions' verdicts and the playbooks' trust; a playbook's row is the lock that puts its verdicts in order.

    Rows are locked in sorted order, so that two groups never wait for each other in a circle.
    """
    if not telling:
        return
    by_playbook: dict[str, list[Settlement]] = defaultdict(list)
    for settlement in telling:
        if settlement.ticket.execution.playbook_id is not None:
            by_playbook[settlement.ticket.execution.playbook_id].append(settlement)
    trusted = [
        rows.trust(playbook_id, _after(trust, by_playbook[playbook_id], connection))
        for playbook_id, trust in _locked(connection, sorted(by_playbook)).items()
    ]
    connection.send(statements.LEARN, rows=json_rows([rows.learned(settlement) for settlement in telling]))
    if trusted:
        connection.send(statements.TRUST, rows=json_rows(trusted))


def _locked(connection: Connection, playbooks: Sequence[str]) -> dict[str, Trust]:
    if not playbooks:
        return {}
    ids = json_rows(playbooks)
    connection.send(statements.KNOW_PLAYBOOKS, ids=ids)
    return {
        playbook_id: Trust(trust_score=score, verified_count=verified, failed_count=failed)
        for playbook_id, score, verified, failed in connection.rows(statements.LOCK_PLAYBOOKS, ids=ids)
    }


def _after(trust: Trust, settlements: Sequence[Settlement], connection: Connection) -> Trust:
    """Trust after these; what is taken back first, since what is counted as later is what is committed."""
    relapses = sorted(s.ticket.execution.execution_id for s in settlements if s.is_relapse)
    if relapses:
        for _, later in connection.rows(statements.LATER, ids=json_rows(relapses)):
            trust = revoked(trust, later=later)
    for settlement in settlements:
        if not settlement.is_relapse:
            trust = learned(trust, settlement.judgement.verdict, used_at=settlement.ticket.acted_at)
    return trust
