"""The commands. Each imports what it needs when it runs, so that `smoothgen verify` needs no server's packages.

The order in which they are added here is the order in which `smoothgen --help` lists them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from smoothgen import __version__
from smoothgen.cli.ask import covers, erase, fleet, models, neighbours
from smoothgen.cli.becoming import become
from smoothgen.cli.drain import drain
from smoothgen.cli.evaluate import evaluate
from smoothgen.cli.evaluate_report import report
from smoothgen.cli.generate import generate, plan
from smoothgen.cli.keys import app as keys
from smoothgen.cli.ledger import ledger
from smoothgen.cli.options import AsJson
from smoothgen.cli.signing_keys import signing_keys
from smoothgen.cli.webhooks import webhooks

app = typer.Typer(
    name="smoothgen", help="Certified generation: serve, generate, verify.", no_args_is_help=True, add_completion=False
)


def main() -> None:
    """Runs the command line, whose exit codes docs/clients.md lists. An error that the user can mend is one line and
    exit code 2, not a stack trace."""
    from pydantic import ValidationError

    from smoothgen.errors import SmoothGenError

    try:
        app()
    except ValidationError as error:
        for e in error.errors():
            where = ".".join(str(part) for part in e["loc"])
            typer.secho(f"smoothgen: {where}: {e['msg']} (got {e['input']!r:.80})", fg="red", err=True)
        sys.exit(2)
    except (SmoothGenError, OSError, TimeoutError) as error:
        typer.secho(f"smoothgen: {error}", fg="red", err=True)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"smoothgen {__version__}")
        raise typer.Exit


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    state: Annotated[Path, typer.Option(help="Folder of the embedded Redis-compatible server's data.")] = Path("state"),
    redis: Annotated[str | None, typer.Option(help="Use this Redis instead of the embedded server.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes, which take the GPUs in turn.")] = 1,
    model: Annotated[list[str] | None, typer.Option(help="Model to serve; repeat for more.")] = None,
) -> None:
    """Starts everything on this machine: queue, gateway and workers."""
    from smoothgen.cli.servers import require_servers
    from smoothgen.local.stack import Stack

    require_servers("serve", "app", *(["workers"] if workers else []))
    sys.exit(Stack(host=host, port=port, state=state, redis=redis, workers=workers, models=model).run())


@app.command()
def worker(
    redis: Annotated[str | None, typer.Option(help="The Redis to work for (SMOOTHGEN_REDIS_URL).")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Model to serve; repeat for more.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …")] = None,
) -> None:
    """Runs one worker. Further settings come from the environment: docs/operations."""
    from smoothgen.cli.servers import require_servers
    from smoothgen.local.stack import child_environment

    require_servers("worker", "workers")
    environment = child_environment(redis_url=redis, models=model, device=device)
    become("workers", environment=environment)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def calibrate(context: typer.Context) -> None:
    """Calibrates a model's robustness budget (options: smoothgen calibrate --help)."""
    from smoothgen.cli.servers import require_servers

    require_servers("calibrate", "workers")
    become("workers.research.calibrate", *context.args, environment=os.environ)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def coverage(context: typer.Context) -> None:
    """Measures which rephrasings a model's certificates cover (options: smoothgen coverage --help)."""
    from smoothgen.cli.servers import require_servers

    require_servers("coverage", "workers")
    become("workers.research.coverage", *context.args, environment=os.environ)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def audit(context: typer.Context) -> None:
    """Runs samples of a certificate again on its weights (options: smoothgen audit --help)."""
    from smoothgen.cli.servers import require_servers

    require_servers("audit", "workers")
    become("workers.audit", *context.args, environment=os.environ)


app.command()(drain)
app.command()(evaluate)
app.command()(models)
app.command()(generate)
app.command()(plan)
app.command()(covers)
app.command()(neighbours)
app.command()(erase)
app.command()(fleet)
app.command()(report)
app.add_typer(keys, name="keys")
app.command("signing-keys")(signing_keys)
app.add_typer(webhooks, name="webhooks")
app.add_typer(ledger, name="ledger")


@app.command("synonyms")
def synonym_classes(
    words: Annotated[list[str], typer.Argument(help="Words, or whole prompts.")], as_json: AsJson = False
) -> None:
    """Shows the synonym classes of words: swaps inside them change nothing where a prompt asks for synonyms."""
    from smoothgen.cli.show_synonyms import show_synonyms, synonyms_document
    from smoothgen.synonyms import Partition

    partition = Partition.load()
    if as_json:
        typer.echo(json.dumps(synonyms_document(words, partition), indent=2))
    else:
        show_synonyms(words, partition)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the certificate, its curve and the log go.")] = Path("demo"),
) -> None:
    """Runs the whole product once: serve, generate, certify, verify, and reject two forgeries."""
    from smoothgen.cli.servers import require_servers

    require_servers("demo", "app", "workers")
    from smoothgen.cli.demo import run_demo

    sys.exit(run_demo(folder))


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Certificates, or answers with one inside, as JSON files.")],
    as_json: AsJson = False,
    model: Annotated[
        str | None,
        typer.Option(
            help="Check with this model's table that no neighbour of the prompt is left out (mechanism tokens)."
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="The certificates' prompt: lists what was run again, by which nothing is left out."),
    ] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="The prompt in a file.")] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="A text the request gave beside the prompt (mechanism edits), in order.")
    ] = None,
    jwks: Annotated[
        str | None, typer.Option(help="Check signatures too, by the public keys in this file or at this address.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option(help="The signature, where it is neither in the file nor beside it as *.jws.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="The tenant that signatures must name.")] = None,
    issuer: Annotated[str | None, typer.Option(help="The issuer that signatures must name.")] = None,
    output: Annotated[Path | None, typer.Option(help="The output that the signature must be of.")] = None,
) -> None:
    """Recomputes certificates from the evidence they carry. Exit code 1 if any is rejected."""
    from smoothgen.certificates import verify as check
    from smoothgen.cli.answers import read_given
    from smoothgen.cli.completeness import Against, with_completeness
    from smoothgen.cli.show import show_verification
    from smoothgen.cli.signatures import Signed, with_signatures

    given = {str(path): read_given(path) for path in files}
    documents = {path: each.document for path, each in given.items()}
    verdicts = with_completeness(
        {path: check(document) for path, document in documents.items()},
        documents,
        Against(model, prompt, prompt_file, variant or ()),
    )
    verdicts = with_signatures(verdicts, given, Signed(jwks, signature, tenant, issuer, output))
    for path, each in given.items():
        if each.job is not None:
            rest = "and nothing else of it" if jwks is None else "and the signature beside it"
            inside = f"verifying the certificate inside the answer of job {each.job!r:.80}, {rest}"
            typer.echo(f"{path}: {inside}", err=as_json)
        if not as_json:
            show_verification(path, verdicts[path])
    if as_json:
        typer.echo(json.dumps({path: verdict.to_dict() for path, verdict in verdicts.items()}, indent=2))
    raise typer.Exit(0 if all(verdicts.values()) else 1)
