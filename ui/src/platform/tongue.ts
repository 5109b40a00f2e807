// A language that `Intl` knows. In the locale C, usual on servers, WebKitGTK calls its language "C"; charts fail by it.

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en" });
}
