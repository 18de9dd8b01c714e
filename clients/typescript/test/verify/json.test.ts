import assert from "node:assert/strict";
import { test } from "node:test";

import { canonical, dumped } from "../../src/verify/json/canonical.js";
import { copied, isWhole, type JsonObject } from "../../src/verify/json/data.js";
import { parseJson } from "../../src/verify/json/parse.js";
import { verify } from "../../src/verify/index.js";

test("JSON is read strictly", () => {
  for (const text of [
    '{"a":1,"a":2}',
    "[1,]",
    "{'a':1}",
    "NaN",
    "1e999",
    "01",
    '"\u0001"',
    "[1] 2",
    "",
    "{",
    '"\\x"',
  ]) {
    assert.throws(() => parseJson(text), { name: "Invalid" }, text);
  }
  assert.throws(() => parseJson("[".repeat(200) + "]".repeat(200)), { name: "Invalid" });
  assert.throws(() => parseJson("9007199254740993"), { name: "Unsupported" });
  assert.deepEqual(parseJson(' [1, -2.5e-3, "\\u00e9\\n", true, null, {}] '), [
    1,
    -0.0025,
    "é\n",
    true,
    null,
    copied({}),
  ]);
});

test("a field named like a prototype's is a field like any other", () => {
  const read = parseJson('{"__proto__": {"schema": 1}, "constructor": 2}') as JsonObject;
  assert.deepEqual(Object.keys(read), ["__proto__", "constructor"]);
  assert.equal(read["schema"], undefined);
});

test("16.0 is no whole number, and is written as it stood", () => {
  const read = parseJson('{"a": 16.0, "b": 16}') as JsonObject;
  assert.ok(!isWhole(read, "a"));
  assert.ok(isWhole(read, "b"));
  assert.equal(canonical(read), '{"a":16,"b":16}');
  assert.equal(dumped(read), '{"a": 16.0, "b": 16}');
  assert.ok(!isWhole(copied(read) as JsonObject, "a"));
});

test("the canonical text is Python's", () => {
  const data = copied({ b: [1e-5, 1.5, -0, 1e15], "\u{1f600}": 1, "\uffff": 'é\u007f\n"', a: { z: null, y: false } });
  const expected =
    '{"a":{"y":false,"z":null},"b":[1e-05,1.5,0,1000000000000000],"\\uffff":"\\u00e9\\u007f\\n\\"","\\ud83d\\ude00":1}';
  assert.equal(canonical(data), expected);
});

test("what is no certificate gets a verdict and no exception", async () => {
  for (const given of [
    "",
    "[]",
    "null",
    "{",
    "{}",
    7,
    null,
    undefined,
    () => 1,
    new Date(),
    { schema: 1 },
    new Uint8Array([255]),
  ]) {
    const verdict = await verify(given);
    assert.ok(!verdict.valid);
    assert.ok(verdict.reason);
  }
});
