"""Loading a plug-in's model by its entry in SMOOTHGEN_MODELS."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from smoothgen.certificates import ModelIdentity
from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.errors import InvalidPlugin
from smoothgen.plugins import FAULTS, GENERATORS, load, stated_by_generator
from workers.generators.plugin.adapter import PluggedModel
from workers.generators.plugin.probe import require_kept


def load_plugged_model(alias: str, source: str, known: Collection[str]) -> PluggedModel:
    """Returns the model of a plug-in, tried on its own examples.

    alias: the name it is served under; the source itself where it has no other. source: "plugin:", the name of an entry
    point, and after another colon the argument for it. known: the names of models in the box. Raises UnknownName, and
    InvalidPlugin for a name in the box, and for a plug-in that cannot be loaded or does not state or keep what a
    certificate needs.
    """
    name, colon, argument = source.removeprefix(PLUGIN).partition(":")
    if colon and alias == source:
        raise InvalidPlugin(f"model {source!r:.120} has an argument, so it needs a name of its own: name={source}")
    for taken in (alias, name):
        if taken in known:
            raise InvalidPlugin(
                f"a plug-in's model cannot be called {taken!r}, the name of a model in the box; serve it under another "
                f"name: other-name={source}"
            )
    loaded = load(name, GENERATORS)
    try:
        plugin = loaded.factory(argument)
    except FAULTS as error:
        raise InvalidPlugin(
            f"generator plug-in {name!r} does not take the argument {argument!r:.200}: {type(error).__name__}: {error}"
        ) from error
    stated = stated_by_generator(name, plugin)
    content = canonical({"code": loaded.digest, "weights": stated.weights})
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    model = PluggedModel(plugin, stated, ModelIdentity(alias, loaded.distribution or "unversioned", digest))
    require_kept(name, model, stated)
    return model
