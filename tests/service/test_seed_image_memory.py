"""Seed images of megabytes: what gateway, queue and worker keep of them."""

from __future__ import annotations

import base64
import io

import numpy as np
import psutil
from PIL import Image

from smoothgen.queue import keys
from tests.service.conftest import finished, submit
from tests.support.processes import FASHION, Gateway, Lab, Process

MEGABYTE = 1 << 20


def noise_image(seed: int) -> str:
    """A picture that does not compress, 6 MB as base64."""
    pixels = np.random.default_rng(seed).integers(0, 256, (1250, 1250, 3), dtype=np.uint8)
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG", compress_level=1)
    return base64.b64encode(written.getvalue()).decode()


def rss(process: Process) -> int:
    return int(psutil.Process(process.popen.pid).memory_info().rss)


def run_jobs(gateway: Gateway, seeds: range) -> list[str]:
    """So many image-to-image jobs, one after the other."""
    ids = []
    for seed in seeds:
        body = {
            "model": FASHION,
            "prompt": "a red sneaker",
            "parameters": {"image": noise_image(seed), "num_inference_steps": 2},
            "robustness": {"mechanism": "img2img", "samples": 4, "selection_samples": 2},
        }
        ids.append(submit(gateway.http, body))
        assert finished(gateway.http, ids[-1])["status"] == "succeeded"
    return ids


def test_what_has_ended_holds_no_seed_image(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(FASHION)
    run_jobs(gateway, range(4))
    before = rss(worker)
    ids = run_jobs(gateway, range(4, 14))
    assert rss(worker) - before < 60 * MEGABYTE  # as much as ten images
    used = lab.redis.client.info("memory")["used_memory"]
    assert used < 8 * MEGABYTE
    assert not any(lab.redis.client.hexists(keys.job(job), "spec") for job in ids)


def test_a_waiting_job_holds_its_seed_image_once(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(FASHION)
    worker.kill()
    body = {
        "model": FASHION,
        "prompt": "a red sneaker",
        "parameters": {"image": noise_image(0)},
        "robustness": {"mechanism": "img2img", "samples": 4, "selection_samples": 2},
    }
    job = submit(gateway.http, body)
    assert 5 * MEGABYTE < lab.redis.client.memory_usage(keys.job(job), samples=0) < 9 * MEGABYTE
    assert lab.redis.client.hget(keys.job(job), "bytes") == lab.redis.client.hget(keys.accounts(FASHION), "* bytes")
    gateway.http.delete(f"/jobs/{job}")
    assert lab.redis.client.memory_usage(keys.job(job), samples=0) < 10_000
    assert not lab.redis.client.exists(keys.accounts(FASHION))
