import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // the page may be served below any path, like a REST API's stage
  plugins: [react()],
  resolve: { dedupe: ["oauth4webapi", "react"] }, // of the page of C1's client this one has its signing in, and nothing else
  build: { chunkSizeWarningLimit: 8192, reportCompressedSize: false }, // OpenUI is large, and loaded once
  server: { proxy: { "/api": "http://127.0.0.1:8000" } }, // `npx vite` beside `c1fn serve`
});
