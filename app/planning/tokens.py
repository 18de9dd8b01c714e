"""What mechanism tokens takes of a request: it draws no noise, so what sets noise has no meaning under it."""

from __future__ import annotations

from smoothgen.contracts import EMBEDDING, TOKENS, Parameters, Robustness, TextParameters
from smoothgen.errors import InvalidInput


def require_no_noise(robustness: Robustness, parameters: Parameters) -> None:
    """Raises InvalidInput for what a request of mechanism tokens says about noise, naming the field and the remedy.

    A budget is met whatever it is: nothing displaces the output. `samples` is the most runs.
    """
    if robustness.mechanism != TOKENS:
        return
    asked = {
        "sigma": robustness.sigma is not None,
        "synonyms": robustness.synonyms,
        "adapt": robustness.adapt != "model",
        "lipschitz_estimate": robustness.lipschitz_estimate is not False,
        "tier": robustness.tier != "request",
    }
    for name, given in asked.items():
        if given:
            raise InvalidInput(
                f"{name}={getattr(robustness, name)!r} is about noise, and mechanism {TOKENS!r} draws none: it runs "
                f"the model on every prompt an attack can reach; leave {name} out, or use mechanism {EMBEDDING!r}",
                field=f"robustness.{name}",
            )
    if not isinstance(parameters, TextParameters):
        return
    if parameters.temperature > 0 and robustness.randomness == "fresh":
        raise InvalidInput(
            f"randomness='fresh' with temperature={parameters.temperature!r}: mechanism {TOKENS!r} compares runs under "
            "one draw of the generator's randomness; use randomness 'common', or temperature 0",
            field="robustness.randomness",
        )
