import { useEffect, useState } from "preact/hooks";

/** A view of the console, as the address names it after the #. */
export type Route = { view: "generate"; job?: string } | { view: "verify" | "fleet" | "jobs" };

export const jobAddress = (id: string): string => `#/jobs/${id}`;

/** Returns the view that the address names, and follows it. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return read(hash);
}

function read(hash: string): Route {
  const [view, id] = hash.replace(/^#\//, "").split("/");
  if (view === "jobs" && id) return { view: "generate", job: id };
  return view === "verify" || view === "fleet" || view === "jobs" ? { view } : { view: "generate" };
}
