import { defineConfig } from "vite";

// Every file name is relative to the page, so that the console also runs behind a proxy's path. Nothing is written
// inside the HTML: the content security policy allows no script and no style there.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../app/pages/console",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
  },
});
