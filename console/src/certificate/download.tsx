import { useEffect, useState } from "preact/hooks";

import type { Certificate } from "../api/types";

/** A link that saves the certificate as a file, for `smoothgen verify`. */
export function Download({ certificate }: { certificate: Certificate }) {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const file = new Blob([JSON.stringify(certificate, null, 2)], { type: "application/json" });
    const made = URL.createObjectURL(file);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [certificate]);
  return (
    <a class="button" href={address} download="certificate.json">
      Download
    </a>
  );
}
