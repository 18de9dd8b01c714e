/** What a fleet certificate states, in words: one function a version. */

import type { LongTexts } from "../meaning/quoting.js";
import { repr } from "../numbers/decimal.js";
import type { Point } from "../spread/certificate.js";
import { noiseAsComputed, SNAPPED } from "../spread/sentences.js";
import { FLEET_V1, type Fleet } from "./certificate.js";
import { said, unknownMeaning, type FleetSubject } from "./subject.js";

const NO_SAMPLES = "What needs no samples holds for every single request: no attack of";
const AVERAGE = "This is an average over these requests, not a promise to each of them: some may be moved further.";

/** Returns the statement with these two numbers in it. */
export function statement(fleet: Fleet, point: Point, long: LongTexts): string {
  const { subject } = fleet;
  if (fleet.method === FLEET_V1 || subject === null) return firstWords(fleet, point).join(" ");
  return words(fleet, subject, point, long).join(" ");
}

function firstWords(fleet: Fleet, [epsilon, bound]: Point): string[] {
  const { requests, closed, confidence, mechanism } = fleet;
  if (requests === 0) {
    return [`No request has been looked at. ${NO_SAMPLES} l2 norm at most ${repr(epsilon)} ${movesEach(bound)}`];
  }
  const window = closed ? "the requests of a closed window" : "the requests that opened a running window";
  return [
    `With confidence ${repr(confidence)}, attacks of l2 norm at most ${repr(epsilon)}, ${movesAll(bound)} ` +
      `on average over ${window}, ${requests} in number.`,
    AVERAGE,
    ...(mechanism.remark === null ? [] : [mechanism.remark]),
    ...counted(fleet),
  ];
}

function words(fleet: Fleet, subject: FleetSubject, [epsilon, bound]: Point, long: LongTexts): string[] {
  const { requests, closed, confidence, mechanism, roundingSlack } = fleet;
  const unknown = unknownMeaning(subject);
  const norm = `${mechanism.norm} norm at most ${repr(epsilon)}`;
  const opened = closed ? "of the closed window" : "that opened the running window";
  const first =
    requests === 0
      ? [`No request has been looked at, of those ${said(subject, long)}. ${NO_SAMPLES} ${norm} ${movesEach(bound)}`]
      : [
          `With confidence ${repr(confidence)}, attacks of ${norm}, ${movesAll(bound)} on average over the ${requests} ` +
            `requests ${opened}, ${said(subject, long)}.`,
          AVERAGE,
        ];
  return [
    ...first,
    ...(unknown === null ? [] : [`What these words and numbers mean is not checked: ${unknown}.`]),
    ...(mechanism.remark === null ? [] : [mechanism.remark]),
    ...(requests > 0 && subject.randomness === "common"
      ? [
          "The generator's own randomness is drawn once for both draws of a request; the claim is about outputs given " +
            "it.",
        ]
      : []),
    ...counted(fleet),
    "Requests that were turned away because the queue was full are in no count.",
    noiseAsComputed(roundingSlack),
    ...(subject.snap === null ? [] : [SNAPPED]),
  ];
}

function movesEach(bound: number): string {
  return `moves the distribution of its outputs by more than ${repr(bound)} in Wasserstein-1.`;
}

function movesAll(bound: number): string {
  return (
    "a different one on every request if need be, move the distribution of the outputs by no more than " +
    `${repr(bound)} in Wasserstein-1`
  );
}

function counted({ requests, outstanding, leftOut, submitted }: Fleet): string[] {
  if (requests === 0) return [];
  const later = submitted - requests - leftOut;
  return [
    ...(outstanding ? [`${outstanding} of them had not ended and count as the worst distance.`] : []),
    ...(leftOut ? [`${leftOut} refused before any noise was drawn are not among them.`] : []),
    ...(later ? [`${later} later submissions are not part of this statement.`] : []),
  ];
}
