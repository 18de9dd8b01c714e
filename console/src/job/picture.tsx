import { useEffect, useState } from "preact/hooks";

import { picture } from "../api/client";
import { reason } from "../api/refusal";

/** A picture of the API, which an img element could not ask for with the key. */
export function Picture({ path, words }: { path: string; words: string }) {
  const [address, setAddress] = useState<string>();
  const [refusal, setRefusal] = useState("");
  useEffect(() => {
    let made: string | undefined;
    let gone = false;
    picture(path)
      .then((content) => {
        if (!gone) setAddress((made = URL.createObjectURL(content)));
      })
      .catch((error: unknown) => !gone && setRefusal(reason(error)));
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [path]);
  if (refusal) return <p class="refusal">{refusal}</p>;
  return address ? <img class="pixels" src={address} alt={words} /> : <span class="hint">loading</span>;
}
