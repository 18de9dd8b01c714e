import createClient from "openapi-fetch";
import type { paths } from "smoothgen/api/schema";

import { authorization } from "./key";
import { Refusal, refusalOf } from "./refusal";
import type { Certificate, CoversRequest, GenerateRequest, Job, Problem } from "./types";

/** Where the API lies, seen from /console/. */
export const ROOT = new URL("..", document.baseURI).href.replace(/\/$/, "");

const http = createClient<paths>({ baseUrl: ROOT });
http.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
  },
});

/** Returns the data of an answer. Throws a Refusal where it is a problem. */
async function given<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok || data === undefined) throw refusalOf(response, error as Problem | undefined);
  return data;
}

const job = (id: string) => ({ params: { path: { job_id: id } } });
const certificate = (id: string) => ({ params: { path: { certificate_id: id } } });

export const models = async () => (await given(http.GET("/models"))).data;
export const plan = (body: GenerateRequest, signal: AbortSignal) => given(http.POST("/plans", { body, signal }));
export const fleet = () => given(http.GET("/fleet"));
export const recentJobs = async () => (await given(http.GET("/jobs"))).data;
// openapi-fetch reads pairs as lists of any length; the document says pairs.
export const readJob = (id: string) => given(http.GET("/jobs/{job_id}", job(id))) as Promise<Job>;
export const cancel = (id: string) => given(http.DELETE("/jobs/{job_id}", job(id)));
export const noisySamples = (id: string) => given(http.GET("/jobs/{job_id}/outputs", job(id)));
export const neighbours = (id: string) => given(http.GET("/certificates/{certificate_id}/neighbours", certificate(id)));
export const covers = (id: string, asked: CoversRequest) =>
  given(http.POST("/certificates/{certificate_id}/covers", { ...certificate(id), body: asked }));
export const verify = (document: Certificate) => given(http.POST("/certificates/verify", { body: document }));

/** Returns the public keys of the server's signatures, a JWK Set; undefined where it does not sign. */
export const signingKeys = () =>
  given(http.GET("/.well-known/jwks.json")).catch((error: unknown) =>
    error instanceof Refusal && error.status === 404 ? undefined : Promise.reject(error),
  );

/** Submits a job. A repetition under the same key is the same job. */
export const submit = (body: GenerateRequest, key: string) =>
  given(
    http.POST("/generate", { body, params: { header: { prefer: ["respond-async"], "idempotency-key": key } } }),
  );

/** Returns a picture that needs the key, as bytes. */
export async function picture(path: string): Promise<Blob> {
  const response = await fetch(`${ROOT}${path}`, { headers: authorization() });
  if (!response.ok) throw refusalOf(response, (await response.json().catch(() => undefined)) as Problem | undefined);
  return response.blob();
}
