// Where Chromium is: Debian's package, or what `EYEWRIGHT_CHROMIUM` says.
import { existsSync } from "node:fs";

export function chromiumPath() {
  const places = [process.env.EYEWRIGHT_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error("Chromium is missing; install the Debian package `chromium`, or set EYEWRIGHT_CHROMIUM to its program");
  return found;
}
