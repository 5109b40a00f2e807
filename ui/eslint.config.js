import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

import config from "./svelte.config.js";

/** The rooms, which may not know one another: what two of them need moves to components/ or app/. */
const ROOMS = ["home", "chat", "models", "train", "runs", "export", "datasets", "settings"];

const tauri = { group: ["@tauri-apps/*"], message: "Only src/platform may talk to the window." };

export default ts.config(
  { ignores: ["dist/", "node_modules/", "src/bindings/"] },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      "no-undef": "off",
      "no-console": "error",
      eqeqeq: "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "svelte/no-at-html-tags": "error",
      "svelte/require-each-key": "error",
      // Maps and sets here are working tools inside a function, or lists of listeners; none is shown.
      "svelte/prefer-svelte-reactivity": "off",
      // `{" · "}` keeps a space that the compiler would trim.
      "svelte/no-useless-mustaches": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig: config } },
  },
  { files: ["src/**"], ignores: ["src/platform/**"], rules: { "no-restricted-imports": ["error", { patterns: [tauri] }] } },
  ...ROOMS.map((room) => ({
    files: [`src/features/${room}/**`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            tauri,
            {
              group: ROOMS.filter((other) => other !== room).map((other) => `**/features/${other}/**`).concat(
                ROOMS.filter((other) => other !== room).map((other) => `../${other}/**`),
              ),
              message: "Rooms do not know one another.",
            },
          ],
        },
      ],
    },
  })),
);
