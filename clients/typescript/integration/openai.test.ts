// OpenAI's Node client as its package ships it, against the server at SMOOTHGEN_URL: only its baseURL is another.
import assert from "node:assert/strict";
import { test } from "node:test";

import OpenAI from "openai";

const url = process.env["SMOOTHGEN_URL"];
const model = process.env["SMOOTHGEN_TEXT_MODEL"];
const pictures = process.env["SMOOTHGEN_PICTURE_MODEL"];
if (url === undefined || model === undefined || pictures === undefined) {
  throw new Error("set SMOOTHGEN_URL, SMOOTHGEN_TEXT_MODEL and SMOOTHGEN_PICTURE_MODEL");
}
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "any", maxRetries: 0 });
const FEW = { robustness: { sigma: 1, tolerance: 0.3, samples: 200 } };
const CHAT = { model, messages: [{ role: "user" as const, content: "0.25" }], smoothgen: FEW };

interface Certified {
  status: string;
  job: string;
  certificate: string | null;
  statement: string | null;
  reason?: string;
}

/** The object `smoothgen` of an answer, which the client keeps though its types do not have it. */
function about(answer: unknown): Certified {
  return (answer as { smoothgen: Certified }).smoothgen;
}

test("models are listed and read", async () => {
  const listed: string[] = [];
  for await (const each of client.models.list()) listed.push(each.id);
  assert.ok(listed.includes(model));
  assert.equal((await client.models.retrieve(model)).object, "model");
});

test("a chat completion has its certificate, in headers too", async () => {
  const { data, response } = await client.chat.completions.create(CHAT).withResponse();
  assert.ok(Number(data.choices[0]?.message.content) <= 1);
  assert.equal(about(data).status, "certified");
  assert.equal(response.headers.get("x-smoothgen-certificate"), about(data).certificate);
  assert.equal(data.metadata?.["smoothgen_certificate"], about(data).certificate);
});

test("an abstention is told", async () => {
  const asked = { ...CHAT, smoothgen: { robustness: { ...FEW.robustness, epsilon: 50 } } };
  const said = about(await client.chat.completions.create(asked));
  assert.equal(said.status, "abstained");
  assert.equal(said.certificate, null);
  assert.ok(said.reason);
});

test("a stream tells the text uncertified and then the certificate", async () => {
  const told: string[] = [];
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...CHAT, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? "";
    if (about(chunk) !== undefined) told.push(about(chunk).status);
  }
  assert.deepEqual(told, ["queued", "uncertified", "certified"]);
  assert.ok(Number(text) <= 1);
});

test("the helper that gathers a stream gathers this one", async () => {
  const stream = client.chat.completions.stream(CHAT);
  const whole = await stream.finalChatCompletion();
  assert.ok(Number(whole.choices[0]?.message.content) <= 1);
  assert.equal(whole.choices[0]?.finish_reason, "stop");
});

test("a picture is base64", async () => {
  const asked = { model: pictures, prompt: "a red dress", size: "32x32", smoothgen: { robustness: { samples: 20 } } };
  const answer = await client.images.generate(asked as unknown as OpenAI.ImageGenerateParamsNonStreaming);
  const png = Buffer.from(answer.data?.[0]?.b64_json ?? "", "base64");
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  assert.equal(about(answer).status, "certified");
});

test("a background response is read later, cancelled and deleted", async () => {
  const asked = { model, input: "0.25", background: true, smoothgen: FEW };
  let response = await client.responses.create(asked);
  while (response.status === "queued" || response.status === "in_progress") {
    await new Promise((resolve) => setTimeout(resolve, 200));
    response = await client.responses.retrieve(response.id);
  }
  assert.equal(response.status, "completed");
  assert.ok(Number(response.output_text) <= 1);
  assert.equal((await client.responses.cancel(response.id)).status, "completed"); // what has ended stays as it is
  await client.responses.delete(response.id);
  await assert.rejects(client.responses.retrieve(response.id), OpenAI.NotFoundError);
});

test("errors are of the client's own classes and name the field", async () => {
  const unknown = client.chat.completions.create({ ...CHAT, model: "nowhere" });
  await assert.rejects(unknown, OpenAI.NotFoundError);
  const several = client.chat.completions.create({ ...CHAT, n: 2 });
  await assert.rejects(several, (error) => {
    assert.ok(error instanceof OpenAI.UnprocessableEntityError);
    assert.equal(error.param, "n");
    assert.equal(error.code, "invalid-request");
    return true;
  });
});

test("a retry of the client's waits for the job of its first try", async () => {
  const jobs: string[] = [];
  let calls = 0;
  const impatient = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: "any",
    maxRetries: 2,
    fetch: async (input, init) => {
      const response = await fetch(input as string, init as RequestInit);
      jobs.push(response.headers.get("x-smoothgen-job") ?? "");
      calls += 1;
      if (calls === 1) throw new TypeError("the connection broke before the answer came");
      return response;
    },
  });
  const answer = await impatient.chat.completions.create({ ...CHAT, user: "retries" });
  assert.equal(calls, 2);
  assert.equal(jobs[0], jobs[1]);
  assert.equal(about(answer).job, jobs[0]);
});
