import { EventSourceParserStream } from "eventsource-parser/stream";

import type { components } from "./schema.js";

type DataOf = Required<components["schemas"]["JobEvents"]>;

/** An event of a job: `event` names it, and `data` is of that event's type. */
export type JobEvent = { [Name in keyof DataOf]: { event: Name; data: DataOf[Name] } }[keyof DataOf];

/** Yields the events of a job as the server tells them, until the stream ends. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<JobEvent, void, undefined> {
  const events = body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of events as unknown as AsyncIterable<{ event?: string; data: string }>) {
    yield { event, data: JSON.parse(data) } as JobEvent;
  }
}
