import { fileURLToPath } from "node:url";

import { defineConfig } from "vite";

// Every file name is relative to the page, so that the console also runs behind a proxy's path. Nothing is written
// inside the HTML: the content security policy allows no script and no style there.
export default defineConfig({
  base: "./",
  // The API's types and the check of signatures are those of the TypeScript package, read from its sources.
  resolve: {
    alias: { smoothgen: fileURLToPath(new URL("../clients/typescript/src", import.meta.url)) },
    dedupe: ["jose"],
  },
  build: {
    outDir: "../app/pages/console",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
  },
});
