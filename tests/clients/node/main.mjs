// The official Node client against the served model, once for each main call. Run by run.py.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ baseURL: `${process.env.ESPALIER_URL}/v1`, apiKey: "none", maxRetries: 0, timeout: 120_000 });
const model = process.env.ESPALIER_MODEL_ID;
const messages = [{ role: "user", content: "Make up a person. Answer in JSON." }];
const Person = z.object({
  name: z.string().max(20),
  age: z.number().int().min(0).max(130),
  tags: z.array(z.enum(["reader", "writer"])).max(2),
});
const response_format = zodResponseFormat(Person, "person");

const checks = {
  async "models list"() {
    const ids = [];
    for await (const entry of client.models.list()) ids.push(entry.id);
    assert.ok(ids.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },
  async "chat create"() {
    const answer = await client.chat.completions.create({ model, messages, response_format, max_tokens: 150, seed: 1 });
    assert.equal(answer.choices[0].finish_reason, "stop");
    Person.parse(JSON.parse(answer.choices[0].message.content));
    assert.equal(answer.espalier.verdict, "satisfied");
  },
  async "chat parse"() {
    const answer = await client.chat.completions.parse({ model, messages, response_format, max_tokens: 150, seed: 2 });
    Person.parse(answer.choices[0].message.parsed);
  },
  async "chat stream"() {
    const stream = await client.chat.completions.create({ model, messages, response_format, max_tokens: 150, stream: true });
    let text = "", last;
    for await (const chunk of stream) {
      text += chunk.choices[0].delta.content ?? "";
      last = chunk;
    }
    Person.parse(JSON.parse(text));
    assert.equal(last.choices[0].finish_reason, "stop");
  },
  async "chat stream helper"() {
    const stream = client.chat.completions.stream({ model, messages, response_format, max_tokens: 150 });
    let text = "";
    stream.on("content", (delta) => (text += delta));
    const final = await stream.finalChatCompletion();
    assert.equal(final.choices[0].message.content, text);
    Person.parse(final.choices[0].message.parsed);
  },
  async "an abandoned stream"() {
    const stream = await client.chat.completions.create({ model, messages, max_tokens: 1000, stream: true });
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      break;
    }
    stream.controller.abort();
    await client.chat.completions.create({ model, messages, max_tokens: 4 });
  },
  async completions() {
    const answer = await client.completions.create({ model, prompt: "One, two, three,", max_tokens: 8, temperature: 0 });
    assert.ok(answer.choices[0].text.length > 0);
    let text = "";
    const stream = await client.completions.create({ model, prompt: "One, two, three,", max_tokens: 8, temperature: 0, stream: true });
    for await (const chunk of stream) text += chunk.choices[0].text;
    assert.equal(text, answer.choices[0].text);
  },
  async errors() {
    const format = { type: "json_schema", json_schema: { name: "a", schema: { type: "strin" } } };
    await assert.rejects(
      client.chat.completions.create({ model, messages, response_format: format }),
      (error) => error instanceof OpenAI.BadRequestError && error.status === 400 && error.message.includes("/type"),
    );
    await assert.rejects(client.chat.completions.create({ model: "no-such-model", messages }), OpenAI.NotFoundError);
  },
};

let passed = 0, failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  try {
    await check();
    passed++;
    console.log(`ok      ${name} (${seconds()} s)`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name} (${seconds()} s)\n          ${String(error.stack).replaceAll("\n", "\n          ")}`);
  }
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed ? 1 : 0);
