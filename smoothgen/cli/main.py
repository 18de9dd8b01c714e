"""The commands. Each imports what it needs when it runs, so that `smoothgen verify` needs no server's packages."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from smoothgen import __version__

app = typer.Typer(
    name="smoothgen", help="Certified generation: serve, generate, verify.", no_args_is_help=True, add_completion=False
)

Url = Annotated[str, typer.Option(envvar="SMOOTHGEN_URL", help="The server.")]
ApiKey = Annotated[str | None, typer.Option(envvar="SMOOTHGEN_API_KEY", help="Bearer key, where the server wants one.")]
_LOCAL = "http://127.0.0.1:8000"
_INTERRUPTED = 130  # as a shell has it: 128 + SIGINT


def main() -> None:
    """Entry point: an error the user can mend is one line and exit code 2, not a stack trace."""
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


def _become(module: str, *arguments: str, environment: Mapping[str, str]) -> NoReturn:
    """Run a module in this process's place: what stops this command then stops the module, not its parent alone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    state: Annotated[Path, typer.Option(help="Folder of the embedded Redis-compatible server's data.")] = Path("state"),
    redis: Annotated[str | None, typer.Option(help="Use this Redis instead of the embedded server.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes.")] = 1,
    model: Annotated[list[str] | None, typer.Option(help="Model to serve; repeat for more.")] = None,
) -> None:
    """Start everything on this machine: queue, gateway and workers."""
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
    """Run one worker. Further settings come from the environment: docs/operations."""
    from smoothgen.cli.servers import require_servers
    from smoothgen.local.stack import child_environment

    require_servers("worker", "workers")
    environment = child_environment(redis_url=redis, models=model, device=device)
    _become("workers", environment=environment)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def calibrate(context: typer.Context) -> None:
    """Calibrate a model's robustness budget (options: smoothgen calibrate --help)."""
    from smoothgen.cli.servers import require_servers

    require_servers("calibrate", "workers")
    _become("workers.research.calibrate", *context.args, environment=os.environ)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def coverage(context: typer.Context) -> None:
    """Measure which rephrasings a model's certificates cover (options: smoothgen coverage --help)."""
    from smoothgen.cli.servers import require_servers

    require_servers("coverage", "workers")
    _become("workers.research.coverage", *context.args, environment=os.environ)


@app.command()
def models(url: Url = _LOCAL, api_key: ApiKey = None) -> None:
    """List the models a server knows."""
    from smoothgen.cli.show import show_models
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        show_models(client.models())


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="The prompt.")],
    url: Url = _LOCAL,
    api_key: ApiKey = None,
    model: Annotated[str | None, typer.Option(help="Default: the server's first.")] = None,
    sigma: Annotated[float | None, typer.Option(help="Noise level.")] = None,
    budget: Annotated[float | None, typer.Option(help="Output displacement you pay for robustness.")] = None,
    adapt: Annotated[
        str | None, typer.Option(help="model: one noise for all prompts; prompt: by this prompt's own sensitivity.")
    ] = None,
    lipschitz_estimate: Annotated[
        str | None,
        typer.Option(help="Report how steep the model is here, uncertified: finite-differences or autodiff."),
    ] = None,
    tolerance: Annotated[float | None, typer.Option(help="The radius keeps W1 within this.")] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Ask for this radius, or an abstention; stops as soon as either is clear.")
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Certification samples, at most.")] = None,
    radius_tolerance: Annotated[
        float | None, typer.Option(help="Stop when more samples would enlarge the radius by this fraction at most.")
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(help="Seconds from now after which the samples there are must do.")
    ] = None,
    tier: Annotated[
        str | None, typer.Option(help="request; fleet: certify the traffic's average; universal: draw no sample.")
    ] = None,
    priority: Annotated[str | None, typer.Option(help="high, normal or low.")] = None,
    retention: Annotated[
        int | None, typer.Option(help="Seconds the server keeps prompt and output after the job's end.")
    ] = None,
    confidence: Annotated[float | None, typer.Option(help="1 - alpha.")] = None,
    metric: Annotated[str | None, typer.Option(help="One of the model's: smoothgen models.")] = None,
    answer: Annotated[str | None, typer.Option(help="Label metric: an RE2 pattern that extracts the answer.")] = None,
    cap: Annotated[float | None, typer.Option(help="Cap of the metric.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option()] = None,
    temperature: Annotated[float | None, typer.Option()] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps of a picture model.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale of a picture model.")] = None,
    negative_prompt: Annotated[str | None, typer.Option()] = None,
    scheduler: Annotated[str | None, typer.Option(help="A diffusers scheduler, by class name.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="Seed image for image-to-image.", exists=True, dir_okay=False)
    ] = None,
    strength: Annotated[float | None, typer.Option(help="How far to leave the seed image.")] = None,
    mechanism: Annotated[str | None, typer.Option(help="Where the noise goes: smoothgen models lists them.")] = None,
    synonyms: Annotated[
        bool | None, typer.Option("--synonyms", help="Draw the prompt's words from their synonym classes.")
    ] = None,
    randomness: Annotated[str | None, typer.Option(help="common or fresh.")] = None,
    chat: Annotated[bool | None, typer.Option("--chat", help="Use the model's chat template.")] = None,
    output: Annotated[str | None, typer.Option(help="representative or sample.")] = None,
    seed: Annotated[int | None, typer.Option(help="Reproduce a run.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="A folder: output, certificate, its curve, and of pictures the noisy samples.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")] = False,
) -> None:
    """Generate one output and show its certificate. Ctrl-C cancels the job on the server."""
    from smoothgen.cli.save import save_generation
    from smoothgen.cli.show import progress, show_generation
    from smoothgen.client import Client

    asked: Any = {"name": "label", "extract": {"kind": "regex", "pattern": answer}} if answer else metric
    if cap is not None:
        if metric is None:
            raise typer.BadParameter("a cap needs --metric: which distance is to be capped?")
        asked = {"name": metric, "cap": cap}
    given = {
        "sigma": sigma,
        "budget": budget,
        "adapt": adapt,
        "lipschitz_estimate": lipschitz_estimate,
        "tolerance": tolerance,
        "epsilon": epsilon,
        "samples": samples,
        "radius_tolerance": radius_tolerance,
        "deadline_s": deadline,
        "tier": tier,
        "priority": priority,
        "retention_s": retention,
        "confidence": confidence,
        "metric": asked,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "negative_prompt": negative_prompt,
        "scheduler": scheduler,
        "width": width,
        "height": height,
        "image": None if image is None else base64.b64encode(image.read_bytes()).decode("ascii"),
        "strength": strength,
        "mechanism": mechanism,
        "synonyms": synonyms,
        "randomness": randomness,
        "chat": chat,
        "output": output,
        "seed": seed,
    }
    given = {name: value for name, value in given.items() if value is not None}
    with Client(url, api_key=api_key) as client, progress(epsilon) as bar:
        try:
            generation = client.generate(prompt, model=model, on_progress=bar.on_progress, on_busy=bar.on_busy, **given)
        except KeyboardInterrupt:
            typer.secho("smoothgen: interrupted; the job is cancelled", fg="yellow", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        written = [] if save is None else save_generation(client, generation, save)
    if as_json:
        typer.echo(generation.view.model_dump_json(indent=2, exclude_none=True))
    else:
        show_generation(generation, written[0] if written else None, given)
    if written:
        typer.echo(f"written: {', '.join(str(path) for path in written)}", err=True)


@app.command()
def covers(
    certificate: Annotated[str, typer.Argument(help="A certificate's id, which is its job's.")],
    prompts: Annotated[list[str], typer.Argument(help="Other prompts.")],
    url: Url = _LOCAL,
    api_key: ApiKey = None,
    confidence: Annotated[
        float | None, typer.Option(help="Of all prompt bounds together; default: the certificate's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON.")] = False,
) -> None:
    """Show how far other prompts are from a certificate's, and how far their outputs can differ."""
    from smoothgen.cli.show_covers import show_covers
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        answer = client.covers(certificate, prompts, confidence)
    if as_json:
        typer.echo(answer.model_dump_json(indent=2, exclude_none=True))
    else:
        show_covers(answer)


@app.command()
def erase(
    job: Annotated[str, typer.Argument(help="A job's id, which is its certificate's.")],
    url: Url = _LOCAL,
    api_key: ApiKey = None,
) -> None:
    """Erase a job's prompt, seed image and output on the server. Its certificate stays."""
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        client.erase(job)
    typer.echo(f"erased the content of {job}; where it has a certificate, that is kept")


@app.command()
def fleet(
    url: Url = _LOCAL,
    api_key: ApiKey = None,
    model: Annotated[str | None, typer.Option(help="Only pools of this model.")] = None,
    window: Annotated[
        str | None,
        typer.Option(help="One window (UTC), such as hour:2026-11-23T22. Default: this hour and day, and the last."),
    ] = None,
    save: Annotated[Path | None, typer.Option(help="A picture: the bound against the attack norm, by pool.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the certificates as JSON.")] = False,
) -> None:
    """Show how far attacks can move the average request of the traffic (tier fleet), by pool and window."""
    from smoothgen.cli.show import show_fleet
    from smoothgen.client import Client

    with Client(url, api_key=api_key) as client:
        readings = client.fleet(model, window)
    if as_json:
        said = [
            {
                "window": r.window,
                "pool": {"id": r.pool_id, **r.pool.model_dump()},
                "certificate": r.certificate.to_dict(),
            }
            for r in readings
        ]
        typer.echo(json.dumps(said, indent=2))
    else:
        show_fleet(readings)
    if save is not None and readings:
        from smoothgen.cli.plot import plot_fleet

        plot_fleet(readings, save)
        typer.echo(f"written: {save}", err=True)


@app.command("synonyms")
def synonym_classes(words: Annotated[list[str], typer.Argument(help="Words, or whole prompts.")]) -> None:
    """Show the synonym classes of words: swaps inside them change nothing where a prompt asks for synonyms."""
    from smoothgen.cli.show_synonyms import show_synonyms
    from smoothgen.synonyms import Partition

    show_synonyms(words, Partition.load())


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the certificate, its curve and the log go.")] = Path("demo"),
) -> None:
    """Run the whole product once: serve, generate, certify, verify, and reject two forgeries."""
    from smoothgen.cli.servers import require_servers

    require_servers("demo", "app", "workers")
    from smoothgen.cli.demo import run_demo

    sys.exit(run_demo(folder))


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Certificates, as JSON files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as JSON.")] = False,
) -> None:
    """Recompute certificates from the evidence they carry. Exit code 1 if any is rejected."""
    from smoothgen.certificates import verify as check
    from smoothgen.cli.show import show_verification

    verdicts = {str(path): check(path) for path in files}
    if as_json:
        typer.echo(json.dumps({path: verdict.to_dict() for path, verdict in verdicts.items()}, indent=2))
    else:
        for path, verdict in verdicts.items():
            show_verification(path, verdict)
    raise typer.Exit(0 if all(verdicts.values()) else 1)
