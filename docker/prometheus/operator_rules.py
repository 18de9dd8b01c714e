"""Writes the alerts of rules.yml as an object of the Prometheus Operator: python docker/prometheus/operator_rules.py.

Run it after a change of rules.yml; tests/architecture/test_monitoring.py compares the two.
"""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
WRITTEN = HERE.parent / "kubernetes" / "monitoring" / "rules.yaml"


def prometheus_rule() -> dict[str, Any]:
    """Returns the PrometheusRule: the groups of rules.yml as they are."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "smoothgen", "labels": {"app.kubernetes.io/part-of": "smoothgen"}},
        "spec": yaml.safe_load((HERE / "rules.yml").read_text()),
    }


class _Readable(yaml.SafeDumper):
    """Writes texts of several lines as they are read."""


_Readable.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


if __name__ == "__main__":
    text = yaml.dump(prometheus_rule(), Dumper=_Readable, sort_keys=False, width=120, allow_unicode=True)
    WRITTEN.write_text(f"# Written by docker/prometheus/operator_rules.py from rules.yml.\n{text}")
