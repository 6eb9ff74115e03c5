import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/workflow_catalog_server/designer",
    emptyOutDir: true,
    // Neither a map nor a preload script in the page: the policy of the server allows no inline script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8480", "/health": "http://127.0.0.1:8480" } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
