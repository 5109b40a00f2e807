// The system's own notice that a run ended, for those who look at something else meanwhile.

import { live } from "./live.svelte";

/** The window tells the desktop itself. */
const usable = () => live.info?.door === "browser" && typeof Notification !== "undefined" && live.settings?.notify === true;

/** Asks for leave once; a browser allows that only on a click. */
export function askForNotices(): void {
  if (usable() && Notification.permission === "default") void Notification.requestPermission().catch(() => undefined);
}

/** Nothing while the page is looked at: it says so itself. */
export function notify(text: string, onopen: () => void): void {
  if (!usable() || Notification.permission !== "granted" || !document.hidden) return;
  const notice = new Notification("Eyewright", { body: text });
  notice.onclick = () => {
    window.focus();
    onopen();
    notice.close();
  };
}
