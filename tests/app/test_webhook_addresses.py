"""Which addresses webhooks are sent to, and that the connection goes to the address that was looked at."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from app.webhooks.addresses import Allowed
from app.webhooks.retries import Retries
from app.webhooks.sending import Sender, Sent
from app.webhooks.urls import checked_url
from smoothgen.errors import InvalidInput
from tests.support.webhook_receiver import Receiver

SECRETS = ("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",)
REFUSED = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "localhost",
    "0.0.0.0",
    "0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "2852039166",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:8.8.8.8]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::808:808]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[100::1]",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "[2606:4700:4700::1111]", "134744072"]


def checked(url: str, *networks: str) -> str:
    return asyncio.run(checked_url(url, Allowed(map(ip_network, networks)), allow_http=False))


@pytest.mark.parametrize("host", REFUSED)
def test_an_address_inside_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(InvalidInput, match="not a public address"):
        checked(f"https://{host}/hook")


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_taken(host: str) -> None:
    assert checked(f"https://{host}/hook")


def test_a_listed_network_is_taken_and_no_other() -> None:
    assert checked("https://10.1.2.3/", "10.1.0.0/16") == "https://10.1.2.3/"
    assert checked("https://[fd00::1]/", "10.0.0.0/8", "fd00::/8")
    with pytest.raises(InvalidInput):
        checked("https://10.2.0.1/", "10.1.0.0/16")


def sent(url: str, *networks: str) -> Sent:
    async def send() -> Sent:
        sender = Sender(Allowed(map(ip_network, networks)), timeout_s=20)
        try:
            return await sender.send(url, SECRETS, "msg_1", b"{}")
        finally:
            await sender.aclose()

    return asyncio.run(send())


def test_a_name_is_resolved_once_and_the_connection_goes_to_what_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    system, asked = socket.getaddrinfo, []

    def rebinding(host: Any, *arguments: Any, **options: Any) -> Any:
        if host in ("rebinding.test", b"rebinding.test"):
            asked.append(host)
            host = "127.0.0.2" if len(asked) == 1 else "127.0.0.1"
        return system(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with Receiver(host="127.0.0.2") as outside, Receiver(port=outside.port) as inside:
        url = f"http://rebinding.test:{outside.port}/hook"
        assert sent(url, "127.0.0.2/32").delivered
        assert len(asked) == 1
        assert outside.received[0].headers["host"] == f"rebinding.test:{outside.port}"
        again = sent(url, "127.0.0.2/32")
        assert "127.0.0.1, which is not a public address" in again.detail
        assert not inside.received


def test_a_name_with_one_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))
    inside = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [public, inside])
    with pytest.raises(InvalidInput, match=r"leads to 10\.0\.0\.1"):
        checked("https://both.test/")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own for the name localhost, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost"]
    out = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*making, *names, *out], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


def test_tls_is_checked_by_the_name_and_not_by_the_address(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Receiver(tls=context) as receiver:
        named, bare = f"https://localhost:{receiver.port}/", f"https://127.0.0.1:{receiver.port}/"
        networks = ("127.0.0.0/8", "::1/128")
        assert "CERTIFICATE_VERIFY_FAILED" in sent(named, *networks).detail  # nobody vouches for it
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert sent(named, *networks).delivered
        assert "CERTIFICATE_VERIFY_FAILED" in sent(bare, *networks).detail  # it is of a name, and not of this one
        assert len(receiver.received) == 1


def test_pauses_grow_differ_and_end() -> None:
    retries = Retries(first_s=5, give_up_s=24 * 3600)
    pauses = [[retries.pause_s(tries, 0.0) or 0 for _ in range(50)] for tries in range(1, 12)]
    assert all(len(set(each)) > 1 for each in pauses)
    assert 3.75 <= min(pauses[0]) <= max(pauses[0]) <= 6.25
    assert max(pauses[-1]) <= 5 * 3600
    spent, tries = 0.0, 1
    while (pause := retries.pause_s(tries, spent)) is not None:
        spent, tries = spent + pause, tries + 1
    assert 18 * 3600 < spent <= 24 * 3600
    assert 10 < tries < 20
