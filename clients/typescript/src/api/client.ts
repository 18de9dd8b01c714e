import createClient, { type Client as TypedFetch } from "openapi-fetch";
import type { Readable } from "openapi-typescript-helpers";

import { type JobEvent, eventsOf } from "./events.js";
import { type Problem, ProblemError, unforeseen } from "./problem.js";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
export type GenerateRequest = Schemas["GenerateRequest"];
export type Job = Readable<Schemas["JobView"]>;
export type Plan = Readable<Schemas["PlanView"]>;
export type Certificate = Readable<Schemas["Certificate"]>;
export type Verdict = Readable<Schemas["VerdictView"]>;
export type Covers = Readable<Schemas["Covers"]>;
export type CoversRequest = Schemas["CoversRequest"];
export type Neighbours = Readable<Schemas["NeighboursView"]>;
export type Model = Readable<Schemas["ServedModel"]>;

export interface Options {
  /** Where the server is, such as "http://127.0.0.1:8000". */
  baseUrl: string;
  /** Its key, where it asks for one. */
  key?: string;
}

export interface Waiting {
  /** Aborting cancels the job on the server. */
  signal?: AbortSignal;
  /** Told of the job about twice a minute, and when it has ended. */
  onProgress?: (job: Job) => void;
}

const LONG_POLL_S = 20;
const ENDED: ReadonlySet<Job["status"]> = new Set(["succeeded", "failed", "cancelled"]);
const FULL = 429;
const TRIES_WHEN_FULL = 5;

/**
 * Talks to a SmoothGen server. Every method throws ProblemError where the server answers a problem.
 *
 * `http` has every route of the server, typed, for what has no method here.
 */
export class SmoothGen {
  readonly http: TypedFetch<paths>;

  constructor({ baseUrl, key }: Options) {
    const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
    this.http = createClient<paths>({ baseUrl, headers });
  }

  /**
   * Generates one output, and returns its job when it has ended well: with a certificate or an abstention. A server
   * that is full is asked again when it says. Throws ProblemError for a job that failed or was cancelled.
   */
  async generate(request: GenerateRequest, { signal, onProgress }: Waiting = {}): Promise<Job> {
    let job = await this.submit(request, signal);
    try {
      while (!ENDED.has(job.status)) {
        onProgress?.(job);
        job = await this.job(job.id, { waitSeconds: LONG_POLL_S, ...given({ signal }) });
      }
    } catch (error) {
      if (signal?.aborted) await this.cancel(job.id);
      throw error;
    }
    onProgress?.(job);
    return succeeded(job);
  }

  /** Submits a request and returns its job at once, as it stands. */
  async submit(request: GenerateRequest, signal?: AbortSignal): Promise<Job> {
    const header = { prefer: ["respond-async"], "idempotency-key": crypto.randomUUID() };
    for (let tries = 1; ; tries++) {
      const answer = await this.http.POST("/generate", { params: { header }, body: request, ...given({ signal }) });
      if (answer.response.status !== FULL || tries === TRIES_WHEN_FULL) return read(answer);
      await pause(Number(answer.response.headers.get("retry-after") ?? 5), signal);
    }
  }

  /** Returns what `generate` would take and could prove. Nothing is generated. */
  async plan(request: GenerateRequest): Promise<Plan> {
    return read(await this.http.POST("/plans", { body: request }));
  }

  /** Returns a job as it stands, or when it has ended, after `waitSeconds` at the latest. */
  async job(id: string, { waitSeconds = 0, signal }: { waitSeconds?: number; signal?: AbortSignal } = {}): Promise<Job> {
    const header = { prefer: [`wait=${waitSeconds}`] };
    const params = { path: { job_id: id }, header };
    return read(await this.http.GET("/jobs/{job_id}", { params, ...given({ signal }) }));
  }

  /** Yields a job's events as they come. The last one has the whole job. */
  async *follow(id: string, signal?: AbortSignal): AsyncGenerator<JobEvent, void, undefined> {
    const params = { path: { job_id: id } };
    const answer = await this.http.GET("/jobs/{job_id}/events", { params, parseAs: "stream", ...given({ signal }) });
    yield* eventsOf(read<ReadableStream<Uint8Array> | null>(answer) ?? new ReadableStream());
  }

  /** Cancels a job, and returns it as it is then. One that has ended stays as it is. */
  async cancel(id: string): Promise<Job> {
    return read(await this.http.DELETE("/jobs/{job_id}", { params: { path: { job_id: id } } }));
  }

  /** Erases a job's prompt and output on the server. Its certificate stays. */
  async erase(id: string): Promise<void> {
    const answer = await this.http.DELETE("/jobs/{job_id}/content", { params: { path: { job_id: id } } });
    if (answer.error !== undefined) read(answer);
  }

  /** Returns the exact bytes of a job's output, which its digest covers: a text in UTF-8, or a PNG file. */
  async output(id: string): Promise<Uint8Array> {
    const params = { path: { job_id: id } };
    const answer = await this.http.GET("/jobs/{job_id}/output", { params, parseAs: "arrayBuffer" });
    return new Uint8Array(read<ArrayBuffer>(answer));
  }

  /** Returns a stored certificate; its id is its job's. */
  async certificate(id: string): Promise<Certificate> {
    return read(await this.http.GET("/certificates/{certificate_id}", { params: { path: { certificate_id: id } } }));
  }

  /** Has the server recompute a certificate. To trust no server, use `verify` of this package. */
  async verify(certificate: Certificate): Promise<Verdict> {
    return read(await this.http.POST("/certificates/verify", { body: certificate as Schemas["Certificate"] }));
  }

  /** Returns what a certificate says of other prompts, or of another context. */
  async covers(id: string, asked: CoversRequest): Promise<Covers> {
    const params = { path: { certificate_id: id } };
    return read(await this.http.POST("/certificates/{certificate_id}/covers", { params, body: asked }));
  }

  /** Returns the runs behind a certificate of a mechanism that draws no noise, nearest first. */
  async neighbours(id: string, query: { changed?: boolean; limit?: number } = {}): Promise<Neighbours> {
    const params = { path: { certificate_id: id }, query };
    return read(await this.http.GET("/certificates/{certificate_id}/neighbours", { params }));
  }

  /** Returns the models that the server knows, with how many workers serve each. */
  async models(): Promise<Model[]> {
    return read(await this.http.GET("/models")).data;
  }
}

/** Returns the data of an answer. Throws ProblemError where it has none. */
function read<Data>(answer: { data?: Data | undefined; error?: unknown; response: Response }): Data {
  if (answer.data !== undefined) return answer.data;
  throw new ProblemError(isProblem(answer.error) ? answer.error : unforeseen(answer.response));
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "type" in error && "status" in error && "detail" in error;
}

function succeeded(job: Job): Job {
  if (job.status === "succeeded") return job;
  throw new ProblemError(
    job.error ?? {
      type: "urn:smoothgen:problem:cancelled",
      title: "Cancelled",
      status: 409,
      detail: `job ${job.id} was cancelled, so there is no certificate`,
    },
  );
}

/** Returns the options that were given: `fetch` tells an absent signal from an undefined one. */
function given<Option>(options: { signal: Option | undefined }): { signal?: Option } {
  return options.signal === undefined ? {} : { signal: options.signal };
}

function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
