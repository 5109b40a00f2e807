// Pictures on their way in: dropped, pasted or picked, anywhere in the window. The chat takes them from here.

import type { AddedPictures, PickFor, PictureInfo } from "../bindings/protocol";
import { toErrorBody } from "../platform";
import { call } from "./backend";
import { draggedFrom, type Dragged } from "./dragged";
import { live, onEvent } from "./live.svelte";
import { m } from "./language.svelte";
import { attempt, tell } from "./notices.svelte";
import { go, route } from "./route.svelte";

/** Files, or a drag from a web page that may bring no more than an address. */
export type Above = "files" | "address";

interface Intake {
  /** What is above the window right now. */
  over: Above | null;
  /** Uploads on their way. */
  pending: number;
  /** Taken by the chat that is open. */
  pictures: PictureInfo[];
}

export const intake = $state<Intake>({ over: null, pending: 0, pictures: [] });

/** Hands added pictures to the chat and says what was left out. */
export function receive(added: AddedPictures): void {
  for (const refused of added.refused) {
    tell({ tone: "bad", text: refused.name, error: refused.error });
  }
  if (added.pictures.length === 0) return;
  intake.pictures.push(...added.pictures);
  if (route().room !== "chat") go("chat");
}

export async function addFiles(files: readonly File[]): Promise<AddedPictures> {
  const added: AddedPictures = { pictures: [], refused: [] };
  intake.pending += 1;
  try {
    for (const file of files) {
      try {
        added.pictures.push(await call("add_picture_bytes", { name: file.name || m().chat.pasted, base64: await base64Of(file) }));
      } catch (thrown) {
        added.refused.push({ name: file.name || m().chat.pasted, error: toErrorBody(thrown) });
      }
    }
  } finally {
    intake.pending -= 1;
  }
  return added;
}

export async function addPaths(paths: string[]): Promise<void> {
  intake.pending += 1;
  const added = await attempt(() => call("add_picture_files", { paths }));
  intake.pending -= 1;
  if (added) receive(added);
}

/** The system's dialog in the window; a browser has its own. */
export async function pickPaths(purpose: PickFor): Promise<string[] | undefined> {
  // A system's dialog offers files or folders, and weights may be either.
  if (live.info?.door !== "window" || purpose === "weights") return undefined;
  return (await attempt(() => call("pick_files", { purpose })))?.paths ?? [];
}

function base64Of(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable file"));
    reader.readAsDataURL(file);
  });
}

/** All files of a drop, folders opened. */
async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  if (entries.length === 0) return [...transfer.files];
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function filesBelow(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return (await Promise.all(found.map(filesBelow))).flat();
}

/** What a drag from a web page brings; only its drop may be asked, and only at once. */
function draggedOf(transfer: DataTransfer, intoField: boolean): Dragged {
  const page = new DOMParser().parseFromString(transfer.getData("text/html"), "text/html");
  const images = [...page.images].map((image) => image.getAttribute("src") ?? "");
  return draggedFrom(transfer.getData("text/uri-list"), images, intoField);
}

async function takeDragged({ pictures, addressOnly }: Dragged): Promise<void> {
  if (addressOnly) tell({ tone: "bad", text: m().errors.only_an_address });
  receive(await addFiles(pictures.map((bytes) => new File([bytes], m().chat.dragged))));
}

/** Listens to drops and pastes of the page, and to those the window takes natively. */
export function watchIntake(): () => void {
  // Entering a child fires before leaving its parent, so that a counter tells whether the pointer is inside.
  let depth = 0;
  /** The drag began in this page: its links and texts are not on their way in. */
  let own = false;
  const carries = (event: DragEvent): Above | "text" | null => {
    const types = event.dataTransfer?.types ?? [];
    if (types.includes("Files")) return "files";
    // The window takes drops itself, and the page hears of their beginning only.
    if (own || live.info?.door === "window") return null;
    return types.includes("text/uri-list") ? "address" : types.includes("text/html") ? "text" : null;
  };
  const intoField = (event: DragEvent) => event.target instanceof Element && event.target.closest(":read-write") !== null;
  const enter = (event: DragEvent) => {
    const what = carries(event);
    if (what === null || what === "text") return;
    depth += 1;
    intake.over = what === "address" && intoField(event) ? null : what;
  };
  const leave = (event: DragEvent) => {
    const what = carries(event);
    if (what === null || what === "text") return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) intake.over = null;
  };
  const over = (event: DragEvent) => {
    const what = carries(event);
    if (what === "files" || (what !== null && !intoField(event))) event.preventDefault();
  };
  const drop = async (event: DragEvent) => {
    const what = carries(event);
    if (what === null || !event.dataTransfer) return;
    depth = 0;
    intake.over = null;
    const transfer = event.dataTransfer;
    const field = what !== "files" && intoField(event);
    const dragged = draggedOf(transfer, field);
    // A field takes its text; elsewhere a browser would leave this page for the address.
    if (field && dragged.pictures.length === 0 && !dragged.addressOnly) return;
    event.preventDefault();
    const files = await attempt(() => filesOf(transfer));
    if (files === undefined) return;
    if (files.length > 0) receive(await addFiles(files));
    else await takeDragged(dragged);
  };
  const began = () => (own = true);
  const ended = () => (own = false);
  const paste = async (event: ClipboardEvent) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) {
      event.preventDefault();
      receive(await addFiles(files));
    } else if (live.info?.door === "window") {
      // WebKitGTK does not hand pictures to the page, and copied files only as names; the core reads the clipboard itself.
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (text !== "" && !/^(file:\/\/)?\//.test(text)) return;
      event.preventDefault();
      const added = await attempt(() => call("paste_pictures"));
      if (added && added.pictures.length + added.refused.length > 0) receive(added);
      else if (text !== "") document.execCommand("insertText", false, text);
    }
  };
  const stopEvents = onEvent((event) => {
    if (event.kind === "opened") receive(event.pictures);
    if (event.kind !== "drop") return;
    intake.over = event.event.kind === "over" ? "files" : null;
    if (event.event.kind === "added") receive(event.event.pictures);
  });
  addEventListener("dragstart", began);
  addEventListener("dragend", ended);
  addEventListener("dragenter", enter);
  addEventListener("dragleave", leave);
  addEventListener("dragover", over);
  addEventListener("drop", drop);
  addEventListener("paste", paste);
  return () => {
    stopEvents();
    removeEventListener("dragstart", began);
    removeEventListener("dragend", ended);
    removeEventListener("dragenter", enter);
    removeEventListener("dragleave", leave);
    removeEventListener("dragover", over);
    removeEventListener("drop", drop);
    removeEventListener("paste", paste);
  };
}
