import { useEffect, useState } from "preact/hooks";

import { follow } from "../api/follow";
import type { Job, Output, Progress } from "../api/types";

/** A job as far as its events have told: the whole of it once it has ended. */
export interface Followed {
  output?: Output;
  progress?: Progress;
  ended?: Job;
  lost: boolean;
  refusal?: string;
}

/** Follows a job by its events. */
export function useJob(id: string): Followed {
  const [followed, setFollowed] = useState<Followed>({ lost: false });
  useEffect(() => {
    setFollowed({ lost: false });
    const control = new AbortController();
    const now = (news: Partial<Followed>) => setFollowed((before) => ({ ...before, lost: false, ...news }));
    void follow(
      id,
      {
        output: (output) => now({ output }),
        progress: (progress) => now({ progress }),
        ended: (ended) => now({ ended, output: ended.output ?? undefined }),
        lost: () => now({ lost: true }),
        refused: (refusal) => now({ refusal: refusal.message }),
      },
      control.signal,
    );
    return () => control.abort();
  }, [id]);
  return followed;
}
