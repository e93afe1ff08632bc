"""``aftercare events``: which events there are, sending one, and watching them pass."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from pydantic import SecretStr

from shared.adapters.dsn import Dsn
from shared.adapters.endpoints import Endpoint
from shared.adapters.http import HttpClient
from shared.adapters.postgres import Database, Limits
from shared.commands import drafts, installed
from shared.commands.catalogue import Catalogue
from shared.commands.installed import Trigger
from shared.commands.output import Output, OutputOption, print_json, print_line, print_table, say
from shared.commands.sending import doubts, post, takers
from shared.commands.sink_checks import SinkSettings
from shared.commands.watching import BrokerFeed, Feed, PostgresFeed, follow
from shared.domain.calls import CallFailed
from shared.domain.errors import ConfigurationError, InvalidEvent, UpstreamRejected, UpstreamUnavailable
from shared.domain.events import Event, to_structured
from shared.domain.redaction import redact, redact_text
from shared.runtime.settings import DatabaseSettings

_STANDARD_INPUT: Final = "-"
_INTERVAL_S: Final = 0.5

app = typer.Typer(help="Events: which there are, send one, watch them pass.", no_args_is_help=True)


class SenderSettings(SinkSettings):
    """What `send` reads from the environment."""

    auth_token: SecretStr | None = None
    """The bearer token; of two, separated by a comma, the first."""


@app.command("types")
def types(
    name: Annotated[str | None, typer.Argument(metavar="TYPE", help="Show the JSON Schema of this one.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the event types: who sends them, who accepts them, which triggers deliver them."""
    catalogue = Catalogue(installed.functions())
    if name is not None:
        found = next((each for each in catalogue if each.name == name), None)
        if found is None:
            meant = catalogue.resembling(name)
            _no(
                f"There is no event type {name}; {f'did you mean {meant}?' if meant else 'see aftercare events types.'}"
            )
        print_json(found.model.model_json_schema())
        return
    triggers = _triggers()
    rows = [(each, takers(Event(id="-", source="/", type=each.name), triggers or ())) for each in catalogue]
    if output is Output.JSON:
        print_json([{**each.document(), "triggers": None if triggers is None else taken} for each, taken in rows])
        return
    columns = ("type", "from", "to", "triggers")
    cells = [[e.name, ", ".join(e.emitted_by) or "anyone", ", ".join(e.accepted_by), ", ".join(t)] for e, t in rows]
    print_table(columns, cells)


@app.command("send")
def send(
    *,
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A CloudEvent as JSON; - reads a pipe.")] = None,
    sample: Annotated[str | None, typer.Option(help=f"One that ships: {', '.join(drafts.samples())}.")] = None,
    to: Annotated[str | None, typer.Option(metavar="URL", help="A broker or a function; EVENT_SINK if unset.")] = None,
    bearer: Annotated[bool, typer.Option("--bearer", help="Show the token of AUTH_TOKEN.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check it, print it, and do not send it.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Send one event. What it does not say is filled in: id, source, time.

    Exits 0 when it was taken, 1 when it is or was refused, 2 when nobody could take it.
    """
    catalogue, triggers = Catalogue(installed.functions()), _triggers()
    try:
        event = drafts.event(_draft(file, sample), now=datetime.now(UTC))
        catalogue.check(event)
    except InvalidEvent as error:
        _no(f"Not sent: {error}.")
    for doubt in doubts(event, catalogue, triggers):
        say(doubt)
    if dry_run:
        print_json(to_structured(event))
        return
    settings = SenderSettings.load(os.environ)
    url = to or settings.sink
    if url is None or not url.startswith(("http://", "https://")):
        raise ConfigurationError("no URL to send to; give --to http://..., or set EVENT_SINK.")
    try:
        taken = asyncio.run(post(event, url, _authorization(settings) if bearer else {}))
    except UpstreamRejected as error:
        _no(f"Not taken: {error}.")
    taken_by = takers(event, triggers or ())
    said = {"id": event.id, "source": event.source, "type": event.type, "to": url, "status": taken.status}
    if output is Output.JSON:
        print_json(redact({**said, "triggers": None if triggers is None else taken_by, "reply": taken.reply}))
    else:
        onward = f", for {', '.join(taken_by)}" if taken_by else ""
        print_line(redact_text(f"{event.type} {event.id} taken by {url} ({taken.status}){onward}"))


@app.command("watch")
def watch(
    *,
    broker: Annotated[
        str | None, typer.Option(metavar="URL", help="A laptop's broker, instead of DATABASE_URL.")
    ] = None,
    since: Annotated[float, typer.Option(min=0, max=86_400, help="Begin this many seconds ago.")] = 60.0,
    limit: Annotated[int | None, typer.Option(min=1, help="End after this many.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Follow events as functions take them, until Ctrl-C. With -o json, one object a line."""
    try:
        asyncio.run(_watch(broker, timedelta(seconds=since), limit, output))
    except KeyboardInterrupt:
        return
    except CallFailed as error:
        raise UpstreamUnavailable(
            f"the broker does not show its events ({error}); is --broker that of make run?"
        ) from error


async def _watch(broker: str | None, since: timedelta, limit: int | None, output: Output) -> None:
    if broker is not None:
        async with HttpClient() as http:
            await _print(BrokerFeed(Endpoint(http=http, url=broker)), limit, output)
        return
    dsn = Dsn.parse(DatabaseSettings.load(os.environ).database_url.get_secret_value())
    database = Database(dsn, application="aftercare-watch", limits=Limits(threads=1))
    try:
        await _print(PostgresFeed(database, datetime.now(UTC) - since), limit, output)
    finally:
        database.close()


async def _print(feed: Feed, limit: int | None, output: Output) -> None:
    printed = 0
    async with aclosing(follow(feed, interval_s=_INTERVAL_S, on_outage=say)) as occurrences:
        async for each in occurrences:
            is_json = output is Output.JSON
            print_line(json.dumps(redact(each.document()), ensure_ascii=False) if is_json else redact_text(each.line()))
            printed += 1
            if printed == limit:
                return


def _draft(file: str | None, sample: str | None) -> dict[str, Any]:
    """What is to be sent.

    Raises:
        InvalidEvent: the file holds no event.
        typer.BadParameter: it is not said, or said twice, or not there.
    """
    if (file is None) is (sample is None):
        raise typer.BadParameter("give one of FILE, - or --sample")
    if sample is not None:
        if sample not in drafts.samples():
            raise typer.BadParameter(f"there is no sample {sample}; there are {', '.join(drafts.samples())}")
        return drafts.sample(sample, now=datetime.now(UTC))
    try:
        return drafts.read(sys.stdin.buffer.read() if file == _STANDARD_INPUT else Path(str(file)).read_bytes())
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read ({error.strerror})") from error


def _triggers() -> Sequence[Trigger] | None:
    """Of the manifests that ship; None, and a message, when they cannot be known."""
    try:
        manifests = installed.manifests()
    except ConfigurationError as error:
        say(f"The triggers are not known: {error}")
        return None
    return None if manifests is None else manifests.triggers


def _authorization(settings: SenderSettings) -> dict[str, str]:
    if settings.auth_token is None:
        raise ConfigurationError("--bearer needs a token; set AUTH_TOKEN or AUTH_TOKEN_FILE.")
    return {"authorization": f"Bearer {settings.auth_token.get_secret_value().partition(',')[0].strip()}"}


def _no(sentence: str) -> NoReturn:
    say(sentence)
    raise typer.Exit(1)
