// Short names for what the OpenAPI document describes.
import type { components } from "smoothgen/api/schema";

type Schemas = components["schemas"];

export type Certificate = Schemas["Certificate"];
export type CoversRequest = Schemas["CoversRequest"];
export type FleetReadings = Schemas["FleetReadings"];
export type GenerateRequest = Schemas["GenerateRequest"];
export type Job = Schemas["JobView"];
export type JobSummary = Schemas["JobSummary"];
export type Model = Schemas["ServedModel"];
export type Neighbours = Schemas["NeighboursView"];
export type NoisyOutputs = Schemas["NoisyOutputs"];
export type Output = NonNullable<Job["output"]>;
export type Plan = Schemas["PlanView"];
export type Problem = Schemas["Problem"];
export type Progress = Schemas["Progress"];
export type PromptCover = Schemas["PromptCover"];
export type Verdict = Schemas["VerdictView"];
