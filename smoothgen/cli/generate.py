"""`smoothgen generate` and `smoothgen plan`: the options of one generation, and what is shown of it, or of its plan."""

from __future__ import annotations

import base64
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from smoothgen.cli.options import LOCAL, ApiKey, AsJson, Url

_ABSTAINED: Final = 3
"""Exit code of a generation that proves less than was asked, or nothing."""
_INTERRUPTED: Final = 130
"""Exit code of a command that Ctrl-C ended, by the shells' rule: 128 + SIGINT."""


@dataclass(frozen=True)
class _Asked:
    """What the options of a command ask for. given: the keywords of `Client.generate`. save: a folder."""

    prompt: str
    url: str
    api_key: str | None
    model: str | None
    given: dict[str, Any]
    save: Path | None
    as_json: bool


def _asked(
    prompt: Annotated[str, typer.Argument(help="The prompt.")],
    url: Url = LOCAL,
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
    keep: Annotated[
        float | None, typer.Option(help="Share of the outputs the answer must keep, such as 0.9: the claim's radius.")
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(help='A claim on a score, as JSON: {"score": {"name": "length", "cap": 200}, "at_most": 100}.'),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Certification samples, or with mechanisms that draw no noise runs, at most.")
    ] = None,
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
    metric: Annotated[
        str | None, typer.Option(help="One of the model's (smoothgen models), or its JSON object.")
    ] = None,
    answer: Annotated[str | None, typer.Option(help="Label metric: an RE2 pattern that extracts the answer.")] = None,
    extract: Annotated[
        str | None,
        typer.Option(
            help="Label metric: number, first_line, json_field:PATH (such as json_field:a.b) or regex:PATTERN."
        ),
    ] = None,
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
    mechanism: Annotated[
        str | None,
        typer.Option(help="Where the noise goes, or tokens, edits, passages, words: smoothgen models lists them."),
    ] = None,
    edit_kind: Annotated[
        list[str] | None,
        typer.Option(help="Mechanism edits, again for each: typo, capitals, spacing, punctuation or synonym."),
    ] = None,
    at_once: Annotated[int | None, typer.Option(help="Mechanism edits: how many together, 1 or 2.")] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Mechanism edits, again for each: a text that belongs to the set.")
    ] = None,
    context: Annotated[
        list[Path] | None,
        typer.Option(
            help="Again for each: a passage to read, or a .json list of them. Selects mechanism passages.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    altered: Annotated[
        int | None,
        typer.Option(help="Mechanisms passages, words: prove the claim for so many altered units, or abstain."),
    ] = None,
    unit_size: Annotated[
        int | None, typer.Option(help="Mechanisms passages, words: units that each run keeps.")
    ] = None,
    unit_probability: Annotated[
        float | None, typer.Option(help="Mechanisms passages, words: with which each run keeps a unit.")
    ] = None,
    snap: Annotated[
        bool | None,
        typer.Option("--snap/--no-snap", help="Snap noisy token embeddings to their nearest tokens, or leave them."),
    ] = None,
    synonyms: Annotated[
        bool | None, typer.Option("--synonyms", help="Draw the prompt's words from their synonym classes.")
    ] = None,
    randomness: Annotated[str | None, typer.Option(help="common or fresh.")] = None,
    chat: Annotated[bool | None, typer.Option("--chat", help="Use the model's chat template.")] = None,
    output: Annotated[
        str | None, typer.Option(help="representative, sample, majority, samples: all noisy ones.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Reproduce a run.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="A folder: output, certificate, its curve, and of pictures the noisy samples.")
    ] = None,
    as_json: AsJson = False,
) -> _Asked:
    from smoothgen.cli.context import read_context
    from smoothgen.cli.metric_option import label_of_option, metric_of_option
    from smoothgen.cli.show_scores import claims_of_options

    distances = {"--metric": metric, "--answer": answer, "--extract": extract}
    if len(chosen := [option for option, value in distances.items() if value is not None]) > 1:
        raise typer.BadParameter(f"{' and '.join(chosen)} each choose the metric; give one of them")
    asked: Any = None
    if metric is not None:
        asked = metric_of_option(metric, cap)
    elif cap is not None:
        raise typer.BadParameter("a cap needs --metric: which distance is to be capped?")
    elif answer is not None or extract is not None:
        asked = label_of_option(f"regex:{answer}" if extract is None else extract)
    edits = {"kinds": edit_kind, "at_once": at_once, "variants": variant}
    units = {"size": unit_size, "probability": unit_probability, "altered": altered}
    given = {
        "context": read_context(context) if context else None,
        "units": {name: value for name, value in units.items() if value is not None} or None,
        "sigma": sigma,
        "budget": budget,
        "adapt": adapt,
        "lipschitz_estimate": lipschitz_estimate,
        "tolerance": tolerance,
        "epsilon": epsilon,
        "keep": keep,
        "claims": claims_of_options(claim) if claim else None,
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
        "edits": {name: value for name, value in edits.items() if value} or None,
        "snap": snap,
        "synonyms": synonyms,
        "randomness": randomness,
        "chat": chat,
        "output": output,
        "seed": seed,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return _Asked(prompt, url, api_key, model, given, save, as_json)


def _command(does: Callable[[_Asked], None], *without: str) -> Callable[..., None]:
    """Returns a command with the options of `_asked`, but those named, which does this with what they ask for."""

    @functools.wraps(_asked)
    def command(**options: Any) -> None:
        does(_asked(**options))

    signature = inspect.signature(_asked, eval_str=True)
    kept = [option for option in signature.parameters.values() if option.name not in without]
    # What typer reads: a command's name, help and options.
    command.__name__, command.__doc__ = does.__name__.strip("_"), does.__doc__
    command.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return command


def _generate(asked: _Asked) -> None:
    """Generates one output and shows its certificate. Ctrl-C cancels the job on the server.

    Exit code 0 with a certificate, 3 with an abstention, 2 where there is neither: bad input, a refusal, a failed job
    or no server. 130 after Ctrl-C.
    """
    from smoothgen.cli.save import save_generation
    from smoothgen.cli.show import progress, show_generation
    from smoothgen.client import Client

    given = asked.given
    bars = progress(given.get("epsilon"), given.get("mechanism"))
    with Client(asked.url, api_key=asked.api_key) as client, bars as bar:
        try:
            generation = client.generate(
                asked.prompt, model=asked.model, on_progress=bar.on_progress, on_busy=bar.on_busy, **given
            )
        except KeyboardInterrupt:
            typer.secho("smoothgen: interrupted; the job is cancelled", fg="yellow", err=True)
            raise typer.Exit(_INTERRUPTED) from None
        written = [] if asked.save is None else save_generation(client, generation, asked.save)
    if asked.as_json:
        typer.echo(generation.view.model_dump_json(indent=2, exclude_none=True))
    else:
        show_generation(generation, written[0] if written else None, given)
    if written:
        typer.echo(f"written: {', '.join(str(path) for path in written)}", err=True)
    if generation.certificate is None and generation.abstention is not None:
        raise typer.Exit(_ABSTAINED)


def _plan(asked: _Asked) -> None:
    """Shows what generating would take and could prove, and generates nothing.

    The time is about right at best: it is told from the speed of the workers' last jobs, whatever these were.
    """
    from smoothgen.cli.show_plan import show_plan
    from smoothgen.client import Client

    with Client(asked.url, api_key=asked.api_key) as client:
        view = client.plan(asked.prompt, model=asked.model, **asked.given)
    if asked.as_json:
        typer.echo(view.model_dump_json(indent=2))  # null tells: the speed is not measured, say
    else:
        show_plan(view)


generate = _command(_generate)
plan = _command(_plan, "save")
