// Against the server at SMOOTHGEN_URL: tests/service/test_node_clients.py starts one and runs this.
import assert from "node:assert/strict";
import { test } from "node:test";

import { type GenerateRequest, type JobEvent, ProblemError, SmoothGen } from "../src/api/index.js";

const baseUrl = process.env["SMOOTHGEN_URL"];
const model = process.env["SMOOTHGEN_TEXT_MODEL"];
const pictures = process.env["SMOOTHGEN_PICTURE_MODEL"];
if (baseUrl === undefined || model === undefined || pictures === undefined) {
  throw new Error("set SMOOTHGEN_URL, SMOOTHGEN_TEXT_MODEL and SMOOTHGEN_PICTURE_MODEL");
}
const client = new SmoothGen({ baseUrl });

function asked(robustness: GenerateRequest["robustness"] = {}): GenerateRequest {
  return { model: model as string, prompt: "0.25", robustness: { sigma: 1, tolerance: 0.3, samples: 200, ...robustness } };
}

test("an output comes with a certificate that the server verifies", async () => {
  const job = await client.generate(asked());
  assert.equal(job.output?.type, "text");
  assert.ok(job.certificate && job.certificate.method === "spread/v2");
  assert.ok(job.certificate.radius > 0);
  assert.ok(job.decision?.holds);
  const stored = await client.certificate(job.id);
  assert.deepEqual(stored, job.certificate);
  assert.ok((await client.verify(stored)).valid);
  const forged = { ...stored, statement: "No attack changes anything." };
  assert.equal((await client.verify(forged)).valid, false);
});

test("an abstention is a result", async () => {
  const job = await client.generate(asked({ epsilon: 50 }));
  assert.equal(job.certificate ?? null, null);
  assert.ok(job.abstention?.reason);
});

test("a refused request throws the problem that names the field", async () => {
  await assert.rejects(client.generate(asked({ sigma: -1 })), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.status, 422);
    assert.equal(error.kind, "invalid-request");
    assert.equal(error.problem.errors?.[0]?.pointer, "/robustness/sigma");
    return true;
  });
  await assert.rejects(client.job("nonsense"), (error) => error instanceof ProblemError && error.kind === "not-found");
});

test("a plan says what a request would take", async () => {
  const plan = await client.plan(asked());
  assert.ok(plan.samples > 0);
});

test("the events of a job end with the whole job", async () => {
  const submitted = await client.submit(asked());
  const events: JobEvent[] = [];
  for await (const event of client.follow(submitted.id)) events.push(event);
  assert.equal(events[0]?.event, "queued");
  const last = events.at(-1);
  assert.ok(last?.event === "certificate");
  assert.equal(last.data.id, submitted.id);
  assert.ok(last.data.certificate);
});

test("aborting cancels the job on the server", async () => {
  const controller = new AbortController();
  let id = "";
  const waiting = client.generate(asked({ samples: 5000, tolerance: 0.01 }), {
    signal: controller.signal,
    onProgress: (job) => {
      id = job.id;
      controller.abort();
    },
  });
  await assert.rejects(waiting);
  const job = await client.job(id, { waitSeconds: 60 });
  assert.ok(job.status === "cancelled" || job.status === "succeeded");
});

test("an output is read as bytes, and erased", async () => {
  const job = await client.generate({ model: pictures, prompt: "a red dress", robustness: { samples: 20 } });
  const png = await client.output(job.id);
  assert.deepEqual([...png.subarray(1, 4)], [..."PNG"].map((letter) => letter.charCodeAt(0)));
  await client.erase(job.id);
  await assert.rejects(client.output(job.id), (error) => error instanceof ProblemError && error.status === 404);
  assert.ok(await client.certificate(job.id));
});

test("models, covers and neighbours are typed", async () => {
  const models = await client.models();
  assert.ok(models.some((each) => each.id === model && each.workers > 0));
  const job = await client.generate(asked());
  const covers = await client.covers(job.id, { prompts: ["0.5"] });
  assert.equal(covers.answers[0]?.prompt, "0.5");
  await assert.rejects(client.neighbours(job.id), (error) => error instanceof ProblemError && error.status === 409);
});

test("a key that the server does not know is told", async () => {
  const port = await client.http.GET("/livez");
  assert.equal(port.data?.status, "alive");
  const nowhere = new SmoothGen({ baseUrl: "http://127.0.0.1:9" });
  await assert.rejects(nowhere.models(), TypeError);
});
