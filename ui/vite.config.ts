import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// Assets stay files: the content security policy allows no `data:` addresses.
export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  server: {
    port: 5173,
    strictPort: true,
    // The icon is drawn once, in icons/.
    fs: { allow: [".."] },
    // `npm run dev` beside `eyewright serve --ui --listen 127.0.0.1:7860`.
    proxy: { "/api": { target: "http://127.0.0.1:7860", ws: true }, "/thumb": "http://127.0.0.1:7860" },
  },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    chunkSizeWarningLimit: 600,
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
