// What does a drag from a web page bring: a picture's bytes, or only where they lie?

export interface Dragged {
  /** Pictures that came whole, inside their addresses. */
  pictures: Uint8Array<ArrayBuffer>[];
  /** A picture or page was dragged of which only the address came. */
  addressOnly: boolean;
}

/**
 * `list` is the drag's `text/uri-list`, `images` are the addresses of the pictures in its `text/html`. Those say what was
 * dragged where both are there: a picture inside a link lists the link. A text field is given links, which are text to it.
 */
export function draggedFrom(list: string, images: readonly string[], intoField: boolean): Dragged {
  const listed = list.split(/\r?\n/).filter((line) => /^(https?:|blob:|data:image\/)/i.test(line));
  const sources = images.length > 0 ? images : intoField ? [] : listed;
  const found: Dragged = { pictures: [], addressOnly: false };
  for (const source of new Set(sources)) {
    const bytes = bytesWithin(source);
    if (bytes) found.pictures.push(bytes);
    else found.addressOnly = true;
  }
  return found;
}

/** The bytes of a `data:` picture. */
function bytesWithin(address: string): Uint8Array<ArrayBuffer> | undefined {
  const head = /^data:image\/[^,]*,/i.exec(address)?.[0];
  if (head === undefined) return undefined;
  try {
    const body = decodeURIComponent(address.slice(head.length));
    if (!/;base64,$/i.test(head)) return new TextEncoder().encode(body);
    return Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}
