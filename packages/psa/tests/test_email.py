"""``email.send``: what is written, who gets it, what a refusal means, and what happens when nobody knows."""

import asyncio
import datetime
import ipaddress
import ssl
import time
from email import message_from_bytes
from email.policy import default as default_policy
from uuid import UUID

import attrs
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from workflow_core.errors import (
    ActionError,
    IntegrationNotConfiguredError,
    KeyBusyError,
    Refused,
    TransientError,
    ValidationError,
)
from workflow_core.schema import convert
from workflow_psa.email.message import write_message
from workflow_psa.email.send import prepare_email, send_email
from workflow_psa.email.shapes import Mailbox, SendEmail


@attrs.define
class Secrets:
    """The tenant's password."""

    values: dict = attrs.Factory(dict)

    async def require(self, *names):
        if missing := set(names) - set(self.values):
            raise IntegrationNotConfiguredError(f"lacks {missing}")
        return {name: self.values[name] for name in names}


async def configure(desk, port, *, config=None, domain="tailspin.example", **columns):
    """The tenant's e-mail settings."""
    providers = [
        {"providerId": "off", "providerType": "smtp", "isEnabled": False, "config": {"host": "x.test"}},
        {"providerId": "other", "providerType": "resend", "isEnabled": True, "config": {}},
        {
            "providerId": "main",
            "providerType": "smtp",
            "isEnabled": True,
            "config": {"host": "127.0.0.1", "port": port, "secure": False, **(config or {})},
        },
    ]
    row = {"tenant": desk.tenant, "default_from_domain": domain, "provider_configs": providers} | columns
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("DELETE FROM tenant_email_settings")
        await conn.execute(f"INSERT INTO tenant_email_settings ({', '.join(row)}) VALUES ({marks})", *row.values())


async def send(desk, *, key="0" * 64, password=None, **given):
    """As the executor does: convert, look up, handle."""
    given = {"to": [{"email": "ada@emeraldcity.example"}], "subject": "Hello", "text": "Hi."} | given
    ctx = desk.external_context(key=key, secrets=Secrets({"smtp_password": password} if password else {}))
    value = convert(SendEmail, given)
    await prepare_email(value, ctx)
    return await send_email(value, ctx)


@pytest.fixture
async def server(desk, mail_servers):
    """A server that the tenant's settings name."""
    async with mail_servers() as recorder:
        await configure(desk, recorder.port)
        yield recorder


def places(error) -> set[tuple[str, str]]:
    return {(problem["path"], problem["code"]) for problem in error.details["errors"]}


# ── What is written ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_email(desk, server):
    """From the tenant's default address, with a Message-ID made from the ledger's key."""
    sent = await send(desk, key="ab" * 32)

    ((sender, recipients, message),) = server.messages
    assert (sender, recipients) == ("no-reply@tailspin.example", ["ada@emeraldcity.example"])
    assert (message["From"], message["To"]) == ("no-reply@tailspin.example", "ada@emeraldcity.example")
    assert message["Subject"] == "Hello"
    assert message["Message-ID"] == sent.message_id == f"<{'ab' * 32}@tailspin.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] is not None
    assert message.get_content_type() == "text/plain"
    assert message.get_content().strip() == "Hi."
    assert (sent.success, sent.status, sent.provider_id, sent.provider_type) == (True, "sent", "main", "smtp")
    assert abs(sent.sent_at - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=5)


async def test_everybody_and_both_texts(desk, server):
    """Names, copies, blind copies that stand nowhere in the message, HTML with its plain text, any script."""
    await send(
        desk,
        to=[{"email": "ada@emeraldcity.example", "name": "Ada “Gale”, Łódź"}, {"email": "ben@x.test"}],
        cc=[{"email": "cc@x.test", "name": "Copy"}],
        bcc=[{"email": "bcc@x.test"}, {"email": "ben@x.test"}],
        **{"from": {"email": "dana@tailspin.example", "name": "Dana"}},
        subject="Grüße 👋",
        html="<style>p {color: red}</style><h1>Tom &amp; Jerry</h1><p>Zeile<br>zwei</p>",
        text=None,
    )

    ((sender, recipients, message),) = server.messages
    assert sender == "dana@tailspin.example"
    assert recipients == ["ada@emeraldcity.example", "ben@x.test", "cc@x.test", "bcc@x.test"]
    assert "bcc" not in message.as_string()
    assert [(box.display_name, box.addr_spec) for box in message["To"].addresses] == [
        ("Ada “Gale”, Łódź", "ada@emeraldcity.example"),
        ("", "ben@x.test"),
    ]
    assert (message["Cc"], message["From"]) == ("Copy <cc@x.test>", "Dana <dana@tailspin.example>")
    assert message["Subject"] == "Grüße 👋"
    assert message.get_content_type() == "multipart/alternative"
    plain, page = message.iter_parts()
    assert plain.get_content().strip() == "Tom & Jerry\nZeile\nzwei"
    assert "<h1>Tom &amp; Jerry</h1>" in page.get_content()


async def test_templates(desk, server):
    """Names and paths; in HTML a value is text unless three braces say otherwise; what is unknown stays."""
    data = {"name": "<b>Ada</b>", "ticket": {"number": "T1", "tags": ["a", 2]}, "a.b": 0}
    template = "{{name}}|{{{name}}}|{{ ticket.number }}|{{ticket.tags}}|{{a.b}}|{{unknown.x}}"
    await send(desk, subject=template, html=template, text=template, template_data=data)

    ((_, _, message),) = server.messages
    plain, page = message.iter_parts()
    assert plain.get_content().strip() == "<b>Ada</b>|<b>Ada</b>|T1|a,2|0|{{unknown.x}}"
    assert page.get_content().strip() == "&lt;b&gt;Ada&lt;/b&gt;|<b>Ada</b>|T1|a,2|0|{{unknown.x}}"
    assert message["Subject"] == "<b>Ada</b>|<b>Ada</b>|T1|a,2|0|{{unknown.x}}"


async def test_no_header_can_be_smuggled_in(desk, server):
    """Line breaks in a subject or a name are spaces, wherever they come from."""
    evil = "x\r\nBcc: evil@x.test\n\nBody\u2028y"
    await send(
        desk,
        subject="{{evil}}",
        template_data={"evil": evil},
        to=[{"email": "ada@emeraldcity.example", "name": evil}],
        **{"from": {"email": "dana@tailspin.example", "name": evil}},
    )

    ((_, recipients, message),) = server.messages
    assert recipients == ["ada@emeraldcity.example"]
    assert message["Bcc"] is None
    assert message["Subject"] == "x Bcc: evil@x.test Body y"
    assert message.get_content().strip() == "Hi."


async def test_long_lines_and_dots(desk, server):
    """Whatever the text looks like, it arrives as it was written."""
    text = f"{'ä' * 3000}\n.\n..dots\nFrom here\n"
    await send(desk, text=text)

    ((_, _, message),) = server.messages
    assert message.get_content().replace("\r\n", "\n") == text


@pytest.mark.parametrize(
    "address",
    ["", "ada", "ada@localhost", "a b@x.test", "a@x.test\nBcc: b@x.test", "<a@x.test>", ".a@x.test", "ä@x.test"],
)
async def test_addresses_that_are_none(address):
    """They are refused at their place, whoever they are for."""
    given = {"to": [{"email": "a@x.test"}], "subject": "s", "text": "t"}
    for path, value in (("to", [{"email": address}]), ("bcc", [{"email": address}]), ("from", {"email": address})):
        with pytest.raises(ValidationError) as caught:
            convert(SendEmail, given | {path: value})
        assert {place.split("[")[0].split(".")[0] for place, _ in places(caught.value)} == {path}


@pytest.mark.parametrize(("change", "path"), [({"to": []}, "to"), ({"subject": " "}, "subject"), ({"text": None}, "")])
async def test_what_every_email_needs(change, path):
    """Somebody to send it to, a subject, and a text."""
    with pytest.raises(ValidationError) as caught:
        convert(SendEmail, {"to": [{"email": "a@x.test"}], "subject": "s", "text": "t"} | change)
    assert {place for place, _ in places(caught.value)} == {path}


# ── The tenant's settings ────────────────────────────────────────────────────────────────────────────────────────


async def test_no_settings(desk, foreign_desk, server):
    """Without settings of its own a tenant cannot send, whatever another one has."""
    with pytest.raises(IntegrationNotConfiguredError) as caught:
        await send(foreign_desk)
    assert caught.value.code == "INTEGRATION_NOT_CONFIGURED"
    assert server.messages == []


@pytest.mark.parametrize(
    "columns",
    [
        {"provider_configs": []},
        {"provider_configs": "main"},
        {"provider_configs": {"providerType": "smtp"}},
        {"provider_configs": [{"providerId": "m", "providerType": "smtp", "config": {"port": "x"}}]},
        {"domain": None},
    ],
)
async def test_settings_that_are_not_complete(desk, server, columns):
    """The error says what is missing, and nothing is sent."""
    await configure(desk, server.port, **columns)
    with pytest.raises(IntegrationNotConfiguredError):
        await send(desk)
    assert server.seen == 0


async def test_which_server(desk, server):
    """The first that is switched on, or the one that is asked for."""
    assert (await send(desk, provider_id="main")).provider_id == "main"
    with pytest.raises(ValidationError) as caught:
        await send(desk, provider_id="none")
    assert places(caught.value) == {("provider_id", "NOT_FOUND")}
    for unusable in ("off", "other"):
        with pytest.raises(IntegrationNotConfiguredError):
            await send(desk, provider_id=unusable)


async def test_who_it_is_from(desk, server):
    """An address of the settings; and one of the input's only in a domain of the tenant's."""
    await configure(desk, server.port, config={"from": "relay@tailspin.example"}, custom_domains=["Support.Example"])
    await send(desk)
    await send(desk, **{"from": {"email": "x@support.example"}})
    await configure(desk, server.port, ticketing_from_email="tickets@tailspin.example")
    await send(desk)
    assert [sender for sender, _, _ in server.messages] == [
        "relay@tailspin.example",
        "x@support.example",
        "tickets@tailspin.example",
    ]
    with pytest.raises(ValidationError) as caught:
        await send(desk, **{"from": {"email": "ceo@bank.example"}})
    assert places(caught.value) == {("from.email", "MISMATCH")}


async def test_too_many_recipients(desk, server):
    """A hundred are enough."""
    with pytest.raises(ValidationError) as caught:
        await send(desk, bcc=[{"email": f"a{n}@x.test"} for n in range(100)])
    assert places(caught.value) == {("to", "LENGTH")}


# ── Login and encryption ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def certificate(tmp_path):
    """A server's certificate for this machine, and the file that makes it trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, both = tmp_path / "trusted.pem", tmp_path / "server.pem"
    pem = made.public_bytes(serialization.Encoding.PEM)
    trusted.write_bytes(pem)
    both.write_bytes(
        pem
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, trusted


@pytest.mark.parametrize("implicit", [True, False])
async def test_encryption(desk, mail_servers, certificate, monkeypatch, implicit):
    """TLS from the first byte, or STARTTLS by itself; a certificate that nobody vouches for is refused."""
    context, trusted = certificate
    async with mail_servers(tls=context, implicit=implicit, auth=True) as server:
        await configure(desk, server.port, config={"secure": implicit, "username": "tailspin"})
        with pytest.raises(Refused) as caught:
            await send(desk, password="right")
        assert (caught.value.code, caught.value.cause.retryable) == ("SMTP_CERTIFICATE", False)
        assert (server.logins, server.messages) == ([], [])

        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await send(desk, password="right")
        assert server.logins == [("tailspin", "right")]
        assert server.encrypted == [True]


async def test_encryption_that_is_asked_for(desk, server):
    """A server that offers none gets nothing."""
    await configure(desk, server.port, config={"requireTLS": True})
    with pytest.raises(Refused) as caught:
        await send(desk)
    assert (caught.value.code, caught.value.cause.retryable) == ("SMTP_NOT_SUPPORTED", False)
    assert server.seen == 0


async def test_a_password_is_not_sent_in_clear(desk, mail_servers, monkeypatch):
    """Except on this machine."""
    from workflow_psa.email import delivery

    async with mail_servers(auth=True) as server:
        await configure(desk, server.port, config={"username": "tailspin"})
        await send(desk, password="right")
        monkeypatch.setattr(delivery, "_is_here", lambda host: False)
        with pytest.raises(Refused) as caught:
            await send(desk, password="right")
    assert caught.value.code == "SMTP_INSECURE"
    assert len(server.logins) == 1


async def test_the_password(desk, mail_servers):
    """It has to be stored, and to be right; no error tells it."""
    async with mail_servers(auth=True) as server:
        await configure(desk, server.port, config={"username": "tailspin", "password": "in the table"})
        with pytest.raises(IntegrationNotConfiguredError):
            await send(desk)
        with pytest.raises(Refused) as caught:
            await send(desk, password="wr0ng")
    assert isinstance(caught.value.cause, ActionError)
    assert (caught.value.code, caught.value.cause.retryable) == ("SMTP_LOGIN_REFUSED", False)
    assert "wr0ng" not in repr((caught.value.message, caught.value.details))


# ── Refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "answer", "code", "retryable"),
    [
        ("MAIL", "550 secret words", "SMTP_REFUSED", False),
        ("MAIL", "451 later", "SMTP_DEFERRED", True),
        ("RCPT", "550 unknown", "SMTP_REFUSED", False),
        ("RCPT", "450 greylisted", "SMTP_DEFERRED", True),
        ("RCPT ben@x.test", "550 unknown", "SMTP_REFUSED", False),
        ("TEXT", "554 spam", "SMTP_REFUSED", False),
        ("TEXT", "452 full", "SMTP_DEFERRED", True),
    ],
)
async def test_a_server_that_says_no(desk, server, command, answer, code, retryable):
    """Nothing was sent, to nobody; whether it may be later is in the code; the server's words are not told."""
    server.refusals[command] = answer
    with pytest.raises(Refused) as caught:
        await send(desk, to=[{"email": "ada@x.test"}, {"email": "ben@x.test"}])

    assert (caught.value.code, caught.value.cause.retryable) == (code, retryable)
    assert caught.value.details["smtp_code"] == int(answer[:3])
    assert answer[4:] not in caught.value.message
    assert server.messages == []
    server.refusals.clear()
    await send(desk)
    assert len(server.messages) == 1


async def test_a_server_that_is_not_there(desk, mail_servers, server):
    """Nothing was sent, and it may be later."""
    async with mail_servers() as gone:
        port = gone.port
    await configure(desk, port)
    with pytest.raises(Refused) as caught:
        await send(desk)
    assert isinstance(caught.value.cause, TransientError)
    assert caught.value.code == "SMTP_UNREACHABLE"


async def test_a_connection_that_is_cut_after_the_text(desk, server):
    """Nobody knows: no refusal. Sent again, it has the same Message-ID."""
    server.cut = True
    with pytest.raises(TransientError) as caught:
        await send(desk, key="c" * 64)
    assert not isinstance(caught.value, Refused)
    assert (caught.value.code, server.seen) == ("SMTP_ANSWER_LOST", 1)

    server.cut = False
    sent = await send(desk, key="c" * 64)
    assert sent.message_id == f"<{'c' * 64}@tailspin.example>"


# ── Once per key ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_key_sends_once(desk, foreign_desk, server):
    """Whichever run gives it: the first answer holds. Another tenant's keys are its own."""
    first = await send(desk, key="1" * 64, idempotency_key="welcome")

    assert await send(desk, key="2" * 64, idempotency_key="welcome") == first
    assert len(server.messages) == 1
    await configure(foreign_desk, server.port)
    other = await send(foreign_desk, key="3" * 64, idempotency_key="welcome")
    assert len(server.messages) == 2
    assert other.message_id != first.message_id


async def test_two_at_once(desk, server):
    """The second waits without using up an attempt, and then gets the first one's answer."""
    server.before_answer = asyncio.Event()
    sending = asyncio.create_task(send(desk, key="1" * 64, idempotency_key="welcome"))
    while server.seen == 0:
        await asyncio.sleep(0.01)
    with pytest.raises(Refused) as caught:
        await send(desk, key="2" * 64, idempotency_key="welcome")
    assert isinstance(caught.value.cause, KeyBusyError)
    server.before_answer.set()
    sent = await sending

    assert await send(desk, key="2" * 64, idempotency_key="welcome") == sent
    assert server.seen == 1


async def test_a_key_is_free_after_a_refusal(desk, server):
    """What was not sent may be sent by another run."""
    server.refusals["TEXT"] = "554 no"
    with pytest.raises(Refused):
        await send(desk, key="1" * 64, idempotency_key="welcome")
    server.refusals.clear()

    await send(desk, key="2" * 64, idempotency_key="welcome")
    assert len(server.messages) == 1


async def test_a_key_whose_answer_was_lost(desk, server):
    """Its own step sends again at once, another one after a while; both under the Message-ID of the key."""
    server.cut = True
    with pytest.raises(TransientError):
        await send(desk, key="1" * 64, idempotency_key="welcome")
    with pytest.raises(TransientError) as again:
        await send(desk, key="1" * 64, idempotency_key="welcome")
    assert again.value.code == "SMTP_ANSWER_LOST"
    server.cut = False
    with pytest.raises(Refused) as busy:
        await send(desk, key="2" * 64, idempotency_key="welcome")
    assert isinstance(busy.value.cause, KeyBusyError)

    async with desk.db.tenant(desk.tenant) as conn:
        await conn.execute("UPDATE workflow_idempotency_keys SET created_at = now() - interval '10 minutes'")
    sent = await send(desk, key="2" * 64, idempotency_key="welcome")

    ((_, _, message),) = server.messages
    assert message["Message-ID"] == sent.message_id
    assert "2" * 64 not in sent.message_id
    assert await send(desk, key="1" * 64, idempotency_key="welcome") == sent
    (row,) = await desk.rows("workflow_idempotency_keys")
    assert row["record_id"] == UUID(hex="2" * 32)
    assert orjson.loads(orjson.dumps(row["answer"]))["message_id"] == sent.message_id


@pytest.mark.parametrize("answer", ["gibberish", "2x0 taken", "x" * 40_000, "100 perhaps"])
async def test_an_answer_that_says_nothing(desk, mail_servers, server, monkeypatch, answer):
    """It may have been sent: an answer that cannot be understood is no refusal, and the key stays taken."""

    async def answered(_recorder, smtp, _session, _envelope):
        await smtp.push(answer)
        smtp.transport.close()

    monkeypatch.setattr(type(server), "handle_DATA", answered)
    with pytest.raises(TransientError) as caught:
        await send(desk, idempotency_key="k")
    assert caught.value.code == "SMTP_ANSWER_LOST"
    (row,) = await desk.rows("workflow_idempotency_keys")
    assert row["answer"] is None


async def test_a_worker_that_stops_when_it_is_sent(desk, server, monkeypatch):
    """A cancellation between the server's yes and its good-bye does not hide that the e-mail was sent."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def quit_slowly(_recorder, _smtp, _session, _envelope):
        asked.set()
        await answer.wait()
        return "221 bye"

    monkeypatch.setattr(type(server), "handle_QUIT", quit_slowly, raising=False)
    step = asyncio.create_task(send(desk, idempotency_key="k"))
    await asked.wait()
    step.cancel()
    await asyncio.sleep(0)
    answer.set()

    sent = await step
    assert (await send(desk, key="1" * 64, idempotency_key="k")).message_id == sent.message_id
    assert server.seen == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"subject": "{{a}}", "template_data": {"a": "x" * 999}}, "LENGTH"),
        ({"text": "{{a}}" * 1000, "template_data": {"a": "x" * 2000}}, None),
    ],
)
async def test_template_data_that_bursts(desk, server, change, code):
    """Refused before anything is said to have been sent."""
    ctx = desk.external_context(secrets=Secrets())
    given = {"to": [{"email": "ada@x.test"}], "subject": "s", "text": "t"} | change
    with pytest.raises(ValidationError) as caught:
        await prepare_email(convert(SendEmail, given), ctx)
    assert [error.code for error in caught.value.errors] == ([code] if code else [])


@pytest.mark.parametrize("page", ["<" * 500_000, "<style>" * 70_000, "<title " * 70_000, "<br" * 150_000])
def test_hostile_pages(page):
    """The plain text of a page takes a time that grows with its length, not with the square of it."""
    given = convert(SendEmail, {"to": [{"email": "ada@x.test"}], "subject": "s", "html": page})
    began = time.thread_time()
    write_message(given, Mailbox(email="me@x.test"), identity="<1@x.test>", now=datetime.datetime.now(datetime.UTC))
    assert time.thread_time() - began < 5


@pytest.mark.parametrize("filler", ["", "é"])
def test_names_that_look_like_addresses(filler):
    """However long a name is, it does not become an address, neither of a recipient nor of the sender."""
    name = f'Ada {filler}, "Chief" <chief@bank.test>, of the emerald city: north; east (and west).'
    given = {"to": [{"email": "ada@x.test", "name": name}, {"email": "ben@x.test", "name": name}], "subject": "s"}
    content = write_message(
        convert(SendEmail, given | {"text": "t"}),
        Mailbox(email="me@x.test", name=name),
        identity="<1@x.test>",
        now=datetime.datetime.now(datetime.UTC),
    )
    message = message_from_bytes(content, policy=default_policy)
    assert [box.addr_spec for box in message["To"].addresses] == ["ada@x.test", "ben@x.test"]
    assert [box.addr_spec for box in message["From"].addresses] == ["me@x.test"]
