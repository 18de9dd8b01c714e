"""Images that stand in for those of other projects that compose names, from Debian's packages.

Each has what compose relies on: the command as first argument, the user that owns the volume's folder, and the program
of the health check.
"""

from __future__ import annotations

from tests.containers.engine import Engine

_INSTALL = "RUN apt-get update -q && apt-get install -y -q --no-install-recommends {} && rm -rf /var/lib/apt/lists/*"
_FILES = {
    # The official image's user is 999, too: Kubernetes names it.
    "redis": f"""
        RUN groupadd --gid 999 redis && useradd --uid 999 --gid redis --no-create-home redis
        {_INSTALL.format("redis-server redis-tools")}
        RUN install --directory --owner=redis --group=redis /data
        VOLUME /data
        WORKDIR /data
        USER redis
    """,
    "prometheus": f"""
        {_INSTALL.format("prometheus wget")}
        RUN rm -r /etc/prometheus && install --directory --owner=nobody --group=nogroup /prometheus
        VOLUME /prometheus
        WORKDIR /prometheus
        USER nobody
        ENTRYPOINT ["prometheus"]
    """,
}
WITHOUT = ("grafana",)
"""Services of compose without a stand-in: Debian has no Grafana."""


def build_stand_ins(engine: Engine, base: str, images: dict[str, str]) -> dict[str, str]:
    """Builds the stand-ins under the names of `images` (by service) and returns the version of each program."""
    for service, body in _FILES.items():
        lines = "\n".join(line.strip() for line in body.strip().splitlines())
        text = f"FROM {base}\nENV DEBIAN_FRONTEND=noninteractive\n{lines}\n"
        engine.docker("build", "--network=host", "--tag", images[service], "-", given=text.encode(), seconds=900)
    return {
        service: _version(engine, images[service], package)
        for service, package in (("redis", "redis-server"), ("prometheus", "prometheus"))
    }


def _version(engine: Engine, image: str, package: str) -> str:
    asked = ["run", "--rm", "--network=none", "--entrypoint=dpkg-query", image, "--show", "--showformat=${Version}"]
    return engine.docker(*asked, package)
