import { useState } from "preact/hooks";

import { storedKey, storeKey } from "./api/key";
import { FleetPage } from "./pages/fleet";
import { GeneratePage } from "./pages/generate";
import { JobsPage } from "./pages/jobs";
import { VerifyPage } from "./pages/verify";
import { type Route, useRoute } from "./route";

const VIEWS = [
  ["generate", "#/", "Generate"],
  ["verify", "#/verify", "Verify"],
  ["jobs", "#/jobs", "Recent jobs"],
  ["fleet", "#/fleet", "Fleet"],
] as const;

/** The console: a header with the views and the API key, and one view below. */
export function App() {
  const route = useRoute();
  const [key, setKey] = useState(storedKey());
  const changeKey = (given: string) => {
    storeKey(given);
    setKey(given);
  };
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header>
        <div class="bar">
          <p class="wordmark">SmoothGen</p>
          <nav aria-label="Views">
            {VIEWS.map(([view, address, name]) => (
              <a href={address} aria-current={route.view === view ? "page" : undefined}>
                {name}
              </a>
            ))}
          </nav>
          <KeyField stored={key} change={changeKey} />
        </div>
      </header>
      <main id="main" tabIndex={-1} key={key}>
        <View route={route} />
      </main>
      <footer>
        <p>
          A certificate says how much an output can change when the model's input is tampered with. It does not say that
          an output is right. <a href="../docs">HTTP interface</a>
        </p>
      </footer>
    </>
  );
}

function skip(event: Event) {
  event.preventDefault(); // the address after the # names a view
  document.getElementById("main")?.focus();
}

function View({ route }: { route: Route }) {
  switch (route.view) {
    case "verify":
      return <VerifyPage />;
    case "fleet":
      return <FleetPage />;
    case "jobs":
      return <JobsPage />;
    case "generate":
      return <GeneratePage job={route.job} />;
  }
}

function KeyField({ stored, change }: { stored: string; change: (key: string) => void }) {
  const [key, setKey] = useState(stored);
  const use = (event: Event) => {
    event.preventDefault();
    change(key.trim());
  };
  return (
    <form class="key" onSubmit={use}>
      <label for="key">API key</label>
      <input
        id="key"
        type="password"
        autocomplete="off"
        placeholder="if the server asks"
        value={key}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <button type="submit" class="quiet">
        {stored && key.trim() === stored ? "In use" : "Use"}
      </button>
    </form>
  );
}
