import { EventSourceParserStream } from "eventsource-parser/stream";

import { readJob, ROOT } from "./client";
import { authorization } from "./key";
import { Refusal, refusalOf } from "./refusal";
import type { Job, Output, Problem, Progress } from "./types";

/** What a job's events tell, as they come. */
export interface Watcher {
  output(output: Output): void;
  progress(progress: Progress): void;
  ended(job: Job): void;
  /** The connection was lost, and is tried again. */
  lost(): void;
  refused(refusal: Refusal): void;
}

const ENDS = new Set(["certificate", "abstention", "failed", "cancelled"]);
const RETRY_MS = 2000;

/** Follows a job until it ends or the signal aborts. EventSource would do, if it could send the key. */
export async function follow(id: string, watcher: Watcher, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (await followed(id, watcher, signal)) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status < 500) return watcher.refused(error);
    }
    watcher.lost();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Returns whether the job's end was told. */
async function followed(id: string, watcher: Watcher, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${ROOT}/jobs/${id}/events`, { headers: authorization(), signal });
  if (!response.ok || !response.body) {
    throw refusalOf(response, (await response.json().catch(() => undefined)) as Problem | undefined);
  }
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader = events.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return false;
    if (value.event === "output") watcher.output(JSON.parse(value.data));
    else if (value.event === "progress") watcher.progress(JSON.parse(value.data));
    else if (value.event && ENDS.has(value.event)) {
      watcher.ended(await readJob(id));
      return true;
    }
  }
}
