// Markdown text to blocks. Raw HTML stays text, links keep only safe addresses, pictures from the net are not fetched.

import { Lexer, type Token } from "marked";

export function blocksOf(text: string): Token[] {
  return new Lexer({ gfm: true, breaks: true }).lex(text).filter((token) => token.type !== "space");
}

/** Addresses a link may have; anything else is shown as text. */
export function safeLink(address: string): string | undefined {
  return /^(https?:|mailto:)/i.test(address.trim()) ? address.trim() : undefined;
}

const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

/** The lexer escapes some text for HTML, which is not what we make. */
export function plain(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);
}
