import { type Inputs, useEffect, useState } from "preact/hooks";

import { reason } from "./api/refusal";

/** What was asked of the server: its answer, or why there is none, or neither yet. */
export interface Asked<T> {
  answer?: T;
  refusal?: string;
}

/** Asks the server when the inputs change. What a former question was answered stays until the new answer comes. */
export function useAsked<T>(ask: (signal: AbortSignal) => Promise<T>, inputs: Inputs): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({});
  useEffect(() => {
    const control = new AbortController();
    ask(control.signal)
      .then((answer) => !control.signal.aborted && setAsked({ answer }))
      .catch((error: unknown) => !control.signal.aborted && setAsked({ refusal: reason(error) }));
    return () => control.abort();
  }, inputs);
  return asked;
}
