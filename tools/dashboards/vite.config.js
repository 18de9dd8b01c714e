// Builds the page, and passes its queries on to Prometheus, whose address is in the variable PROMETHEUS.
import { defineConfig } from 'vite';

export default defineConfig({
  logLevel: 'warn',
  define: { 'process.env': {} },
  esbuild: { jsx: 'automatic' },
  build: { chunkSizeWarningLimit: 20_000, minify: false },
  preview: {
    proxy: {
      '/prometheus': {
        target: process.env.PROMETHEUS,
        rewrite: (path) => path.replace('/prometheus', ''),
      },
    },
  },
});
